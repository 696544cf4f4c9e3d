"""Metrics up to a shift and their ratios: against brute force, and what they must be blind to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from invkit.errors import InputError, ShapeError
from invkit.metrics import (
    per_pixel_error,
    psnr,
    psnr_modulo_shift,
    shift_align,
    spectral_error_ratio,
    squared_error_ratio,
    ssim,
    ssim_modulo_shift,
)
from tests.strategies import seeds


def draw(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def smooth(seed: int, size: int, channels: int = 1) -> np.ndarray:
    """An image with structure at every place, and little of it finer than a pixel."""
    rows, columns = np.mgrid[:size, :size] / 3.0
    rng = np.random.default_rng(seed)
    waves = [np.sin(a * rows + b * columns + c) for a, b, c in rng.normal(size=(6, 3))]
    return np.stack([np.mean(waves, 0)] * channels)[None] * 0.3 + 0.5


def brute_force(
    estimate: np.ndarray, truth: np.ndarray, reach: float, step: float, border: int
) -> tuple[float, np.ndarray]:
    """The least squared error over all shifts, each by SciPy's linear interpolation; and the moved image."""
    size = truth.shape[1:]
    rows, columns = np.mgrid[border : size[0] - border, border : size[1] - border].astype(float)
    middle = truth[:, border : size[0] - border, border : size[1] - border]
    shifts = np.arange(-round(reach / step), round(reach / step) + 1) * step
    least, best = np.inf, middle
    for down in shifts:
        for right in shifts:
            at = np.stack([rows + down, columns + right])
            moved = np.stack([map_coordinates(channel, at, order=1) for channel in estimate])
            error = ((moved - middle) ** 2).sum()
            if error < least:
                least, best = error, moved
    return float(least), best


@given(
    seed=seeds,
    channels=st.integers(1, 3),
    height=st.integers(9, 13),
    width=st.integers(9, 13),
    grid=st.sampled_from([(1.0, 0.25, 2), (1.5, 0.5, 2), (2.0, 1.0, 3), (0.0, 0.25, 0), (0.75, 0.25, 1)]),
)
def test_shift_alignment_is_the_best_of_all_shifts(
    seed: int, channels: int, height: int, width: int, grid: tuple[float, float, int]
) -> None:
    reach, step, border = grid
    a, b = draw(seed, 2, 2, channels, height, width)
    moved = shift_align(a, b, reach=reach, step=step, border=border)
    for i in range(2):
        least, best = brute_force(a[i], b[i], reach, step, border)
        error = ((moved.estimate[i] - moved.truth[i]) ** 2).sum()
        np.testing.assert_allclose(error, least, rtol=1e-9)
        np.testing.assert_allclose(moved.estimate[i], best, atol=1e-9)
    assert np.abs(moved.shift).max() <= reach
    inside = (slice(None), slice(None), slice(border, height - border), slice(border, width - border))
    np.testing.assert_array_equal(moved.truth, b[inside])


@given(seed=seeds, down=st.integers(-3, 3), right=st.integers(-3, 3), channels=st.sampled_from([1, 3]))
def test_a_shift_of_whole_pixels_is_undone(seed: int, down: int, right: int, channels: int) -> None:
    x = draw(seed, 1, channels, 21, 20)
    moved = shift_align(np.roll(x, (down, right), (2, 3)), x, reach=3.0, border=6)
    np.testing.assert_array_equal(moved.shift, [[down, right]])
    np.testing.assert_allclose(moved.estimate, moved.truth)
    shifted = np.roll(x, (down, right), (2, 3))
    assert np.isposinf(psnr_modulo_shift(shifted, x, reach=3.0, border=6)).all()


def test_a_shift_of_a_fraction_is_found_and_mostly_undone() -> None:
    x = smooth(0, 40)
    rows, columns = np.mgrid[:40, :40].astype(float)
    shifted = map_coordinates(x[0, 0], [rows - 1.25, columns + 0.5], order=3)[None, None]
    moved = shift_align(shifted, x, reach=2.0, border=6)
    np.testing.assert_array_equal(moved.shift, [[1.25, -0.5]])
    assert psnr(moved.estimate, moved.truth) > psnr(shifted, x) + 15


def test_of_shifts_that_fit_alike_the_smallest_is_taken() -> None:
    flat = np.ones((1, 1, 12, 12))
    np.testing.assert_array_equal(shift_align(flat, flat, reach=2.0, border=3).shift, [[0, 0]])


