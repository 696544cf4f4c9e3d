"""The benchmark of killed runs: it sees what it looks for, and finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import invkit
from benchmarks._small_pictures import giving_back, write_pictures
from benchmarks.kills import kept, main, mixed, results


@pytest.mark.parametrize("pack", [(), ("--pack",)], ids=["files", "tar"])
def test_killed_runs_do_every_picture_once(pack: tuple[str, ...]) -> None:
    options = ["--pictures", "60", "--kills", "3", "--jobs", "2", "--json", *pack]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["2 job(s)"]
    assert found.pop("kills") >= 1
    assert set(found.values()) == {0}


def test_a_mixed_record_is_seen(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 2)
    runs = []
    for gain in (0.5, 1.0):
        invkit.map(giving_back(gain), tmp_path / "in", tmp_path / str(gain), only="sharp")
        runs.append(results(tmp_path / str(gain)))
    assert not mixed(runs[0], runs) and not mixed(runs[1], runs)
    other = (tmp_path / "1.0" / "0000001_sharp.png").read_bytes()
    (tmp_path / "0.5" / "0000001_sharp.png").write_bytes(other)
    assert mixed(results(tmp_path / "0.5"), runs) == ["0000001.json"]


def test_a_tar_is_read_up_to_where_it_is_torn(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 3)
    invkit.map(giving_back(), tmp_path / "in", tmp_path / "out", jobs=1, only="sharp", pack=True)
    names, whole = kept(tmp_path / "out", pack=True)
    assert names == [f"{number:07d}.json" for number in range(3)] and not mixed(whole, [whole])
    with (tmp_path / "out" / "results.tar").open("rb+") as stream:
        stream.truncate(stream.seek(0, 2) - 1024 - 700)
    assert kept(tmp_path / "out", pack=True)[0] == names[:2]
    assert mixed({**whole, "0000001.sharp.png": ""}, [whole]) == ["0000001.json"]
