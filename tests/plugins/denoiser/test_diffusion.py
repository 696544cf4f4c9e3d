"""Diffusion: samples of the posterior where it is known, and refusals."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.noise import Gaussian
from invkit.contracts.solution import Samples
from invkit.errors import InputError
from invkit_denoiser.diffusion import Diffusion

SIGMA, SPREAD = 0.1, 0.25


def shrunk(noisy: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of pixels N(½, ¼²)."""
    share = SPREAD**2 / (SPREAD**2 + sigma[:, None, None, None] ** 2)
    return 0.5 + share * (noisy - 0.5)


def free() -> invkit.Denoiser:
    prior = invkit.denoiser(shrunk, 1)
    prior.bounds = (-10.0, 10.0)
    return prior


@pytest.mark.parametrize("operator", ["circconv", "linconv"])
def test_samples_of_the_posterior_where_it_is_known(operator: str) -> None:
    rng = torch.Generator().manual_seed(0)
    w = torch.rand(1, 5, 5, generator=rng) ** 4
    w /= w.sum()
    x = 0.5 + SPREAD * torch.randn(1, 1, 8, 8, generator=rng)
    forward = invkit.operator(operator)
    y = forward(w[None], x)
    y = y + SIGMA * torch.randn(y.shape, generator=rng)
    matrix = forward.given(w=w[None], x_shape=(1, 8, 8)).matrix(1, y)[0]
    covariance = (matrix.T @ matrix / SIGMA**2 + torch.eye(64) / SPREAD**2).inverse()
    mean = covariance @ (matrix.T @ y.flatten() / SIGMA**2 + 0.5 / SPREAD**2)
    solver = Diffusion(draws=500, steps=12, last=0.05, inner=40)
    made = invkit.compose(operator, [invkit.Given(w), free()], solver, noise=f"gaussian?sigma={SIGMA}")(y)
    deviation = covariance.diagonal().sqrt()
    assert float(((made.x.flatten() - mean) / deviation).abs().mean()) < 0.1
    assert float((made.x_std.flatten() / deviation - 1).abs().mean()) < 0.1


def test_neighbours_and_samples_do_not_matter_to_each_other() -> None:
    y = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    known = [invkit.Given(torch.ones(1, 3, 3) / 9), free()]
    solver, noise = "diffusion?draws=4,steps=3,inner=2", "gaussian?sigma=0.1"
    sample = invkit.compose("circconv", known, solver, noise=noise)
    both = sample(y)
    assert torch.allclose(both.x[1:], sample(y[1:]).x, atol=1e-6)
    assert torch.allclose(both.x_std[1:], sample(y[1:]).x_std, atol=1e-6)
    assert float(both.x_std.min()) > 0


def test_kernels_that_were_drawn_are_used_in_turn() -> None:
    """Samples with kernels of different sums, which the image makes up for."""
    x = torch.full((2, 1, 8, 8), 0.5)
    w = torch.ones(1, 1, 1)
    found = invkit.compose("circconv", [invkit.Given(w), free()], "tv", noise="gaussian?sigma=0.01")(x)
    kernels = torch.tensor([1.0, 0.5]).reshape(2, 1, 1, 1, 1).expand(2, 2, 1, 1, 1)
    start = attrs.evolve(found, drawn=Samples(kernels, x[None].expand(2, -1, -1, -1, -1)))
    sample = invkit.compose(
        "circconv", [invkit.Given(w), free()], Diffusion(draws=6, steps=8), noise="gaussian?sigma=0.01"
    )
    apart = sample(x, start=start)
    means = apart.samples().x.mean((1, 2, 3, 4))
    assert torch.allclose(means, torch.tensor([0.5, 1.0]).repeat(3), atol=0.03)
    assert float(apart.x_std.mean()) > 5 * float(sample(x).x_std.mean())
    assert torch.equal(apart.samples().w[:2], kernels)


def test_missing_pixels_are_less_certain() -> None:
    y = torch.full((1, 1, 8, 8), 0.5)
    y[..., :4, :] = torch.nan
    known = [invkit.Given(torch.ones(1, 1, 1)), free()]
    noise = "gaussian?sigma=0.1,missing=nan"
    spread = invkit.compose("circconv", known, Diffusion(draws=50, steps=8), noise=noise)(y).x_std
    assert float(spread[..., :4, :].mean()) > 1.8 * float(spread[..., 4:, :].mean())


def test_an_entry_of_more_weight_is_known_better() -> None:
    """Without blur, and with independent pixels, the exact posterior is 1 / std² = 1 / v + weight / σ²."""
    v, sigma, rng = 0.04, 0.2, torch.Generator().manual_seed(0)
    weights = torch.ones(16, 16)
    weights[:, 8:] = 25.0
    prior = invkit.denoiser(lambda z, s: 0.5 + (z - 0.5) * v / (v + s[:, None, None, None] ** 2), channels=1)
    x = 0.5 + v**0.5 * torch.randn(1, 1, 16, 16, generator=rng)
    y = x + sigma / weights.sqrt() * torch.randn(x.shape, generator=rng)
    solver = Diffusion(draws=60, steps=40, inner=20, last=0.005)
    known = [invkit.Given(torch.ones(1, 1, 1)), prior]
    spread = invkit.compose("circconv", known, solver, noise=Gaussian(weights=weights, sigma=sigma))(y).x_std
    expected = (1 / v + weights / sigma**2) ** -0.5
    for part in (slice(0, 8), slice(8, 16)):
        assert float(spread[..., part].mean()) == pytest.approx(float(expected[:, part].mean()), rel=0.12)


def test_it_never_begins_beyond_what_the_denoiser_knows() -> None:
    seen = []

    def watched(noisy: Tensor, sigma: Tensor) -> Tensor:
        seen.append(float(sigma.max()))
        return shrunk(noisy, sigma)

    prior = invkit.denoiser(watched, 1)
    prior.noisiest = 0.2
    known = [invkit.Given(torch.ones(1, 3, 3) / 9), prior]
    invkit.compose("circconv", known, "diffusion?draws=2,steps=3,inner=2")(torch.rand(1, 1, 8, 8))
    assert max(seen) == pytest.approx(0.2)


def test_what_it_cannot_do_is_refused() -> None:
    y, known = torch.rand(1, 1, 16, 16), invkit.Given(torch.ones(1, 3, 3) / 9)
    with pytest.raises(InputError, match="not blind"):
        invkit.compose("circconv", ["simplex?size=5", free()], "diffusion")(y)
    with pytest.raises(InputError, match="removes noise"):
        invkit.compose("circconv", [known, "identity"], "diffusion")(y)
    with pytest.raises(InputError, match="Gaussian noise"):
        invkit.compose("circconv", [known, free()], "diffusion", noise="poisson")(y)
