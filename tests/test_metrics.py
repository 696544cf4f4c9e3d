"""Metrics: against the definitions, the published figures, and what they must be blind to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import signal

from invkit.contracts.ambiguity import Ambiguity, Scaling
from invkit.contracts.bilinear import BilinearOperator
from invkit.errors import InputError, ShapeError
from invkit.metrics import align, compare, kernel_ncc, kernel_ncc_modulo_shift, per_pixel_error, psnr, ssim

METRICS = [psnr, ssim, kernel_ncc, kernel_ncc_modulo_shift]
UNIT = st.floats(0, 1, width=32)
SHAPES = st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.integers(11, 15), st.integers(11, 15))
IMAGES = SHAPES.flatmap(lambda shape: hnp.arrays(np.float32, (2, *shape), elements=UNIT))
KERNELS = st.tuples(st.integers(1, 3), st.just(1), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: hnp.arrays(np.float64, (2, *shape), elements=st.floats(0.0, 1.0, width=16))
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wang_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """The definition, on one channel, with a dense window and no shortcut."""
    g = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(g, g) / np.outer(g, g).sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return signal.convolve2d(values, window, mode="valid")

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return float(((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


# Against the definitions -------------------------------------------------------------------------------


@given(IMAGES)
def test_ssim_is_wangs(pair: np.ndarray) -> None:
    a, b = pair.astype(np.float64)
    expected = [
        np.mean([wang_ssim(p, q) for p, q in zip(x, y, strict=True)]) for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b), expected, atol=1e-9)


@given(IMAGES)
def test_psnr_is_its_definition(pair: np.ndarray) -> None:
    a, b = pair.astype(np.float64)
    with np.errstate(divide="ignore"):
        expected = [10 * np.log10(1 / np.mean((x - y) ** 2)) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(psnr(a, b), expected)


@given(KERNELS)
def test_ncc_modulo_shift_is_the_maximum_over_all_shifts(pair: np.ndarray) -> None:
    a, b = pair
    for x, y, result in zip(a, b, kernel_ncc_modulo_shift(a, b), strict=True):
        norms = np.linalg.norm(x) * np.linalg.norm(y)
        expected = signal.correlate2d(x[0], y[0], mode="full").max() / norms if norms else 0.0
        np.testing.assert_allclose(result, expected, atol=1e-9)


PUBLISHED = [  # data/README: PSNR and SSIM of what the paper's authors published, their means
    ("svhn", "y", 19.97, 0.429),
    ("svhn", "x_range", 30.02, 0.932),
    ("svhn", "x_hat_alg1", 24.54, 0.828),
    ("celeba", "y", 19.89, 0.581),
    ("celeba", "x_range", 24.38, 0.753),
    ("celeba", "x_hat_alg1", 21.05, 0.648),
    ("celeba", "x_hat_alg2", 27.02, 0.857),
    ("shoes", "y", 18.13, 0.606),
    ("shoes", "x_range", 23.88, 0.816),
    ("shoes", "x_hat_alg1", 21.41, 0.757),
    ("shoes", "x_hat_alg2", 27.35, 0.897),
]


@pytest.mark.parametrize("name, array, decibels, similarity", PUBLISHED)
def test_published_figures_are_met(
    data_folder: Path, name: str, array: str, decibels: float, similarity: float
) -> None:
    path = data_folder / "asim2020" / f"{name}_dev.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as arrays:
        estimate, truth = (np.moveaxis(arrays[key], -1, 1) / 255.0 for key in (array, "x"))
    # Half a unit of the last digit given, and a hair for a figure that lies on the edge.
    assert abs(psnr(estimate, truth).mean() - decibels) <= 0.00501
    assert abs(ssim(estimate, truth).mean() - similarity) <= 0.000501


# Invariances -------------------------------------------------------------------------------------------


@given(IMAGES)
def test_equal_images_and_symmetry(pair: np.ndarray) -> None:
    a, b = pair
    assert np.isposinf(psnr(a, a)).all()
    np.testing.assert_allclose(ssim(a, a), 1, atol=1e-6)
    for metric in (psnr, ssim, kernel_ncc):
        np.testing.assert_allclose(metric(a, b), metric(b, a), rtol=1e-5)
    assert (np.abs(ssim(a, b)) <= 1 + 1e-6).all()


@given(IMAGES, st.floats(0.5, 300))
def test_the_unit_of_intensity_does_not_matter(pair: np.ndarray, peak: float) -> None:
    a, b = pair.astype(np.float64)
    np.testing.assert_allclose(psnr(peak * a, peak * b, peak), psnr(a, b), rtol=1e-6)
    np.testing.assert_allclose(ssim(peak * a, peak * b, peak), ssim(a, b), atol=1e-7)


@given(KERNELS, st.floats(1e-3, 1e3))
def test_ncc_is_blind_to_positive_scale(pair: np.ndarray, scale: float) -> None:
    a, b = pair
    for metric in (kernel_ncc, kernel_ncc_modulo_shift):
        np.testing.assert_allclose(metric(scale * a, b), metric(a, b), atol=1e-9)
    present = (a != 0).any((1, 2, 3))
    np.testing.assert_allclose(kernel_ncc(scale * a, a), present.astype(float), atol=1e-9)
    np.testing.assert_allclose(kernel_ncc(-a, a), -present.astype(float), atol=1e-9)
    assert (kernel_ncc_modulo_shift(a, b) >= kernel_ncc(a, b) - 1e-9).all()


@given(st.integers(-2, 2), st.integers(-2, 2), st.sampled_from([1, 3]))
def test_ncc_modulo_shift_is_blind_to_shift(down: int, right: int, channels: int) -> None:
    kernel = torch.zeros(2, channels, 9, 8, dtype=torch.float64)
    kernel[..., 2:-2, 2:-2] = random(2, channels, 5, 4)
    moved = kernel.roll((down, right), (2, 3))
    torch.testing.assert_close(kernel_ncc_modulo_shift(moved, kernel), torch.ones(2, dtype=torch.float64))
    if (down, right) != (0, 0):
        assert (kernel_ncc(moved, kernel) < 0.999).all()


def test_shifts_do_not_wrap_around() -> None:
    left, right = torch.zeros(1, 1, 1, 8), torch.zeros(1, 1, 1, 8)
    left[..., 0], right[..., 0] = 1, 1
    left[..., 1], right[..., 7] = 1, 1  # neighbours on a circle only
    assert kernel_ncc_modulo_shift(left, right).item() == pytest.approx(0.5)


def test_one_dimensional_signals() -> None:
    a, b = random(2, 1, 9), random(2, 1, 9, seed=1)
    for metric in (psnr, per_pixel_error, kernel_ncc, kernel_ncc_modulo_shift):
        torch.testing.assert_close(metric(a, b, dims=1), metric(a[:, :, None], b[:, :, None]))
        torch.testing.assert_close(metric(a[0, 0], b[0, 0], dims=1), metric(a, b, dims=1)[0])


@pytest.mark.parametrize("metric", METRICS)
def test_batch_equals_loop(metric: Any) -> None:
    a, b = random(3, 3, 12, 13), random(3, 3, 12, 13, seed=1)
    torch.testing.assert_close(
        metric(a, b), torch.cat([metric(a[i : i + 1], b[i : i + 1]) for i in range(3)])
    )


@pytest.mark.parametrize("metric", METRICS)
def test_kind_and_dtype_follow_the_input(metric: Any) -> None:
    a, b = random(2, 1, 12, 12), random(2, 1, 12, 12, seed=1)
    for dtype in (torch.float32, torch.float64, torch.float16):
        result = metric(a.to(dtype), b.to(dtype))
        assert isinstance(result, torch.Tensor) and result.dtype == dtype and result.shape == (2,)
    for kind in (np.float32, np.float64):
        array = metric(a.numpy().astype(kind), b.numpy().astype(kind))
        assert isinstance(array, np.ndarray) and array.dtype == kind
    frozen = a.numpy()[:, :, ::-1]
    frozen.flags.writeable = False
    np.testing.assert_allclose(metric(frozen, b.numpy()), metric(a.flip(2), b).numpy())


def test_zero_kernels_agree_with_nothing() -> None:
    zero, one = torch.zeros(1, 1, 3, 3), torch.ones(1, 1, 3, 3)
    for metric in (kernel_ncc, kernel_ncc_modulo_shift):
        assert metric(zero, one).item() == metric(zero, zero).item() == 0


# Bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_shapes_that_do_not_fit(metric: Any) -> None:
    for a, b in [((2, 1, 12, 12), (1, 1, 12, 12)), ((2, 3, 12, 12), (2, 1, 12, 12)), ((12, 12), (1, 12, 12))]:
        with pytest.raises(ShapeError, match="one shape"):
            metric(torch.zeros(a), torch.zeros(b))


def test_ssim_needs_an_image_of_11_pixels() -> None:
    assert ssim(torch.zeros(1, 1, 11, 11), torch.zeros(1, 1, 11, 11)).item() == 1
    for shape in [(1, 1, 10, 20), (20, 10), (1, 1, 20)]:
        with pytest.raises(ShapeError, match="11×11"):
            ssim(torch.zeros(shape), torch.zeros(shape))


def test_a_shift_needs_axes() -> None:
    with pytest.raises(ShapeError, match="shift"):
        kernel_ncc_modulo_shift(torch.zeros(2, 3), torch.zeros(2, 3), dims=0)


@pytest.mark.parametrize("peak", [0, -1.0, float("nan"), float("inf")])
def test_peak_must_be_positive(peak: float) -> None:
    image = torch.zeros(1, 1, 11, 11)
    for metric in (psnr, ssim):
        with pytest.raises(InputError, match="peak"):
            metric(image, image, peak)


# Modulo the operator's ambiguities ---------------------------------------------------------------------


class Pair(Ambiguity):
    """Roll w one way and x the other, by one shift for the whole batch."""

    name = "roll"

    def sample(self, w: torch.Tensor, x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.randint(-3, 4, (w.shape[0],), generator=rng)

    def act(
        self, w: torch.Tensor, x: torch.Tensor, parameter: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        moved = [(a.roll(int(s), -1), b.roll(-int(s), -1)) for a, b, s in zip(w, x, parameter, strict=True)]
        return torch.stack([a for a, _ in moved]), torch.stack([b for _, b in moved])

    def align(
        self, w: torch.Tensor, x: torch.Tensor, w_true: torch.Tensor, x_true: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        correlation = torch.stack([(x.roll(-s, -1) * x_true).flatten(1).sum(1) for s in range(x.shape[-1])])
        return self.act(w, x, correlation.argmax(0))


class Convolution(BilinearOperator):
    """Circular convolution along the last axis of signals of one size."""

    ambiguities = (Pair(), Scaling())

    def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft(torch.fft.rfft(w) * torch.fft.rfft(x), x.shape[-1])

    def output_shape(self, w_shape: tuple[int, ...], x_shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(x_shape)


@given(st.floats(0.2, 5), st.integers(0, 2**16), st.permutations([Pair(), Scaling()]))
def test_alignment_undoes_exactly_what_the_measurement_cannot_tell(
    scale: float, seed: int, ambiguities: list[Ambiguity]
) -> None:
    operator = Convolution()
    operator.ambiguities = tuple(ambiguities)
    w, x = random(3, 1, 12, 12, seed=seed), random(3, 1, 12, 12, seed=seed + 1)
    shift = Pair().sample(w, x, torch.Generator().manual_seed(seed))
    w_hat, x_hat = Pair().act(w * scale, x / scale, shift)
    torch.testing.assert_close(operator(w_hat, x_hat), operator(w, x))
    w_back, x_back = align(operator, (w_hat, x_hat), (w, x))
    torch.testing.assert_close(w_back, w)
    torch.testing.assert_close(x_back, x)
    comparison = compare(operator, (w_hat, x_hat), (w, x))
    assert set(comparison.modulo) == {"roll", "scaling"}
    assert (comparison.aligned.psnr > 100).all() and comparison.aligned.ssim is not None
    torch.testing.assert_close(comparison.aligned.ssim, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(comparison.aligned.kernel_ncc, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(comparison.raw.psnr, psnr(x_hat, x))
    torch.testing.assert_close(comparison.raw.ssim, ssim(x_hat, x))
    torch.testing.assert_close(comparison.raw.kernel_ncc, kernel_ncc(w_hat, w))


def test_an_operator_without_ambiguities_aligns_nothing() -> None:
    operator = Convolution()
    operator.ambiguities = ()
    w, x = random(1, 1, 12, 12), random(1, 1, 12, 12, seed=1)
    comparison = compare(operator, (w, 2 * x), (w, x))
    assert comparison.modulo == ()
    torch.testing.assert_close(comparison.aligned.psnr, comparison.raw.psnr)


def test_numpy_in_numpy_out_and_no_ssim_below_its_window() -> None:
    w, x = random(2, 1, 6, 6).float().numpy(), random(2, 1, 6, 6, seed=1).float().numpy()
    before = w.copy(), x.copy()
    aligned = align(Convolution(), (2 * w, x / 2), (w, x))
    assert all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in aligned)
    np.testing.assert_allclose(aligned[1], x, rtol=1e-5)
    comparison = compare(Convolution(), (w, x), (w, x))
    assert comparison.raw.ssim is None and comparison.aligned.ssim is None
    assert isinstance(comparison.raw.psnr, np.ndarray)
    np.testing.assert_array_equal(before, (w, x))


def test_pairs_that_do_not_fit() -> None:
    w, x = random(2, 1, 12, 12), random(2, 1, 12, 12)
    for estimate in [(w[:1], x), (w, x[:, :, 1:])]:
        for function in (align, compare):
            with pytest.raises(ShapeError, match="one shape"):
                function(Convolution(), estimate, (w, x))
    with pytest.raises(ShapeError, match="2 of w and 1 of x"):
        align(Convolution(), (w, x[:1]), (w, x[:1]))
    with pytest.raises(InputError, match="peak"):
        compare(Convolution(), (w, x), (w, x), peak=0)
