"""The evidence of a circular convolution and its gradient, both in closed form.

    value = likelihood(block, observed, explained, transfer, contrast, texture, variance)     # (n,)

The value is that of :class:`invkit_gaussian.diagonal.Diagonal`, whose symbols are used here. A search asks
for nothing but the value and its gradient, hundreds of times. By automatic differentiation every array of a
candidate is read and written some forty times; in closed form, ten. With g = |K|², s = left / N and
q_f = Re(v_fᴴ M⁻¹ v_f), one product of all M⁻¹ with the table of the Gram matrices,

    h = ½ (counts − a² g q / N − |left|² / N) / N        the derivative in N where a, g and z are held
    ∂/∂P = g h,      ∂/∂σ² = Σ h,      ∂/∂g = P h + ½ a² q / N,      ∂/∂d = s,
    ∂/∂K = 2 K Σ_c ∂/∂g − Σ_c s conj(μ + a F(V Λ^½) z)

with torch's convention for complex numbers. z depends on all of them, and that changes nothing: the fit is
least there. There is no second derivative.
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
        k, a = transfer[:, :, None], contrast[:, :, None, None]
        gain = squared(k)
        typical = a.square() * block.power
        if texture is not None:
            typical = typical * texture[:, None, None]
        prior = typical + block.free
        inverse = (gain * prior + variance[:, None, None, None]).reciprocal()
        d = (observed - transfer * explained).view(shape)
        weights = a.square() * gain * inverse
        gram = block.gram(weights.flatten(0, 1).flatten(1)).double()
        gram.diagonal(dim1=1, dim2=2).add_(1)
        factor = cholesky(gram)
        b = block.project((k.conj().resolve_conj() * d).flatten(0, 1), (a * inverse).flatten(0, 1))
        z = torch.cholesky_solve(b.double()[..., None], factor)[..., 0].to(inverse)
        span = block.span(z, contrast.flatten()).view(shape)
        left = d - k * span
        misfit = squared(left) * inverse
        spread = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1).to(inverse).view(n, blocks).sum(1)
        spread = spread - (block.counts * inverse.log()).sum((1, 2, 3))
        fit = misfit.sum((1, 2, 3)) + z.square().view(n, -1).sum(1)
        ctx.shared = len(transfer) < n
        if any(ctx.needs_input_grad):
            q = block.forms(torch.cholesky_inverse(factor).to(inverse)).view(shape)
            h = (block.counts - weights * q - misfit) * inverse / 2
            s, held = left * inverse, h * gain * typical
            of_gain = (prior * h + a.square() / 2 * q * inverse).sum((1, 2))[:, None]
            made = (s * (span + explained.view(shape)).conj()).sum((1, 2))[:, None]
            along = weights * q + 2 * held - (s.conj() * k * span).real
            ctx.save_for_backward(
                s.flatten(1, 2) if ctx.needs_input_grad[1] else None,
                2 * transfer * of_gain - made,
                along.sum((2, 3)) / contrast,
                None if texture is None else held.sum((1, 2)) / texture,
                h.sum((1, 2, 3)),
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
