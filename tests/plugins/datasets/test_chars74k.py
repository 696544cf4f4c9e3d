"""Chars74K from a made-up archive, and, where it is, from the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from invkit.errors import InputError
from invkit_datasets.chars74k import Chars74k

NAME = "chars74k_good_32.npz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = np.zeros((200, 32, 32, 3), dtype=np.uint8)
    images[..., 0] = np.arange(200)[:, None, None]
    images[..., 1] = np.arange(32)[:, None]
    np.savez(tmp_path / NAME, X=images, y=np.arange(200) % 36)
    return tmp_path


def test_each_character_is_in_one_split(folder: Path) -> None:
    data = Chars74k(folder)
    found = []
    for split, size in data.splits.items():
        characters = data.take(torch.arange(size), split)
        assert characters.shape == (size, 3, 32, 32)
        numbers = (characters[:, 0, 0, 0] * 255).round().long()
        assert torch.equal(data.labels(split), numbers % 36)
        found += numbers.tolist()
    assert sorted(found) == list(range(200)) and data.splits["train"] > 150
    assert float(characters[0, 1, 31, 0]) == pytest.approx(31 / 255)  # rows are not columns


def test_a_longer_file_moves_nothing_across(folder: Path, tmp_path: Path) -> None:
    before = Chars74k(folder)
    with np.load(folder / NAME) as arrays:
        images, classes = arrays["X"], arrays["y"]
    np.savez(tmp_path / "longer.npz", X=np.concatenate([images] * 2), y=np.concatenate([classes] * 2))
    after = Chars74k(tmp_path / "longer.npz")
    for split, rows in before.numbers.items():
        assert rows.tolist() == [row for row in after.numbers[split].tolist() if row < 200]
    assert after.fingerprint() != before.fingerprint() == Chars74k(folder / NAME).fingerprint()


GOOD = {"X": np.zeros((4, 32, 32, 3), np.uint8), "y": np.zeros(4, np.int64)}


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"X": GOOD["X"]}, "lacks the array y"),
        ({}, "lacks the array X and y"),
        (GOOD | {"X": np.zeros((4, 3, 32, 32), np.uint8)}, r"uint8 \(4, 3, 32, 32\)"),
        (GOOD | {"X": np.zeros((4, 32, 32, 3))}, "float64"),
        (GOOD | {"y": np.zeros(3, np.int64)}, r"int64 \(3,\)"),
        (GOOD | {"y": np.zeros(4)}, "float64"),
        (GOOD | {"y": np.array([None] * 4)}, "cannot read arrays"),
    ],
)
def test_wrong_layout(arrays: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / NAME, **arrays)
    with pytest.raises(InputError, match=says) as caught:
        Chars74k(tmp_path)
    assert NAME in str(caught.value)


def test_damaged_or_missing(folder: Path, tmp_path: Path) -> None:
    content = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot read arrays"):
        Chars74k(folder)
    (folder / NAME).write_bytes(content[:5_000] + b"\xab" * 100 + content[5_100:])
    with pytest.raises(InputError, match="cannot read arrays"):
        Chars74k(folder)
    with pytest.raises(InputError, match="lacks"):
        Chars74k(tmp_path / "none")


def test_real_file(data_folder: Path) -> None:
    if not (data_folder / "chars74k" / NAME).is_file():
        pytest.skip(f"no {data_folder / 'chars74k' / NAME}")
    data = Chars74k(data_folder / "chars74k")
    assert sum(data.splits.values()) == 5_795
    assert set(data.labels("train").tolist()) == set(range(36))
