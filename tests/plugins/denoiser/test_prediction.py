"""A measurement is predicted better by the kernel that has made it than by others."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit_denoiser.data_step import ByDivision
from invkit_denoiser.prediction import Predicted, _levels, predicted

SIZE, SPREAD = 24, 0.25


def kernels() -> dict[str, Tensor]:
    """Three of 5 × 5, of unit sum."""
    across, down, point = torch.zeros(3, 1, 1, 5, 5)
    across[..., 2, :], down[..., :, 2], point[..., 2, 2] = 0.2, 0.2, 1
    return {"across": across, "down": down, "point": point}


def smooth(seed: int) -> Tensor:
    """An image of rectangles."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.full((1, 1, SIZE, SIZE), 0.5)
    for _ in range(12):
        top, left, high, wide = torch.randint(2, 12, (4,), generator=rng).tolist()
        x[..., top : top + high, left : left + wide] = torch.rand(1, generator=rng)
    return x


def predict(y: Tensor, w: Tensor, sigma: float) -> Predicted:
    """By the Wiener filter of a power law: a denoiser whose answers are known."""
    window = invkit.operator("circconv").given(w=w, x_shape=tuple(y.shape[1:])).window()
    assert window is not None
    far = torch.fft.fftfreq(SIZE)[:, None].square() + torch.fft.rfftfreq(SIZE).square()
    power = 0.02 / (far + 1 / SIZE**2)

    def estimate(y: Tensor, tau: float, z: Tensor) -> Tensor:
        data = ByDivision(window, tuple(y.shape[1:]), y)
        for _ in range(8):
            x = data(z, 0.3)
            held = power / (power + tau**2)
            z = torch.fft.irfftn(held * torch.fft.rfftn(x, dim=(2, 3)), (SIZE, SIZE), (2, 3))
        return z

    return predicted(y, window, sigma, estimate)


@given(seed=st.integers(0, 10_000), sigma=st.floats(0.004, 0.03))
@settings(max_examples=20, deadline=None)
def test_the_right_kernel_predicts_best(seed: int, sigma: float) -> None:
    x, rng = smooth(seed), torch.Generator().manual_seed(seed)
    for name in ("across", "down"):
        clean = invkit.operator("circconv")(kernels()[name], x)
        y = clean + sigma * torch.randn(clean.shape, generator=rng)
        nats = {other: predict(y, each, sigma).nats for other, each in kernels().items()}
        assert max(nats, key=lambda other: nats[other]) == name


def test_predictions_are_the_same_every_time_and_end_with_an_image() -> None:
    y = smooth(1)
    first, again = (predict(y, kernels()["across"], 0.01) for _ in range(2))
    assert first.nats == again.nats and torch.equal(first.image, again.image)
    assert first.image.shape == y.shape and math.isfinite(first.nats)


@pytest.mark.parametrize("sigma", [0.001, 0.01, 0.1, 0.5])
def test_noise_falls_along_a_geometric_row_to_its_own(sigma: float) -> None:
    levels = _levels(sigma)
    assert levels[-1] == pytest.approx(sigma) and levels[0] > sigma
    ratios = [noisy / quiet for noisy, quiet in itertools.pairwise(levels)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert 1.3 < ratios[0] < 2.1
