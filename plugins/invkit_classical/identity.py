"""Free pixels: the latent is the signal itself, held together by its penalty alone.

    image = invkit.prior("identity?penalty=tv")                 # its shape follows from the measurement
    image = invkit.prior("identity?penalty=l2,shape=1x28x28")

With ``penalty=tv`` the objective (6) is total-variation deconvolution; with ``l2`` it is Tikhonov's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

import invkit
from invkit.contracts.generator import squared_norm
from invkit.errors import InputError, ShapeError
from invkit_classical._arrays import check_field


class AnyShape(invkit.Generator):
    """A prior that fits signals of any shape, its latents being of the signals' shape.

    ``shape`` None lets it follow from the operator and the measurement. Latents are drawn as those of signals
    uniform in [0, 1), the range of images; a kernel start is better encoded from a kernel.
    """

    can_encode = True
    affine = True

    def __init__(self, shape: tuple[int, ...] | None) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = None if shape is None else tuple(shape)

    @abstractmethod
    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        """The same prior with this shape."""

    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        if self.signal_shape is None:
            return self._with_shape(tuple(signal_shape))
        return super().shaped(signal_shape)

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Inexact[Tensor, "n *signal"]:
        if self.signal_shape is None:
            raise ShapeError(
                "this prior has no shape yet", hint="add ?shape=1x28x28, or call prior.shaped(…)"
            )
        dtype = self.latent_dtype(dtype)
        signal = torch.rand(n, *self.signal_shape, generator=rng, dtype=dtype, device="cpu")
        return self.encode(signal).to(device)


class Identity(AnyShape):
    """``C(m) = m``. Values are free: neither clipped to [0, 1] nor normalised.

    Args:
        penalty: ``l2`` is ‖x‖²; ``l1`` is Σ|x|; ``tv`` the isotropic and ``tv-anisotropic`` the anisotropic
            total variation, smoothed (see :func:`total_variation`).
        shape: ``(channels, *dims)`` of the signal; None lets it follow from the operator and the measurement.
        eps: the jump, in units of the signal, below which the total variation is smooth (quadratic). Ignored
            by ``l2`` and ``l1``.
        field: whether values are ``real``, ``complex``, or as the measurement is (``any``).

    Raises:
        InputError: ``eps`` is not positive.
        ShapeError: a shape without dimensions, or with sizes below 1.
    """

    def __init__(
        self,
        penalty: Literal["l2", "l1", "tv", "tv-anisotropic"] = "l2",
        shape: tuple[int, ...] | None = None,
        eps: float = 1e-3,
        field: Literal["real", "complex", "any"] = "any",
    ) -> None:
        super().__init__(shape)
        if penalty not in ("l2", "l1", "tv", "tv-anisotropic"):
            raise InputError(f"unknown penalty={penalty!r}", hint="choose l2, l1, tv or tv-anisotropic")
        if not eps > 0:
            raise InputError(
                f"eps={eps} would make the total variation not differentiable", hint="write e.g. eps=1e-3"
            )
        if shape is not None and (len(shape) < 2 or min(shape) < 1):
            raise ShapeError(f"shape={shape} is not (channels, *dims)", hint="write e.g. shape=1x28x28")
        self.penalty_name, self.eps, self.field = penalty, eps, check_field(field)
        self.has_prox = penalty in ("l2", "l1")

    def forward(self, latent: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *signal"]:
        """A copy of the latents: stepping latents in place must not change signals that were kept."""
        return latent.clone()

    def penalty(
        self, latent: Inexact[Tensor, "n *signal"], signal: Inexact[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        if self.penalty_name == "l2":
            return squared_norm(signal)
        if self.penalty_name == "l1":
            return signal.abs().flatten(1).sum(1)
        return total_variation(signal, eps=self.eps, isotropic=self.penalty_name == "tv")

    def prox(
        self, signal: Inexact[Tensor, "n *signal"], t: float | Float[Tensor, "n"]
    ) -> Inexact[Tensor, "n *signal"]:
        """``s / (1 + 2t)`` for ``l2``; soft thresholding of the modulus by t for ``l1``."""
        if not self.has_prox:
            return super().prox(signal, t)
        step = t if isinstance(t, float) else t.reshape(-1, *[1] * (signal.ndim - 1))
        if self.penalty_name == "l2":
            return signal / (1 + 2 * step)
        size = signal.abs()
        return signal * ((size - step).clamp_min(0) / size.clamp_min(torch.finfo(size.dtype).tiny))

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        return Identity(self.penalty_name, shape, self.eps, self.field)

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *signal"]:
        return signal.clone()


def total_variation(
    signal: Inexact[Tensor, "n channels *dims"], *, eps: float = 1e-3, isotropic: bool = True
) -> Float[Tensor, "n"]:
    """Smoothed total variation: ``Σ ψ(|∇x|)`` (isotropic) or ``Σ ψ(∂₁x) + ψ(∂₂x) + …`` (anisotropic).

    ``ψ(t) = √(t² + ε²) − ε``; ``∇`` are forward differences, zero at the far border; channels are summed.
    ``ψ`` is 0 at 0, at most |t|, and within ε of it: a constant signal costs nothing, and the sum is within ε
    per pixel (and axis) of the total variation proper (Rudin, Osher, Fatemi 1992), while the gradient exists
    everywhere.

    Args:
        signal: any number of dimensions after the channels.
        eps: the smoothing ε > 0, in units of the signal.
        isotropic: couple the dimensions by the Euclidean norm, or sum over them.

    Returns:
        One value ≥ 0 per signal of the batch.
    """
    steps = [_forward_difference(signal, axis) for axis in range(2, signal.ndim)]
    squares = [(each * each.conj()).real if each.is_complex() else each.square() for each in steps]
    if isotropic:
        squares = [torch.stack(squares).sum(0)]
    # t²/(√(t² + ε²) + ε) is ψ(t) without the cancellation, hence never below zero.
    terms = [square / ((square + eps**2).sqrt() + eps) for square in squares]
    return torch.stack([term.flatten(1).sum(1) for term in terms]).sum(0)


def _forward_difference(signal: Tensor, axis: int) -> Tensor:
    """``x[i + 1] − x[i]`` along an axis, zero at its last index."""
    last = signal.narrow(axis, signal.shape[axis] - 1, 1)
    return signal.diff(dim=axis, append=last)
