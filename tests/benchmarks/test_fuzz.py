"""The fuzzer: every format for a few hundred files; and that it finds what is there to be found."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from benchmarks import fuzz
from benchmarks._fuzz_formats import FORMATS
from benchmarks._mutations import damaged, replaced, with_checksums, with_tar_checksums
from invkit.errors import InputError

EXTRAS = {"fits": "astropy", "heic": "pillow_heif"}


@pytest.mark.parametrize("form", FORMATS)
def test_sound_files_are_read(form: str, tmp_path: Path) -> None:
    if form in EXTRAS:
        pytest.importorskip(EXTRAS[form])
    for number, seed in enumerate(FORMATS[form].seeds()):
        path = tmp_path / f"{number}{FORMATS[form].suffix}"
        path.write_bytes(FORMATS[form].whole(seed))
        FORMATS[form].read(path)


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_files_are_read_or_refused(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", 120.0)  # the benchmark says what is slow, on a quiet machine
    if form in EXTRAS:
        pytest.importorskip(EXTRAS[form])
    tally = fuzz.fuzzed(form, 200, seed=1, out=tmp_path)
    assert tally.findings == []
    assert tally.read + tally.refused == 200 and tally.refused > 0


def test_the_same_seed_gives_the_same_files() -> None:
    seeds = FORMATS["png"].seeds()
    one, two = (fuzz.content_of("png", 7, 3, seeds) for _ in range(2))
    assert one == two != fuzz.content_of("png", 8, 3, seeds)


def test_damage_changes_a_file_and_leaves_the_seeds() -> None:
    seeds, rng = [bytes(range(200)), b"ab" * 50], random.Random(0)
    made = [damaged(rng, seeds) for _ in range(200)]
    assert sum(each not in seeds for each in made) > 150 and seeds == [bytes(range(200)), b"ab" * 50]


def test_values_are_replaced_in_a_copy() -> None:
    value, rng = {"a": [1, {"b": "c"}], "d": 2.5}, random.Random(0)
    made = [replaced(rng, value) for _ in range(50)]
    assert value == {"a": [1, {"b": "c"}], "d": 2.5} and sum(each != value for each in made) > 40


def test_checksums_are_put_right() -> None:
    content = FORMATS["png"].seeds()[0]
    wrong = bytearray(content)
    wrong[29:33] = bytes(4)  # that of the header
    assert with_checksums(bytes(wrong)) == content
    assert with_checksums(content[:20] + struct.pack(">I", 9)) == content[:20] + struct.pack(">I", 9)


def test_checksums_of_a_tar_are_put_right() -> None:
    content = FORMATS["tar"].seeds()[0]
    wrong = bytearray(content)
    wrong[148:154] = b"123456"
    assert with_tar_checksums(bytes(wrong)) == content and with_tar_checksums(content[:600]) == content[:600]


def outcome(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> str:
    def read(path: Path) -> None:
        if error is not None:
            raise error

    monkeypatch.setitem(FORMATS, "png", attrs.evolve(FORMATS["png"], read=read))
    return fuzz._outcome("png", Path("a.png"))


def test_what_counts_as_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(monkeypatch, None) == "read"
    assert outcome(monkeypatch, InputError("no")) == "refused"
    assert outcome(monkeypatch, KeyError("k")).startswith("KeyError: 'k' (test_fuzz.py:")
    hidden = InputError("no")
    hidden.__cause__ = MemoryError()
    assert "MB wanted" in outcome(monkeypatch, hidden)


@pytest.mark.parametrize(("seconds", "megabytes", "found"), [(0.1, 3.0, 0), (5.1, 3.0, 1), (0.1, 501.0, 1)])
def test_slow_and_large_are_findings(tmp_path: Path, seconds: float, megabytes: float, found: int) -> None:
    tally = fuzz.Tally()
    answer = {"number": 4, "outcome": "read", "seconds": seconds, "megabytes": megabytes}
    fuzz._count(tally, "png", answer, 0, tmp_path)
    assert len(tally.findings) == found == len(list(tmp_path.iterdir()))
    assert tally.read == 1


def test_a_child_that_dies_is_a_finding_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answers(form: str, first: int, end: int, seed: int) -> list[dict[str, object]]:
        asked.append(first)
        last = {0: 2, 3: 3, 4: end}[first]  # dies over number 2, then over 3
        return [
            {"number": number, "outcome": "refused", "seconds": 0.0, "megabytes": 0.0}
            for number in range(first, last)
        ]

    monkeypatch.setattr(fuzz, "_answers", answers)
    tally = fuzz.fuzzed("png", 6, 0, tmp_path)
    assert asked == [0, 3, 4] and tally.refused == 4
    assert [finding.partition(": ")[2] for finding in tally.findings] == ["crash or hang"] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"png-0-2.png", "png-0-3.png"}


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    options = ["--mutations", "5", "--only", "cfl", "--out", str(tmp_path)]
    shown = CliRunner().invoke(fuzz.main, options)
    assert shown.exit_code == 0 and "cfl" in shown.stdout and "refused" in shown.stdout
    found = json.loads(CliRunner().invoke(fuzz.main, [*options, "--json"]).stdout)
    assert found["cfl"]["read"] + found["cfl"]["refused"] == 5
    assert CliRunner().invoke(fuzz.main, ["--only", "gif"]).exit_code == 2
