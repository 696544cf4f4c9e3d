"""CelebA from folders and archives of made-up faces, and, where they are, from the real ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from invkit.errors import InputError
from invkit_datasets.celeba import LAST, CelebA, partition


def jpg(grey: int, width: int = 178, height: int = 218) -> bytes:
    """A picture whose square is of one grey, in a white frame that the crop has to leave out."""
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    left, top = round(width * 35 / 178) - 3, round(height * 55 / 218) - 3
    picture[top : height - top, left : width - left] = grey
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=95)
    return stream.getvalue()


FACES = {1: 10, 2: 20, 162_770: 30, 162_771: 40, 182_637: 50, 182_638: 60, 202_599: 70}


def write_zip(path: Path, faces: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in faces.items():
            target.writestr(f"img_align_celeba/{name}", content)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faces = {f"{number:06d}.jpg": jpg(grey) for number, grey in FACES.items()}
    return write_zip(tmp_path_factory.mktemp("celeba") / "faces.zip", faces)


def greys(data: CelebA, split: str) -> list[int]:
    faces = data.take(torch.arange(data.splits[split]), split)
    assert faces.shape[1:] == data.signal_shape and float(faces.std((1, 2, 3)).max()) < 0.02
    return [round(float(face.mean()) * 255) for face in faces]


def test_official_partition_and_crop(archive: Path) -> None:
    data = CelebA(archive)
    assert data.signal_shape == (3, 64, 64)
    assert [greys(data, split) for split in LAST] == [[10, 20, 30], [40, 50], [60, 70]]


@given(st.integers(1, 202_599))
def test_every_number_has_one_split(number: int) -> None:
    order = list(LAST)
    assert number <= LAST[partition(number)]
    assert number == 1 or order.index(partition(number - 1)) <= order.index(partition(number))


@pytest.mark.parametrize("number", [0, 202_600])
def test_a_number_outside(number: int) -> None:
    with pytest.raises(InputError, match="CelebA has no picture"):
        partition(number)


def test_half_size_shows_the_same(archive: Path, tmp_path: Path) -> None:
    write_zip(tmp_path / "half.zip", {"000001.jpg": jpg(10, 89, 109)})
    assert greys(CelebA(tmp_path / "half.zip"), "train") == [10]


def test_the_larger_of_two_pictures_is_taken(tmp_path: Path) -> None:
    write_zip(tmp_path / "a_half.zip", {"000001.jpg": jpg(90, 89, 109), "000003.jpg": jpg(30, 89, 109)})
    write_zip(tmp_path / "b_full.zip", {"000001.jpg": jpg(10)})
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "000001.jpg").write_bytes(jpg(80, 89, 109))
    (tmp_path / "loose" / "000002.jpg").write_bytes(jpg(20))
    assert greys(CelebA(tmp_path), "train") == [10, 20, 30]


def test_folder_and_archive_have_one_fingerprint(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        for name in source.namelist():
            (tmp_path / Path(name).name).write_bytes(source.read(name))
    folder = CelebA(tmp_path)
    first = folder.fingerprint()
    assert first == CelebA(archive).fingerprint() != CelebA(archive, size=32).fingerprint()
    assert greys(folder, "test") == [60, 70]
    (tmp_path / "000001.jpg").write_bytes(jpg(11))
    assert CelebA(tmp_path).fingerprint() != first


def test_found_through_the_environment(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "faces.zip").symlink_to(archive)
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    assert dict(CelebA().splits) == {"train": 3, "validation": 2, "test": 2}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no picture", "as a jpg"), (jpg(10)[:900], "as a jpg"), (jpg(10, 218, 178), "218 × 178 pixels")],
)
def test_a_bad_picture_is_named_and_nothing_kept(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_CACHE", str(tmp_path / "cache"))
    data = CelebA(write_zip(tmp_path / "faces.zip", {"000001.jpg": jpg(1), "000002.jpg": content}))
    with pytest.raises(InputError, match=says) as caught:
        data.take(torch.tensor([0]), "train")
    assert "000002.jpg" in str(caught.value) and "faces.zip" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_entry_is_named(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    at = content.index(b"000002.jpg") + 200
    content[at : at + 20] = bytes(20)
    (tmp_path / "faces.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"000002\.jpg in .*faces\.zip: Bad CRC-32"):
        CelebA(tmp_path / "faces.zip").take(torch.tensor([0]), "train")


def test_refused(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(archive.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"cut\.zip as a zip archive"):
        CelebA(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        CelebA(tmp_path / "none")
    with pytest.raises(InputError, match="size 0"):
        CelebA(archive, size=0)
    (tmp_path / "cut.zip").unlink()
    with pytest.raises(InputError, match="no CelebA pictures"):
        CelebA(tmp_path)
    (tmp_path / "me.jpg").write_bytes(jpg(1))
    with pytest.raises(InputError, match=r"me\.jpg has no official CelebA name"):
        CelebA(tmp_path)


def test_it_says_what_to_fetch_by_hand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="non-commercial") as caught:
        CelebA.fetch(tmp_path)
    message = str(caught.value)
    assert "img_align_celeba.zip" in message and "mmlab" in message and str(tmp_path) in message


def test_real_faces(data_folder: Path, tmp_path: Path) -> None:
    """The crop shows faces at the place and scale of those that the paper's authors published."""
    real, dev = data_folder / "celeba" / "img_align_celeba.zip", data_folder / "asim2020" / "celeba_dev.npz"
    if not real.is_file() or not dev.is_file():
        pytest.skip(f"no {real} or no {dev}")
    with zipfile.ZipFile(real) as source:
        names = sorted(name for name in source.namelist() if name.endswith(".jpg"))[:3_000:10]
        faces = {Path(name).name: source.read(name) for name in names}
    data = CelebA(write_zip(tmp_path / "some.zip", faces))
    ours = data.take(torch.arange(data.splits["train"]), "train").mean((0, 1)).numpy()
    theirs = np.load(dev)["x"].mean((0, 3))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.95
