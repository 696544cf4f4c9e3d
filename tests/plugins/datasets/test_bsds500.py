"""BSDS500 from a made-up archive, and, where it is, from the real one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invkit.errors import InputError
from invkit_datasets.bsds500 import Bsds500

SIZE = (481, 321)


def archive(path: Path, entries: dict[str, tuple[int, int]]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for number, (name, size) in enumerate(entries.items()):
            stream = io.BytesIO()
            Image.new("RGB", size, (40 * number, 10, 20)).save(stream, "JPEG", quality=95)
            made.writestr(name, stream.getvalue())
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    names = {"train/a.jpg": SIZE, "train/b.jpg": SIZE[::-1], "val/c.jpg": SIZE, "test/d.jpg": SIZE}
    return archive(tmp_path / "bsds500_train_val.zip", names)


def test_folders_are_splits_and_training_squares_overlap(small: Path) -> None:
    data = Bsds500(small, size=64)
    assert dict(data.splits) == {"train": 2 * 9 * 6, "validation": 7 * 5, "test": 0}
    first, last = data.take(torch.tensor([0, 107]), "train")
    validation = data.take(torch.tensor([0]), "validation")
    assert validation.shape == (1, 3, 64, 64)
    reds = [float(each[0].mean()) * 255 for each in (first, last, validation[0])]
    assert reds == pytest.approx([0, 40, 80], abs=3)


def test_grey_is_luma(small: Path) -> None:
    data = Bsds500(small.parent, size=32, grey=True)
    assert data.signal_shape == (1, 32, 32)
    assert float(data.take(torch.tensor([0]), "train").mean()) * 255 == pytest.approx(8.15, abs=2)
    assert data.fingerprint() != Bsds500(small, size=32).fingerprint() != Bsds500(small).fingerprint()


def test_what_is_no_archive_of_it_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks"):
        Bsds500(tmp_path / "none.zip")
    with pytest.raises(InputError, match="size 400"):
        Bsds500(small, size=400)
    other = archive(tmp_path / "other.zip", {"pictures/a.jpg": SIZE})
    with pytest.raises(InputError, match="no photograph"):
        Bsds500(other)
    odd = archive(tmp_path / "odd.zip", {"train/a.jpg": (100, 100)})
    with pytest.raises(InputError, match="481×321"):
        Bsds500(odd).take(torch.tensor([0]), "train")


def test_the_real_one(data_folder: Path) -> None:
    data = Bsds500(data_folder / "photographs", size=64, grey=True)
    assert dict(data.splits) == {"train": 200 * 54, "validation": 100 * 35, "test": 0}
    x = data.take(torch.arange(0, 10_800, 900), "train")
    assert 0.2 < float(x.mean()) < 0.7 and bool((x.std((1, 2, 3)) > 0).any())
    assert np.isfinite(x.numpy()).all()
