"""Runs from archives, and into a tar: every picture once, whatever happens."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import invkit
from invkit.batch import find_items
from invkit.errors import OutputError
from invkit.files.images import npy_bytes
from tests.batch.test_mapping import contents, records
from tests.batch.trivial import trivial, write_pictures
from tests.files.test_archives import write_tar, write_zip


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, bytes]:
    """Names and bytes of five pictures."""
    return {path.name: path.read_bytes() for path in write_pictures(tmp_path / "in", 5, white=[2])}


def run(source: Any, out: Path, mishap: str = "none", **options: Any) -> tuple[invkit.batch.Report, int]:  # type: ignore[name-defined]
    """The report of a run, and how many pictures it has solved."""
    notes = out.parent / "notes"
    notes.unlink(missing_ok=True)
    report = invkit.map(trivial(mishap=mishap, notes=str(notes)), source, out, **{"jobs": 1, **options})
    return report, notes.stat().st_size if notes.exists() else 0


def packed(path: Path) -> list[str]:
    """The names of the pictures in a tar, in its order, each as often as it has a record."""
    with tarfile.open(path) as archive:
        return [name.removesuffix(".json") for name in archive.getnames() if name.endswith(".json")]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_gives_what_its_folder_gives(
    kind: str, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    write = write_zip if kind == "zip" else write_tar
    archive = write(tmp_path / f"a.{kind}", {**pictures, "notes.txt": b"", "more/01.png": pictures["03.png"]})
    run(tmp_path / "in", tmp_path / "plain")
    report, solved = run(archive, tmp_path / "out", jobs=2 if kind == "zip" else 1, batch=2)
    assert (report.solved, solved) == (6, 6)
    plain, made = contents(tmp_path / "plain"), contents(tmp_path / "out")
    assert all(made[name] == plain[name] for name in plain if not name.endswith((".json", ".toml")))
    assert made["01-2_sharp.png"] == plain["03_sharp.png"]
    record = json.loads(made["01-2.json"])
    assert record["image"] == f"{archive}/more/01.png"
    assert run(archive, tmp_path / "out")[0].kept == 6
    # Another archive of the same pictures: they are compared by their bytes.
    write(archive, {**pictures, "more/01.png": pictures["04.png"]})
    assert run(archive, tmp_path / "out")[1] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{kind}", "in", "notes", "out", "plain"]


def test_shards_are_named_by_a_range_or_a_folder(pictures: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for number in range(8, 11):
        write_tar(tmp_path / "shards" / f"s-{number:03d}.tar", {f"{number}.png": pictures["00.png"]})
    for source in (tmp_path / "shards" / "s-{008..010}.tar", tmp_path / "shards"):
        found, failures = find_items([source])
        assert not failures and [item.name for item in found] == ["8", "9", "10"]
    found, failures = find_items([tmp_path / "shards" / "s-{007..008}.tar"])
    assert len(found) == 1 and "s-007.tar" in str(failures[0])


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_no_name_leaves_the_folder(write: Any, pictures: dict[str, bytes], tmp_path: Path) -> None:
    names = ["../../up.png", "/tmp/root.png", "..\\back.png", "C:\\drive.png", "..", "a/../b.png"]
    archive = write(tmp_path / f"a.{write.__name__[-3:]}", dict.fromkeys(names, pictures["00.png"]))
    assert run(archive, tmp_path / "deep" / "out")[0].solved == 5
    assert records(tmp_path / "deep" / "out") == ["b.json", "back.json", "drive.json", "root.json", "up.json"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["notes", "out"]


def test_a_bad_member_costs_itself_alone(
    pictures: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = npy_bytes(np.zeros((1, 100, 100), np.float32))
    monkeypatch.setattr("invkit.files.bounded.FREE", 1000)
    archive = write_zip(tmp_path / "a.zip", {**pictures, "bomb.npy": bomb, "none.png": b"no picture"})
    report, _ = run(archive, tmp_path / "out", "error")
    assert report.solved == 4
    why = {each.source.rpartition("/")[2]: str(each) for each in report.failed}
    assert set(why) == {"02.png", "bomb.npy", "none.png"} and "unpacks from" in why["bomb.npy"]
    assert f"{archive}/none.png" in why["none.png"]


def test_a_tar_that_is_cut_off_costs_what_is_missing(pictures: dict[str, bytes], tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", pictures)
    archive.write_bytes(archive.read_bytes()[: 3 * 1024 + 600])
    report, _ = run([archive, tmp_path / "in" / "04.png"], tmp_path / "out")
    assert report.solved == 4
    assert "cut off at byte 3,672; 3 images stand before that place" in str(report.failed[0])


def test_packed_results_are_those_of_a_folder(pictures: dict[str, bytes], tmp_path: Path) -> None:
    run(tmp_path / "in", tmp_path / "plain")
    report, _ = run(tmp_path / "in", tmp_path / "out", pack=True)
    assert report.solved == 5
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["records.jsonl", "results.tar"]
    with tarfile.open(out / "results.tar") as archive:
        names = archive.getnames()
        stream = archive.extractfile("03.sharp.png")
        assert stream is not None and stream.read() == (tmp_path / "plain" / "03_sharp.png").read_bytes()
    kinds = ["sharp.png", "sharp.npy", "kernel.png", "kernel.npy", "panel.png", "json"]
    assert names == [f"{number:02d}.{kind}" for number in range(5) for kind in kinds]
    before = (out / "results.tar").read_bytes()
    assert run(tmp_path / "in", out, pack=True)[0].kept == 5
    assert (out / "results.tar").read_bytes() == before


@pytest.mark.parametrize("left", [0, 1, 500, 513, 3000])
def test_what_is_torn_off_is_solved_again(left: int, pictures: dict[str, bytes], tmp_path: Path) -> None:
    tar = tmp_path / "out" / "results.tar"
    run(tmp_path / "in", tmp_path / "out", pack=True)
    with tarfile.open(tar) as archive:
        last = archive.getmember("04.sharp.png").offset
    with tar.open("rb+") as stream:
        stream.truncate(last + left)
    report, solved = run(tmp_path / "in", tmp_path / "out", pack=True)
    assert (report.kept, solved) == (4, 1) and packed(tar) == [f"{n:02d}" for n in range(5)]


def test_a_picture_that_changed_stands_in_the_tar_once(pictures: dict[str, bytes], tmp_path: Path) -> None:
    tar = tmp_path / "out" / "results.tar"
    run(tmp_path / "in", tmp_path / "out", pack=True)
    (tmp_path / "in" / "01.png").write_bytes(pictures["03.png"])
    assert run(tmp_path / "in", tmp_path / "out", pack=True)[1] == 1
    assert packed(tar) == ["00", "02", "03", "04", "01"]
    assert run(tmp_path / "in", tmp_path / "out", pack=True, again=True)[1] == 5
    assert packed(tar) == [f"{n:02d}" for n in range(5)]
    assert run(tmp_path / "in", tmp_path / "out", pack=True)[0].kept == 5


def test_after_a_restart_of_the_machine_the_tar_is_read(
    pictures: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = tmp_path / "out" / "results.tar"
    run(tmp_path / "in", tmp_path / "out", pack=True)
    with tarfile.open(tar) as archive:
        place = archive.getmember("01.sharp.npy").offset_data
    with tar.open("rb+") as stream:
        stream.seek(place + 200)
        stream.write(b"lost")
    monkeypatch.setattr("invkit.batch.folder._boot", lambda: "other")
    assert run(tmp_path / "in", tmp_path / "out", pack=True)[1] == 1
    assert sorted(packed(tar)) == [f"{n:02d}" for n in range(5)]


def test_parts_have_tars_of_their_own(pictures: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for part in (1, 2):
        assert run(tmp_path / "in", out, pack=True, shard=(part, 2))[0].kept == 0
    assert packed(out / "results-1-of-2.tar") == ["00", "02", "04"]
    assert packed(out / "results-2-of-2.tar") == ["01", "03"]
    for shard, says in (((1, 3), "--shard I/2"), (None, "--shard I/2")):
        with pytest.raises(OutputError, match=says):
            run(tmp_path / "in", out, pack=True, shard=shard)


def test_a_tar_of_others_is_left_as_it_is(pictures: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_tar(tmp_path / "out" / "results.tar", {"a.png": b"1", "a.json": b"{}"})
    before = (tmp_path / "out" / "results.tar").read_bytes()
    with pytest.raises(OutputError, match="was not written by invkit"):
        run(tmp_path / "in", tmp_path / "out", pack=True)
    assert (tmp_path / "out" / "results.tar").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.tar"]


def test_a_full_disk_leaves_a_whole_tar(
    pictures: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [0]

    def full(stream: Any, place: int, content: bytes) -> None:
        stream.seek(place)
        written[0] += 1
        if written[0] == 3:
            stream.write(content[:700])
            raise OSError(28, "No space left on device")
        stream.write(content)

    monkeypatch.setattr("invkit.batch.packed._write", full)
    report, _ = run(tmp_path / "in", tmp_path / "out", pack=True)
    assert report.solved == 3 and "No space left" in str(report.full)
    assert packed(tmp_path / "out" / "results.tar") == ["00", "01", "02"]
    monkeypatch.undo()
    assert run(tmp_path / "in", tmp_path / "out", pack=True)[1] == 2


def test_zips_of_other_tools_are_read(pictures: dict[str, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        with archive.open("streamed.png", "w", force_zip64=True) as stream:
            stream.write(pictures["00.png"])
        archive.comment = b"by hand"
    assert run(tmp_path / "a.zip", tmp_path / "out")[0].solved == 1
