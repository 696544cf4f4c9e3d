"""The kernel step of ``pnp``: its density against one written out, and that it goes down and gets there."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit_denoiser.kernel_step import KernelStep

SIGMA = 0.02


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def step_of(size: tuple[int, int], sigma: float = SIGMA) -> KernelStep:
    prior = invkit.prior("simplex?size=3").shaped((1, 3, 3))
    return KernelStep(invkit.operator("circconv"), (2, *size), prior, sigma)


def rings_of(z: Tensor) -> Tensor:
    """The power of a pixel over rings of equal |f|, from the whole spectrum; none at the level."""
    _, _, height, width = z.shape
    power = torch.fft.fft2(z).abs().square().mean((0, 1)) / (height * width)
    power[0, 0] = 0
    longest = max(height, width)
    y, x = (torch.fft.fftfreq(n, dtype=z.dtype) * longest for n in (height, width))
    rings = (y[:, None] ** 2 + x**2).sqrt().round().clamp(max=longest // 2)
    counted = torch.ones_like(power)
    counted[0, 0] = 0
    found = torch.zeros_like(power)
    for ring in rings.unique():
        own = rings == ring
        found[own] = (power[own] * counted[own]).sum() / counted[own].sum().clamp(min=1)
    return found


@given(
    seed=st.integers(0, 2**31),
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    level=st.floats(0.01, 1),
    sigma=st.floats(0.01, 1),
)
@settings(max_examples=25, deadline=None)
def test_the_objective_is_the_negative_log_density(
    seed: int, size: tuple[int, int], level: float, sigma: float
) -> None:
    """With covariance σ²I + A C Aᵀ of each channel written out, C the circulant of the ring spectrum."""
    v, z, h = normal(seed, 1, 2, *size), normal(seed + 1, 1, 2, *size), normal(seed + 2, 1, 9)
    step = step_of(size, sigma)
    h = h.reshape(1, *(step.prior.latent_shape or ()))
    n = size[0] * size[1]
    units = torch.eye(n, dtype=v.dtype).reshape(n, 1, *size)
    w = step.prior(h)
    blur = step.operator(w.expand(n, -1, -1, -1), units).reshape(n, n).T
    power = rings_of(z)
    error = power * level**2 / (power + level**2)
    spread = torch.fft.ifft2(torch.fft.fft2(units) * error).real.reshape(n, n).T
    covariance = sigma**2 * torch.eye(n, dtype=v.dtype) + blur @ spread @ blur.T
    apart = (v - step.operator(w, z)).reshape(2, n)
    density = torch.distributions.MultivariateNormal(torch.zeros(n, dtype=v.dtype), covariance)
    expected = -density.log_prob(apart).sum() - n * math.log(2 * math.pi) + step.prior.penalty(h, w).sum() / 2
    torch.testing.assert_close(step.objective(v, z, level)(h), expected, rtol=1e-6, atol=1e-5)


@given(seed=st.integers(0, 2**31), level=st.floats(0.01, 0.3))
@settings(max_examples=10, deadline=None)
def test_a_step_never_goes_up(seed: int, level: float) -> None:
    v, z, step = normal(seed, 1, 2, 8, 8), normal(seed + 1, 1, 2, 8, 8), step_of((8, 8))
    h = normal(seed + 2, 1, 9).reshape(1, *(step.prior.latent_shape or ()))
    value, before = step.objective(v, z, level), h.clone()
    assert value(step(h, v, z, level)) <= value(h)
    assert torch.equal(h, before)


@pytest.mark.parametrize("size", [(16, 16), (15, 20)])
def test_of_a_sure_image_it_finds_the_kernel(size: tuple[int, int]) -> None:
    step, z = step_of(size, 1e-3), normal(0, 1, 2, *size)
    truth = normal(1, 1, 9).reshape(1, *(step.prior.latent_shape or ()))
    v = step.operator(step.prior(truth), z)
    h = torch.zeros_like(truth)
    for _ in range(24):
        h = step(h, v, z, 1e-3)
    torch.testing.assert_close(step.prior(h), step.prior(truth), rtol=0, atol=1e-2)


def test_of_no_number_it_stays_where_it_is() -> None:
    step = step_of((8, 8))
    h = normal(0, 1, 9).reshape(1, *(step.prior.latent_shape or ()))
    z = normal(1, 1, 2, 8, 8)
    assert torch.equal(step(h, torch.full_like(z, math.nan), z, 0.1), h)
