"""The evidence of a circular convolution and its gradient, both in closed form.

    value = likelihood(block, observed, explained, transfer, contrast, texture, variance)     # (n,)

The value is that of :class:`invkit_gaussian.diagonal.Diagonal`, whose symbols are used here. A search asks
for nothing but the value and its gradient, hundreds of times. By automatic differentiation every array of a
candidate is read and written some forty times; in closed form, ten. With g = |K|², s = left / N and
q_f = Re(v_fᴴ M⁻¹ v_f), one product of all M⁻¹ with the table of the Gram matrices,

    h = ½ (counts − a² g q / N − |left|² / N) / N        the derivative in N where a, g and z are held
    ∂/∂P = g h,      ∂/∂σ² = Σ h,      ∂/∂g = P h + ½ a² q / N,      ∂/∂d = s,
    ∂/∂K = 2 K Σ_c ∂/∂g − Σ_c s conj(μ + a F(V Λ^½) z)
    a ∂/∂a = 2 Σ a² S T g h + r − tr M⁻¹ − ‖z‖²

with torch's convention for complex numbers. z depends on all of them, and that changes nothing: the fit is
least there. In the last line, Σ a² g q / N = tr M⁻¹(M − I), and Re Σ conj(s) K a F(V Λ^½) z = ‖z‖², since
the fit is least. There is no second derivative.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit_gaussian.fourier import Block, squared
from invkit_gaussian.posterior import cholesky

__all__ = ["likelihood"]

#: what one array of spectra may take where there are many candidates: several fit a core's cache together
_CACHED = 1 << 19


def likelihood(
    block: Block,
    observed: Complex[Tensor, "n c f"],
    explained: Complex[Tensor, "m c f"],
    transfer: Complex[Tensor, "k 1 f"],
    contrast: Float[Tensor, "n b"],
    texture: Float[Tensor, "n f"] | None,
    variance: Float[Tensor, "n"],
) -> Float[Tensor, "n"]:
    """``−log p`` of every measurement.

    Args:
        block: components and spectrum; of all channels, or of each of b colour axes.
        observed: half spectra of the measurements in colour coordinates.
        explained: those of the prior's mean, μ; one or one per candidate.
        transfer: K; one or one per candidate.
        contrast: a, of every block.
        texture: T; none: 1.
        variance: σ².
    """
    n = len(observed)
    # fewer rows than the rank would read the table of Gram matrices too often
    rows = max(1, block.rank, _CACHED // (observed[0].numel() * observed.element_size()))
    if n <= rows or observed.device.type != "cpu":
        return _likelihood(block, observed, explained, transfer, contrast, texture, variance)
    parts = (observed, explained, transfer, contrast, texture, variance)
    pieces = [
        [part] * n if part is None or len(part) < n else list(part.split(rows)) for part in parts
    ]
    return torch.cat([_likelihood(block, *each) for each in zip(*pieces, strict=False)])


def _likelihood(*parts: Any) -> Tensor:
    found: Tensor = _Likelihood.apply(*parts)
    return found


class _Likelihood(torch.autograd.Function):
    """The value; its gradient is worked out with it, while all that it needs is at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        block: Block,
        observed: Tensor,
        explained: Tensor,
        transfer: Tensor,
        contrast: Tensor,
        texture: Tensor | None,
        variance: Tensor,
    ) -> Tensor:
        n, blocks = contrast.shape
        shape = (-1, blocks, block.channels, transfer.shape[-1])
        k, a, power = transfer[:, :, None], contrast[:, :, None, None], block.power
        gain, size = squared(k), a.square()
        scale = size if texture is None else size * texture[:, None, None]
        prior = torch.addcmul(block.free, scale, power)
        inverse = torch.addcmul(variance[:, None, None, None], gain, prior).reciprocal_()
        seen = size * gain
        gram = block.gram((seen * inverse).flatten(0, 1).flatten(1)).double()
        gram.diagonal(dim1=1, dim2=2).add_(1)
        factor = cholesky(gram)
        d = torch.addcmul(observed, transfer, explained, value=-1).view(shape)
        b = block.project((a * k.conj() * d).flatten(0, 1), inverse.flatten(0, 1))
        z = torch.cholesky_solve(b.double()[..., None], factor)[..., 0].to(inverse)
        model = block.span(z, contrast.flatten()).view(shape) + explained.view(shape)
        left = torch.addcmul(observed.view(shape), k, model, value=-1)
        misfit = squared(left).mul_(inverse)
        spread = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1).to(inverse).view(n, blocks).sum(1)
        spread = spread - inverse.log().mul_(block.counts).sum((1, 2, 3))
        length = z.square().sum(1).view(n, blocks)
        fit = misfit.sum((1, 2, 3)) + length.sum(1)
        ctx.shared = len(transfer) < n
        if any(ctx.needs_input_grad):
            small = torch.cholesky_inverse(factor)
            spanned = block.forms(small.to(inverse)).view(shape).mul_(inverse)  # q / N
            double = (block.counts - misfit.addcmul_(seen, spanned)).mul_(inverse)  # 2 h
            of_gain = torch.addcmul(prior.mul_(double), size, spanned).sum((1, 2))[:, None]
            s, held = left.mul_(inverse), seen * (double * power).sum(2, keepdim=True) / 2
            of_size = 2 * (held if texture is None else held * texture[:, None, None]).sum((2, 3))
            fixed = small.diagonal(dim1=1, dim2=2).sum(1).to(inverse).view(n, blocks)
            ctx.save_for_backward(
                s.flatten(1, 2) if ctx.needs_input_grad[1] else None,
                transfer * of_gain - (s * model.conj()).sum((1, 2))[:, None],
                (of_size + block.rank - fixed - length) / contrast,
                None if texture is None else held.sum((1, 2)),
                double.sum((1, 2, 3)) / 2,
            )
        return (fit + spread + blocks * block.numbers * math.log(2 * math.pi)) / 2

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        parts: list[Any] = [
            None if part is None else slopes[0].reshape(-1, *[1] * (part.ndim - 1)) * part
            for part in ctx.saved_tensors
        ]
        observed, transfer, *rest = parts
        return None, observed, None, transfer.sum(0, keepdim=True) if ctx.shared else transfer, *rest
