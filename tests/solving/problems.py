"""Small problems with a batch of measurements, and plain gradient descent, for the tests of the kit."""

from __future__ import annotations

import torch
from torch import Tensor

from invkit import Monitor, Problem, Progress
from invkit.solving import Candidates
from invkit.testing._problems import Dense, Subspace

SHAPES = ((1, 3), (1, 2, 3), (1, 4, 4))


def planes(n: int = 3, seed: int = 0) -> tuple[Problem, Tensor]:
    """A bilinear problem of two planes, and measurements of points of them."""
    rng = torch.Generator().manual_seed(seed)
    priors = (Subspace(SHAPES[0], 2, rng), Subspace(SHAPES[1], 3, rng))
    problem = Problem(Dense(*SHAPES, rng), priors, weights=(1e-2, 1e-3))
    latents = [prior.sample_latent(n, rng, dtype=torch.float64) for prior in priors]
    return problem, problem.operator(*(prior(each) for prior, each in zip(priors, latents, strict=True)))


def descend(c: Candidates, number: int) -> None:
    """A short step against the gradient."""
    gradient_h, gradient_m = c.gradients()
    c.move(c.h - 0.05 * gradient_h, c.m - 0.05 * gradient_m)


class Stop(Monitor):
    """Presses Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, progress: Progress) -> None:
        if progress.step == self.step:
            raise KeyboardInterrupt
