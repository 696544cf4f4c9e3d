"""npy and npz files: the arrays that numpy wrote, or a refusal that names the file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import hypothesis.extra.numpy as arrays_of
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import InputError
from invkit.files.arrays import load_npy, npy_shape, read_array, read_arrays

TYPES = ("?", "u1", "<u2", ">i4", "<f2", ">f4", "<f8", "<c8", "<c16", "S3", "U2")
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = st.sampled_from(TYPES).flatmap(lambda dtype: arrays_of.arrays(dtype, SHAPES))


@given(ARRAYS, st.booleans())
def test_an_array_comes_back(array: np.ndarray, by_columns: bool) -> None:
    file = io.BytesIO()
    np.save(file, np.asfortranarray(array) if by_columns and array.ndim else array)
    size = file.tell()
    file.seek(0)
    assert npy_shape(file) == array.shape
    file.seek(0)
    found = load_npy(file, size)
    assert found.dtype == array.dtype and found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(tmp_path: Path, save: object) -> None:
    path = tmp_path / "a.npz"
    save(path, a=np.arange(6).reshape(2, 3), b=np.ones(2, ">f4"))  # type: ignore[operator]
    found = read_arrays(path)
    assert set(found) == {"a", "b"} and found["b"].dtype == ">f4"
    np.testing.assert_array_equal(found["a"], [[0, 1, 2], [3, 4, 5]])
    assert set(read_arrays(path, ["b", "c"])) == {"b"}


def test_a_plain_file_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.eye(2))
    np.testing.assert_array_equal(read_arrays(path)[""], np.eye(2))
    values, sha256 = read_array(path, "weights")
    np.testing.assert_array_equal(values, np.eye(2))
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def header(shape: tuple[int, ...], descr: object = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header((10**6, 10**6)), "truncated: 0 bytes of 4,000,000,000,000"),
        (header((10**9,), "|S0"), "truncated"),
        (header((2, 3)) + bytes(23), "truncated: 23 bytes of 24"),
        (header((-1, 2)), "shape"),
        (header((1,), "|O") + bytes(8), "Python objects"),
        (header((1,), ("<f4", (3,))) + bytes(12), "arrays of arrays"),
        (b"\x93NUMPY\x09\x09", "version"),
        (b"no array", "magic"),
        (b"", "magic"),
    ],
)
def test_damaged_arrays_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for read in (read_arrays, lambda path: read_array(path, "a mask")):
        with pytest.raises(InputError, match=f"a.npy: .*{says}"):
            read(path)


def test_a_member_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header((17_000_000,)) + bytes(68_000_000))
    with pytest.raises(InputError, match=r"x\.npy says that it unpacks from"):
        read_arrays(path)


def test_damage_behind_the_numbers_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(100))
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="CRC"):
        read_arrays(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_arrays(tmp_path / "a.npz")
