"""The marginal likelihood under a mixture of priors, and which of them a measurement is of.

    marginal = invkit.prior("mixture:gaussian:celeba+spectrum").marginal(y)
    marginal(linear, nuisance, variance)                     # −log Σ_k π_k p_k(y | A, ν, σ²)
    marginal.responsibilities(linear, nuisance, variance)    # (n, K): p(k | y, A, ν, σ²)

Components do not share what they integrate out, so all follows from the evidence of each alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal

__all__ = ["MixtureMarginal"]


class MixtureMarginal(Marginal):
    """Marginals of the same measurements under several priors, with their weights.

    A candidate has as many numbers of nuisance as the component with the most; a component with fewer takes
    the first of them. So components share a number of nuisance, and each reads it in its own way.

    Args:
        parts: the components' marginals.
        weights: π, above 0, of sum 1.
    """

    def __init__(self, parts: Sequence[Marginal], weights: Float[Tensor, "k"]) -> None:
        self.parts, self.weights = parts, weights
        self.nuisances = max(part.nuisances for part in parts)

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        return -self._joint(linear, nuisance, variance).logsumexp(1)

    def responsibilities(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n parts"]:
        """The probability of every component given the measurement; rows sum to 1."""
        return self._joint(linear, nuisance, variance).softmax(1)

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n *x"]:
        means = [part.mean(linear, own, variance) for part, own in self._each(nuisance)]
        shares = self.responsibilities(linear, nuisance, variance)
        return torch.einsum("nk,nk...->n...", shares, torch.stack(means, 1))

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """A component by its responsibility, then a draw from its posterior."""
        shares = self.responsibilities(linear, nuisance, variance)
        uniform = torch.rand(len(shares), 1, generator=rng, dtype=shares.dtype, device="cpu").to(shares)
        # All components draw for all rows, so that a row's draws do not depend on its neighbours' components.
        draws = [part.sample(linear, own, variance, rng) for part, own in self._each(nuisance)]
        component = (shares.cumsum(1)[:, :-1] < uniform).sum(1)
        return torch.stack(draws, 1)[torch.arange(len(shares), device=component.device), component]

    def select(self, index: Tensor) -> MixtureMarginal:
        return MixtureMarginal([part.select(index) for part in self.parts], self.weights)

    def _each(self, nuisance: Tensor) -> list[tuple[Marginal, Tensor]]:
        return [(part, nuisance[:, : part.nuisances]) for part in self.parts]

    def _joint(self, linear: LinearOperator, nuisance: Tensor, variance: Tensor) -> Float[Tensor, "n parts"]:
        """``log π_k p_k(y)``."""
        values = [part(linear, own, variance) for part, own in self._each(nuisance)]
        return self.weights.log() - torch.stack(values, 1)
