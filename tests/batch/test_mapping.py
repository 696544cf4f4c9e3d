"""``invkit.map``: every picture once, whatever happens to some of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import invkit
from invkit.batch import lock
from invkit.batch.mapping import Report
from invkit.errors import OutputError
from invkit.files.held import sha256_of
from tests.batch.trivial import trivial, write_pictures


def contents(folder: Path) -> dict[str, bytes]:
    """All files but records, whose times differ."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("records")}


def indexed(folder: Path) -> list[str]:
    lines = (folder / "records.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["files"]["record"] for line in lines)


def records(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.json"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "in", 5, white=[2])
    return tmp_path / "in"


def run(pictures: Path, mishap: str = "none", **options: Any) -> tuple[Report, int]:
    """The report of a run with one job, and how many pictures it has solved."""
    notes = pictures.parent / "notes"
    notes.unlink(missing_ok=True)
    pipeline = trivial(mishap=mishap, notes=str(notes))
    report = invkit.map(pipeline, pictures, pictures.parent / "out", **options)
    return report, notes.stat().st_size if notes.exists() else 0


def test_a_second_run_has_nothing_to_do(pictures: Path) -> None:
    out = pictures.parent / "out"
    report, solved = run(pictures)
    assert (report.solved, report.kept, report.of, solved) == (5, 0, 5, 5)
    assert report.status == {"max_iter": 5} and not report.failed
    assert records(out) == indexed(out) == [f"{number:02d}.json" for number in range(5)]
    before = contents(out)
    report, solved = run(pictures)
    assert (report.solved, report.kept, solved) == (0, 5, 0) and report.status == {"max_iter": 5}
    assert contents(out) == before
    report, solved = run(pictures, again=True)
    assert (report.solved, report.kept, solved) == (5, 0, 5)
    assert len(indexed(out)) == 5


def test_a_record_says_what_made_it(pictures: Path) -> None:
    run(pictures)
    record = json.loads((pictures.parent / "out" / "03.json").read_text())
    sharp = np.load(pictures.parent / "out" / "03_sharp.npy")
    assert np.array_equal(sharp, invkit.files.images.read_image(pictures / "03.png"))  # type: ignore[attr-defined]
    assert record["config"]["solver"]["object"] == "tests.batch.trivial:Trivial"
    assert record["versions"]["invkit"] == invkit.__version__
    assert set(record["sha256"]) == {"sharp", "sharp_exact", "kernel", "kernel_exact", "panel"}


@pytest.mark.parametrize(
    "change",
    ["picture", "array", "other array", "missing", "record", "torn record", "interrupted", "configuration"],
)
def test_what_does_not_fit_is_solved_again(change: str, pictures: Path) -> None:
    out = pictures.parent / "out"
    run(pictures)
    before = contents(out)
    options: dict[str, Any] = {}
    expected = 1
    if change == "picture":
        (pictures / "01.png").write_bytes((pictures / "03.png").read_bytes())
    elif change == "array":
        (out / "01_sharp.npy").write_bytes(b"something else")
    elif change == "other array":  # of the same size
        (out / "01_sharp.npy").write_bytes((out / "02_sharp.npy").read_bytes())
    elif change == "missing":
        (out / "01_panel.png").unlink()
    elif change == "record":
        (out / "01.json").unlink()
    elif change == "torn record":
        (out / "01.json").write_bytes((out / "01.json").read_bytes()[:100])
    elif change == "interrupted":
        record = json.loads((out / "01.json").read_text())
        (out / "01.json").write_text(json.dumps({**record, "status": "interrupted"}))
    else:
        options, expected = {"grey": True}, 5
    report, solved = run(pictures, **options)
    assert (report.solved, report.kept, solved) == (expected, 5 - expected, expected)
    assert records(out) == indexed(out)
    if change not in ("picture", "configuration"):
        now = contents(out)
        assert all(now[name] == made for name, made in before.items() if not name.endswith(".json"))


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("pack", [False, True])
def test_names_are_those_that_the_folder_of_results_takes(
    pack: bool, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That folder may be on another file system. In a tar any name is good."""
    (pictures / "01.png").rename(pictures / f"{'x' * 36}.png")
    limit, real = pictures.parent / "out", os.pathconf
    monkeypatch.setattr(
        os, "pathconf", lambda path, name: 50 if Path(path).is_relative_to(limit) else real(path, name)
    )
    report, solved = run(pictures, jobs=1, pack=pack)
    assert (report.solved, solved) == ((5, 5) if pack else (4, 4))
    assert [str(each) for each in report.failed] == (
        []
        if pack
        else [
            f"{pictures / ('x' * 36)}.png: the name {'x' * 36}_unsoftened.png has 51 bytes, the file system "
            "takes 50; rename the file that it is named after"
        ]
    )


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
@pytest.mark.parametrize("pack", [False, True])
def test_names_are_bytes(pack: bool, pictures: Path) -> None:
    name = os.fsdecode(b"a\n\x1b\xff")
    (pictures / "01.png").rename(pictures / f"{name}.png")
    assert run(pictures, jobs=1, pack=pack)[0].solved == 5
    assert run(pictures, jobs=1, pack=pack)[0].kept == 5
    assert f"{name}.json" in indexed(pictures.parent / "out")


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_folder_that_is_too_deep_for_a_name_costs_that_picture(pictures: Path) -> None:
    (pictures / "01.png").rename(pictures / f"{'x' * 60}.png")
    left = os.pathconf(pictures, "PC_PATH_MAX") - len(os.fsencode(pictures.parent)) - 60
    out = pictures.parent.joinpath(*["d" * 99] * (left // 100), "d" * (left % 100 or 1))
    notes = pictures.parent / "notes"
    report = invkit.map(trivial(notes=str(notes)), pictures, out, jobs=1, only="sharp")
    assert (report.solved, notes.stat().st_size) == (4, 4)
    assert "choose a folder with a shorter path" in str(report.failed[0])


def test_options_of_a_part_are_its_configuration(pictures: Path) -> None:
    out = pictures.parent / "out"
    for gain, solved in ((1.0, 5), (0.5, 5), (0.5, 0)):
        assert invkit.map(trivial(gain=gain), pictures, out).solved == solved


@pytest.mark.parametrize("boot", ["same", "other", None])
def test_files_that_may_be_lost_are_read(
    boot: str | None, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of the machine, sizes and times of writing prove nothing."""
    out = pictures.parent / "out"
    monkeypatch.setattr("invkit.batch.folder._boot", lambda: "same")
    run(pictures)
    path, stat = out / "01_sharp.npy", (out / "01_sharp.npy").stat()
    path.write_bytes(b"\0" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    monkeypatch.setattr("invkit.batch.folder._boot", lambda: boot)
    assert run(pictures)[1] == (0 if boot == "same" else 1)


def test_touched_files_are_read_once(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def noted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    for module in ("items", "placed"):
        monkeypatch.setattr(f"invkit.batch.{module}.sha256_of", noted)
    run(pictures)
    assert run(pictures) and not read
    os.utime(pictures / "01.png")
    assert run(pictures)[1] == 0 and pictures / "01.png" in read
    read.clear()
    assert run(pictures)[1] == 0 and not read


def test_a_lost_index_is_written_anew(pictures: Path) -> None:
    out = pictures.parent / "out"
    run(pictures)
    before = indexed(out)
    (out / "records.jsonl").unlink()
    assert run(pictures)[1] == 0 and indexed(out) == before


def test_files_of_an_earlier_run_do_not_stay(pictures: Path) -> None:
    out = pictures.parent / "out"
    run(pictures)
    assert (out / "01_sharp.npy").exists()
    run(pictures, again=True, only=["sharp"])
    assert sorted(path.name for path in out.glob("01*")) == ["01.json", "01_sharp.png"]
    run(pictures, "diverge", again=True)
    assert sorted(path.name for path in out.glob("02*")) == ["02.json"]


def test_nobody_elses_file_is_replaced_or_removed(pictures: Path) -> None:
    """A picture whose results would replace one is not solved; what no result is called stays."""
    out = pictures.parent / "out"
    out.mkdir()
    mine = {"00.json": '{"mine": 1}', "01_sharp.png": "mine", "02_kernel.npy": "mine", "03.txt": "mine"}
    for name, text in mine.items():
        (out / name).write_text(text)
    report, solved = run(pictures, only=["sharp"])
    assert solved == 3 and [Path(each.source).name for each in report.failed] == ["00.png", "01.png"]
    assert all("no run of invkit has written it" in each.reason for each in report.failed)
    assert run(pictures, only=["sharp"], again=True)[1] == 3
    assert {name: (out / name).read_text() for name in mine} == mine


def test_somebodys_configuration_is_not_replaced(pictures: Path) -> None:
    out = pictures.parent / "out"
    out.mkdir()
    (out / "config.toml").write_text("mine = 1")
    pipeline = invkit.compose("circconv", ["trajectory", "identity"], "altgd?steps=1,restarts=1")
    with pytest.raises(OutputError, match=r"config\.toml would be replaced"):
        invkit.map(pipeline, pictures, out)
    assert [path.name for path in out.iterdir()] == ["config.toml"]
    assert (out / "config.toml").read_text() == "mine = 1"


def test_a_picture_whose_record_was_removed_is_solved_again(pictures: Path) -> None:
    """The index tells that its other files are a run's."""
    run(pictures)
    (pictures.parent / "out" / "01.json").unlink()
    report, solved = run(pictures)
    assert (report.solved, report.kept, solved) == (1, 4, 1)


def test_only_what_is_asked_for_is_written(pictures: Path) -> None:
    out = pictures.parent / "out"
    run(pictures)
    assert run(pictures, only="sharp")[1] == 0  # what is there is more than enough
    assert run(pictures, again=True, only=["sharp", "record"])[1] == 5
    assert sorted(path.name for path in out.glob("01*")) == ["01.json", "01_sharp.png"]
    assert run(pictures, only="sharp")[1] == 0
    assert run(pictures, only=["kernel_exact"])[1] == 5
    assert sorted(path.name for path in out.glob("01*")) == ["01.json", "01_kernel.npy"]


@pytest.mark.parametrize("mishap", ["error", "exit", "memory"])
def test_a_bad_picture_costs_itself_alone(mishap: str, pictures: Path) -> None:
    report, solved = run(pictures, mishap)
    assert (report.solved, len(report.failed)) == (4, 1) and str(pictures / "02.png") in str(report.failed[0])
    assert solved == (6 if mishap == "memory" else 5)  # where memory was short, it is tried once more
    assert len(indexed(pictures.parent / "out")) == 4
    report, solved = run(pictures)  # other options: another configuration
    assert (report.solved, report.kept, solved) == (5, 0, 5)


def test_a_file_that_vanishes_costs_itself_alone(pictures: Path) -> None:
    def tell(step: Any) -> None:
        (pictures / "03.png").unlink(missing_ok=True)

    report, _ = run(pictures, tell=tell)
    assert report.solved == 4 and "no such file" in str(report.failed[0])


def test_a_full_disk_ends_the_run(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, placed = lock.Lock.place, [0]

    def full(self: lock.Lock, name: str, data: bytes) -> Any:
        placed[0] += 1
        if placed[0] > 9:
            raise OutputError("cannot write") from OSError(28, "No space left on device")
        return place(self, name, data)

    monkeypatch.setattr(lock.Lock, "place", full)
    report, solved = run(pictures)
    assert (report.solved, solved) == (1, 2) and report.full == "cannot write"
    assert records(pictures.parent / "out") == indexed(pictures.parent / "out") == ["00.json"]
    monkeypatch.undo()
    report, solved = run(pictures)
    assert (report.solved, report.kept) == (4, 1)


def test_a_disk_that_is_full_for_a_solver_ends_the_run(pictures: Path) -> None:
    report, solved = run(pictures, "full")
    assert (report.solved, solved) == (2, 3) and report.full is not None and "No space left" in report.full


def test_ctrl_c_keeps_what_is_done(pictures: Path) -> None:
    report, _ = run(pictures, "interrupt")
    assert report.interrupted and report.solved == 2
    assert records(pictures.parent / "out") == indexed(pictures.parent / "out") == ["00.json", "01.json"]


def test_shards_are_the_whole(pictures: Path) -> None:
    out = pictures.parent / "out"
    counts = [run(pictures, shard=(part, 3))[0].solved for part in (1, 2, 3)]
    assert counts == [2, 2, 1] and len(records(out)) == 5
    lines = [line for path in out.glob("records-*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == 5 and len(list(out.glob("records-*.jsonl"))) == 3
    assert run(pictures)[0].kept == 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jobs": 0}, "jobs is 0; give a whole number, 1 or more"),
        ({"batch": 0}, "batch is 0"),
        ({"only": None}, "only=None names no results; give a list of sharp"),
        ({"only": 3}, "only=3 names no results"),
        ({"max_pixels": -1}, "max_pixels is -1"),
        ({"pack": "no"}, "pack is 'no'; write pack=True"),
        ({"grey": 1}, "grey is 1"),
        ({"tell": 3}, "tell is 3; give a function"),
        ({"shard": (0, 3)}, "no part 0 of 3"),
        ({"shard": (4, 3)}, "no part 4 of 3"),
        ({"shard": "1/2"}, r"shard='1/2' is no part; write two whole numbers: shard=\(2, 8\)"),
        ({"shard": (1, 2, 3)}, r"shard=\(1, 2, 3\) is no part"),
        ({"jobs": "2"}, "jobs is '2'"),
        ({"batch": 1.5}, r"batch is 1\.5"),
        ({"source": np.ones((2, 8, 8))}, r"paths of pictures, got ndarray.*by pipeline\(y\)"),
        ({"source": [np.ones((8, 8))]}, "paths of pictures, got ndarray"),
        ({"source": 5}, "paths of pictures, got int"),
        ({"out": None}, "out must be the path of a folder, got NoneType"),
        (
            {"pipeline": "photos", "source": trivial()},
            r'got \'photos\'; write invkit\.map\(pipeline, "photos"',
        ),
        ({"pipeline": "digits"}, r"write invkit\.map\(invkit\.method\('digits'\)"),
        ({"only": ["sharp", "shrap"]}, "only=shrap: no result has that name; choose of sharp, "),
        ({"source": "none.png"}, "no such file"),
        ({"source": []}, "no image"),
        ({"shard": (1, 10**20)}, "there is no part 1 of 1"),
        ({"source": ""}, r'source is empty; .*the current folder is "\."'),
        ({"source": ["in", ""]}, r'source is empty; .*the current folder is "\."'),
        ({"out": ""}, r'out is empty; .*the current folder is "\."'),
        ({"out": "in"}, "is the folder of the images"),
    ],
)
@pytest.mark.wrong_types
def test_what_cannot_be_is_refused(
    options: dict[str, Any], says: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    with pytest.raises(invkit.InputError, match=says):
        invkit.map(**{"pipeline": trivial(), "source": "in", "out": "out", **options})
    assert not Path("out").exists()


def test_a_cluster_without_dask_says_what_to_install(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(invkit.errors.MissingExtra, match=r"pip install \"invkit\[dask\]\""):
        invkit.map(trivial(), pictures, pictures.parent / "out", cluster="local:2")


def test_results_with_the_names_of_pictures(pictures: Path) -> None:
    (pictures / "00_sharp.png").write_bytes((pictures / "00.png").read_bytes())
    with pytest.raises(invkit.InputError, match="would replace"):
        invkit.map(trivial(), [pictures / "00.png", pictures / "00_sharp.png"], pictures)


def test_monitors_watch_one_solve_at_a_time(pictures: Path) -> None:
    import attrs

    pipeline = attrs.evolve(trivial(), monitors=(invkit.monitor("history"),))
    with pytest.raises(invkit.InputError, match="one solve at a time"):
        invkit.map(pipeline, pictures, pictures.parent / "out", jobs=2)
    assert invkit.map(pipeline, pictures, pictures.parent / "out").solved == 5


def test_small_pictures_are_solved_together(pictures: Path) -> None:
    write_pictures(pictures.parent / "more", 1)
    (pictures / "zz.png").write_bytes((pictures.parent / "more" / "00.png").read_bytes())
    report, solved = run(pictures, batch=4)
    assert (report.solved, solved) == (6, 6)
    out = pictures.parent / "out"
    together = [json.loads((out / name).read_text())["solved_together"] for name in records(out)]
    assert together == [4, 4, 4, 4, 2, 2]
    before = contents(out)
    assert run(pictures, again=True)[1] == 6
    assert {name: made for name, made in contents(out).items() if not name.endswith(".json")} == {
        name: made for name, made in before.items() if not name.endswith(".json")
    }


@pytest.mark.parametrize("mishap", ["error", "exit", "memory"])
def test_a_bad_picture_does_not_cost_those_solved_with_it(mishap: str, pictures: Path) -> None:
    (pictures / "04.png").write_bytes(b"no picture")
    report, _ = run(pictures, mishap, batch=5)
    assert (report.solved, len(report.failed)) == (3, 2)
    assert sorted(each.source for each in report.failed) == [str(pictures / f"0{n}.png") for n in (2, 4)]


def test_a_picture_that_diverges_leaves_its_batch_as_it_is(pictures: Path) -> None:
    report, solved = run(pictures, "diverge", batch=5)
    assert report.status == {"max_iter": 4, "diverged": 1} and solved == 5


def test_on_a_terminal_it_says_how_many_are_done(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(pictures)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("invkit.batch.mapping.watched", lambda: True)
    run(pictures, again=True)
    assert capsys.readouterr().err.endswith("\r5 of 5 pictures\n")
