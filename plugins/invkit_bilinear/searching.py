"""Which candidates still search, and when one of them has found what there is.

    searching = Searching(c)                   # at the beginning
    rows = searching.rows(c)                   # the candidates of this step
    searching.end(c, rows, cost, still)        # at its end

A candidate whose cost is that of rounding explains its measurement. The other restarts of that measurement
are then dropped.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from invkit.contracts.generator import squared_norm
from invkit.contracts.given import is_given
from invkit.contracts.problem import Problem
from invkit.solving import Candidates

__all__ = ["Searching", "blind", "per_row"]

#: a relative residual of eps to this power is that of rounding
_EXACT = 0.7


class Searching:
    """The candidates of a search, of which some are over.

    Args:
        c: all of them.
    """

    def __init__(self, c: Candidates) -> None:
        energy = squared_norm(c.y)
        self._enough = torch.finfo(energy.dtype).eps ** (2 * _EXACT) * energy
        c.finish(torch.zeros_like(c.alive))

    def rows(self, c: Candidates) -> Int[Tensor, "k"]:
        """The candidates that still search."""
        assert c.done is not None
        return (~c.done).nonzero()[:, 0]

    def exact(self, rows: Int[Tensor, "k"], cost: Float[Tensor, "k"]) -> Bool[Tensor, "k"]:
        """Whether the residual of each of the candidates ``rows`` is no more than rounding."""
        return cost <= self._enough[rows]

    def end(
        self, c: Candidates, rows: Int[Tensor, "k"], cost: Float[Tensor, "k"], still: Bool[Tensor, "k"]
    ) -> None:
        """A step of the candidates ``rows`` has ended.

        Args:
            c: all candidates.
            rows: those that were moved.
            cost: the objective of each.
            still: whether it is at a minimum.
        """
        exact = self.exact(rows, cost)
        nobody = torch.zeros_like(c.alive)
        c.finish(nobody.index_copy(0, rows, exact | still), solved=nobody.index_copy(0, rows, exact))


def blind(problem: Problem) -> bool:
    """Whether both signals are to be found: with a given one, what is left is a linear problem."""
    return not any(is_given(prior) and not prior.ties for prior in problem.priors)


def per_row(values: Shaped[Tensor, "n"], like: Tensor) -> Tensor:
    """One number a candidate, shaped to multiply or choose among latents."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
