"""What is minimised: the negative log-posterior of the first unknown, the second integrated out.

    objective = Posterior(problem, marginal, noise)
    objective(Parameters(h, nuisance, level), 1.0)          # (n,), nats

With w = B(h), σ the noise's standard deviation and τ ≥ 1 what the annealing multiplies its variance by,

    −β log p(y | B(h), ν, τσ²)  +  ½ f(h, w)  +  ½ ‖ν‖²  +  ½ u²,     σ = σ₀ exp(u)

where ν is the nuisance of x's prior and f the penalty of w's, read as −2 log of its density. u is there where
the noise is to be
estimated: σ₀ is then a first estimate from the measurement. The power β of the likelihood is 1 in a search;
draws may have less (:mod:`invkit_evidence.chains`).
"""

from __future__ import annotations

import attrs
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit.contracts.problem import Problem

__all__ = ["Parameters", "Posterior"]


@attrs.frozen(eq=False)
class Parameters:
    """The parameters of a batch of candidates."""

    h: Float[Tensor, "n *h"]
    nuisance: Float[Tensor, "n k"]
    #: u, (n, 1), or (n, 0) where the noise is known
    level: Float[Tensor, "n l"]

    def select(self, index: Tensor) -> Parameters:
        """The candidates ``index`` alone."""
        return Parameters(self.h[index], self.nuisance[index], self.level[index])

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """All three."""
        return self.h, self.nuisance, self.level


@attrs.frozen(eq=False)
class Posterior:
    """A problem, its measurements with x integrated out, and what is known of the noise.

    Args:
        problem: tied to shapes, one row a candidate.
        marginal: one row a candidate.
        noise: σ, or σ₀ where it is estimated, of every candidate.
        power: β.
    """

    problem: Problem
    marginal: Marginal
    noise: Float[Tensor, "n"]
    power: float = 1.0

    def __call__(self, candidates: Parameters, tempering: Tensor | float = 1.0) -> Float[Tensor, "n"]:
        """The negative log-posterior of every candidate; differentiable in all its parameters."""
        prior_w = self.problem.priors[0]
        w = prior_w(candidates.h)
        evidence = self.marginal(self.linear(w), candidates.nuisance, self.variance(candidates) * tempering)
        known = candidates.nuisance.square().sum(1) + candidates.level.square().sum(1)
        return self.power * evidence + (prior_w.penalty(candidates.h, w) + known) / 2

    def linear(self, w: Tensor) -> LinearOperator:
        """The operator with w frozen."""
        x_shape = self.problem.priors[1].signal_shape
        assert x_shape is not None
        return self.problem.operator.given(w=w, x_shape=x_shape)

    def variance(self, candidates: Parameters) -> Float[Tensor, "n"]:
        """σ² of every candidate."""
        return (self.noise * candidates.level.sum(1).exp()).square()

    def mean(self, candidates: Parameters) -> tuple[Tensor, Tensor]:
        """w and the posterior mean of x."""
        w = self.problem.priors[0](candidates.h)
        return w, self.marginal.mean(self.linear(w), candidates.nuisance, self.variance(candidates))

    def select(self, index: Tensor) -> Posterior:
        """The objective of the candidates ``index`` alone."""
        problem, marginal = self.problem.select(index), self.marginal.select(index)
        return Posterior(problem, marginal, self.noise[index], self.power)
