"""Every public metric: the layouts agree, rows stay apart, and what cannot be meant is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import metrics
from invkit.errors import InputError, ShapeError
from invkit.metrics._arrays import pair
from tests.strategies import batches, seeds

MOVED = {"reach": 1, "step": 0.5, "border": 1}
CONVOLUTION = invkit.operator("circconv")


def ratio(metric: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Of the estimate, and of one half as wrong in place of the one by the true kernel."""
    return lambda a, b: [metric(a, (a + b) / 2, b, **MOVED)]


def compared(a: Any, b: Any, **options: Any) -> list[Any]:
    found = metrics.compare(CONVOLUTION, (a, a), (b, b), **options)
    return [*attrs.astuple(found.raw), *attrs.astuple(found.aligned)]


FIGURES: dict[str, Callable[..., list[Any]]] = {
    "psnr": lambda a, b, **options: [metrics.psnr(a, b, **options)],
    "ssim": lambda a, b, **options: [metrics.ssim(a, b, **options)],
    "psnr_modulo_shift": lambda a, b, **options: [metrics.psnr_modulo_shift(a, b, **MOVED, **options)],
    "ssim_modulo_shift": lambda a, b, **options: [metrics.ssim_modulo_shift(a, b, **MOVED, **options)],
    "compare": compared,
    "per_pixel_error": lambda a, b: [metrics.per_pixel_error(a, b)],
    "kernel_ncc": lambda a, b: [metrics.kernel_ncc(a, b)],
    "kernel_ncc_modulo_shift": lambda a, b: [metrics.kernel_ncc_modulo_shift(a, b)],
    "squared_error_ratio": ratio(metrics.squared_error_ratio),
    "spectral_error_ratio": ratio(metrics.spectral_error_ratio),
    "shift_align.shift": lambda a, b: [metrics.shift_align(a, b, **MOVED).shift],
}
SIGNALS: dict[str, Callable[..., list[Any]]] = {
    "align": lambda a, b: list(metrics.align(CONVOLUTION, (a, a), (b, b))),
    "shift_align": lambda a, b: [*attrs.astuple(metrics.shift_align(a, b, **MOVED))[:2]],
}
ALL = FIGURES | SIGNALS
COMPLEX_TOO = {"psnr", "per_pixel_error", "kernel_ncc", "compare", "align"}
WITH_PEAK = ["psnr", "ssim", "psnr_modulo_shift", "ssim_modulo_shift", "compare"]


def images(seed: int, n: int, channels: int = 1) -> np.ndarray:
    """Estimates and truths, the first far from theirs and the others near: a mean over rows would show."""
    a, b = np.random.default_rng(seed).random((2, n, channels, 13, 14))
    return np.stack([b + np.linspace(1, 0.1, n)[:, None, None, None] * (a - b), b])


def test_every_public_metric_is_here() -> None:
    classes = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    of_factors = {"abundance_rmse", "spectral_angle"}  # these compare matrices: test_metrics_factors.py
    assert {name.partition(".")[0] for name in ALL} == {*metrics.__all__} - classes - of_factors


@pytest.mark.parametrize("name", ALL)
@given(seed=seeds, n=batches, channels=st.sampled_from([1, 3]), torch_in=st.booleans())
def test_one_signal_has_the_figures_it_has_in_a_batch(
    name: str, seed: int, n: int, channels: int, torch_in: bool
) -> None:
    channels = 1 if name == "spectral_error_ratio" else channels
    arrays = images(seed, n, channels)
    a, b = map(torch.from_numpy, arrays) if torch_in else arrays
    for whole, *parts in zip(ALL[name](a, b), *(ALL[name](a[i], b[i]) for i in range(n)), strict=True):
        assert len(whole) == n
        for row, part in zip(whole, parts, strict=True):
            assert type(part) is type(a) and part.shape == row.shape and part.dtype == a.dtype
            np.testing.assert_allclose(part, row, rtol=1e-9, atol=1e-12)
    if channels == 1:
        for part, plain in zip(ALL[name](a[0], b[0]), ALL[name](a[0, 0], b[0, 0]), strict=True):
            assert plain.ndim == (2 if name in SIGNALS else part.ndim)
            np.testing.assert_allclose(plain, part.reshape(plain.shape), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_nan_stays_in_its_row(name: str) -> None:
    a, b = images(0, 3)
    clean = ALL[name](a, b)
    a[1, 0, 6, 6] = np.nan
    for index, (before, after) in enumerate(zip(clean, ALL[name](a, b), strict=True)):
        np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], rtol=1e-12)
        is_truth = name == "shift_align" and index == 1
        assert np.isnan(after[1]).any() != is_truth