def test_figures_modulo_shift_are_those_of_the_middles() -> None:
    a, b = draw(0, 2, 3, 1, 30, 31)
    moved = shift_align(a, b, reach=2.0, border=4)
    np.testing.assert_array_equal(
        psnr_modulo_shift(a, b, 2.0, reach=2.0, border=4), psnr(moved.estimate, moved.truth, 2.0)
    )
    np.testing.assert_array_equal(
        ssim_modulo_shift(a, b, 2.0, reach=2.0, border=4), ssim(moved.estimate, moved.truth, 2.0)
    )
    inside = (..., slice(4, -4), slice(4, -4))
    assert (psnr_modulo_shift(a, b, reach=2.0, border=4) >= psnr(a[inside], b[inside])).all()


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gives_back_what_it_was_given(kind: str, dtype: str) -> None:
    arrays = [array.astype(dtype) for array in draw(0, 3, 2, 1, 12, 12)]
    if kind == "torch":
        arrays = [torch.from_numpy(array) for array in arrays]
    for figures in (
        per_pixel_error(*arrays[:2]),
        psnr_modulo_shift(*arrays[:2], reach=1.0, border=2),
        squared_error_ratio(*arrays, reach=1.0, border=2),
        spectral_error_ratio(*arrays, reach=1.0, border=2),
        shift_align(*arrays[:2], reach=1.0, border=2).shift,
    ):
        assert type(figures) is type(arrays[0])
        assert figures.dtype == arrays[0].dtype and figures.shape[0] == 2


@given(seed=seeds)
def test_both_error_ratios_are_their_definitions(seed: int) -> None:
    found, known, truth = draw(seed, 3, 2, 1, 12, 11)
    known = 0.7 * truth + 0.3 * known
    options = {"reach": 1.0, "step": 0.25, "border": 2}
    errors = [
        [brute_force(a, t, **options)[1] - t[:, 2:-2, 2:-2] for a, t in zip(batch, truth, strict=True)]
        for batch in (found, known)
    ]
    squared = [(a**2).sum() / (b**2).sum() for a, b in zip(*errors, strict=True)]
    spectral = [
        np.linalg.svd(a[0], compute_uv=False)[0] / np.linalg.svd(b[0], compute_uv=False)[0]
        for a, b in zip(*errors, strict=True)
    ]
    np.testing.assert_allclose(squared_error_ratio(found, known, truth, **options), squared, rtol=1e-9)
    np.testing.assert_allclose(spectral_error_ratio(found, known, truth, **options), spectral, rtol=1e-9)


def test_errors_alike_but_in_size_have_ratios_that_are_square_and_root() -> None:
    truth, error = draw(0, 2, 1, 1, 12, 12)
    known, found = truth + 0.01 * error, truth + 0.03 * error
    options = {"reach": 0.0, "border": 0}
    np.testing.assert_allclose(squared_error_ratio(found, known, truth, **options), [9])
    np.testing.assert_allclose(spectral_error_ratio(found, known, truth, **options), [3])
    np.testing.assert_allclose(squared_error_ratio(known, known, truth, **options), [1])


def test_the_per_pixel_error_is_the_norm_over_the_number_of_values() -> None:
    a, b = draw(0, 2, 2, 3, 4, 5)
    expected = [np.linalg.norm(x - y) / 60 for x, y in zip(a.reshape(2, -1), b.reshape(2, -1), strict=True)]
    np.testing.assert_allclose(per_pixel_error(a, b), expected)


def test_the_per_pixel_error_has_the_size_of_the_papers() -> None:
    """CelebA, blur A: Table 1 prints 23.5 dB and Table 3 an error of 0.000671 for like images."""
    decibels = 23.525
    error = np.sqrt(10 ** (-decibels / 10))
    figure = per_pixel_error(np.full((1, 3, 64, 64), error), np.zeros((1, 3, 64, 64)))
    np.testing.assert_allclose(figure, 0.000671, rtol=0.15)


def test_levins_blurry_images_fit_their_sharp_ones_up_to_a_shift(data_folder: Path) -> None:
    path = data_folder / "levin" / "im01_ker01.mat"
    if not path.is_file():
        pytest.skip(f"no {path}")
    arrays = scipy.io.loadmat(path)
    x, y = (np.asarray(arrays[key], np.float64)[None, None] for key in "xy")
    aligned = psnr_modulo_shift(y, x)
    assert aligned >= psnr(y[..., 15:-15, 15:-15], x[..., 15:-15, 15:-15])
    assert 15 < aligned < 35
    np.testing.assert_allclose(spectral_error_ratio(y, y, x), 1)


@pytest.mark.parametrize(
    "options", [{"reach": 6.0, "border": 5}, {"reach": -1.0}, {"step": 0.3}, {"step": 2.0}]
)
def test_impossible_grids_are_refused(options: dict[str, float]) -> None:
    images = draw(0, 2, 1, 1, 40, 40)
    with pytest.raises(InputError, match=r"reach|step") as error:
        shift_align(*images, **options)
    assert error.value.hint


def test_images_too_small_or_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="nothing left inside a border of 15"):
        shift_align(*draw(0, 2, 1, 1, 30, 40))
    with pytest.raises(ShapeError, match="channels, height, width"):
        shift_align(*draw(0, 2, 40))
    with pytest.raises(ShapeError, match="of one shape"):
        shift_align(draw(0, 1, 1, 40, 40), draw(0, 1, 1, 41, 40))
    with pytest.raises(ShapeError, match="3 channels"):
        spectral_error_ratio(*draw(0, 3, 3, 40, 40))
