"""MATLAB 5 files read by hand, beside what scipy writes and reads."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as arrays_of
import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.io

from invkit.errors import InputError
from invkit.files.mat import describe_mat, read_mat

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "c16")
NUMBERS = st.sampled_from(TYPES).flatmap(
    lambda dtype: arrays_of.arrays(
        dtype, arrays_of.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=5)
    )
)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,30}", fullmatch=True)


@hypothesis.given(st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=4), st.booleans())
@hypothesis.settings(max_examples=60, deadline=None)
def test_reads_what_scipy_writes(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, np.ndarray], compressed: bool
) -> None:
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    scipy.io.savemat(path, content, do_compression=compressed)
    found, theirs = read_mat(path, list(content)), scipy.io.loadmat(path)
    assert set(found) == set(content)
    for name in content:
        assert found[name].dtype == theirs[name].dtype
        np.testing.assert_array_equal(found[name], theirs[name])
    described = {name: (each.shape, each.kind) for name, each in describe_mat(path).items()}
    assert described == {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_no_array_of_numbers_is_passed_over(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    content = {"s": {"a": 1}, "t": "text", "c": np.array([1, "a"], object), "x": np.eye(3)}
    content["b"] = np.eye(2) > 0
    scipy.io.savemat(path, content, do_compression=compressed)
    kinds = {name: each.kind for name, each in describe_mat(path).items()}
    assert kinds == {"s": "other", "t": "other", "c": "other", "x": "double", "b": "logical"}
    assert set(read_mat(path, ["x", "nothing"])) == {"x"}
    with pytest.raises(InputError, match="s is no array of numbers"):
        read_mat(path, ["s"])


def test_big_endian_and_a_smaller_type_than_the_class(tmp_path: Path) -> None:
    # MATLAB stores whole numbers of class double in the smallest type that holds them.
    body = b"".join(
        (
            struct.pack(">IIII", 6, 8, 6, 0),
            struct.pack(">IIii", 5, 8, 2, 3),
            struct.pack(">HH4s", 1, 1, b"x"),
            struct.pack(">II6B2x", 2, 6, *range(6)),
        )
    )
    path = tmp_path / "a.mat"
    head = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    small = struct.pack(">HHI", 1, 1, ord("x") << 24)
    assert small == struct.pack(">HH4s", 1, 1, b"x")
    path.write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    (x,) = read_mat(path, ["x"]).values()
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x, [[0, 2, 4], [1, 3, 5]])


def compressed_matrix(body: bytes, announced: int | None = None) -> bytes:
    """A file with one compressed variable; ``announced``: the bytes that its tag says."""
    content = zlib.compress(struct.pack("<II", 14, len(body) if announced is None else announced) + body, 9)
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return head + struct.pack("<II", 15, len(content)) + content


def matrix(axes: tuple[int, ...], data: bytes, kind: int = 2, held: int | None = None) -> bytes:
    """The elements of a uint8 matrix called x."""
    held = len(data) if held is None else held
    dims = struct.pack(f"<{len(axes)}i", *axes)
    return b"".join(
        (
            struct.pack("<IIII", 6, 8, 9, 0),
            struct.pack("<II", 5, len(dims)) + dims + b"\0" * (-len(dims) % 8),
            struct.pack("<HH4s", 1, 1, b"x"),
            struct.pack("<II", kind, held) + data + b"\0" * (-len(data) % 8),
        )
    )


def test_the_helpers_make_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(compressed_matrix(matrix((2, 3), bytes(range(6)))))
    np.testing.assert_array_equal(read_mat(path, ["x"])["x"], scipy.io.loadmat(path)["x"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no header"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 200, "version 7.3"),
        (b"\0" * 200, "no header"),
        (compressed_matrix(matrix((20_000, 20_000), bytes(400_000_000 // 400))), "unpacks from"),
        (compressed_matrix(matrix((2, 3), b""), announced=3_000_000_000), "unpacks from"),
        (compressed_matrix(matrix((2, 3), bytes(6)))[:-9], "truncated"),
        (compressed_matrix(matrix((2, 3), bytes(6), held=4_000_000_000)), "expected 6 of 1"),
        (compressed_matrix(matrix((2, 3), bytes(6)) + bytes(9)), "do not end"),
        (compressed_matrix(matrix((2, 3), bytes(6), kind=77)), "numbers of type 77"),
        (compressed_matrix(matrix((2, -3), bytes(6))), "shape"),
        (compressed_matrix(matrix((6,), bytes(6))), "shape"),
        (compressed_matrix(matrix((1,) * 60, bytes(1))), "at most 128"),
        (compressed_matrix(matrix((2, 4), bytes(6))), "expected 8 of 1"),
        (compressed_matrix(matrix((2, 3), bytes(6)))[:-2] + b"zz", "damaged"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"a.mat as a MATLAB 5 file: .*{says}"):
        read_mat(path, ["x"])


def test_two_variables_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    whole = compressed_matrix(matrix((2, 3), bytes(6)))
    path.write_bytes(whole + whole[128:])
    with pytest.raises(InputError, match="two variables 'x'"):
        describe_mat(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_mat(tmp_path / "a.mat", ["x"])
