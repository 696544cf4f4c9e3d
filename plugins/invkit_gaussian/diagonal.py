"""The posterior where the operator is a circular convolution: everything but the components is diagonal.

For one block of channels that share their components, let d be the half spectra of what the prior mean
leaves of the measurement, K the transfer function, P = a²ST + level the variances of the image's bins, a the
contrast and T the texture. Then

    N = |K|² P + σ²,     G = N^−½ a K F(V Λ^½),     M = I_r + GᴴG = L Lᵀ,     b = Gᴴ N^−½ d
    z = M⁻¹ b,      left = d − a K F(V Λ^½) z
    −log p = ½ (‖N^−½ left‖² + ‖z‖² + Σ log N + log det M + n log 2π)
    E[x's bins | y] = a F(V Λ^½) z + K̄ P / N left

by the identities of Woodbury and Sylvester; doubled bins count twice. The first two terms are
‖N^−½ d‖² − bᵀM⁻¹b. In this form single precision suffices: they are a minimum over z, so that an error in z
counts only squared, and no large numbers cancel.

Given z, the image has the spectra a F(V Λ^½) z + K̄ P / N left. There, z is multiplied by
(1 − |K|²P/N) a F(V Λ^½) = σ²/N a F(V Λ^½); the covariance is P − |K|²P²/N = σ²P/N. z itself has the
covariance M⁻¹. So

    vᵀ C v = Σ σ²P/N |v|² + ‖L⁻¹ c‖²,     c = Re( (σ²/N a F(V Λ^½))ᴴ v ),

a sum of squares: nothing cancels, however certain the posterior is.

M is factorised in double precision. That costs little beside the Gram matrix and does not fail where single
precision would. Should it fail all the same, with hardly any noise, the evidence is NaN.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit_gaussian.colour import to_axes, to_channels
from invkit_gaussian.fourier import Block, Scale, squared
from invkit_gaussian.posterior import Posterior, cholesky

__all__ = ["Diagonal"]


class Diagonal(Posterior):
    """See above.

    Args:
        block: components and spectrum. Where it has fewer channels than the image, every colour axis is a
            block of its own.
        scale: for each block of each candidate.
        rotation: Q, one or one per candidate.
        mean: E[x], one or one per candidate.
        d: see above, in colour coordinates.
        transfer: K, one channel for all.
        variance: σ².
    """

    def __init__(
        self,
        block: Block,
        scale: Scale,
        rotation: Float[Tensor, "q c c"],
        mean: Float[Tensor, "m c h w"],
        d: Complex[Tensor, "n c f"],
        transfer: Complex[Tensor, "k 1 f"],
        variance: Float[Tensor, "n"],
    ) -> None:
        self._block, self._scale, self._rotation, self._mean = block, scale, rotation, mean
        self._shape, blocks = d.shape, d.shape[1] // block.channels
        if blocks > 1:
            transfer = transfer.expand(len(d), 1, -1).repeat_interleave(blocks, 0)
            variance = variance.repeat_interleave(blocks)
            d = d.flatten(0, 1)[:, None]
        self._variance, self._conjugate = variance[:, None, None], transfer.conj()
        gain = squared(transfer)
        self._prior = block.variances(scale)
        self._noise = gain * self._prior + self._variance
        contrast = scale.contrast[:, None, None]
        b = block.project(self._conjugate.resolve_conj() * d, contrast / self._noise)
        gram = block.gram((contrast.square() * gain / self._noise).flatten(1)).double()
        identity = torch.eye(block.rank, dtype=torch.float64, device=gram.device)
        self._factor = cholesky(gram + identity)
        self._z = torch.cholesky_solve(b.double()[..., None], self._factor)[..., 0].to(self._noise)
        self._span = block.span(self._z, scale.contrast)
        self._left = d - transfer * self._span

    def evidence(self) -> Float[Tensor, "n"]:
        fit = (squared(self._left) / self._noise).sum((1, 2)) + self._z.square().sum(1)
        spread = (self._block.counts * self._noise.log()).sum((1, 2))
        spread = spread + 2 * self._factor.diagonal(dim1=1, dim2=2).log().sum(1).to(self._noise)
        return self._together((fit + spread + self._block.numbers * math.log(2 * math.pi)) / 2)

    def mean(self) -> Float[Tensor, "n c h w"]:
        found = self._span + self._conjugate * self._prior / self._noise * self._left
        return self._mean + to_channels(self._rotation, self._block.signals(found.reshape(self._shape)))

    def uncertainty(self, v: Float[Tensor, "n c h w"]) -> Float[Tensor, "n"]:
        spectra = self._block.spectra(to_axes(self._rotation, v)).reshape(self._left.shape)
        left = self._variance / self._noise
        free = (left * self._prior * squared(spectra)).sum((1, 2))
        c = self._block.project(spectra, left * self._scale.contrast[:, None, None])
        white = torch.linalg.solve_triangular(self._factor, c.double()[..., None], upper=False)[..., 0]
        return self._together(free + white.square().sum(1).to(free))

    def _together(self, values: Float[Tensor, "b"]) -> Float[Tensor, "n"]:
        """The sum over each candidate's blocks."""
        return values.unflatten(0, (self._shape[0], -1)).sum(1)
