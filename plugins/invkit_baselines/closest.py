"""``range``: the closest picture to the *measurement* that a prior can make, the operator left aside.

    deblur = invkit.compose("circconv", ["vae:shake", "vae:celeba"], "range")
    solution = deblur(y)                     # solution.x = C(m), solution.w is None

The naive way of arXiv 1802.04073, Section 2.1 and Figure 2 ("recovery via back-propagation"): minimise

    ‖y − C(m)‖² + γ g(m)        over m, by Adam from several starts at once,

as `invkit.project` does for a sharp picture. The noise model gives the cost of ``y − C(m)``. The solver knows
nothing of the blur and finds no ``w``: the prior of ``w`` has no part. The paper shows with it that a prior
on the picture alone does not undo a blur.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.projection import chunk_length, draw_starts
from invkit.solving import Found, Record, descents, is_given, is_restarts, start_latents

__all__ = ["Range"]


@attrs.frozen
class Range(Solver):
    """Recovery via back-propagation. The objective told is ``‖y − C(m)‖² + γ g(m)``; there is no residual.

    Args:
        steps: steps of Adam, its rate falling along half a cosine.
        restarts: starts for every measurement; with an encoder, the first is the encoding of the measurement.
        rate: the step size of Adam at first.
        weight_x: γ ≥ 0, the weight of the prior's penalty; 0: the closest picture however improbable.
    """

    finds_w: ClassVar[bool] = False

    steps: int = attrs.field(default=300, validator=ge(1))
    restarts: int = attrs.field(default=4, validator=is_restarts)
    rate: float = attrs.field(default=0.1, validator=gt(0))
    weight_x: float = attrs.field(default=0.0, validator=ge(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """The picture in range that is closest to every measurement. ``start``'s latents are its only start.

        Raises:
            InputError: measurement and picture have different shapes, so that nothing can be compared.
        """
        problem, y = problem.bound(y)
        prior = problem.priors[1]
        if tuple(prior.signal_shape or ()) != tuple(y.shape[1:]):
            raise InputError(
                f"range compares y with C(m), but their shapes are {tuple(y.shape[1:])} "
                f"and {prior.signal_shape}",
                hint="use an operator whose measurement has the picture's shape, or another solver",
            )
        if start is None:
            starts = draw_starts(prior, y, self.restarts, rng)
        else:
            starts = start_latents(start, problem, 1, rng)[:, None]
        restarts = starts.shape[1]
        parts = torch.split(torch.arange(len(y), device=y.device), chunk_length(y, restarts))
        record = Record(
            y,
            monitors,
            steps=1 if is_given(prior) else self.steps,
            restarts=restarts,
            passes=len(parts),
            points=25,
            criterion="objective",
            waiting=lambda: (None, _made(prior, starts[:, 0])),
        )
        for rows in parts:
            record.begin(rows)
            self._descend(record, problem, y, starts, rows)
        return record.solution()

    def _descend(self, record: Record, problem: Problem, y: Tensor, starts: Tensor, rows: Tensor) -> None:
        """One pass: all starts of some measurements."""
        each = problem.select(rows.repeat_interleave(starts.shape[1]))
        path = descents(
            each.priors[1],
            y[rows],
            starts[rows],
            steps=self.steps,
            rate=self.rate,
            weight=self.weight_x,
            noise=each.noise,
        )
        found, nothing = next(path), y.new_full((len(rows), starts.shape[1]), torch.nan)
        own = problem.select(rows).priors[1]

        def best() -> tuple[Tensor, Tensor]:
            winner = found.objective.nan_to_num(nan=torch.inf).argmin(1)
            return winner, found.latent[torch.arange(len(rows), device=y.device), winner]

        def objective() -> Tensor:
            return found.objective.where(torch.isfinite(found.objective), torch.nan)

        with record:
            for step in range(1, 1 if record.interrupted else record.steps + 1):
                found = next(path, found)  # a given picture has nothing to choose, and no second step
                if record.due(step):
                    record.tell(step, objective(), nothing, lambda: (None, _made(own, best()[1])))
        sound = (torch.isfinite(found.objective) | record.interrupted).tolist()
        record.settle(objective(), nothing, [[record.ended(fine) for fine in row] for row in sound])
        winner, latent = best()
        record.end(Found(x=_made(own, latent), latents=(None, latent), winner=winner.tolist()))


def _made(prior: Generator, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *x"]:
    """The pictures of latents."""
    with torch.no_grad():
        made: Tensor = prior(latent)
    return made