@pytest.mark.parametrize("name", ALL)
def test_the_other_library_for_the_truth(name: str) -> None:
    a, b = images(0, 2)
    truth = torch.from_numpy(b).requires_grad_()
    if name.endswith("ratio"):  # they add the two
        with pytest.raises(ShapeError, match="one shape"):
            getattr(metrics, name)(a, truth[:1], truth, **MOVED)
        metric = getattr(metrics, name)
        np.testing.assert_allclose(metric(a, truth * 0.9, truth, **MOVED), metric(a, b * 0.9, b, **MOVED))
        return
    for mixed, same in zip(ALL[name](a, truth), ALL[name](a, b), strict=True):
        assert isinstance(mixed, np.ndarray)
        np.testing.assert_array_equal(mixed, same)


# Known values ------------------------------------------------------------------------------------------


def test_psnr_of_one_image_is_not_a_mean_over_its_rows() -> None:
    a, b = images(0, 1)[:, 0, 0]
    b[:6] = a[:6] + 1e-3
    np.testing.assert_allclose(metrics.psnr(a, b), -10 * np.log10(((a - b) ** 2).mean()))


@pytest.mark.parametrize("name", WITH_PEAK)
@pytest.mark.parametrize("dtype, peak", [("uint8", 255), ("uint16", 65535), ("int64", 1000), ("bool", 1)])
def test_integers_are_their_fractions_of_the_peak(name: str, dtype: str, peak: int) -> None:
    whole = np.round(images(0, 2).clip(0, 1) * peak).astype(dtype)
    fractions = whole.astype(np.float64) / peak
    for kind, result in ((np.asarray, np.float32), (torch.from_numpy, torch.float32)):
        a, b = map(kind, whole)
        for found, expected in zip(ALL[name](a, b, peak=peak), ALL[name](*fractions), strict=True):
            assert found.dtype == result
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        with pytest.raises(InputError, match="peak=255"):
            ALL[name](a, b)


def test_metrics_without_a_peak_take_integers_as_they_are() -> None:
    whole = np.random.default_rng(0).integers(0, 256, (3, 2, 1, 13, 14), np.uint8)
    double = whole.astype(np.float64)
    for name in ("per_pixel_error", "kernel_ncc", "kernel_ncc_modulo_shift", *SIGNALS):
        for found, expected in zip(ALL[name](*whole[:2]), ALL[name](*double[:2]), strict=True):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=1e-5)
    for metric in (metrics.squared_error_ratio, metrics.spectral_error_ratio):
        np.testing.assert_allclose(metric(*whole, **MOVED), metric(*double, **MOVED), rtol=1e-5)


# Kernels of different size -----------------------------------------------------------------------------


@given(seed=seeds, size=st.tuples(st.integers(1, 8), st.integers(1, 8)), channels=st.sampled_from([1, 3]))
def test_kernels_that_blur_alike_are_equal_whatever_their_support(
    seed: int, size: tuple[int, int], channels: int
) -> None:
    kernel = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    point = torch.zeros(2, channels, 9, 8, dtype=torch.float64)
    point[..., 4, 4] = 1
    blurred = CONVOLUTION(kernel, point)  # the kernel on the support of the image
    kernel = kernel.expand(-1, channels, -1, -1)
    ones = torch.ones(2, dtype=torch.float64)
    for metric in (metrics.kernel_ncc, metrics.kernel_ncc_modulo_shift):
        torch.testing.assert_close(metric(kernel, blurred), ones)
        torch.testing.assert_close(metric(blurred[0], kernel[0]), ones[0])


