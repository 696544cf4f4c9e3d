"""Compressed data of a file are unpacked no further than was announced."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.files.bounded import FREE, RATIO, Inflated, check_ratio, open_member, read_exactly


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_pieces_are_those_of_zlib(content: bytes, cut: int) -> None:
    packed = zlib.compress(content)
    reader = Inflated(io.BytesIO(packed + b"more"), len(packed))
    cut = min(cut, len(content))
    assert reader.read(cut) + reader.read(len(content) - cut) == content
    reader.end()
    with pytest.raises(ValueError, match="truncated: 0 bytes of 1"):
        reader.read(1)


def test_numbers_come_in_their_type() -> None:
    values = np.arange(100_000, dtype="<i4")
    packed = zlib.compress(values.tobytes())
    found = Inflated(io.BytesIO(packed), len(packed)).array(values.dtype, 100_000)
    np.testing.assert_array_equal(found, values)
    assert Inflated(io.BytesIO(packed), len(packed)).array(values.dtype, 0).shape == (0,)


def test_damage_and_leftovers_are_told() -> None:
    packed = zlib.compress(bytes(1000))
    with pytest.raises(ValueError, match="do not end"):
        Inflated(io.BytesIO(packed), len(packed)).end()
    with pytest.raises(ValueError, match="damaged"):
        Inflated(io.BytesIO(b"nothing"), 7).read(1)
    with pytest.raises(ValueError, match="damaged"):  # the checksum
        damaged = Inflated(io.BytesIO(packed[:-1] + b"\0"), len(packed))
        damaged.read(1000)
        damaged.end()
    with pytest.raises(ValueError, match="truncated: 3 bytes of 4"):
        read_exactly(io.BytesIO(b"abc"), 4)


def test_what_is_announced_must_be_believable() -> None:
    check_ratio("a", FREE, 0)
    check_ratio("a", RATIO * FREE, FREE)
    with pytest.raises(ValueError, match="a says that it unpacks from 10 bytes"):
        check_ratio("a", FREE + 1, 10)


def test_members_of_an_archive() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good", b"content")
        archive.writestr("bomb", bytes(FREE + 1))
        archive.writestr("rare", b"content", zipfile.ZIP_LZMA)
    with zipfile.ZipFile(file) as archive:
        with open_member(archive, archive.getinfo("good")) as member:
            assert member.read() == b"content"
        with pytest.raises(ValueError, match="bomb says that it unpacks"):
            open_member(archive, archive.getinfo("bomb"))
        with pytest.raises(ValueError, match="rare is compressed by method 14"):
            open_member(archive, archive.getinfo("rare"))
        large = archive.getinfo("good")
        large.compress_size = large.file_size = 2**32 - 2  # a header may say anything
        with pytest.raises(ValueError, match="good says that it takes 4,294,967,294 bytes of the archive"):
            open_member(archive, large)
