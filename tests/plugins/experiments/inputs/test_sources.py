"""Blurred inputs: the operator plus noise of the size asked for, the same whatever follows."""

from __future__ import annotations

import torch

import invkit
from invkit_experiments.inputs.sources import blur


def test_noise_is_what_it_is_said_to_be() -> None:
    operator = invkit.operator("circconv")
    rng = torch.Generator().manual_seed(0)
    w, x = torch.rand(40, 1, 5, 5, generator=rng), torch.rand(40, 1, 28, 28, generator=rng)
    noise = blur(operator, w, x, sigma=0.01, seed=3).y - operator(w, x)
    # 31,360 draws: the standard error of the deviation is 0.4 %, that of the mean 6e-5
    assert abs(noise.std().item() / 0.01 - 1) < 0.02
    assert abs(noise.mean().item()) < 3e-4
    assert not torch.equal(noise[0], noise[1])


def test_the_first_rows_do_not_depend_on_how_many_follow() -> None:
    operator = invkit.operator("circconv")
    w, x = torch.ones(3, 1, 1, 1), torch.zeros(3, 1, 5, 5)
    many = blur(operator, w, x, sigma=1.0, seed=3).y
    assert torch.equal(blur(operator, w[:2], x[:2], sigma=1.0, seed=3).y, many[:2])
    assert not torch.equal(blur(operator, w, x, sigma=1.0, seed=4).y, many)


def test_without_noise_it_is_the_operator() -> None:
    operator = invkit.operator("circconv")
    w, x = torch.rand(2, 1, 3, 3), torch.rand(2, 1, 8, 8)
    blurred = blur(operator, w, x, sigma=0.0, seed=0)
    assert torch.equal(blurred.y, operator(w, x)) and blurred.w is w and blurred.x is x
