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

    #: specs of the operator and of the two priors that this solver is made for: what a command line takes
    #: where it names this solver (or none, see ``registry.solver``) and no priors; None: priors must be named
    default_operator: ClassVar[str | None] = None
    default_priors: ClassVar[tuple[str, str] | None] = None

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

    def shaped(self, problem: Problem, y: Float[Tensor, "n *y"]) -> Problem:
        """The problem with both priors tied to the shapes that these measurements ask for.

        By default :meth:`Problem.shaped`: what follows from the shape of ``y`` alone. A solver that can tell
        more from the measurements themselves, the extent of a kernel, say, overrides it: then a prior of w
        that has no shape gets one here.

        Raises :class:`invkit.errors.ShapeError` where priors and measurements do not fit.
        """
        return problem.shaped(tuple(y.shape[1:]))

    def examples(self, seed: int) -> Sequence[Example]:
        """Problems for :func:`invkit.testing.check_solver`, where this solver is not made for all.

        A solver that takes some operators or priors only, and raises :class:`invkit.errors.InputError` for
        others, gives here a few small problems that it takes. Empty, the default: it takes all.
        """
        return ()
