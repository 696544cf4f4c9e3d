"""A folder of images as a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invkit.errors import InputError
from invkit_datasets import plugin
from invkit_datasets.images import Images, crop_and_resize, split_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty images, number i of grey level i or of the colour (i, 2 i, 3 i), of several sizes."""
    for i in range(40):
        size = (20 + i, 40)
        picture = Image.new("L", size, i) if i % 2 else Image.new("RGB", size, (i, 2 * i, 3 * i))
        picture.save(tmp_path / f"{i:02d}.png")
    return tmp_path


def everything(data: Images) -> torch.Tensor:
    return torch.cat([data.take(torch.arange(size), split) for split, size in data.splits.items()])


def test_colour(folder: Path) -> None:
    data = Images(folder, size=16)
    images = everything(data)
    assert images.shape == (40, 3, 16, 16) and data.signal_shape == (3, 16, 16)
    found = sorted(tuple((pixel * 255).round().int().tolist()) for pixel in images[:, :, 8, 8])
    assert found == sorted((i, i, i) if i % 2 else (i, 2 * i, 3 * i) for i in range(40))


def test_grey(folder: Path) -> None:
    images = everything(Images(folder, size=8, grey=True))
    assert images.shape == (40, 1, 8, 8) and float(images.std((2, 3)).max()) < 1e-6


def test_split_depends_on_the_name_alone(folder: Path) -> None:
    before = {split: list(map(str, paths)) for split, paths in Images(folder)._paths.items()}
    Image.new("L", (8, 8)).save(folder / "extra.png")
    after = {split: list(map(str, paths)) for split, paths in Images(folder)._paths.items()}
    assert {s: [p for p in paths if "extra" not in p] for s, paths in after.items()} == before


def test_split_shares() -> None:
    splits = [split_of(f"{i:06d}.jpg") for i in range(4_000)]
    assert abs(splits.count("train") - 3_600) < 95  # five standard deviations
    assert abs(splits.count("validation") - 200) < 70 and abs(splits.count("test") - 200) < 70


def test_crop_is_centred_and_identity_at_full_size() -> None:
    image = np.random.default_rng(0).random((3, 10, 16), dtype=np.float32)
    assert np.array_equal(crop_and_resize(image, 10), image[:, :, 3:13])
    resized = crop_and_resize(image, 4)
    assert resized.shape == (3, 4, 4) and resized.dtype == np.float32
    assert np.allclose(resized.mean(), image[:, :, 3:13].mean(), atol=0.05)


def test_resizing_stays_in_range() -> None:
    edge = np.zeros((1, 32, 32), dtype=np.float32)
    edge[:, :, 16:] = 1
    resized = crop_and_resize(edge, 48)
    assert resized.min() == 0 and resized.max() == 1


def test_fingerprint(folder: Path) -> None:
    first = Images(folder).fingerprint()
    assert first == Images(folder).fingerprint() != Images(folder, size=32).fingerprint()
    Image.new("L", (40, 40), 200).save(folder / "07.png")
    assert Images(folder).fingerprint() != first


def test_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        Images(tmp_path / "none")
    with pytest.raises(InputError, match="size 0"):
        Images(folder, size=0)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no image"):
        Images(empty)
    (folder / "00.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"00\.png"):
        Images(folder).take(torch.arange(1), split_of("00.png"))


def test_registered() -> None:
    found = {}

    class Recorder:
        def dataset(self, name: str, target: str, *, summary: str) -> None:
            found[name] = target

    plugin.invkit_register(Recorder())
    assert found == {
        "mnist": "invkit_datasets.mnist:Mnist",
        "mnist-sample": "invkit_datasets.sample:MnistSample",
        "images": "invkit_datasets.images:Images",
    }
