"""SVHN from made-up files in the official layout, and, where it is, from a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import InputError
from invkit_datasets.svhn import GUARD, Svhn, cut


def write(path: Path, count: int, first: int = 0, labels: bool = True) -> Path:
    """Crop i has red first + i, green its row, blue its column; its label is 1 + i mod 10."""
    crops = np.zeros((32, 32, 3, count), dtype=np.uint8)
    crops[:, :, 0] = first + np.arange(count)
    crops[:, :, 1] = np.arange(32)[:, None, None]
    crops[:, :, 2] = np.arange(32)[None, :, None]
    arrays = {"X": crops} | ({"y": (1 + np.arange(count) % 10)[:, None].astype(np.uint8)} if labels else {})
    scipy.io.savemat(path, arrays, do_compression=True)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "train_32x32.mat", 60)
    write(tmp_path / "test_32x32.mat", 12, 100)
    write(tmp_path / "extra_32x32.mat", 40, 150)
    return tmp_path


def reds(data: Svhn, split: str) -> list[int]:
    crops = data.take(torch.arange(data.splits[split]), split)
    return [round(255 * float(crop[0, 0, 0])) for crop in crops]


def test_official_files(folder: Path) -> None:
    data = Svhn(folder)
    assert data.signal_shape == (3, 32, 32)
    assert reds(data, "train") == list(range(49))
    assert reds(data, "validation") == [57, 58, 59]
    assert reds(data, "test") == list(range(100, 112))
    crop = data.take(torch.tensor([3]), "test")[0] * 255
    assert torch.allclose(crop[1], torch.arange(32.0)[:, None].expand(32, 32))  # rows are not columns
    assert torch.allclose(crop[2], torch.arange(32.0)[None].expand(32, 32))


def test_extra(folder: Path) -> None:
    data = Svhn(folder, extra=True)
    assert reds(data, "train") == [*range(49), *range(150, 180)]
    assert reds(data, "validation") == [57, 58, 59, 188, 189]
    assert data.labels("validation").tolist() == [8, 9, 0, 9, 0]


def test_labels_write_zero_as_zero(folder: Path) -> None:
    data = Svhn(folder)
    assert data.labels("test").tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert len(data.labels("train")) == data.splits["train"]


def test_one_file_without_labels(tmp_path: Path) -> None:
    data = Svhn(write(tmp_path / "some_32x32.mat", 40, labels=False))
    assert dict(data.splits) == {"train": 30, "validation": 2, "test": 0}
    assert reds(data, "validation") == [38, 39]
    with pytest.raises(InputError, match=r"some_32x32\.mat has no labels"):
        data.labels("train")
    assert len(data.labels("test")) == 0


def test_a_folder_without_official_training_files(tmp_path: Path) -> None:
    write(tmp_path / "extra_first40_32x32.mat", 40)
    write(tmp_path / "test_32x32.mat", 5, 100)
    data = Svhn(tmp_path)
    assert dict(data.splits) == {"train": 30, "validation": 2, "test": 5} and reds(data, "test")[0] == 100


@given(st.integers(1, 5_000), st.integers(1, 6))
def test_no_number_is_on_both_sides(count: int, length: int) -> None:
    """Wherever a number of up to six digits begins, its crops are not both in train and in validation."""
    parts = cut(count)
    train, validation = set(parts["train"]), set(parts["validation"])
    assert not train & validation and validation and max(validation) == count - 1
    border = min(validation)
    for start in range(max(border - length - GUARD, 0), border + 1):
        number = set(range(start, start + length))
        assert not (number & train and number & validation)


def test_fingerprint(folder: Path) -> None:
    first = Svhn(folder).fingerprint()
    assert first == Svhn(folder).fingerprint() != Svhn(folder, extra=True).fingerprint()
    write(folder / "train_32x32.mat", 60, 1)
    assert Svhn(folder).fingerprint() != first


def test_wrong_layout(tmp_path: Path) -> None:
    file = tmp_path / "train_32x32.mat"
    wrong = {
        "nothing": {"Z": np.zeros(3)},
        "double": {"X": np.zeros((32, 32, 3, 4))},
        r"\(4, 32, 32, 3\)": {"X": np.zeros((4, 32, 32, 3), np.uint8)},
        "expected 4 labels": {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((3, 1))},
    }
    for says, arrays in wrong.items():
        scipy.io.savemat(file, arrays)
        with pytest.raises(InputError, match=says) as caught:
            Svhn(tmp_path)
        assert str(file) in str(caught.value)
    scipy.io.savemat(file, {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.full((4, 1), 11)})
    with pytest.raises(InputError, match="values 11 to 11"):
        Svhn(tmp_path).labels("validation")


@pytest.mark.parametrize("kept", [0, 60, 300, -200])
def test_a_truncated_file_is_named(kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_CACHE", str(tmp_path / "cache"))
    file = write(tmp_path / "train_32x32.mat", 60, labels=False)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"train_32x32\.mat"):
        Svhn(tmp_path).take(torch.tensor([0]), "train")
    assert not list(tmp_path.glob("cache/*"))


def test_missing(folder: Path, tmp_path: Path) -> None:
    (folder / "train_32x32.mat").unlink()
    (folder / "test_32x32.mat").unlink()
    with pytest.raises(InputError, match="extra=true"):
        Svhn(folder)
    (folder / "extra_32x32.mat").unlink()
    with pytest.raises(InputError, match="invkit datasets fetch svhn"):
        Svhn(folder)
    with pytest.raises(InputError, match="lacks"):
        Svhn(folder, extra=True)
    with pytest.raises(InputError, match="no such file or folder"):
        Svhn(tmp_path / "none")


def test_real_file(data_folder: Path) -> None:
    file = data_folder / "svhn" / "extra_first181_32x32.mat"
    if not file.is_file():
        pytest.skip(f"no {file}")
    data = Svhn(file)
    assert dict(data.splits) == {"train": 163, "validation": 10, "test": 0}
    crops = data.take(torch.arange(163), "train")
    # Neighbouring pixels of a photograph are alike: the axes are in the right order.
    steps = crops.diff(dim=3).abs().mean(), crops.diff(dim=2).abs().mean()
    assert max(steps) < 0.05 < float(crops.std())
