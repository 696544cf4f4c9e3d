"""The steps against dense references, and against the truth where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit_photographs._fourier import (
    centre_of,
    differences,
    differences_adjoint,
    forward,
    inverse,
    laplacian_spectrum,
    transfer_function,
)
from invkit_photographs.final import Last, bilateral, total_variation
from invkit_photographs.kernel_step import (
    enlarged,
    estimate_kernel,
    gradient_threshold,
    gradients,
    pruned,
    recentred,
    strong_gradients,
)
from invkit_photographs.latent_step import inside, latent_step, sparse_gradients
from invkit_photographs.pyramid import reduced, supports

sizes = st.tuples(st.integers(4, 9), st.integers(4, 9))
seeds = st.integers(0, 99)


def draw(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def rectangles(seed: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((side, side), 0.05)
    for _ in range(25):
        top, left = rng.integers(0, side - side // 5, 2)
        image[top : top + rng.integers(3, side // 5), left : left + rng.integers(3, side // 5)] = rng.random()
    return image


def blurred(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    size = (image.shape[0], image.shape[1])
    return inverse(transfer_function(kernel, size) * forward(image), size)


def curved() -> np.ndarray:
    kernel = np.zeros((9, 9))
    kernel[[2, 3, 4, 5, 5, 6], [2, 3, 3, 4, 5, 6]] = [0.1, 0.2, 0.2, 0.2, 0.2, 0.1]
    return kernel


@given(sizes, seeds)
def test_adjoints(size: tuple[int, int], seed: int) -> None:
    image, h, v, kernel = draw(seed, *size), draw(seed + 1, *size), draw(seed + 2, *size), draw(seed, 3, 3)
    dx, dy = differences(image)
    assert (dx * h + dy * v).sum() == pytest.approx((image * differences_adjoint(h, v)).sum(), abs=1e-9)
    applied = inverse(laplacian_spectrum(size, image.dtype) * forward(image), size)
    np.testing.assert_allclose(applied, differences_adjoint(dx, dy), atol=1e-9)
    padded = inverse(transfer_function(kernel, size), size)
    assert (padded * image).sum() == pytest.approx((kernel * centre_of(image, (3, 3))).sum(), abs=1e-9)


def test_the_kernel_step_finds_the_kernel_from_the_sharp_image() -> None:
    image, kernel = rectangles(0, 64), curved()
    edges = [gradients(each, wrap=True) for each in (blurred(image, kernel), image)]
    found = estimate_kernel(forward(edges[0]), edges[1], (9, 9), weight=1e-3)
    assert np.abs(found - kernel).max() < 0.01 and found.sum() == pytest.approx(1)


@pytest.mark.parametrize("side", [20, 64])
def test_the_kernel_step_is_the_same_by_a_matrix_and_by_the_dft(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = draw(0, 2, side, side), draw(1, 2, side, side)
    found = []
    for largest in (13 * 11, 13 * 11 - 1):
        monkeypatch.setattr("invkit_photographs.kernel_step.LARGEST_MATRIX", largest)
        found.append(estimate_kernel(forward(edges[0]), edges[1], (13, 11), weight=2.0))
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)


def test_thresholds_leave_enough_of_every_direction() -> None:
    edges = draw(1, 2, 63, 63) / 10
    threshold = gradient_threshold(edges, 5)
    strong, following = strong_gradients(edges, threshold)
    kept = (strong != 0).any(0)
    assert np.array_equal(kept, (edges**2).sum(0) >= threshold) and following == threshold / 1.1
    counts = np.bincount((np.arctan2(edges[1], edges[0]) % np.pi // (np.pi / 4)).astype(int)[kept])
    assert len(counts) == 4 and counts.min() >= 100 and counts.min() < 105
    assert gradient_threshold(edges * 0, 5) == 0, "nothing there"
    small = draw(1, 2, 16, 16) / 10
    assert 35 <= ((small**2).sum(0) >= gradient_threshold(small, 5)).sum() <= 100, "of 256, not all"
    weak, _ = strong_gradients(edges * 1e-3, 1.0)
    assert (weak != 0).any(), "a threshold that nothing reaches is lowered"


def test_pruning_and_recentring() -> None:
    kernel = np.zeros((9, 9))
    kernel[0, 0:3] = 0.3
    kernel[8, 8], kernel[5, 5] = 0.05, -1.0
    clean = pruned(kernel)
    assert clean.min() == 0 and clean[8, 8] == 0 and clean.sum() == pytest.approx(1)
    middle = recentred(clean)
    assert middle[4, 3:6] == pytest.approx(np.full(3, 1 / 3))
    lost = np.zeros((5, 5))
    assert pruned(lost)[2, 2] == 1 and pruned(lost).sum() == 1


def test_enlarging_keeps_the_middle() -> None:
    larger = enlarged(curved(), (13, 13), 2**0.5)
    assert larger.shape == (13, 13) and larger.min() >= 0 and larger.sum() == pytest.approx(1)
    rows, columns = np.indices((9, 9)) - 4, np.indices((13, 13)) - 6
    small, large = ((curved() * rows).sum((1, 2)), (larger * columns).sum((1, 2)))
    np.testing.assert_allclose(large, small * 2**0.5, atol=0.3)


def test_the_pyramid_ends_at_five_pixels() -> None:
    found = supports((27, 27), (255, 255))
    assert found == [(27, 27), (21, 21), (15, 15), (11, 11), (7, 7)]
    assert supports((5, 5), (99, 99)) == [(5, 5)]
    # A kernel as large as the image is cut to what its gradients can tell.
    assert all(
        k < n for pair in supports((27, 27), (28, 28))[:1] for k, n in zip(pair, (28, 28), strict=True)
    )


@pytest.mark.parametrize("wrap", [True, False])
def test_reduced_images_keep_their_mean(wrap: bool) -> None:
    image = rectangles(2, 60)
    small = reduced(image, 0.5, wrap=wrap)
    assert small.shape == (30, 30) and small.mean() == pytest.approx(image.mean(), abs=0.01)
    assert reduced(image, 1.0, wrap=wrap) is image


@pytest.mark.parametrize("dark", [0.0, 4e-3])
def test_the_image_step_undoes_a_known_blur(dark: float) -> None:
    image, kernel = rectangles(3, 64), curved()
    y = blurred(image, kernel)
    x = latent_step(y, kernel, dark=dark, gradient=4e-3, patch=9)
    assert np.square(x - image).mean() < 0.3 * np.square(y - image).mean()
    # Few gradients are left: that is what it asks for.
    steps = np.abs(differences(sparse_gradients(y, kernel, 4e-3))[0])
    assert (steps > 1e-2).mean() < 0.6 * (np.abs(differences(y)[0]) > 1e-2).mean()


def test_total_variation_is_at_its_minimum() -> None:
    """No change of the result lowers the objective: moves towards the truth, the blurry image, anywhere."""
    image, kernel = rectangles(4, 32), curved()
    y = blurred(image, kernel) + 0.01 * draw(0, 32, 32)

    def objective(x: np.ndarray) -> float:
        h, v = differences(x)
        return 0.5 * np.square(blurred(x, kernel) - y).sum() + 2e-3 * (np.abs(h) + np.abs(v)).sum()

    found = total_variation(y, (32, 32), kernel, 2e-3, iterations=1500)
    for other in (image, y, found + 0.1 * draw(1, 32, 32), np.full_like(y, y.mean())):
        for step in (1e-3, 1e-2, 0.1):
            assert objective(found + step * (other - found)) > objective(found) - 1e-6
    # The iterations that the method takes come within a percent of it.
    assert objective(total_variation(y, (32, 32), kernel, 2e-3)) < 1.01 * objective(found)


def test_the_bilateral_filter_keeps_edges_and_smooths_noise() -> None:
    image = np.where(np.arange(40) < 20, 0.0, 1.0) * np.ones((40, 1))
    noise = 0.02 * draw(0, 40, 40)
    assert np.abs(bilateral(image, 3.0, 0.1) - image).max() < 1e-9
    assert bilateral(image + noise, 3.0, 0.1)[:, 25:35].std() < 0.4 * noise[:, 25:35].std()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_final_deconvolution_beats_the_measurement(dtype: type) -> None:
    image, kernel = rectangles(5, 48), curved()
    y = (blurred(image, kernel) + 0.005 * draw(0, 48, 48)).astype(dtype)
    x = Last(tv=1e-3, sparse=5e-4).deconvolve(y, (48, 48), kernel.astype(dtype), y)
    assert x.dtype == dtype and np.square(x - image).mean() < 0.2 * np.square(y - image).mean()


def test_what_lies_beyond_the_border_is_not_taken_for_measured() -> None:
    """The measured part of a larger scene: up to its very border the picture comes back."""
    scene, kernel = rectangles(6, 80), curved()
    y, truth = blurred(scene, kernel)[8:72, 8:72], scene[8:72, 8:72]
    x = total_variation(y, (80, 80), kernel, 1e-4)[:64, :64]
    taken = total_variation(y, (64, 64), kernel, 1e-4)
    rim = np.ones((64, 64), bool)
    rim[6:-6, 6:-6] = False
    assert np.square(x - truth)[rim].mean() < 0.3 * np.square(taken - truth)[rim].mean()
    assert np.square(x - truth)[~rim].mean() < 0.1 * np.square(y - truth)[~rim].mean()


def test_pixels_near_the_border_may_be_left_alone() -> None:
    ones, zeros = np.ones((5, 6)), np.zeros((5, 6))
    assert inside(ones, zeros, 2).sum() == 2 and inside(ones, zeros, 0).sum() == 30
    assert inside(ones, zeros, 3).sum() == 0
