"""The evidence of a Gaussian prior whose images keep to an interval [l, u].

The posterior without bounds is N(x̂, C). That an image of it keeps to them has the probability P, and

    p(y | A, l ≤ x ≤ u) = p(y | A) P / P₀,

with P₀ the same of the prior, which no kernel changes. P is an integral over a box of as many dimensions as
there are pixels. In its place stands the largest value in the box of exp(−½ (x − x̂)ᵀ C⁻¹ (x − x̂)), as
Laplace would have it, and of that a bound, since finding it is a quadratic programme: with
v = x̂ − [x̂], what lies beyond the bounds, every x in the box has vᵀ(x̂ − x) ≥ ‖v‖² and so, by
Cauchy and Schwarz,

    ½ (x − x̂)ᵀ C⁻¹ (x − x̂)  ≥  ½ ‖v‖⁴ / vᵀ C v.

The right-hand side is what is added to −log p(y | A): how many standard deviations of ⟨v, x⟩ the posterior
mean is away from the box, squared and halved. P₀ is left out; it does depend on the contrasts, but little.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit_gaussian.marginal import GaussianMarginal

__all__ = ["BoundedMarginal"]

#: violations ‖v‖² below which nothing is added: they would be squared to less than single precision holds
_NEGLIGIBLE = 1e-12


class BoundedMarginal(Marginal):
    """Measurements of images between bounds.

    Args:
        inner: the same without bounds.
        bounds: (l, u).
    """

    def __init__(self, inner: GaussianMarginal, bounds: tuple[float, float]) -> None:
        self.inner, self.bounds = inner, bounds
        self.nuisances = inner.nuisances

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        posterior = self.inner.posterior(linear, nuisance, variance)
        mean = posterior.mean()
        beyond = mean - mean.clamp(*self.bounds)
        size = beyond.flatten(1).square().sum(1)
        there = size > _NEGLIGIBLE
        spread = torch.where(there, posterior.uncertainty(beyond), torch.ones_like(size))
        return posterior.evidence() + torch.where(there, size.square() / (2 * spread), torch.zeros_like(size))

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n *x"]:
        """The closest image between the bounds to the posterior mean without."""
        return self.inner.mean(linear, nuisance, variance).clamp(*self.bounds)

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """The closest image between the bounds to a draw from the posterior without."""
        return self.inner.sample(linear, nuisance, variance, rng).clamp(*self.bounds)

    def select(self, index: Tensor) -> BoundedMarginal:
        return BoundedMarginal(self.inner.select(index), self.bounds)
