"""What a bilinear measurement cannot tell: group actions on (w, x) that leave ``A(w, x)`` unchanged.

    op = invkit.operator("pointwise")
    for ambiguity in op.ambiguities:
        parameter = ambiguity.sample(w, x, rng)
        w2, x2 = ambiguity.act(w, x, parameter)        # op(w2, x2) equals op(w, x)

An operator declares its ambiguities; the metrics compare *modulo* them (:meth:`Ambiguity.align`), the tests
check that they are true. Only the scaling ``(αw, x/α)`` is common to all bilinear maps, so only that one
lives in the core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor


class Ambiguity(ABC):
    """One group acting on pairs ``(w, x)`` such that ``A(g·(w, x)) = A(w, x)`` for every element ``g``."""

    #: a short name for tables, e.g. ``"scaling"`` or ``"shift"``
    name: str

    @abstractmethod
    def sample(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], rng: torch.Generator) -> Tensor:
        """One group element per pair, ``(n, …)``, drawn among those that apply to signals of these shapes."""

    def restrict(
        self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """The pair made such that the action of ``parameter`` on it is exact; the identity unless overridden.

        A shift, say, must not push part of a kernel off its support: it restricts to kernels with margins of
        zeros.
        """
        return w, x

    @abstractmethod
    def act(
        self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """``g·(w, x)`` for the group elements ``parameter`` (as :meth:`sample` gives them)."""

    @abstractmethod
    def align(
        self,
        w: Float[Tensor, "n *w"],
        x: Float[Tensor, "n *x"],
        w_true: Float[Tensor, "n *w"],
        x_true: Float[Tensor, "n *x"],
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """The member of the pair's orbit that is closest to the truth, by ``x`` where the two disagree."""


class Scaling(Ambiguity):
    """``(w, x) → (αw, x/α)`` for α > 0: every bilinear map has it (paper, Section 1).

    :meth:`align` takes the least-squares α: ``x/α`` is the multiple of ``x`` closest to the truth. Where the
    best multiple is not positive the pair stays as it is.
    """

    name = "scaling"

    def sample(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], rng: torch.Generator) -> Tensor:
        """α per pair, log-uniform in [¼, 4]."""
        exponent = torch.rand(w.shape[0], generator=rng, dtype=torch.float64) * 4 - 2
        return (2.0**exponent).to(w)

    def act(
        self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        return w * _per_pair(parameter, w), x / _per_pair(parameter, x)

    def align(
        self,
        w: Float[Tensor, "n *w"],
        x: Float[Tensor, "n *x"],
        w_true: Float[Tensor, "n *w"],
        x_true: Float[Tensor, "n *x"],
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        energy = x.flatten(1).square().sum(1)
        multiple = (x * x_true).flatten(1).sum(1) / energy
        usable = torch.isfinite(multiple) & (multiple > 0)
        alpha = torch.where(usable, 1 / multiple, torch.ones_like(multiple))
        return self.act(w, x, alpha)


def _per_pair(parameter: Tensor, signal: Tensor) -> Tensor:
    """One number per pair, shaped to multiply a batch of signals."""
    return parameter.reshape(-1, *[1] * (signal.ndim - 1))
