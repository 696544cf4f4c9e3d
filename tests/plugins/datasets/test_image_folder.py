"""A folder or a zip archive of images as a data set."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invkit.contracts.dataset import Dataset
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


def names(data: Images) -> dict[str, list[str]]:
    return {split: [data.sources[row].name for row in rows] for split, rows in data.numbers.items()}


def test_split_depends_on_the_name_alone(folder: Path) -> None:
    before = names(Images(folder))
    Image.new("L", (8, 8)).save(folder / "extra.png")
    after = names(Images(folder))
    assert {split: [n for n in found if n != "extra.png"] for split, found in after.items()} == before


def test_a_zip_gives_the_same_as_the_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    archive = tmp_path_factory.mktemp("zip") / "photos.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in folder.iterdir():
            target.write(file, file.name)
        target.writestr("__MACOSX/._00.png", b"no picture")
        target.writestr("readme.txt", b"no picture")
    zipped, plain = Images(archive, size=16), Images(folder, size=16)
    assert torch.equal(everything(zipped), everything(plain))
    assert zipped.fingerprint() == plain.fingerprint() and names(zipped) == names(plain)


def test_a_bad_entry_of_a_zip_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as target:
        target.writestr("deep/bad.png", b"no picture")
    data = Images(tmp_path / "photos.zip")
    with pytest.raises(InputError, match=r"deep/bad\.png in .*photos\.zip"):
        data.take(torch.arange(1), split_of("bad.png"))


def test_folders_inside(folder: Path) -> None:
    (folder / "inside").mkdir()
    Image.new("L", (8, 8)).save(folder / "inside" / "50.png")
    assert sum(Images(folder).splits.values()) == 40
    deep = Images(folder, recursive=True)
    assert sum(deep.splits.values()) == 41 and "inside/50.png" in names(deep)[split_of("50.png")]


def test_the_whole_image_without_a_crop(tmp_path: Path) -> None:
    wide = np.zeros((16, 48), dtype=np.uint8)
    wide[:, :16] = 255  # outside the centred square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    split = split_of("wide.png")
    whole = Images(tmp_path, size=16, grey=True, crop="none").take(torch.arange(1), split)
    square = Images(tmp_path, size=16, grey=True).take(torch.arange(1), split)
    assert float(whole.mean()) == pytest.approx(1 / 3, abs=0.02) and float(square.max()) == 0


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
    found, defaults = {}, []

    class Recorder:
        def dataset(self, name: str, target: str, *, summary: str, default: bool) -> None:
            module, _, attribute = target.partition(":")
            found[name] = getattr(importlib.import_module(module), attribute)
            defaults.extend([name] if default else [])

    plugin.invkit_register(Recorder())
    assert all(issubclass(made, Dataset) for made in found.values()) and defaults == ["images"]
    assert {"mnist", "mnist-sample", "celeba", "svhn", "chars74k", "housenumbers", "objects"} < set(found)
