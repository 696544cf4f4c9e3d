"""Adam row by row is torch's, and no row feels another."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.solving import Adam
from tests.plugins.altgd.problems import normal
from tests.strategies import seeds

betas = st.sampled_from([(0.9, 0.99), (0.8, 0.95)])


@given(seed=seeds, rate=st.floats(1e-3, 1), steps=st.integers(1, 20), scale=st.floats(1e-3, 1e3), kept=betas)
def test_its_steps_are_those_of_torch(
    seed: int, rate: float, steps: int, scale: float, kept: tuple[float, float]
) -> None:
    start, gradients = normal(1, 2, 3, seed=seed), scale * normal(steps, 1, 2, 3, seed=seed + 1)
    latent, adam = start.clone(), Adam(start, kept)
    reference = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([reference], lr=rate, betas=kept)
    for gradient in gradients:
        latent = latent - rate * adam(gradient)
        reference.grad = gradient
        optimiser.step()
    torch.testing.assert_close(latent, reference.detach(), rtol=1e-9, atol=1e-9)


def test_selected_rows_go_on_as_if_alone() -> None:
    gradients, keep = normal(6, 4, 3, seed=0), torch.tensor([3, 1])
    together, alone = Adam(gradients[0]), Adam(gradients[0][keep])
    for gradient in gradients[:3]:
        together(gradient), alone(gradient[keep])
    together.select(keep)
    for gradient in gradients[3:]:
        assert torch.equal(together(gradient[keep]), alone(gradient[keep]))


def test_what_is_not_finite_moves_nothing() -> None:
    moved = Adam(torch.zeros(3))(torch.tensor([math.nan, math.inf, 2.0]))
    assert moved.tolist()[:2] == [0, 0] and moved[2] > 0.9


def test_an_empty_latent_has_an_empty_direction() -> None:
    assert Adam(torch.zeros(3, 0))(torch.zeros(3, 0)).shape == (3, 0)
