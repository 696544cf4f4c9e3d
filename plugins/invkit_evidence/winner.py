"""The best candidate of one measurement and what is known of it, computed once, when it is asked for."""

from __future__ import annotations

from functools import cached_property

import attrs
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from invkit_evidence.chains import POWER, kernels
from invkit_evidence.confidence import FACES, Signs, confidence, signs
from invkit_evidence.leap import freed, leap
from invkit_evidence.newton import hessian
from invkit_evidence.posterior import Parameters, Posterior
from invkit_evidence.search import Finalists

__all__ = ["Winner"]

#: kernels as probable as the winner, and the steps of the chains that find them: twice as many say the same,
#: but for the chance of the draws
_NEAR, _STEPS = 5, 40


@attrs.frozen(eq=False, slots=False)
class Winner:
    """The winner among some finalists.

    Args:
        found: the finalists of all measurements.
        row: which measurement.
        number: its own among the finalists.
        y: that measurement, one row.
        coarse: the last objective of its search, one row.
        fine: that the finalists are compared by, one row.
        whole: by all of the prior, one row.
        seed: for all that is drawn.
    """

    found: Finalists
    row: int
    number: Int[Tensor, "1"]
    y: Float[Tensor, "1 *y"]
    coarse: Posterior
    fine: Posterior
    whole: Posterior
    seed: int
    _leaps: dict[int, tuple[Parameters, Tensor] | None] = attrs.field(factory=dict, init=False)

    @cached_property
    def candidate(self) -> Parameters:
        """Itself."""
        return self.found.candidates.select(self.number)

    @cached_property
    def freed(self) -> tuple[Float[Tensor, "1 *w"], float]:
        """w, free of its prior, and the strain in nats."""
        w, strain = freed(self.coarse, self.candidate)
        return w, float(strain)

    @cached_property
    def hessian(self) -> Float64[Tensor, "d d"]:
        """Of the coarse objective."""
        return hessian(self.coarse, self.candidate)

    @cached_property
    def signs(self) -> Signs:
        """Of doubt."""
        independent = self.found.independent(self.row)
        independent = torch.cat([self.number, independent[independent != self.number]])
        rng = torch.Generator().manual_seed(self.seed)
        near = self.draws(_NEAR, rng, _STEPS)
        with torch.no_grad():
            w, x = self.whole.mean(self.candidate)
            residual = float((self.y - self.whole.problem.operator(w, x)).square().sum())
        return signs(
            self.whole,
            self.coarse,
            self.found.candidates.select(independent),
            self.found.value[independent],
            near,
            residual,
            self.y.numel(),
            self.freed[1],
            rng,
        )

    def draws(self, count: int, rng: torch.Generator, before: int = 80) -> Parameters:
        """From the posterior of the kernel, from all finalists of the measurement on."""
        own = self.found.row == self.row
        return kernels(
            attrs.evolve(self.coarse, power=POWER),
            self.found.candidates.select(own.nonzero()[:, 0]),
            POWER * self.found.value[own],
            POWER * self.hessian,
            count=count,
            rng=rng,
            before=before,
        )

    @cached_property
    def confidence(self) -> float:
        """In [0, 1], by the law of faces, whatever the class: how far the search itself is to be trusted."""
        return confidence(FACES, attrs.asdict(self.signs))

    def better(self, number: int) -> tuple[Parameters, Float[Tensor, "1"]] | None:
        """What a leap finds, and its value by the fine objective; None where that is no less than its own.
        The number is that of the draws.
        """
        if number not in self._leaps:
            rng = torch.Generator().manual_seed(self.seed + number)
            others = leap(self.coarse, self.fine, self.candidate, self.freed[0], rng)
            best = others.winners()
            less = bool(others.value[best] < self.found.value[self.number])
            self._leaps[number] = (others.candidates.select(best), others.value[best]) if less else None
        return self._leaps[number]
