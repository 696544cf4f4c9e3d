"""Directions of descent: Adam is torch's, the plain ones are formulas, and no candidate feels another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from invkit_altgd.updates import Adam, Plain

from tests.plugins.altgd.problems import normal
from tests.strategies import seeds


@given(seed=seeds, rate=st.floats(1e-3, 1), steps=st.integers(1, 30), scale=st.floats(1e-3, 1e3))
def test_adam_is_torchs(seed: int, rate: float, steps: int, scale: float) -> None:
    start, gradients = normal(1, 2, 3, seed=seed), scale * normal(steps, 1, 2, 3, seed=seed + 1)
    latent, update = start.clone(), Adam(start)
    reference = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([reference], lr=rate, betas=(0.9, 0.99))
    for gradient in gradients:
        latent = latent - rate * update(gradient)
        reference.grad = gradient
        optimiser.step()
    torch.testing.assert_close(latent, reference.detach(), rtol=1e-9, atol=1e-9)


@given(seed=seeds)
def test_normalised_is_the_gradient_over_its_own_root_mean_square(seed: int) -> None:
    gradient = normal(3, 2, 4, seed=seed) * torch.tensor([1.0, 1e-5, 1e5]).double().reshape(3, 1, 1)
    found = Plain(normalise=True)(gradient)
    for each, direction in zip(gradient, found, strict=True):
        torch.testing.assert_close(direction, each / ((each**2).mean() ** 0.5 + 1e-5))
    assert torch.equal(Plain(normalise=False)(gradient), gradient)


def test_an_empty_latent_has_an_empty_direction() -> None:
    empty = torch.zeros(3, 0)
    for update in (Plain(True), Plain(False), Adam(empty)):
        assert update(empty).shape == (3, 0)


@pytest.mark.parametrize("name", ["adam", "plain", "normalised"])
def test_selected_candidates_go_on_as_if_alone(name: str) -> None:
    def made(latent: torch.Tensor) -> Adam | Plain:
        return Adam(latent) if name == "adam" else Plain(name == "normalised")

    gradients, keep = normal(6, 4, 3, seed=0), torch.tensor([3, 1])
    together, alone = made(gradients[0]), made(gradients[0][keep])
    for gradient in gradients[:3]:
        together(gradient)
        alone(gradient[keep])
    together.select(keep)
    for gradient in gradients[3:]:
        assert torch.equal(together(gradient[keep]), alone(gradient[keep]))
