"""PNG of every depth: both bytes of 16-bit samples, transparent colours, missing rows, what is kept."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from invkit.errors import InputError
from invkit.files.images import write_image
from invkit.files.pictures import picture_size, read_picture

H, W = 9, 11
RNG = np.random.default_rng(0)
SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows(values: np.ndarray, depth: int) -> bytes:
    """Unfiltered rows of (height, width, samples)."""
    flat = values.reshape(len(values), -1).astype(np.uint64)
    digits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1, dtype=np.uint64)) & 1
    data = np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in data)


def write_png(
    path: Path,
    values: np.ndarray,
    depth: int,
    colour: int,
    *,
    key: tuple[int, ...] = (),
    interlaced: bool = False,
    missing: int = 0,
) -> Path:
    """A PNG byte by byte; ``missing`` bytes of its rows are left out of a sound stream."""
    height, width = values.shape[:2]
    parts = [values]
    if interlaced:
        parts = [values[y::down, x::across] for x, y, across, down in _PASSES]
    data = b"".join(rows(part, depth) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    body = chunk(b"IHDR", head)
    if key:
        body += chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    body += chunk(b"IDAT", zlib.compress(data[: len(data) - missing])) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def levels(depth: int, colour: int) -> np.ndarray:
    made = RNG.integers(0, 2**depth, (H, W, SAMPLES[colour]))
    if colour in (4, 6):
        made[..., -1] = 2**depth - 1
    return made


KINDS = [(depth, 0) for depth in (1, 2, 4, 8, 16)] + [(d, c) for d in (8, 16) for c in (2, 4, 6)]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth, colour", KINDS)
def test_every_depth_and_kind(depth: int, colour: int, interlaced: bool, tmp_path: Path) -> None:
    made = levels(depth, colour)
    path = write_png(tmp_path / "a.png", made, depth, colour, interlaced=interlaced)
    picture = read_picture(path)
    colours = made[..., : 3 if colour in (2, 6) else 1]
    np.testing.assert_allclose(picture.pixels, np.moveaxis(colours, -1, 0) / (2**depth - 1), atol=1e-7)
    assert picture.bits == depth and picture_size(path) == (H, W)


@pytest.mark.parametrize("depth, colour", [kind for kind in KINDS if kind[1] in (0, 2)])
def test_a_transparent_colour(depth: int, colour: int, tmp_path: Path) -> None:
    made = levels(depth, colour) // 2 * 2  # all even
    made[3, 4] = 0
    unused, used = (1,) * SAMPLES[colour], tuple(made[2, 5].tolist())
    channels = SAMPLES[colour]
    picture = read_picture(write_png(tmp_path / "unused.png", made, depth, colour, key=unused))
    np.testing.assert_allclose(picture.pixels, np.moveaxis(made, -1, 0) / (2**depth - 1), atol=1e-7)
    assert picture.pixels.shape == (channels, H, W)
    with pytest.raises(InputError, match=r"used\.png has transparent pixels"):
        read_picture(write_png(tmp_path / "used.png", made, depth, colour, key=used))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [4, 6])
def test_alpha_that_is_not_opaque(depth: int, colour: int, tmp_path: Path) -> None:
    made = levels(depth, colour)
    made[1, 2, -1] -= 1
    with pytest.raises(InputError, match="transparent pixels"):
        read_picture(write_png(tmp_path / "a.png", made, depth, colour))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth, colour", KINDS)
def test_rows_that_are_missing_in_a_sound_stream(
    depth: int, colour: int, interlaced: bool, tmp_path: Path
) -> None:
    path = write_png(
        tmp_path / "a.png", levels(depth, colour), depth, colour, interlaced=interlaced, missing=1
    )
    with pytest.raises(InputError, match="truncated"):
        read_picture(path)


def test_an_animation_is_several_pictures(tmp_path: Path) -> None:
    page, other = Image.new("L", (4, 4)), Image.new("L", (4, 4), 200)
    page.save(tmp_path / "a.png", save_all=True, append_images=[other])
    with pytest.raises(InputError, match="found 2 pages"):
        read_picture(tmp_path / "a.png")


# What is written ---------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
)
def test_sixteen_bits_survive_a_round_trip(
    seed: int, channels: int, height: int, width: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = np.random.default_rng(seed).integers(0, 65536, (channels, height, width))
    path = tmp_path_factory.mktemp("a") / "a.png"
    write_image(path, made / 65535, bits=16)
    picture = read_picture(path)
    assert picture.bits == 16 and np.array_equal(np.rint(picture.pixels * 65535.0), made)


def test_other_readers_read_the_same(tmp_path: Path) -> None:
    made = RNG.integers(0, 65536, (3, H, W))
    write_image(tmp_path / "colour.png", made / 65535, bits=16, icc=PROFILE)
    with Image.open(tmp_path / "colour.png") as opened:  # Pillow keeps the high bytes
        assert np.array_equal(np.moveaxis(np.asarray(opened), -1, 0), made >> 8)
        assert opened.info["icc_profile"] == PROFILE
    write_image(tmp_path / "grey.png", made[:1] / 65535, bits=16)
    with Image.open(tmp_path / "grey.png") as opened:
        assert np.array_equal(np.asarray(opened), made[0])


@pytest.mark.parametrize("bits", [8, 16])
def test_profile_and_exif_are_kept(bits: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", 6
    exif.get_ifd(0x8769)[0x829A] = 0.125
    stream = io.BytesIO()
    Image.new("RGB", (8, 4)).save(stream, "JPEG", exif=exif, icc_profile=PROFILE)
    (tmp_path / "a.jpg").write_bytes(stream.getvalue())
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (3, 8, 4) and picture.icc == PROFILE
    write_image(tmp_path / "b.png", picture.pixels, bits=bits, icc=picture.icc, exif=picture.exif)
    again = read_picture(tmp_path / "b.png")
    assert again.icc == PROFILE and again.pixels.shape == (3, 8, 4)
    with Image.open(tmp_path / "b.png") as opened:
        found = opened.getexif()
    assert found[0x010F] == "a camera" and 0x0112 not in found
    assert found.get_ifd(0x8769)[0x829A] == 0.125


@pytest.mark.parametrize(
    ("kind", "head"), [(b"zTXt", b"C\0\0"), (b"iTXt", b"C\0\1\0\0\0"), (b"iCCP", b"p\0\0")]
)
def test_text_and_profiles_that_unpack_to_far_more_are_refused(
    kind: bytes, head: bytes, tmp_path: Path
) -> None:
    path = write_png(tmp_path / "a.png", levels(8, 0), 8, 0)
    content, bomb = path.read_bytes(), chunk(kind, head + zlib.compress(bytes(50_000_000), 9))
    path.write_bytes(content[:33] + bomb + content[33:])
    with pytest.raises(InputError, match="too large"):
        read_picture(path)


def test_a_chunk_longer_than_the_file_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", levels(8, 0), 8, 0)
    content = bytearray(path.read_bytes())
    content[33:37] = struct.pack(">I", 2**31 - 1)
    path.write_bytes(content)
    for read in (read_picture, picture_size):
        with pytest.raises(InputError, match="truncated"):
            read(path)


def test_rows_beyond_the_last_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = levels(8, 0)
    path = write_png(tmp_path / "a.png", made, 8, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in made[..., 0].astype(np.uint8))
    packed = chunk(b"IDAT", zlib.compress(rows + bytes(100_000_000), 9))
    path.write_bytes(path.read_bytes()[:33] + packed + chunk(b"IEND", b""))
    np.testing.assert_allclose(read_picture(path).pixels[0], made[..., 0] / 255, atol=1e-7)
