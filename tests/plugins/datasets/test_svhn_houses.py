"""SVHN crops split by house, from a made-up file and, where it is, from the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch

import invkit
from invkit.errors import InputError
from invkit_datasets.svhn_houses import SvhnHouses

NAME = "test_first10000_32x32.mat"
COUNT = 60


def arrays() -> dict[str, Any]:
    """Crop i has red i, green its row, digit i mod 10, house i // 3 and sharpness i."""
    crops = np.zeros((32, 32, 3, COUNT), dtype=np.uint8)
    crops[:, :, 0] = np.arange(COUNT)
    crops[:, :, 1] = np.arange(32)[:, None, None]
    number = np.arange(COUNT)[:, None]
    digits = np.where(number % 10 == 0, 10, number % 10).astype(np.uint8)
    houses, sharp = (number // 3).astype(np.int32), number.astype(np.float32)
    return {"X": crops, "y": digits, "image_number": houses, "laplacian_std": sharp}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scipy.io.savemat(tmp_path / NAME, arrays(), do_compression=True)
    return tmp_path


def reds(data: SvhnHouses, split: str) -> list[int]:
    crops = data.take(torch.arange(data.splits[split]), split)
    return [round(255 * float(crop[0, 0, 0])) for crop in crops]


def test_a_house_is_in_one_split(folder: Path) -> None:
    data = SvhnHouses(folder)
    assert reds(data, "validation") == [27, 28, 29, 57, 58, 59]
    assert sorted(reds(data, "train") + reds(data, "validation")) == list(range(COUNT))
    assert data.splits["test"] == 0
    assert data.labels("validation").tolist() == [7, 8, 9, 7, 8, 9]
    assert data.labels("train")[:11].tolist() == [*range(10), 0]
    crop = data.take(torch.tensor([3]), "train")[0] * 255
    assert torch.allclose(crop[1], torch.arange(32.0)[:, None].expand(32, 32))  # rows are not columns


def test_only_the_sharp(folder: Path) -> None:
    data = SvhnHouses(folder / NAME, sharpness=28.0)
    assert reds(data, "validation") == [28, 29, 57, 58, 59]
    assert reds(data, "train") == list(range(30, 57))
    assert data.fingerprint() != SvhnHouses(folder).fingerprint()
    with pytest.raises(InputError, match=f"{NAME} has a sharpness of 60"):
        SvhnHouses(folder, sharpness=60.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image_number": None}, "lacks the array image_number"),
        ({"X": np.zeros((4, 32, 32, 3), np.uint8)}, r"\(4, 32, 32, 3\)"),
        ({"X": np.zeros((32, 32, 3, COUNT))}, "float64"),
        ({"y": np.zeros((3, 1), np.uint8)}, r"y in .* expected 60 numbers"),
        ({"laplacian_std": np.zeros((COUNT, 1), np.uint8)}, "laplacian_std in .* uint8"),
    ],
)
def test_wrong_layout(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    made = {key: array for key, array in (arrays() | changes).items() if array is not None}
    scipy.io.savemat(tmp_path / NAME, made)
    with pytest.raises(InputError, match=says) as caught:
        SvhnHouses(tmp_path)
    assert NAME in str(caught.value)


def test_damaged_or_missing(folder: Path, tmp_path: Path) -> None:
    content = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="MATLAB 5"):
        SvhnHouses(folder)
    with pytest.raises(InputError, match="lacks"):
        SvhnHouses(tmp_path / "none")


def test_real_file(data_folder: Path) -> None:
    if not (data_folder / "svhn" / NAME).is_file():
        pytest.skip(f"no {data_folder / 'svhn' / NAME}")
    data = invkit.dataset(f"svhn-houses?path={data_folder / 'svhn'},sharpness=12")
    assert sum(data.splits.values()) == 4_032 and data.splits["validation"] > 300
    crops = data.take(torch.arange(500), "train")
    # Neighbouring pixels of a photograph are alike: the axes are in the right order.
    steps = crops.diff(dim=3).abs().mean(), crops.diff(dim=2).abs().mean()
    assert max(steps) < 0.06 < float(crops.std())
