"""TIFFs: whatever their tags say, the right intensities or a refusal."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from invkit.errors import InputError
from invkit.files.pictures import picture_size, read_picture
from tests.files.tiffs import packed, write_tiff

H, W = 12, 10
RNG = np.random.default_rng(0)
CODECS = importlib.util.find_spec("imagecodecs") is not None


def levels(bits: int, samples: int = 1) -> np.ndarray:
    """(height, width, samples) over the whole range of these bits."""
    made = RNG.integers(0, 2**bits, (H, W, samples))
    made[0, 0], made[0, 1] = 0, 2**bits - 1
    return made


def stored(values: np.ndarray, bits: int, order: str) -> bytes:
    if bits in (16, 32):
        return values.astype(f"{order}u{bits // 8}").tobytes()
    return packed(values.reshape(len(values), -1), bits)


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_picture(path)
    assert path.name in caught.value.message and caught.value.hint


def same(path: Path, expected: np.ndarray, bits: int) -> None:
    picture = read_picture(path)
    np.testing.assert_allclose(picture.pixels, np.moveaxis(expected, -1, 0), atol=1e-6)
    assert picture.bits == bits and picture_size(path) == (H, W)


# What is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_of_every_depth(
    bits: int, white_is_zero: bool, big: bool, deflate: bool, order: str, tmp_path: Path
) -> None:
    made = levels(bits)
    options = {"photometric": 0 if white_is_zero else 1, "order": order, "big": big, "deflate": deflate}
    strips = [stored(made[:5], bits, order), stored(made[5:10], bits, order), stored(made[10:], bits, order)]
    path = write_tiff(tmp_path / "a.tif", strips, W, H, bits, more={278: [5]}, **options)
    if bits in (2, 4) and big and order == ">" and not CODECS:  # Pillow cannot read those
        refused(path, "needs imagecodecs")
        return
    value = made / (2**bits - 1)
    same(path, 1 - value if white_is_zero else value, bits)


def test_twelve_packed_bits(tmp_path: Path) -> None:
    made = levels(12)
    same(write_tiff(tmp_path / "a.tif", [packed(made[..., 0], 12)], W, H, 12), made / 4095, 12)


@pytest.mark.parametrize("bits, samples, photometric", [(10, 1, 1), (14, 1, 1), (12, 1, 0), (12, 3, 2)])
def test_other_packed_bits_are_right_or_refused(
    bits: int, samples: int, photometric: int, tmp_path: Path
) -> None:
    made = levels(bits, samples)
    strip = packed(made.reshape(H, -1), bits)
    path = write_tiff(tmp_path / "a.tif", [strip], W, H, bits, samples=samples, photometric=photometric)
    if CODECS:
        value = made / (2**bits - 1)
        same(path, 1 - value if photometric == 0 else value, bits)
    else:
        refused(path, r"needs imagecodecs.*invkit\[tiff\]")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_in_pixels_and_in_planes(
    bits: int, planar: bool, deflate: bool, order: str, tmp_path: Path
) -> None:
    made = levels(bits, 3)
    planes = [np.ascontiguousarray(made[..., channel]) for channel in range(3)]
    strips = [stored(each, bits, order) for each in (planes if planar else [made])]
    path = write_tiff(
        tmp_path / "a.tif",
        strips,
        W,
        H,
        bits,
        samples=3,
        photometric=2,
        order=order,
        deflate=deflate,
        more={284: [2]} if planar else {},
    )
    same(path, made / (2**bits - 1), bits)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_pillows_compressions(compression: str, tmp_path: Path) -> None:
    grey, colour = levels(16).astype(np.uint16), levels(8, 3).astype(np.uint8)
    Image.fromarray(grey[..., 0]).save(tmp_path / "a.tif", compression=compression)
    same(tmp_path / "a.tif", grey / 65535, 16)
    Image.fromarray(colour).save(tmp_path / "b.tif", compression=compression)
    same(tmp_path / "b.tif", colour / 255, 8)


def test_sixteen_bit_colour_by_lzw(tmp_path: Path) -> None:
    """Pillow keeps the high byte of such samples; both are read."""
    for samples, order in ((3, "<"), (3, ">"), (4, "<"), (4, ">")):
        made = levels(16, samples)
        if samples == 4:
            made[..., 3] = 65535
        strip = lzw(stored(made, 16, order))
        more = {259: [5], 278: [H], **({338: [2]} if samples == 4 else {})}
        path = write_tiff(
            tmp_path / "a.tif", [strip], W, H, 16, samples=samples, photometric=2, order=order, more=more
        )
        same(path, made[..., :3] / 65535, 16)


def lzw(data: bytes) -> bytes:
    """LZW that never grows a code: the table is cleared before codes need 10 bits."""
    codes = [256]
    for number, byte in enumerate(data):
        codes += [byte] if (number + 1) % 250 else [byte, 256]
    codes.append(257)
    return packed(np.array(codes)[None], 9)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind, bits", [("f2", 16), ("f4", 32), ("f8", 64)])
@pytest.mark.parametrize("photometric, samples", [(1, 1), (0, 1), (2, 3)])
def test_floats(photometric: int, samples: int, kind: str, bits: int, order: str, tmp_path: Path) -> None:
    made = RNG.random((H, W, samples)).astype(kind)
    strip = made.astype(order + kind).tobytes()
    more = {339: [3] * samples}
    path = write_tiff(
        tmp_path / "a.tif",
        [strip],
        W,
        H,
        bits,
        samples=samples,
        photometric=photometric,
        order=order,
        more=more,
    )
    same(path, 1 - made.astype(float) if photometric == 0 else made, bits)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours, kind", [(1, 0), (1, 1), (1, 2), (3, 0), (3, 1), (3, 2)])
def test_what_follows_the_colours_is_opaque_or_refused(
    colours: int, kind: int, bits: int, tmp_path: Path
) -> None:
    made = levels(bits, colours + 1)
    made[..., -1] = 2**bits - 1

    def write(name: str) -> Path:
        more = {338: [kind]}
        photometric = 1 if colours == 1 else 2
        strips = [stored(made, bits, "<")]
        return write_tiff(
            tmp_path / name, strips, W, H, bits, samples=colours + 1, photometric=photometric, more=more
        )

    same(write("opaque.tif"), made[..., :-1] / (2**bits - 1), bits)
    made[3, 4, -1] -= 1
    refused(write("clear.tif"), "transparent pixels")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, bits: int, tmp_path: Path) -> None:
    made = levels(bits)
    path = write_tiff(tmp_path / "a.tif", [stored(made, bits, "<")], W, H, bits, more={274: [orientation]})
    upright = made[..., 0]
    upright = {2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]}.get(orientation, upright)
    turned = made[..., 0]
    upright = {
        5: turned.T,
        6: np.rot90(turned, -1),
        7: turned[::-1, ::-1].T,
        8: np.rot90(turned),
    }.get(orientation, upright)
    np.testing.assert_allclose(read_picture(path).pixels[0], upright / (2**bits - 1), atol=1e-6)


def test_a_preview_is_no_second_picture(tmp_path: Path) -> None:
    big, small = Image.new("L", (W, H), 200), Image.new("L", (4, 4), 100)
    small.encoderinfo = {"tiffinfo": {254: 1}}
    big.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert read_picture(tmp_path / "a.tif").pixels.shape == (1, H, W)


# What is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bits, sample, match",
    [(8, 2, "INT pixels of 8"), (16, 2, "INT pixels of 16"), (32, 1, "integers of 32"), (64, 6, "COMPLEX")],
)
def test_numbers_of_unknown_range(bits: int, sample: int, match: str, tmp_path: Path) -> None:
    strip = bytes(H * W * bits // 8)
    refused(write_tiff(tmp_path / "a.tif", [strip], W, H, bits, more={339: [sample]}), match)


@pytest.mark.parametrize("photometric, samples", [(8, 3), (6, 3), (32803, 1), (4, 1)])
def test_numbers_that_are_no_intensities(photometric: int, samples: int, tmp_path: Path) -> None:
    strip = bytes(H * W * samples)
    path = write_tiff(tmp_path / "a.tif", [strip], W, H, 8, samples=samples, photometric=photometric)
    refused(path, "pixels")


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383])
def test_a_camera_of_fewer_bits_in_a_file_of_sixteen(top: int, tmp_path: Path) -> None:
    made = levels(16)[..., 0] * top // 65535
    made[0, 0] = top
    bits = top.bit_length()
    refused(write_tiff(tmp_path / "a.tif", [stored(made, 16, "<")], W, H, 16), f"may be {bits}-bit numbers")


def test_channels_of_different_depths(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", [bytes(H * W * 4)], W, H, 8, samples=3, photometric=2)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 8, 16, 8)))
    refused(path, "different depths")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("deflate", [False, True])
@given(data=st.data())
def test_missing_bytes(
    bits: int, deflate: bool, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = levels(bits)
    strips = [stored(made[:6], bits, "<"), stored(made[6:], bits, "<")]
    path = write_tiff(
        tmp_path_factory.mktemp("a") / "a.tif", strips, W, H, bits, deflate=deflate, more={278: [6]}
    )
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    refused(path, "cannot read")


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_missing_rows_and_strips(bits: int, deflate: bool, tmp_path: Path) -> None:
    made = levels(bits)
    short = [stored(made[:6], bits, "<"), stored(made[6:11], bits, "<")]
    options = {"deflate": deflate, "more": {278: [6]}}
    refused(write_tiff(tmp_path / "rows.tif", short, W, H, bits, **options), "cannot read")
    refused(write_tiff(tmp_path / "strips.tif", short[:1], W, H, bits, **options), "1 of 2 strips")


def test_a_header_that_promises_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", [bytes(1440)], 20, 8388632, 8, samples=3, photometric=2)
    refused(path, "20×8388632 pixels.*--max-pixels")
    with pytest.raises(InputError, match="more than 100"):
        read_picture(write_tiff(tmp_path / "b.tif", [bytes(120)], W, H, 8), max_pixels=100)


def test_strips_that_unpack_to_too_little_or_too_much_are_refused(tmp_path: Path) -> None:
    whole = bytes(H * W)
    write_tiff(tmp_path / "short.tif", [whole[: 5 * W]], W, H, 8, deflate=True, more={278: [H]})
    refused(tmp_path / "short.tif", "5 of 12 rows")
    write_tiff(tmp_path / "long.tif", [whole + bytes(10**7)], W, H, 8, deflate=True)
    refused(tmp_path / "long.tif", "more than 12 rows")


def compressed(path: Path, kind: int, content: bytes, bits: int = 8) -> Path:
    """A TIFF of one strip of these bytes, compressed by that kind."""
    return write_tiff(path, [content], W, H, bits, more={259: [kind]})


def test_packed_bits(tmp_path: Path) -> None:
    made = levels(8)
    literal = b"".join(bytes([W - 1]) + row.tobytes() for row in made[..., 0].astype(np.uint8))
    same(compressed(tmp_path / "a.tif", 32773, literal), made / 255, 8)
    runs = bytes([257 - W, 7]) * H
    same(compressed(tmp_path / "b.tif", 32773, b"\x80" + runs), np.full((H, W, 1), 7 / 255), 8)
    refused(compressed(tmp_path / "c.tif", 32773, runs[:-2]), "11 of 12 rows")
    refused(compressed(tmp_path / "d.tif", 32773, literal[:-3]), "11 of 12 rows")


def test_lzw_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.tif"
    Image.fromarray(levels(8)[..., 0].astype(np.uint8)).save(whole, compression="tiff_lzw")
    with tifffile.TiffFile(whole) as file:
        page = file.pages[0].aspage()
        begin, length = page.dataoffsets[0], page.databytecounts[0]
    strip = whole.read_bytes()[begin : begin + length]
    assert picture_size(compressed(tmp_path / "a.tif", 5, strip)) == (H, W)
    read_picture(tmp_path / "a.tif")
    refused(compressed(tmp_path / "b.tif", 5, strip[: length // 2]), "cannot read")


@pytest.mark.parametrize("kind", ["group3", "group4", "tiff_ccitt"])
def test_facsimiles_are_refused(kind: str, tmp_path: Path) -> None:
    Image.fromarray(levels(8)[..., 0] > 99).save(tmp_path / "a.tif", compression=kind)
    refused(tmp_path / "a.tif", "facsimile")


def test_more_pages_or_samples_than_any_picture_has(tmp_path: Path) -> None:
    pages = 5000
    entry = struct.pack("<HHHII", 1, 256, 4, 1, 5)
    places = [8 + 18 * (page + 1) for page in range(pages - 1)] + [0]
    body = b"".join(entry + struct.pack("<I", place) for place in places)
    (tmp_path / "pages.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + body)
    refused(tmp_path / "pages.tif", "more than 100 pages")
    strip = [bytes(1000)]
    write_tiff(tmp_path / "samples.tif", strip, 2000, 2000, 8, samples=60, deflate=True)
    refused(tmp_path / "samples.tif", "unpacks from")
