"""Solvers: given a problem and measurements, find both unknowns.

    solver = invkit.solver("altgd?steps=300")
    solution = solver.solve(problem, y, rng=torch.Generator().manual_seed(0))

A solver is an attrs frozen class whose fields are its options. It knows the contracts and no plugin by name:
it must take any operator and any two generators. Non-convergence is not an exception but the solution's
``status``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem

if TYPE_CHECKING:
    from invkit.contracts.solution import Solution


@attrs.frozen(eq=False)
class Example:
    """A small problem tied to shapes, with double precision measurements ``(n, *y_shape)``, n at least 2."""

    name: str
    problem: Problem
    y: Tensor


class Solver(ABC):
    """Recovers both signals of a problem from a batch of measurements."""

    #: whether a solution has a ``w``; a feed-forward solver that goes from ``y`` to ``x`` alone returns None
    finds_w: ClassVar[bool] = True

    @abstractmethod
    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement of the batch.

        ``rng`` is a CPU generator and the only source of randomness: the same seed gives the same solution,
        to the bit, on a CPU. A keyboard interrupt returns the best found so far with status ``interrupted``.
        """

    def examples(self, seed: int) -> Sequence[Example]:
        """Problems for :func:`invkit.testing.check_solver`, where this solver is not made for all.

        A solver that takes some operators or priors only, and raises :class:`invkit.errors.InputError` for
        others, gives here a few small problems that it takes. Empty, the default: it takes all.
        """
        return ()
