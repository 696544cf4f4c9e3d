"""The benchmark of bettered kernels: what it counts, and that the three images differ by the kernel alone."""

from __future__ import annotations

import torch

import invkit
from benchmarks import bettered
from invkit.solving import Stage, Stages


def test_gains_and_losses_are_counted() -> None:
    found = {"held": [30.0, 31.0, 32.0, 33.0], "bettered": [31.0, 30.0, 32.1, 34.0], "true": [35.0] * 4}
    assert bettered.changed(found, 0.5) == 2 and bettered.changed(found, -0.5) == 1


def test_of_the_true_kernel_nothing_is_to_be_bettered() -> None:
    w = torch.ones(1, 1, 1, 3) / 3
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    y = invkit.operator("circconv")(w, x)
    smooth = invkit.denoiser(lambda noisy, sigma: noisy, 1)
    known = Stage(invkit.solver("evidence?doubt=0"))
    stages = Stages([known, Stage(invkit.solver("pnp?steps=2"), x=smooth)])
    given = invkit.Given(w[0])
    made = invkit.compose("circconv", [given, "spectrum"], stages, noise="gaussian?sigma=0.01")
    found = bettered.levels(made, y, w)
    assert torch.equal(found["held"], found["true"]) and torch.equal(found["bettered"], found["true"])
