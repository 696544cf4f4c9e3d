"""``range``: the closest picture to the *measurement* that a prior can make, the operator left aside.

    deblur = invkit.compose("circconv", ["vae:shake", "vae:celeba"], "range")
    solution = deblur(y)                     # solution.x = C(m), solution.w is None

The naive way of arXiv 1802.04073, Section 2.1 and Figure 2 ("recovery via back-propagation"): minimise

    ‖y − C(m)‖² + γ g(m)        over m, by Adam from several starts at once,

as `invkit.project` does for a sharp picture. It knows nothing of the blur and finds no ``w``: the prior of
``w`` has no part. The paper shows with it that a prior on the picture alone does not undo a blur.
"""

from __future__ import annotations

import time
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
from invkit.contracts.solution import Restarts, Solution, Status
from invkit.contracts.solver import Example, Solver
from invkit.errors import InputError
from invkit.projection import Descent, chunk_length, descents, draw_starts
from invkit_baselines.record import Record

__all__ = ["Range"]


@attrs.frozen
class Range(Solver):
    """Recovery via back-propagation. The objective told is ``‖y − C(m)‖² + γ g(m)``; there is no residual.

    - steps: of Adam, its rate falling along half a cosine.
    - restarts: starts for every measurement; with an encoder, the first is the encoding of the measurement.
    - rate: of Adam, at first.
    - gamma: the weight γ ≥ 0 of the prior's penalty; 0: the closest picture however improbable.
    """

    finds_w: ClassVar[bool] = False

    steps: int = attrs.field(default=300, validator=ge(1))
    restarts: int = attrs.field(default=4, validator=ge(1))
    rate: float = attrs.field(default=0.1, validator=gt(0))
    gamma: float = attrs.field(default=0.0, validator=ge(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """The picture in range that is closest to every measurement; the starts are drawn from ``rng``.

        Raises:
            InputError: measurement and picture have different shapes, so that nothing can be compared.
        """
        began = time.perf_counter()
        prior = problem.shaped(tuple(y.shape[1:])).priors[1]
        if tuple(prior.signal_shape or ()) != tuple(y.shape[1:]):
            raise InputError(
                f"range compares y with C(m), but their shapes are {tuple(y.shape[1:])} "
                f"and {prior.signal_shape}",
                hint="use an operator whose measurement has the picture's shape, or another solver",
            )
        search = Search(self, prior, y, rng)
        record = Record(monitors, self.steps * len(search.chunks), len(y), self.restarts)
        interrupted = search.go(record)
        solution = search.solution(interrupted, record, time.perf_counter() - began)
        record.end(solution)
        return solution

    def examples(self, seed: int) -> Sequence[Example]:
        """Measurements of the shape of ``x``, whose prior is not linear, or free."""
        from invkit_baselines.examples import pictures

        return pictures(seed)


class Search:
    """The starts of all measurements, chunk after chunk, and the best of each so far."""

    def __init__(self, options: Range, prior: Generator, y: Tensor, rng: torch.Generator) -> None:
        self.options, self.prior, self.y = options, prior, y
        self.latent: Float[Tensor, "n r *latent"] = draw_starts(prior, y, options.restarts, rng)
        self.objective = torch.full(self.latent.shape[:2], torch.nan, dtype=y.dtype, device=y.device)
        length = chunk_length(y, options.restarts)
        self.chunks = [slice(i, i + length) for i in range(0, len(y), length)]

    def go(self, record: Record) -> bool:
        """Descend to the end; True where Ctrl-C ended it before."""
        options = self.options
        try:
            for number, chunk in enumerate(self.chunks):
                path = descents(
                    self.prior, self.y[chunk], self.latent[chunk], options.steps, options.rate, options.gamma
                )
                for step, found in enumerate(path):
                    self._keep(chunk, found)
                    if step:
                        self._tell(number * options.steps + step, record)
            if record.last < record.steps:  # a known picture has nothing to choose, and no steps
                self._tell(record.steps, record)
        except KeyboardInterrupt:
            return True
        return False

    def winners(self) -> Tensor:
        """The start of least objective, per measurement."""
        return self.objective.nan_to_num(nan=torch.inf).argmin(1)

    def best(self) -> Float[Tensor, "n *latent"]:
        """The latent of that start."""
        return self.latent[torch.arange(len(self.y), device=self.y.device), self.winners()]

    def pictures(self) -> Float[Tensor, "n *x"]:
        """What it makes."""
        with torch.no_grad():
            return torch.cat([self.prior(part) for part in torch.split(self.best(), 256)]).detach()

    def solution(self, interrupted: bool, record: Record, seconds: float) -> Solution:
        """The solution, as it stands; without a ``w`` it has no residual."""
        winners, nothing = self.winners().tolist(), torch.full_like(self.objective, torch.nan)
        ended = Status.INTERRUPTED if interrupted else Status.MAX_ITER
        finite = torch.isfinite(self.objective).tolist()
        status = tuple(
            tuple(ended if each or interrupted else Status.DIVERGED for each in row) for row in finite
        )
        return Solution(
            x=self.pictures(),
            w=None,
            latents=(None, self.best()),
            residual=nothing[:, 0],
            status=tuple(row[winner] for row, winner in zip(status, winners, strict=True)),
            restarts=Restarts(self.objective, nothing, status, tuple(winners), "objective"),
            history=record.history(self.y),
            history_steps=record.history_steps,
            seconds=seconds,
        )

    def _keep(self, chunk: slice, found: Descent) -> None:
        finite = torch.isfinite(found.objective)
        self.latent = _with(self.latent, chunk, found.latent)
        self.objective = _with(self.objective, chunk, torch.where(finite, found.objective, torch.nan))

    def _tell(self, step: int, record: Record) -> None:
        if record.due(step):
            nothing = torch.full_like(self.objective, torch.nan)
            record.tell(step, self.objective, nothing, lambda: (None, self.pictures()))


def _with(table: Tensor, chunk: slice, values: Tensor) -> Tensor:
    """The table with some rows replaced: a copy, since monitors may hold the old one."""
    return torch.cat([table[: chunk.start], values, table[chunk.start + len(values) :]])
