"""Arrays of instruments: what was written comes back, and whatever does not fit is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import InputError
from invkit.files.scans import read_cfl, read_stack


def write_cfl(path: Path, sizes: tuple[int, ...], values: np.ndarray) -> Path:
    """BART's layout: the header lists the sizes of an array whose first dimension is the fastest."""
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + " \n")
    path.write_bytes(values.astype("<c8").tobytes())
    return path


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_the_first_dimension_is_the_fastest(
    sizes: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    count = int(np.prod(sizes))
    values = np.arange(count) * (1 - 2j)
    path = write_cfl(tmp_path_factory.mktemp("cfl") / "a.cfl", tuple(sizes), values)
    array = read_cfl(path)
    assert array.dtype == np.complex64
    assert array.shape == (tuple(size for size in reversed(sizes) if size > 1) or (1,))
    np.testing.assert_array_equal(array.flatten(), values.astype(np.complex64))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    good = write_cfl(tmp_path / "a.cfl", (2, 3), np.ones(6))
    assert read_cfl(str(good)).shape == (3, 2)
    short = write_cfl(tmp_path / "b.cfl", (2, 3), np.ones(5))
    bad = write_cfl(tmp_path / "c.cfl", (2, 3), np.full(6, np.nan))
    none = write_cfl(tmp_path / "d.cfl", (), np.ones(6))
    odd = write_cfl(tmp_path / "e.cfl", (2, -3), np.ones(6))
    alone = tmp_path / "f.cfl"
    alone.write_bytes(good.read_bytes())
    for path, what in (
        (short, "holds 5 numbers"),
        (bad, "NaN"),
        (none, "no sizes"),
        (odd, "no sizes"),
        (alone, "cannot read"),
        (tmp_path / "nowhere.cfl", "cannot read"),
    ):
        with pytest.raises(InputError, match=what) as caught:
            read_cfl(path)
        assert path.stem in caught.value.message and caught.value.hint


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "uint32", "float64"])
def test_counts_keep_their_unit(dtype: str, tmp_path: Path) -> None:
    counts = (np.random.default_rng(0).random((3, 5, 4)) * 120).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", counts, photometric="minisblack")
    stack = read_stack(tmp_path / "a.tif")
    assert stack.shape == (1, 3, 5, 4) and stack.dtype.kind == "f"
    np.testing.assert_array_equal(stack[0], counts.astype(float) if dtype != "float32" else counts)


def test_one_page_is_one_slice(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((5, 4), 7, "uint16"))
    assert read_stack(str(tmp_path / "a.tif")).shape == (1, 1, 5, 4)


def test_other_files_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((2, 5, 4, 3), "uint8"), photometric="rgb")
    tifffile.imwrite(tmp_path / "nan.tif", np.full((2, 5, 4), np.nan, "float32"), photometric="minisblack")
    with tifffile.TiffWriter(tmp_path / "sizes.tif") as writer:
        for size in (4, 5):
            writer.write(np.zeros((size, size), "uint8"))
    (tmp_path / "text.tif").write_text("no tiff")
    for name in ("colour", "nan", "sizes", "text", "nowhere"):
        with pytest.raises(InputError) as caught:
            read_stack(tmp_path / f"{name}.tif")
        assert name in caught.value.message and caught.value.hint


def test_sizes_that_the_file_does_not_have_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    (tmp_path / "a.cfl").write_bytes(bytes(80))
    for sizes in ("100000 100000 1000", "9" * 400):
        (tmp_path / "a.hdr").write_text(f"# Dimensions\n{sizes}\n")
        with pytest.raises(InputError, match=r"holds 10 numbers|no sizes"):
            read_cfl(tmp_path / "a.cfl")


def test_a_stack_of_short_strips_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 8, 6), np.uint16), photometric="minisblack")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:-20])
    with pytest.raises(InputError):
        read_stack(tmp_path / "a.tif")
