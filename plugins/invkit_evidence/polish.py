"""``polish=tv`` — another solver's image for the kernel that the evidence found.

    deblur = invkit.compose("circconv", ["trajectory", "bounded:gaussian:objects"], "evidence?polish=tv")

A Gaussian that is good enough to find a kernel need not be the best there is for the image. With the kernel
known, any solver finds the image of any prior: by total variation, say, or in the range of a network
(``polish=altgd,polish_prior=vae:celeba``). The kernel stays as it is.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.contracts.generator import Generator
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver

__all__ = ["Polish"]


class _Found(Generator):
    """One signal, with nothing left to find."""

    signal: Tensor

    def __init__(self, signal: Float[Tensor, "*w"]) -> None:
        super().__init__()
        self.register_buffer("signal", signal)
        self.signal_shape, self.latent_shape = tuple(signal.shape), (0,)

    def forward(self, latent: Float[Tensor, "n 0"]) -> Float[Tensor, "n *w"]:
        return self.signal.expand(len(latent), *self.signal.shape)


@attrs.frozen(eq=False)
class Polish:
    """A solver and the image's prior that it is to have."""

    solver: Solver
    prior: Generator

    @classmethod
    def of(cls, solver: str, prior: str) -> Polish:
        """From their specs; what is wrong with them is said before anything is searched."""
        return cls(invkit.solver(solver), invkit.prior(prior))

    def __call__(
        self, problem: Problem, y: Float[Tensor, "n *y"], found: Solution, rng: torch.Generator
    ) -> Solution:
        """The same solution with other images.

        After Ctrl-C those that were not reached stay as they were, and so do those of which the solver, or
        the search before it, makes nothing finite.

        Raises:
            InputError: the solver refuses the problem.
        """
        prior_x = problem.priors[1]
        assert prior_x.signal_shape is not None
        prior = self.prior.shaped(prior_x.signal_shape)
        x, status = found.x.clone(), list(found.status)
        for row, w in enumerate(found.w):
            if status[row] is Status.DIVERGED:
                continue
            given = Problem(problem.operator, (_Found(w), prior))
            try:
                made = self.solver.solve(given, y[row : row + 1], rng)
            except KeyboardInterrupt:
                status[row:] = [Status.INTERRUPTED] * (len(status) - row)
                break
            if made.status[0] is Status.DIVERGED:
                status[row] = Status.DIVERGED
                continue
            x[row] = made.x[0]
            if made.status[0] is Status.INTERRUPTED:  # the solver caught it, and gives its best so far
                status[row:] = [Status.INTERRUPTED] * (len(status) - row)
                break
        with torch.no_grad():
            residual = (y - problem.operator(found.w, x)).flatten(1).square().sum(1)
            m = prior_x.encode(x) if prior_x.can_encode else found.latents[1]
        table = found.restarts.residual.clone()
        table[torch.arange(len(x)), torch.tensor(found.restarts.winner)] = residual
        return attrs.evolve(
            found,
            x=x,
            latents=(found.latents[0], m),
            residual=residual,
            status=tuple(status),
            restarts=attrs.evolve(found.restarts, residual=table),
        )
