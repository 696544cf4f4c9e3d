"""What is measured of a Gaussian prior, for its card: on pictures held out, blurred by kernels held out.

gaussian_figures(moments, data, "shake", "circconv")    # {"validation_pictures": 100, …}
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit import metrics
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.dataset import Dataset
from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit_gaussian.colour import colour_axes, to_axes, to_channels
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.moments import Moments

__all__ = ["closest", "gaussian_figures", "probable_nuisance"]

_NOISE = 0.01
#: contrasts are found with fewer components than there are, as by a search
_STEPS, _RATE, _RANK = 60, 0.2, 64


def gaussian_figures(
    moments: Moments, data: Dataset, blur: str = "", operator: str = "", pictures: int = 100
) -> dict[str, int | float]:
    """Measure a prior on pictures spread over the validation split.

    Args:
        moments: as they are stored.
        data: of the moments' shape.
        blur: spec of a law of kernels; without it or an operator, nothing is blurred.
        operator: spec of the operator that blurs.
        pictures: how many at most.

    Returns:
        ``validation_pictures``, how many there were; unless that is 0, the ``explained_variance`` of
        the components, the mean PSNR in dB of the closest picture that they make (``range_floor_psnr``), of
        the pictures blurred by kernels of the law with noise of 0.01 (``psnr_blurry``),
        and of their posterior means given the kernel and the noise, contrasts at their most probable
        (``psnr_true_kernel``); pictures smaller than those kernels are not blurred. What is measured is
        clipped to [0, 1].
    """
    count = min(pictures, data.splits["validation"])
    if not count:  # a small folder of images may have none
        return {"validation_pictures": 0}
    spread = torch.linspace(0, data.splits["validation"] - 1, count).long()
    x = data.take(spread, "validation")
    near = closest(moments, x)
    left, total = (x - near).square().sum(), (x - moments.mean).square().sum()
    made = {"range_floor_psnr": near}
    kernels = invkit.dataset(blur) if blur and operator else None
    if kernels and all(a >= b for a, b in zip(x.shape[2:], kernels.signal_shape[1:], strict=True)):
        w = kernels.take(torch.arange(count), "validation")
        made["psnr_blurry"], made["psnr_true_kernel"] = _restored(moments, x, w, invkit.operator(operator))
    figures = {key: round(metrics.psnr(each.clamp(0, 1), x).mean().item(), 3) for key, each in made.items()}
    explained = round(1 - float(left / total), 4)
    return {"validation_pictures": count, "explained_variance": explained, **figures}


def closest(moments: Moments, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """The closest pictures that mean and components make; of axes, with the pictures' own colour axes and
    levels.
    """
    if moments.colour == "joint":
        rotation, centred = moments.rotation[None], x - moments.mean
    else:
        rotation, centred = colour_axes(x)[0], x - x.mean((2, 3), keepdim=True)
    g = to_axes(rotation, centred)
    span = torch.linalg.qr(moments.basis.flatten(1).T)[0]
    rows = g.flatten(1) if moments.colour == "joint" else g.flatten(2).flatten(0, 1)
    made = (rows @ span @ span.T).reshape(g.shape)
    return x - centred + to_channels(rotation, made)


def probable_nuisance(
    marginal: Marginal, linear: LinearOperator, variance: Float[Tensor, "n"]
) -> Float[Tensor, "n k"]:
    """The nuisance that maximises the evidence times its own density N(0, I), by Adam from zeros."""
    nuisance = variance.new_zeros(len(variance), marginal.nuisances, requires_grad=True)
    if not marginal.nuisances:
        return nuisance.detach()
    optimiser = torch.optim.Adam([nuisance], lr=_RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, _STEPS)
    for _ in range(_STEPS):
        value = marginal(linear, nuisance, variance) + nuisance.square().sum(1) / 2
        (nuisance.grad,) = torch.autograd.grad(value.sum(), nuisance)
        optimiser.step()
        falling.step()
    return nuisance.detach()


def _restored(
    moments: Moments, x: Tensor, w: Tensor, operator: BilinearOperator
) -> tuple[Tensor, Tensor]:
    """Pictures blurred by kernels, and their posterior means given these."""
    rng = torch.Generator().manual_seed(0)
    y = operator(w, x) + _NOISE * torch.randn(x.shape, generator=rng, dtype=x.dtype, device="cpu")
    prior = Gaussian(moments)
    linear, variance = operator.given(w=w, x_shape=tuple(x.shape[1:])), x.new_full((len(x),), _NOISE**2)
    nuisance = probable_nuisance(prior.marginal(y, rank=_RANK), linear, variance)
    with torch.no_grad():
        return y, prior.marginal(y).mean(linear, nuisance, variance)
