"""The index: whole lines, one a picture, mended after a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invkit.batch.index import Index


def record(name: str, sha256: str = "0") -> dict[str, Any]:
    return {
        "image_sha256": sha256,
        "configuration": "c",
        "config": {"seed": 0},
        "status": "max_iter",
        "files": {"record": f"{name}.json"},
        "sha256": {},
    }


def noted(path: Path, *records: dict[str, Any]) -> list[tuple[str, str]]:
    index = Index(path)
    for each in records:
        index.note(each)
    index.close(path.with_name("scratch"))
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert not any("config" in line for line in lines)
    return [(line["files"]["record"], line["image_sha256"]) for line in lines]


def test_records_come_one_a_line_and_once(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert noted(path, record("a"), record("b")) == [("a.json", "0"), ("b.json", "0")]
    assert noted(path, record("b"), record("c")) == [("a.json", "0"), ("b.json", "0"), ("c.json", "0")]


def test_the_later_line_of_a_picture_counts(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    noted(path, record("a"), record("b"))
    assert noted(path, record("a", "1"), record("b")) == [("b.json", "0"), ("a.json", "1")]


@pytest.mark.parametrize("torn", [b'{"files": {"rec', b"\0" * 70000])
def test_a_torn_last_line_is_removed(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    noted(path, record("a"))
    with path.open("ab") as stream:
        stream.write(torn)
    assert noted(path, record("b")) == [("a.json", "0"), ("b.json", "0")]


def test_lines_that_are_no_records_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'\0\0\0\n[]\n{"files": 3}\n')
    assert noted(path, record("a")) == [("a.json", "0")]
    path.write_bytes(b"no line at all")
    assert noted(path) == []
