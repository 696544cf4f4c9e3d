"""Reading and writing images: every format, and every way a file can be unfit."""

from __future__ import annotations

import gzip
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from invkit.errors import InputError, OutputError
from invkit.files.images import find_images, read_image, write_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (7, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)


def encode(picture: Image.Image, suffix: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format={".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF"}[suffix], **options)  # type: ignore[arg-type]
    return stream.getvalue()


# What is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_8_bit_grey_and_colour(tmp_path: Path, suffix: str) -> None:
    for pixels, expected in [(GREY, GREY[None]), (COLOUR, COLOUR.transpose(2, 0, 1))]:
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
        image = read_image(tmp_path / f"a{suffix}")
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, (expected / 255.0).astype(np.float32))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_precision(tmp_path: Path, suffix: str) -> None:
    pixels = np.array([[0, 1, 257], [40000, 65534, 65535]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(
        read_image(tmp_path / f"a{suffix}")[0], (pixels / 65535.0).astype(np.float32)
    )


def test_float_tiff(tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    Image.fromarray(pixels).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tiff")[0], pixels)


def test_palette_is_resolved_and_grey_palettes_stay_grey(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).quantize(200).save(tmp_path / "colour.png")
    assert read_image(tmp_path / "colour.png").shape == (3, 7, 5)
    grey = Image.fromarray(GREY).convert("P")
    grey.save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png")[0], (GREY / 255.0).astype(np.float32))


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(GREY > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], GREY > 127)


@pytest.mark.parametrize("mode, channels", [("RGBA", 3), ("LA", 1), ("PA", 3)])
def test_opaque_alpha_is_dropped(tmp_path: Path, mode: str, channels: int) -> None:
    picture = Image.fromarray(GREY if mode == "LA" else COLOUR)
    if mode == "PA":
        picture = picture.quantize(200)
        picture.info["transparency"] = bytes([255] * 200)
    else:
        picture.putalpha(255)
    picture.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (channels, 7, 5)


def test_transparent_pixels_are_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(COLOUR).convert("RGBA")
    picture.putpixel((2, 3), (1, 2, 3, 254))
    picture.save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has transparent pixels.*flatten"):
        read_image(tmp_path / "a.png")


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:, 16:] = 255  # white on the right
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright: white at the bottom
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(pixels), ".jpg", exif=exif, quality=95))
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (1, 32, 16)
    assert image[0, :14].max() < 0.1 and image[0, 18:].min() > 0.9


def test_a_phones_jpeg_with_a_preview_is_its_first_picture(tmp_path: Path) -> None:
    preview = Image.new("RGB", (4, 4))
    Image.new("RGB", (16, 8), "white").save(
        tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview]
    )
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (3, 8, 16) and image.min() > 0.98


def test_cmyk_jpeg_is_read_as_rgb(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").shape == (3, 7, 5)


def test_npy_layouts_and_dtypes(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for array, expected in [
        (GREY, GREY[None] / 255.0),
        (COLOUR.transpose(2, 0, 1), COLOUR.transpose(2, 0, 1) / 255.0),
        (np.array([[0, 65535]], np.uint16), [[[0, 1]]]),
        (np.array([[True, False]]), [[[1, 0]]]),
        (np.array([[0.25, 1.0]], ">f8"), [[[0.25, 1]]]),
    ]:
        np.save(path, array)
        np.testing.assert_array_equal(read_image(path), np.asarray(expected, np.float32))


def test_grey_reduces_colour_to_luma_in_range(tmp_path: Path) -> None:
    white = np.ones((3, 2, 2), np.float32)
    np.save(tmp_path / "white.npy", white)
    assert read_image(tmp_path / "white.npy", grey=True).max() == 1.0
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    ours = read_image(tmp_path / "a.png", grey=True)
    pillows = np.asarray(Image.fromarray(COLOUR).convert("L")) / 255.0
    assert ours.shape == (1, 7, 5)
    np.testing.assert_allclose(ours[0], pillows, atol=0.6 / 255)
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "grey.png", grey=True), read_image(tmp_path / "grey.png")
    )


def test_real_digits_survive_a_round_trip(tmp_path: Path, mnist_folder: Path) -> None:
    with gzip.open(mnist_folder / "t10k-images-idx3-ubyte.gz") as stream:
        digits = np.frombuffer(stream.read(16 + 20 * 784), np.uint8, offset=16).reshape(20, 1, 28, 28)
    for digit in (digits / 255.0).astype(np.float32):
        for name in ("a.png", "a.npy"):
            write_image(tmp_path / name, digit)
            np.testing.assert_array_equal(read_image(tmp_path / name), digit)


# What is refused ---------------------------------------------------------------------------------------


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_image(path)
    assert path.name in caught.value.message and caught.value.hint


def test_missing_folder_and_unknown_suffix(tmp_path: Path) -> None:
    refused(tmp_path / "none.png", "no such file")
    (tmp_path / "folder.png").mkdir()
    refused(tmp_path / "folder.png", "not a file")
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    refused(tmp_path / "a.gif", "cannot read images of type .gif")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x89PNG\r\n\x1a\n"])
def test_garbage(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"a{suffix}").write_bytes(content)
    refused(tmp_path / f"a{suffix}", "cannot read")