def test_supports_that_neither_contains_the_other() -> None:
    row, column = np.ones((1, 5)), np.ones((4, 1))
    np.testing.assert_allclose(metrics.kernel_ncc(row, column), 1 / np.sqrt(20))
    np.testing.assert_allclose(metrics.kernel_ncc(row[0], np.ones(2), dims=1), 2 / np.sqrt(10))
    far = np.zeros(9)
    far[8] = 1
    assert metrics.kernel_ncc(np.ones(3), far, dims=1) == 0
    np.testing.assert_allclose(metrics.kernel_ncc_modulo_shift(np.ones(3), far, dims=1), 1 / np.sqrt(3))


def test_comparison_of_kernels_of_different_size() -> None:
    x, (kernel,) = images(1, 2)[1], np.random.default_rng(0).random((1, 2, 1, 3, 3))
    larger = np.pad(kernel, ((0, 0), (0, 0), (2, 2), (2, 2)))
    moved = np.roll(x, (2, -1), (2, 3))
    elsewhere = np.roll(larger, (-2, 1), (2, 3))
    np.testing.assert_allclose(metrics.compare(CONVOLUTION, (kernel, x), (larger, x)).raw.kernel_ncc, 1)
    # the estimate's own support has no room for the shift, the common one has
    found = metrics.compare(CONVOLUTION, (kernel, x), (elsewhere, moved))
    np.testing.assert_allclose(found.aligned.kernel_ncc, 1)
    assert (found.raw.kernel_ncc < 0.9).all()
    w, _ = metrics.align(CONVOLUTION, (kernel[0], x[0]), (elsewhere[0], moved[0]))
    np.testing.assert_allclose(w, elsewhere[0])


def test_unknowns_of_different_size_that_measure_differently_are_refused() -> None:
    w, x = np.ones((1, 1, 5, 2)), np.ones((1, 1, 2, 4))
    with pytest.raises(ShapeError, match="measure x differently"):
        metrics.compare(invkit.operator("matmul"), (w[:, :, 1:], x), (w, x))


# Modulo an operator's ambiguities, whatever axes its unknowns have ---------------------------------------


