"""Shoes from a made-up archive, and, where it is, from the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from invkit.errors import InputError
from invkit_datasets.shoes import Shoes

NAME = "myntra_shoes_64.npz"
GOOD = {"x": np.zeros((4, 64, 64, 3), np.uint8), "product_id": np.arange(4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Picture i has red i and green its row; there is one every 25 products."""
    pictures = np.zeros((80, 64, 64, 3), dtype=np.uint8)
    pictures[..., 0] = np.arange(80)[:, None, None]
    pictures[..., 1] = np.arange(64)[:, None]
    np.savez(tmp_path / NAME, x=pictures, product_id=10_000 + 25 * np.arange(80))
    return tmp_path


def test_a_hundred_products_are_in_one_split(folder: Path) -> None:
    data = Shoes(folder)
    assert data.splits == {"train": 72, "validation": 8, "test": 0}
    held_out = data.take(torch.arange(8), "validation")
    assert held_out.shape == (8, 3, 64, 64)
    assert (held_out[:, 0, 0, 0] * 255).round().tolist() == [36, 37, 38, 39, 76, 77, 78, 79]
    assert float(held_out[0, 1, 63, 0]) == pytest.approx(63 / 255)  # rows are not columns


def test_the_splits_are_part_of_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    with np.load(folder / NAME) as arrays:
        np.savez(tmp_path / "other.npz", x=arrays["x"], product_id=arrays["product_id"] + 100)
    assert Shoes(folder).fingerprint() != Shoes(tmp_path / "other.npz").fingerprint()


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": GOOD["x"]}, "lacks the array product_id"),
        ({}, "lacks the array x and product_id"),
        (GOOD | {"x": np.zeros((4, 3, 64, 64), np.uint8)}, r"uint8 \(4, 3, 64, 64\)"),
        (GOOD | {"x": np.zeros((4, 64, 64, 3))}, "float64"),
        (GOOD | {"product_id": np.arange(3)}, r"int64 \(3,\)"),
        (GOOD | {"product_id": np.zeros(4)}, "float64"),
    ],
)
def test_wrong_layout(arrays: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / NAME, **arrays)
    with pytest.raises(InputError, match=says) as caught:
        Shoes(tmp_path)
    assert NAME in str(caught.value)


def test_damaged_or_missing(folder: Path, tmp_path: Path) -> None:
    content = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot read arrays"):
        Shoes(folder)
    with pytest.raises(InputError, match="lacks"):
        Shoes(tmp_path / "none")


def test_real_file(data_folder: Path) -> None:
    if not (data_folder / "shoes" / NAME).is_file():
        pytest.skip(f"no {data_folder / 'shoes' / NAME}")
    data = Shoes(data_folder / "shoes")
    assert sum(data.splits.values()) == 2_121 and data.splits["validation"] > 200
    assert float(data.take(torch.arange(200), "train")[:, :, 0, 0].mean()) > 0.95  # a white corner
