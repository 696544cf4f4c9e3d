"""What Levenberg–Marquardt with variable projection asks of the algebra beneath it.

The residual is ``√ω (y − z(h, m))``. One latent, *inner*, is affine in the measurement and eliminated: for
every *outer* one it has its best value. The Jacobian in the outer latent is then that of the residual,
projected onto the complement of what inner latents can make (L. Kaufman, BIT 15, 1975), which is the
Gauss–Newton step of both latents together in which only the outer one is damped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from invkit_bilinear.searching import per_row

__all__ = ["Fitted", "Move", "Projection"]


@attrs.frozen(eq=False)
class Fitted:
    """The best inner latent of every candidate.

    Args:
        inner: the latent.
        cost: ``Σ ω |y − z|²`` and both ridges.
        kept: what else is of use for the step from there: tensors with a row for each candidate.
    """

    inner: Tensor
    cost: Float[Tensor, "n"]
    kept: tuple[Tensor, ...] = ()

    def select(self, index: Tensor) -> Fitted:
        """Those of the candidates ``index``."""
        return Fitted(self.inner[index], self.cost[index], tuple(each[index] for each in self.kept))

    def where(self, mask: Bool[Tensor, "n"], other: Fitted) -> Fitted:
        """These where the mask is True, the other ones elsewhere."""
        mine, theirs = (self.inner, self.cost, *self.kept), (other.inner, other.cost, *other.kept)
        pairs = zip(mine, theirs, strict=True)
        inner, cost, *kept = (torch.where(per_row(mask, a), a, b) for a, b in pairs)
        return Fitted(inner, cost, tuple(kept))


@attrs.frozen(eq=False)
class Move:
    """A step of the outer latent, and by how much the quadratic model says that the cost falls."""

    delta: Tensor
    promised: Float[Tensor, "n"]


class Projection(ABC):
    """The linear algebra of one problem, a row a candidate."""

    #: whether the cost does not depend on the length of the outer latent
    homogeneous: bool

    @abstractmethod
    def select(self, index: Tensor) -> Projection:
        """That of the candidates ``index``."""

    @abstractmethod
    def split(self, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """The outer and the inner latent."""

    @abstractmethod
    def joined(self, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        """``(h, m)`` again."""

    @abstractmethod
    def made(self, outer: Tensor, inner: Tensor) -> Float[Tensor, "n p"]:
        """The measurement of a pair."""

    @abstractmethod
    def fitted(self, outer: Tensor, inner: Tensor, root: Float[Tensor, "n p"] | None) -> Fitted:
        """The best inner latents; ``inner`` is where an iteration for them begins, ``root`` is √ω."""

    @abstractmethod
    def step(
        self, outer: Tensor, fitted: Fitted, root: Float[Tensor, "n p"] | None, damping: Float[Tensor, "n"]
    ) -> Move:
        """The step of the outer latents, damped relative to the mean diagonal of the normal equations."""
