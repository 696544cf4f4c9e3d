"""MNIST from its official files, made-up ones and, where they are, the real ones; and the packaged sample."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from invkit.errors import InputError
from invkit_datasets.mnist import Mnist
from invkit_datasets.sample import MnistSample

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """Full-sized files in which digit i is filled with i mod 251 and has the class i mod 10."""
    made = {}
    for images, labels, count in ((TRAIN_IMAGES, TRAIN_LABELS, 60_000), (IMAGES, LABELS, 10_000)):
        number = np.arange(count)
        fill = (number % 251).astype(np.uint8)[:, None, None]
        made[images] = idx(np.ascontiguousarray(np.broadcast_to(fill, (count, 28, 28))))
        made[labels] = idx((number % 10).astype(np.uint8))
    return made


@pytest.fixture(scope="module")
def folder(contents: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "mnist"
    folder.mkdir()
    for name, content in contents.items():
        if name == LABELS:
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    return folder


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """A copy by links, whose test images a test may replace."""
    for file in folder.iterdir():
        if not file.name.startswith(IMAGES):
            (tmp_path / file.name).symlink_to(file)
    return tmp_path


def test_splits(folder: Path) -> None:
    data = Mnist(folder)
    assert data.signal_shape == (1, 28, 28)
    assert dict(data.splits) == {"train": 55_000, "validation": 5_000, "test": 10_000}
    for split, first in (("train", 0), ("validation", 55_000), ("test", 0)):
        last = data.splits[split] - 1
        digits = data.take(torch.tensor([last, 0]), split)
        assert digits.shape == (2, 1, 28, 28) and digits.dtype == torch.float32
        expected = torch.tensor([(first + last) % 251, first % 251]) / 255
        assert torch.equal(digits, expected[:, None, None, None].expand_as(digits))
        assert torch.equal(data.labels(split), (torch.arange(last + 1) + first) % 10)


def test_bad_index_and_split(folder: Path) -> None:
    data = Mnist(folder)
    with pytest.raises(InputError, match="indices 0 to 4999"):
        data.take(torch.tensor([5_000]), "validation")
    with pytest.raises(InputError, match="no split 'val'"):
        data.labels("val")


def test_fingerprint_is_of_the_contents(folder: Path, damaged: Path, contents: dict[str, bytes]) -> None:
    plain = damaged / IMAGES
    plain.write_bytes(contents[IMAGES])  # the same data without gzip
    assert Mnist(damaged).fingerprint() == Mnist(folder).fingerprint()
    plain.write_bytes(contents[IMAGES][:-1] + b"\x01")
    assert Mnist(damaged).fingerprint() != Mnist(folder).fingerprint()


def test_found_through_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(folder.parent))
    assert Mnist().labels("test")[3] == 3


def test_found_beside_the_current_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(folder.parent)
    (tmp_path / "project").mkdir()
    monkeypatch.delenv("INVKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    assert Mnist().labels("test")[3] == 3
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="set INVKIT_DATA"):
        Mnist()


def test_missing_files_are_listed(damaged: Path) -> None:
    with pytest.raises(InputError) as caught:
        Mnist(damaged)
    message = str(caught.value)
    assert IMAGES in message and LABELS not in message and str(damaged) in message and "path=" in message


def cases(content: bytes) -> dict[str, tuple[str, bytes, str]]:
    packed = gzip.compress(content, 1)
    return {
        "cut": (IMAGES, content[:-100], "truncated: 7839900 bytes"),
        "cut gzip": (f"{IMAGES}.gz", packed[: len(packed) // 2], "truncated"),
        "no gzip": (f"{IMAGES}.gz", content[:2_000], "Not a gzipped file"),
        "damaged gzip": (f"{IMAGES}.gz", packed[:500] + b"\x00" * 40 + packed[540:], "damaged"),
        "empty": (IMAGES, b"", "shorter than its header"),
        "too long": (IMAGES, content + b"\x00", "too long"),
        "other kind": (IMAGES, struct.pack(">4I", 0x801, 10_000, 28, 28), "0x00000801"),
        "other shape": (IMAGES, struct.pack(">4I", 0x803, 10_000, 32, 32), r"\(10000, 32, 32\)"),
    }


@pytest.mark.parametrize("case", cases(b"\x00" * 2_000))
def test_damaged_file(case: str, damaged: Path, contents: dict[str, bytes]) -> None:
    name, content, says = cases(contents[IMAGES])[case]
    (damaged / name).write_bytes(content)
    data = Mnist(damaged)
    with pytest.raises(InputError, match=says) as caught:
        data.take(torch.tensor([0]), "test")
    assert str(damaged / name) in str(caught.value)


def test_sample() -> None:
    data = MnistSample()
    digits = data.take(torch.arange(12), "test")
    assert digits.shape == (12, 1, 28, 28) and float(digits.min()) == 0 and float(digits.max()) == 1
    assert data.labels("test").tolist() == [*range(10), 1, 4]
    assert digits.flatten(1).unique(dim=0).shape[0] == 12
    assert data.labels("train").numel() == 0
    assert data.fingerprint() == MnistSample().fingerprint() and len(data.fingerprint()) == 64
    with pytest.raises(InputError, match="train split of 'mnist-sample' is empty"):
        data.take(torch.tensor([0]), "train")


def test_real_files(data_folder: Path) -> None:
    if not (data_folder / "mnist").is_dir():
        pytest.skip(f"no MNIST files in {data_folder / 'mnist'}")
    data, sample = Mnist(data_folder / "mnist"), MnistSample()
    assert data.labels("train")[:5].tolist() == [5, 0, 4, 1, 9]
    digits = data.take(torch.arange(10_000), "train")
    assert float(digits.mean()) == pytest.approx(0.1307, abs=1e-3) and float(digits.max()) == 1
    indices = torch.tensor(sample.indices)
    assert torch.equal(data.take(indices, "test"), sample.take(torch.arange(12), "test"))
    labels = data.labels("test")
    assert torch.equal(labels[indices], sample.labels("test"))
    assert all(int((labels == digit).nonzero()[0]) == sample.indices[digit] for digit in range(10))
