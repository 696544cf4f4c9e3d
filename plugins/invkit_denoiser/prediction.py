"""How probable a measurement is given a kernel, by a denoiser: every part of it predicted from noisier ones.

    found = predicted(y, window, 0.01, estimate)
    found.nats                                  # log p(y | w), but for what no kernel changes

Noise is added to the measurement, ever more, and taken off again step by step. With τ_0 > … > τ_K = σ a
geometric row, y_K = y, and

    y_{k−1} = y_k + √(τ²_{k−1} − τ²_k) n_k,     n_k white,

each y_k is a measurement with noise of τ_k, and y_{k−1} says nothing of x that y_k does not. So by the chain
rule

    log p(y | w) = log p(y_0 | w) + Σ_k log p(m_k | y_k, w) + const,

    m_k = (τ_{k+1}⁻² y_{k+1} − τ_k⁻² y_k) / g_k,     g_k = τ_{k+1}⁻² − τ_k⁻²,

where m_k is a measurement of the same x whose noise, of variance 1/g_k, is independent of that of y_k. It is
predicted. With z_k the image that the denoiser recovers from y_k, given the kernel, x is taken to be Gaussian
about z_k, stationary, with what the Wiener filter leaves of an image with z_k's power spectrum P:

    M_k(f) ~ N(W Z_k, 1/g_k + C_k |W|²)(f),     C_k = P / (1 + P |W|² / τ_k²).

The first term is left out: with so much noise kernels differ little. A wrong kernel has an image that
explains what was seen. But that does not foretell what is seen next, whereas the right one does. All kernels
of a measurement have the same n_k, so that what these do is nearly the same to all.

Source: the chain of predictions is A. P. Dawid, "Statistical theory: the prequential approach", J. R. Stat.
Soc. A 147(2), 1984; the chain of noises that of D. Guo, S. Shamai, S. Verdú, "Mutual information and minimum
mean-square error in Gaussian channels", IEEE Trans. Information Theory 51(4), 2005. To predict by a denoiser
is ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import prod

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import Window
from invkit.solving import half_weights
from invkit_denoiser.kernel_step import ring_power

__all__ = ["Predicted", "predicted"]

_NOISIEST = 0.2
"""τ_0, for images in [0, 1]."""
_RATIO = 1.6
"""τ_k over τ_{k+1}, about."""


@attrs.frozen(eq=False)
class Predicted:
    """The result of :func:`predicted`: how probable the measurement is, and the last image."""

    #: log p(y | w), in nats, but for what no kernel changes
    nats: float
    #: the last image that predicted
    image: Float[Tensor, "1 c *x"]


def predicted(
    y: Float[Tensor, "1 c *x"],
    window: Window,
    sigma: float,
    estimate: Callable[[Tensor, float, Tensor], Tensor],
) -> Predicted:
    """Predict a measurement that a circular convolution has made, all of it measured.

    Args:
        y: the measurement.
        window: the convolution.
        sigma: σ.
        estimate: from a measurement, the deviation τ of its noise and an image to begin with, the image.
    """
    dims, size = tuple(range(2, y.ndim)), tuple(y.shape[2:])
    levels = _levels(sigma)
    rng, chain = torch.Generator().manual_seed(0), [y]
    for quiet, noisy in zip(levels[:0:-1], levels[-2::-1], strict=True):
        noise = torch.randn(y.shape, generator=rng, dtype=torch.float32).to(y)
        chain.append(chain[-1] + math.sqrt(noisy**2 - quiet**2) * noise)
    chain.reverse()
    twice, gain = half_weights(size, y), window.multipliers.abs().square()
    image, nats = y.mean(dims, keepdim=True).expand_as(y), 0.0
    for now, then, noisy, quiet in zip(chain, chain[1:], levels, levels[1:], strict=False):
        image = estimate(now, noisy, image)
        more = quiet**-2 - noisy**-2
        fresh = torch.fft.rfftn((quiet**-2 * then - noisy**-2 * now) / more, dim=dims)
        spectrum = torch.fft.rfftn(image, dim=dims)
        power = ring_power(spectrum, size, twice)
        variance = 1 / more + gain * power / (1 + power * gain / noisy**2)
        misfit = (fresh - window.multipliers * spectrum).abs().square() / prod(size)
        nats -= float((twice * (misfit / variance + variance.log())).sum()) / 2
    return Predicted(nats, image)


def _levels(sigma: float) -> list[float]:
    """τ_0 … τ_K."""
    noisiest = max(_NOISIEST, _RATIO * sigma)
    steps = max(1, round(math.log(noisiest / sigma) / math.log(_RATIO)))
    return [noisiest * (sigma / noisiest) ** (step / steps) for step in range(steps + 1)]
