"""The misfit ``‖y − w * x‖²`` of circular convolution, worked out in the DFT domain.

    misfit = op.misfit(y)                                       # transforms y, once
    value = misfit(w, x)                                        # differentiable in w and x
    value, grad_w, grad_x = misfit.value_and_gradients(w, x)    # two transforms in, two out

By Parseval's theorem the value is ``‖ŷ − ŵ ⊙ x̂‖² / N`` (equation (7) of the paper; the doubled bins of a
half spectrum count twice), so nothing is transformed back for it, and with ``r̂ = ŵ ⊙ x̂ − ŷ`` the gradients
are the closed forms of its Section 3 (twice the Wirtinger gradients it prints, the unknowns being real)

    ∂/∂w = 2 F⁻¹(conj(x̂) ⊙ r̂) on the kernel's support,        ∂/∂x = 2 F⁻¹(conj(ŵ) ⊙ r̂).

The kernel's origin costs nothing: instead of moving every kernel, ``ŷ`` is moved the other way, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Inexact
from torch import Tensor
from torch.autograd.function import Function

from invkit.contracts.ambiguity import W, X, Y
from invkit.contracts.bilinear import Misfit
from invkit_convolution._spectrum import (
    Size,
    energy,
    from_half_spectrum,
    half_spectrum,
    in_blocks,
    kernel_origin,
    shift_phase,
)

if TYPE_CHECKING:
    from invkit.contracts.bilinear import BilinearOperator


class CircularMisfit(Misfit):
    """``‖y − w * x‖²`` per pair, with the half spectrum of ``y`` kept.

    Args:
        operator: the circular convolution.
        y: the measurements, (n, c, *image); where the batch repeats one without a copy (stride 0), that one
            is transformed once for all.
        spectrum: the half spectrum of ``y`` where it is known already.
    """

    def __init__(self, operator: BilinearOperator, y: Y, spectrum: Tensor | None = None) -> None:
        super().__init__(operator, y)
        self._size: Size = tuple(y.shape[2:])
        self._spectrum = _batch_spectrum(y, self._size) if spectrum is None else spectrum
        self._moved: dict[Size, Tensor] = {}

    def __call__(self, w: W, x: X) -> Inexact[Tensor, "n"]:
        """The squared residual of every pair.

        Where a gradient will be wanted it is computed along with the value, in one go: the backward pass only
        scales it. Wrap calls that want the value alone in ``torch.no_grad()``.
        """
        self._check(w, x)
        if w.is_complex() or x.is_complex():
            return super().__call__(w, x)
        if torch.is_grad_enabled() and (w.requires_grad or x.requires_grad):
            value: Tensor = _Value.apply(w, x, self)
            return value
        return self._evaluate(w, x, (False, False))[0]

    def value_and_gradients(self, w: W, x: X) -> tuple[Inexact[Tensor, "n"], W, X]:
        """The value and both gradients in closed form."""
        self._check(w, x)
        if w.is_complex() or x.is_complex():
            return super().value_and_gradients(w, x)
        with torch.no_grad():
            value, gradient_w, gradient_x = self._evaluate(w, x, (True, True))
        return value, gradient_w, gradient_x

    def select(self, index: Tensor) -> CircularMisfit:
        """The misfit to ``y[index]``; the spectrum is indexed, not computed again."""
        return CircularMisfit(self.operator, self.y[index], self._spectrum[index])

    def _check(self, w: Tensor, x: Tensor) -> None:
        self.operator.infer_shapes(tuple(self.y.shape[1:]), tuple(w.shape[1:]), tuple(x.shape[1:]))

    def _evaluate(self, w: Tensor, x: Tensor, wanted: tuple[bool, bool]) -> tuple[Tensor, ...]:
        """The value, and the gradients in ``w`` and in ``x`` where they are wanted, in this order."""
        size, support = self._size, tuple(w.shape[2:])

        def block(w: Tensor, x: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
            transfer, image = half_spectrum(w, size), half_spectrum(x, size)
            residual = (transfer * image).sub_(measured)
            results = [energy(residual, size)]
            if wanted[0]:
                correlation = _summed(image.conj() * residual, w.shape[1])
                results.append(from_half_spectrum(correlation.mul_(2), size, support))
            if wanted[1]:
                correlation = _summed(residual.mul_(transfer.mul_(2).conj()), x.shape[1])
                results.append(from_half_spectrum(correlation, size, size))
            return tuple(results)

        return in_blocks(block, w, x, self._measured_from(support), size=size)

    def _measured_from(self, support: Size) -> Tensor:
        """The spectrum of ``y``, moved such that kernels of this support have their origin at pixel 0."""
        if support not in self._moved:
            origin = kernel_origin(support)
            phase = shift_phase(self._size, origin, self._spectrum.dtype, self._spectrum.device)
            one = self._spectrum[:1] if _repeats_one(self._spectrum) else self._spectrum
            self._moved[support] = (one * phase.conj()).expand_as(self._spectrum)
        return self._moved[support]


class _Value(Function):
    """The misfit's value with its closed-form gradients, each computed only where it is needed."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, x: Tensor, misfit: CircularMisfit) -> Tensor:
        value, *gradients = misfit._evaluate(w, x, ctx.needs_input_grad[:2])
        ctx.misfit = misfit
        ctx.save_for_backward(w, x, *gradients)
        return value

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        w, x, *gradients = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        scale = outer.reshape(-1, *[1] * (x.ndim - 1))
        if torch.is_grad_enabled():  # second derivatives are wanted: by the operator's own adjoints
            operator: BilinearOperator = ctx.misfit.operator
            r = 2 * (operator(w, x) - ctx.misfit.y)
            both = operator.adjoint_w(x, r, tuple(w.shape[1:])), operator.adjoint_x(w, r, tuple(x.shape[1:]))
            gradients = [gradient for gradient, wants in zip(both, wanted, strict=True) if wants]
        scaled = iter(gradient * scale for gradient in gradients)
        return next(scaled) if wanted[0] else None, next(scaled) if wanted[1] else None, None


def _summed(spectrum: Tensor, channels: int) -> Tensor:
    """Summed over the channels that one signal serves."""
    return spectrum.sum(1, keepdim=True) if channels == 1 else spectrum


def _batch_spectrum(y: Tensor, size: Size) -> Tensor:
    """The half spectrum of every measurement; of one, where the batch repeats it without a copy."""
    one = half_spectrum(y[:1] if _repeats_one(y) else y, size)
    return one.expand(y.shape[0], *one.shape[1:])


def _repeats_one(batch: Tensor) -> bool:
    return batch.shape[0] > 1 and batch.stride(0) == 0