@pytest.mark.parametrize(
    "spec, w_shape, x_shape",
    [("circconv?dims=1", (3,), (9,)), ("pointwise?dims=1", (9,), (9,)), ("outer", (3,), (5,))],
)
def test_signals_of_one_axis_are_compared_as_their_operator_has_them(
    spec: str, w_shape: tuple[int, ...], x_shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    w, x = rng.random((2, 3, 1, *w_shape)), rng.random((2, 3, 1, *x_shape))
    whole = metrics.compare(invkit.operator(spec), (w[0], x[0]), (w[1], x[1]))
    alone = metrics.compare(invkit.operator(spec), (w[0, 1, 0], x[0, 1, 0]), (w[1, 1, 0], x[1, 1, 0]))
    for many, one in [(whole.raw, alone.raw), (whole.aligned, alone.aligned)]:
        assert many.ssim is one.ssim is None and many.psnr.shape == (3,) and one.psnr.shape == ()
        np.testing.assert_allclose(one.psnr, many.psnr[1])
        np.testing.assert_allclose(one.kernel_ncc, many.kernel_ncc[1])
    np.testing.assert_allclose(whole.raw.kernel_ncc, metrics.kernel_ncc(w[0], w[1], dims=1))


def test_what_a_pipeline_gives_back_for_one_image() -> None:
    pipeline = invkit.compose("circconv", ["simplex?size=3", "identity"], "altgd?steps=1,restarts=1")
    truth = images(0, 1)[1, 0, 0].astype(np.float32), np.ones((3, 3), np.float32) / 9
    solution = pipeline(truth[0])
    found = metrics.compare(pipeline.operator, (solution.w, solution.x), truth[::-1]).raw
    assert found.psnr.shape == found.kernel_ncc.shape == ()
    np.testing.assert_allclose(found.psnr, -10 * np.log10(((solution.x - truth[0]) ** 2).mean()), rtol=1e-5)


# Bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_arrays_that_are_no_signals(name: str) -> None:
    for shape in [(13,), (1, 1, 1, 13, 14), (0, 1, 13, 14), (13, 0)]:
        with pytest.raises(
            ShapeError, match=r"\(height, width\), \(channels, height, width\) or \(n, channels.*dims"
        ):
            ALL[name](np.ones(shape), np.ones(shape))


@pytest.mark.parametrize("name", ALL)
def test_values_that_are_no_numbers_of_one_unit(name: str) -> None:
    a, b = images(0, 2)
    for kind in (np.asarray, torch.from_numpy):
        if name in COMPLEX_TOO:
            for found, plain in zip(ALL[name](kind(a + 0j), kind(b + 0j)), ALL[name](a, b), strict=True):
                if found is not None and name != "compare":  # which has no SSIM, and another scaling
                    np.testing.assert_allclose(np.asarray(found), plain, atol=1e-12)
            continue
        with pytest.raises(InputError, match="real numbers"):
            ALL[name](kind(a + 0j), kind(b + 0j))
    if not name.endswith("ratio"):
        with pytest.raises(InputError, match="convert both"):
            ALL[name](a, (255 * b).astype(np.uint8))


def test_complex_signals_are_compared_modulo_a_complex_scale() -> None:
    rng = np.random.default_rng(0)
    w, x = (rng.standard_normal((1, 1, 8)) + 1j * rng.standard_normal((1, 1, 8)) for _ in range(2))
    found, truth = (w * 2j, x / 2j), (w, x)
    comparison = metrics.compare(invkit.operator("pointwise?dims=1"), found, truth)
    assert comparison.raw.psnr < 20 < 200 < comparison.aligned.psnr
    assert comparison.raw.kernel_ncc == pytest.approx(1)
    assert comparison.raw.ssim is None
    aligned = metrics.align(invkit.operator("circconv?dims=1"), found, truth)
    np.testing.assert_allclose(aligned[1], x, atol=1e-9)


def test_dims_and_arguments_that_cannot_be() -> None:
    a, b = images(0, 2)
    for name in ("psnr", "per_pixel_error", "kernel_ncc", "kernel_ncc_modulo_shift"):
        metric = getattr(metrics, name)
        with pytest.raises(InputError, match="dims=1"):
            metric(a, b, dims=4)
        with pytest.raises(ShapeError, match=r"\(length\), \(channels, length\) or \(n, channels, length\)"):
            metric(a, b, dims=1)
    with pytest.raises(InputError, match="masked entries"):
        metrics.psnr(np.ma.masked_greater(a, 0.5), b)
    for other in ([[0.5]], "picture.png", None):
        with pytest.raises(InputError, match="tensor or a numpy array"):
            pair(other, a)  # in the tests, run-time checks of types come before a metric's own


@pytest.mark.wrong_types
def test_what_is_no_pair_is_refused() -> None:
    x = np.ones((13, 14))
    solution = invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], "altgd?steps=1,restarts=1")(x)
    operator, pair_ = invkit.operator("circconv"), (solution.w, solution.x)
    for compare in (metrics.compare, metrics.align):
        with pytest.raises(InputError, match=r"estimate must be a pair.*write \(estimate\.w, estimate\.x\)"):
            compare(operator, solution, pair_)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"truth must be a pair \(w, x\), got ndarray"):
            compare(operator, pair_, x)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="the truth has no w"):
            compare(operator, pair_, (None, x))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="must be an operator, got str"):
            compare("circconv", pair_, pair_)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"of a solution give \.x or \.w"):
        metrics.psnr(solution, x)  # type: ignore[type-var]
    with pytest.raises(InputError, match="estimate must be a pair"):
        metrics.abundance_rmse(x, (x, x))  # type: ignore[arg-type]
