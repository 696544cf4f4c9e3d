"""Picture files of the other formats, what is read beside the pixels, and sizes from headers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from invkit.errors import InputError
from invkit.files.images import find_images, read_image, skipped
from invkit.files.pictures import picture_size, read_picture

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (12, 10, 3), dtype=np.uint8)
SMOOTH = np.repeat(np.arange(0, 250, 5, dtype=np.uint8)[:, None], 40, axis=1)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_webp_and_bmp(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(encode(Image.fromarray(COLOUR), "BMP"))
    (tmp_path / "a.webp").write_bytes(encode(Image.fromarray(COLOUR), "WEBP", lossless=True))
    for path in tmp_path.iterdir():
        np.testing.assert_allclose(read_image(path), np.moveaxis(COLOUR, -1, 0) / 255, atol=1e-7)
        assert picture_size(path) == (12, 10) and read_picture(path).written_bits == 8


def test_the_content_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(COLOUR), "PNG"))
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg"), np.moveaxis(COLOUR, -1, 0) / 255, atol=1e-7)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated(kind: str, share: float, tmp_path: Path) -> None:
    content = encode(Image.fromarray(COLOUR.repeat(8, 0).repeat(8, 1)), kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=f"cannot read .*{path.name}"):
        read_image(path)


def test_an_animated_webp_is_several_pictures(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "a.webp", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match="found 2 pages"):
        read_image(tmp_path / "a.webp")


def test_heic(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    pillow_heif.register_heif_opener()
    (tmp_path / "a.heic").write_bytes(encode(Image.fromarray(SMOOTH), "HEIF", quality=100))
    assert np.abs(read_image(tmp_path / "a.heic").mean(0) - SMOOTH / 255).max() < 0.05
    assert picture_size(tmp_path / "a.heic") == SMOOTH.shape


def test_heic_and_fits_name_their_extras_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pillow_heif", "astropy", "astropy.io"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(30))
    (tmp_path / "a.fits").write_bytes(b"SIMPLE  =                    T")
    for name, extra in (("a.heic", "heic"), ("a.fits", "fits")):
        with pytest.raises(InputError, match=rf"not installed; pip install 'invkit\[{extra}\]'"):
            read_image(tmp_path / name)


def test_fits(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits", reason="the extra `fits` is not installed")
    grey = RNG.integers(0, 65536, (6, 5)).astype(np.uint16)
    for name, array, expected in (
        ("whole.fits", grey, grey[None] / 65535),
        ("float.fit", (grey / 65535).astype(np.float32), grey[None] / 65535),
        ("colour.fts", np.moveaxis(COLOUR, -1, 0), np.moveaxis(COLOUR, -1, 0) / 255),
    ):
        fits.PrimaryHDU(array).writeto(tmp_path / name)
        np.testing.assert_allclose(read_image(tmp_path / name), expected, atol=1e-6)
        assert picture_size(tmp_path / name) == array.shape[-2:]
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(grey)]).writeto(tmp_path / "second.fits")
    assert read_picture(tmp_path / "second.fits").bits == 16
    for name, hdus, match in (
        ("signed.fits", [fits.PrimaryHDU(grey.astype(np.int16))], "int16"),
        ("last.fits", [fits.PrimaryHDU(np.ones((6, 8, 3), np.float32))], "np.moveaxis"),
        ("two.fits", [fits.PrimaryHDU(grey), fits.ImageHDU(grey)], "2 pages"),
        ("none.fits", [fits.PrimaryHDU()], "no image"),
        ("cube.fits", [fits.PrimaryHDU(np.zeros((7, 4, 4), np.float32))], "expected"),
        ("range.fits", [fits.PrimaryHDU(grey.astype(np.float32))], r"\[0, 1\]"),
    ):
        fits.HDUList(hdus).writeto(tmp_path / name)
        with pytest.raises(InputError, match=match):
            read_image(tmp_path / name)


def test_inks_with_a_profile_that_is_for_no_inks_are_refused(tmp_path: Path) -> None:
    inks = Image.fromarray(COLOUR).convert("CMYK")
    (tmp_path / "a.jpg").write_bytes(encode(inks, "JPEG", icc_profile=PROFILE))
    with pytest.raises(InputError, match="cannot read"):
        read_picture(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(encode(inks, "JPEG"))
    assert read_picture(tmp_path / "b.jpg").pixels.shape == (3, 12, 10)


def test_a_profile_of_other_channels_is_left_out_with_a_remark(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(COLOUR), "PNG", icc_profile=PROFILE))
    assert read_picture(tmp_path / "a.png").icc == PROFILE
    grey = read_picture(tmp_path / "a.png", grey=True)
    assert grey.icc is None and "colour profile is left out" in grey.notes[0]


def test_bits_of_arrays(tmp_path: Path) -> None:
    for array, bits in (
        (COLOUR[..., 0], 8),
        (COLOUR[..., 0].astype(np.uint16) * 257, 16),
        (SMOOTH / 255, 64),
    ):
        np.save(tmp_path / "a.npy", array)
        picture = read_picture(tmp_path / "a.npy")
        assert picture.bits == bits and picture.written_bits == (8 if bits == 8 else 16)


def test_arrays_of_a_camera_of_fewer_bits_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4096, dtype=np.uint16).reshape(64, 64))
    with pytest.raises(InputError, match=r"may be 12-bit numbers.*divided by 4095"):
        read_image(tmp_path / "a.npy")


def test_rounding_and_overshoot_are_no_errors(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[-0.05, 1 + 1e-6]]))
    assert read_image(tmp_path / "a.npy").tolist() == [[[0.0, 1.0]]]


def test_sizes_come_from_headers_and_limits_from_sizes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    head = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    lines = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 99999), }"
    (tmp_path / "b.npy").write_bytes(head + lines.ljust(117) + b"\n")
    with pytest.raises(InputError, match="99999×99999 pixels"):
        read_picture(tmp_path / "b.npy")
    assert picture_size(tmp_path / "a.npy") == (2, 2)
    with pytest.raises(InputError, match="more than 3"):
        read_picture(tmp_path / "a.npy", max_pixels=3)


def test_an_archive_named_npy_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros((4, 4)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(InputError, match="cannot read"):
        read_image(tmp_path / "a.npy")


def test_what_is_passed_over_in_a_folder_is_known(tmp_path: Path) -> None:
    for name in ("a.png", "notes.txt", "raw.cr2", ".hidden", "README"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in find_images([tmp_path])] == ["a.png"]
    assert {path.name: why for path, why in skipped([tmp_path, tmp_path / "a.png"]).items()} == {
        "README": "no image (no suffix)",
        "deeper": "a folder",
        "notes.txt": "no image (.txt)",
        "raw.cr2": "no image (.cr2)",
    }


def test_large_pictures_of_a_few_bytes_are_refused_by_the_header(tmp_path: Path) -> None:
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 1}), ("a.webp", {"lossless": True})):
        Image.new("L", (4000, 3000)).save(tmp_path / name, **options)
        with pytest.raises(InputError, match=r"4000×3000 pixels in [\d,]+ bytes, so few"):
            read_picture(tmp_path / name)
    with (tmp_path / "a.npy").open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (3000, 4000)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(InputError, match="so few"):
        read_picture(tmp_path / "a.npy")


def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("L", (64, 64)).save(path, progressive=True)
    content = path.read_bytes()
    read_picture(path)
    last = content[content.rindex(b"\xff\xda") : -2]
    path.write_bytes(content[:-2] + last * 100 + b"\xff\xd9")
    with pytest.raises(InputError, match="more than 64 scans"):
        read_picture(path)
    path.write_bytes(content + last * 100)  # behind the end, as a phone's film is
    read_picture(path)
    Image.new("RGB", (64, 64), (0xDA, 0xFF, 0xDA)).save(tmp_path / "a.bmp")
    read_picture(tmp_path / "a.bmp")