def test_npy_with_pickled_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    refused(tmp_path / "a.npy", "Python objects")


@pytest.mark.parametrize(
    "array, match",
    [
        (np.array([[0.5, np.nan]]), "1 NaN or infinite"),
        (np.array([[np.inf, -np.inf]]), "2 NaN or infinite"),
        (np.array([[0.0, 1.5]]), r"\[0, 1\] .* got \[0, 1.5\]"),
        (np.array([[-0.1, 0.5]]), "got"),
        (np.zeros((0, 4)), "empty"),
        (np.zeros((3, 0, 4), np.uint8), "empty"),
        (np.zeros((4, 4, 3)), "np.moveaxis"),
        (np.zeros((2, 4, 4)), r"\(1 or 3, height, width\)"),
        (np.zeros(4), "expected"),
        (np.zeros((1, 1, 4, 4)), "one image a file"),
        (np.zeros((4, 4), complex), "complex"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.array([["a", "b"]]), "<U1"),
    ],
)
def test_unfit_arrays(tmp_path: Path, array: np.ndarray, match: str) -> None:
    np.save(tmp_path / "a.npy", array)
    refused(tmp_path / "a.npy", match)


def test_non_finite_and_out_of_range_float_tiff(tmp_path: Path) -> None:
    for value, match in [(np.nan, "1 NaN"), (255.0, "in \\[0, 1\\]")]:
        Image.fromarray(np.array([[0, value]], np.float32)).save(tmp_path / "a.tif")
        refused(tmp_path / "a.tif", match)


def test_several_pages(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    refused(tmp_path / "a.tif", "found 2 pages")


def test_integer_tiff_of_32_bits(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.int32)).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", "INT pixels of 32 bits")


def test_a_huge_png_is_refused_unread(tmp_path: Path) -> None:
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    refused(tmp_path / "a.png", "50000×50000 pixels.*--max-pixels 2500000000")


SOUND = {
    ".png": encode(Image.fromarray(COLOUR), ".png"),
    ".jpg": encode(Image.fromarray(COLOUR), ".jpg"),
    ".tif": encode(Image.fromarray(COLOUR), ".tif", compression="tiff_lzw"),
}


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_a_truncated_file_is_refused(suffix: str, data: st.DataObject) -> None:
    content = SOUND[suffix]
    # A JPEG without its end mark and a PNG without its last chunk still hold every pixel.
    length = data.draw(st.integers(0, len(content) - 40))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{suffix}")
        path.write_bytes(content[:length])
        refused(path, "cannot read")


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_a_damaged_file_gives_an_image_or_an_input_error(suffix: str, data: st.DataObject) -> None:
    content = bytearray(SOUND[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{suffix}")
        path.write_bytes(content)
        try:
            image = read_image(path)
        except InputError as error:
            assert path.name in error.message
        else:
            assert image.shape[0] in (1, 3) and 0 <= image.min() <= image.max() <= 1


# What is written ---------------------------------------------------------------------------------------

IMAGES = st.tuples(st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
)


@given(IMAGES)
def test_round_trip_is_exact_for_npy_and_within_half_a_level_for_png(image: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_image(Path(folder, "a.npy"), image)
        np.testing.assert_array_equal(read_image(Path(folder, "a.npy")), image)
        write_image(Path(folder, "a.png"), image)
        np.testing.assert_allclose(read_image(Path(folder, "a.png")), image, atol=0.5 / 255 + 1e-6)


def test_png_clips_and_takes_tensors_with_gradients(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", torch.tensor([[-1.0, 0.5, 2.0]], requires_grad=True))
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png")[0, 0], np.array([0, 128 / 255, 1], np.float32)
    )


@pytest.mark.parametrize(
    "name, array, match",
    [
        ("a.jpg", np.zeros((2, 2)), "as .jpg"),
        ("a", np.zeros((2, 2)), "without a suffix"),
        ("a.png", np.zeros((2, 2, 2)), "shape"),
        ("a.png", np.zeros((1, 1, 2, 2)), "shape"),
        ("a.npy", np.zeros((1, 0, 2)), "shape"),
        ("a.png", np.full((2, 2), np.nan), "NaN"),
        ("a.npy", np.full((2, 2), 1e300), "infinite"),
        ("a.npy", np.full((2, 2), 1j), "real"),
        ("file/a.png", np.zeros((2, 2)), "cannot write"),
    ],
)
def test_unfit_output_is_refused_and_nothing_is_left(
    tmp_path: Path, name: str, array: np.ndarray, match: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=match):
        write_image(tmp_path / name, array)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# What is found -----------------------------------------------------------------------------------------


def test_folders_are_expanded_in_order_and_files_kept(tmp_path: Path) -> None:
    for name in ["b.PNG", "a.jpg", "c.npy", "notes.txt", ".hidden.png"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "deeper.png").mkdir()
    names = [p.name for p in find_images([tmp_path / "c.npy", tmp_path])]
    assert names == ["c.npy", "a.jpg", "b.PNG"]


def test_nothing_to_find_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image in the folder"):
        find_images([tmp_path])
    with pytest.raises(InputError, match="no image was given"):
        find_images([])
    with pytest.raises(InputError, match="no such file"):
        find_images([tmp_path / "none.png"])
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"type \.txt"):
        find_images([tmp_path / "notes.txt"])
