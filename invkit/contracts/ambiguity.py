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
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.linear import Shape

W = Inexact[Tensor, "n *w"]
"""A batch of first arguments."""

X = Inexact[Tensor, "n *x"]
"""A batch of second arguments."""

Y = Inexact[Tensor, "n *y"]
"""A batch of measurements."""

Pair = tuple[W, X]
"""A batch of both arguments."""


class Ambiguity(ABC):
    """One group acting on pairs ``(w, x)`` such that ``A(g·(w, x)) = A(w, x)`` for every element ``g``."""

    #: a short name for tables, e.g. ``"scaling"`` or ``"shift"``
    name: str

    @abstractmethod
    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        """One group element per pair, ``(n, …)``, drawn among those that apply to signals of these shapes."""

    def restrict(self, w: W, x: X, parameter: Tensor) -> Pair:
        """The pair made such that the action of ``parameter`` on it is exact; the identity unless overridden.

        A shift, say, must not push part of a kernel off its support: it restricts to kernels with margins of
        zeros.
        """
        return w, x

    @abstractmethod
    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        """``g·(w, x)`` for the group elements ``parameter`` (as :meth:`sample` gives them)."""

    @abstractmethod
    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        """The member of the pair's orbit that is closest to the truth, by ``x`` where the two disagree."""

    def displacement(self, w: W) -> Tensor | None:
        """How far each ``x`` is from where the measurement shows it: pixels along each axis, ``(n, dims)``.

        NaN where that cannot be told. None, the default, for a group that moves nothing.
        """
        return None


class Scaling(Ambiguity):
    """``(w, x) → (αw, x/α)``: every bilinear map has it (paper, Section 1).

    α > 0 where the signals are real; where both are complex, α is any complex number but 0. :meth:`align`
    takes the least-squares α: ``x/α`` is the multiple of ``x`` closest to the truth. Where there is no such
    multiple the pair stays as it is.
    """

    name = "scaling"

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        """α per pair, its modulus log-uniform in [¼, 4]."""
        return random_factors((w.shape[0],), w, x, rng)

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return w * _per_pair(parameter, w), x / _per_pair(parameter, x)

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        blocks = (x.shape[0], *[1] * (x.ndim - 1))
        return self.act(w, x, closest_factors(blocks, w, x, x_true).flatten())


def random_factors(shape: Shape, w: Tensor, x: Tensor, rng: torch.Generator) -> Tensor:
    """Factors of modulus log-uniform in [¼, 4]: positive, or of any phase where both signals are complex."""
    factors = 2.0 ** (torch.rand(shape, generator=rng, dtype=torch.float64) * 4 - 2)
    if not _complex(w, x):
        return factors.to(device=w.device, dtype=w.real.dtype)
    phases = 2 * torch.pi * torch.rand(shape, generator=rng, dtype=torch.float64)
    return torch.polar(factors, phases).to(w)


def closest_factors(shape: Shape, w: Tensor, x: Tensor, x_true: Tensor) -> Tensor:
    """The factor a of every block such that ``x/a`` is closest to the truth; 1 where there is none.

    Args:
        shape: of the factors; ``x`` is summed to it, so it has ``x``'s lengths, or 1 along axes that share
            a factor.
        w, x, x_true: the pair and the truth. Factors are positive unless both ``w`` and ``x`` are complex.
    """
    multiple = (x.conj() * x_true).sum_to_size(shape) / (x.conj() * x).real.sum_to_size(shape)
    if _complex(w, x):
        usable = torch.isfinite(multiple) & (multiple != 0)
    else:
        multiple = multiple.real
        usable = torch.isfinite(multiple) & (multiple > 0)
    return torch.where(usable, 1 / multiple, torch.ones_like(multiple))


def _complex(w: Tensor, x: Tensor) -> bool:
    return w.is_complex() and x.is_complex()


def _per_pair(parameter: Tensor, signal: Tensor) -> Tensor:
    """One number per pair, shaped to multiply a batch of signals."""
    return parameter.reshape(-1, *[1] * (signal.ndim - 1))
