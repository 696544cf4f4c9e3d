"""Adam row by row is Adam."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from invkit_evidence.adam import Adam

from tests.plugins.evidence.problems import normal


@given(seed=st.integers(0, 100), steps=st.integers(1, 6))
def test_its_steps_are_those_of_torch(seed: int, steps: int) -> None:
    ours, theirs = normal(3, 4, seed=seed), normal(3, 4, seed=seed).requires_grad_()
    adam, optimiser = Adam(ours), torch.optim.Adam([theirs], 0.1, (0.9, 0.99))
    for step in range(steps):
        gradient = normal(3, 4, seed=seed + 1 + step)
        ours = ours - 0.1 * adam.direction(gradient)
        theirs.grad = gradient
        optimiser.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_rows_that_are_left_go_on_as_before() -> None:
    gradients = [normal(5, 2, seed=seed) for seed in range(3)]
    rows = torch.tensor([3, 0])
    whole, some = Adam(gradients[0]), Adam(gradients[0])
    for gradient in gradients[:2]:
        whole.direction(gradient), some.direction(gradient)
    some = some.select(rows)
    torch.testing.assert_close(some.direction(gradients[2][rows]), whole.direction(gradients[2])[rows])


def test_what_is_not_finite_moves_nothing() -> None:
    adam = Adam(torch.zeros(3))
    moved = adam.direction(torch.tensor([math.nan, math.inf, 2.0]))
    assert moved.tolist()[:2] == [0, 0] and moved[2] > 0.9
