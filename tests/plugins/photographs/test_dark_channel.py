"""The dark channel by brute force, and the prior that is made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import InputError, ShapeError
from invkit.testing import check_generator
from invkit_photographs.dark_channel import dark_channel, otsu, patch_for, without_dark

sides = st.integers(3, 9)
patches = st.sampled_from([1, 3, 5, 35])


def _patches(image: np.ndarray, patch: int) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """The pixels of every patch, wrapping around; no patch is larger than the image."""
    reach = [min(patch, length - 1 + length % 2) // 2 for length in image.shape]
    return {
        (i, j): [
            ((i + a) % image.shape[0], (j + b) % image.shape[1])
            for a in range(-reach[0], reach[0] + 1)
            for b in range(-reach[1], reach[1] + 1)
        ]
        for i in range(image.shape[0])
        for j in range(image.shape[1])
    }


@given(sides, sides, patches, st.floats(0.0, 0.3), st.integers(0, 99))
def test_dark_pixels_are_the_minima_of_patches(
    height: int, width: int, patch: int, threshold: float, seed: int
) -> None:
    image = np.random.default_rng(seed).random((height, width))
    expected_minima, expected = np.empty_like(image), image.copy()
    for place, pixels in _patches(image, patch).items():
        darkest = min(pixels, key=lambda pixel: image[pixel])
        expected_minima[place] = image[darkest]
        if image[darkest] ** 2 < threshold:
            expected[darkest] = 0
    np.testing.assert_array_equal(dark_channel(image, patch), expected_minima)
    np.testing.assert_array_equal(without_dark(image, patch, threshold), expected)


def test_the_patch_follows_the_image() -> None:
    assert [patch_for((side, 300)) for side in (8, 28, 32, 64, 128, 255, 1000)] == [3, 5, 5, 9, 19, 35, 35]


def test_otsu_parts_two_groups() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.2, 0.03, 500), rng.normal(0.7, 0.03, 300)])
    assert 0.3 < otsu(values) < 0.6
    assert otsu(np.full(9, 0.4)) == 0.0


def test_the_priors_keep_their_contract() -> None:
    for spec in ("darkchannel", "darkchannel?patch=3,dark=2,gradient=0.5"):
        check_generator(invkit.prior(spec), signal_shape=(3, 12, 10))
    check_generator(invkit.prior("darkchannel?dark=0"), signal_shape=(1, 1, 1))


def test_a_blurry_image_costs_more_than_a_sharp_one() -> None:
    """That is what the prior is for: on real digits, under any blur of the family."""
    x = invkit.dataset("mnist-sample").take(torch.arange(8), "test")
    y = invkit.operator("circconv")(invkit.dataset("blurA").take(torch.arange(8), "test"), x)
    prior = invkit.prior("darkchannel").shaped((1, 28, 28))
    assert (prior.penalty(x, x) < prior.penalty(y, y)).all()


def test_the_penalty_counts() -> None:
    prior = invkit.prior("darkchannel?patch=1,eps=1e-4").shaped((1, 4, 4))
    x = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    assert prior.penalty(x, x).item() == 0
    x[0, 0, 1, 1] = 1  # three pixels with a gradient, one that is not dark
    assert prior.penalty(x, x).item() == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize("spec", ["darkchannel?patch=4", "darkchannel?eps=0", "darkchannel?dark=-1"])
def test_bad_options(spec: str) -> None:
    with pytest.raises(InputError, match="write"):
        invkit.prior(spec)
    with pytest.raises(ShapeError, match="measures images"):
        invkit.prior("darkchannel").shaped((1, 9))
