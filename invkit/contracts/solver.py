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
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem

if TYPE_CHECKING:
    from invkit.contracts.solution import Solution


class Solver(ABC):
    """Minimises a problem's objective for a batch of measurements."""

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
