"""Out of the generator and back: what the evidence gains where w is free, and a latent that is near to that.

    w, strain = freed(coarse, winner)                   # strain in nats
    found = leap(coarse, fine, winner, w, rng)          # Finalists of one measurement, to compare with it

The marginal likelihood is smoother in w than in the latent h of w = B(h): a curve that is bent a little
wrongly can only be bent back through worse ones, while the pixels that it paints change one by one. So the
evidence is raised over

    w' ∝ (|w| + ε) exp(δ),      Σ |w'| = Σ |w|,   signs as in w,

δ a number an entry, from zero and for a few steps of Adam. Of a right kernel this gains little: noise that
a free kernel follows, and what B cannot paint. Of a wrong one it gains several times as much. This **strain**
is the clearest sign of doubt there is (:mod:`invkit_evidence.confidence`). It is in nats; of free kernels
(``simplex``) it says nothing, since they are what they want to be.

Where w is strained, the **leap** goes back: latents whose B(h) is nearest to w' in the square, both smoothed
by a Gaussian that shrinks to nothing, from the winner, variations of it and fresh draws; the nearest of them
descend by the evidence, without annealing.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.solving import Adam
from invkit_evidence.posterior import Parameters, Posterior
from invkit_evidence.search import Finalists, Schedule, Search

__all__ = ["fitted", "freed", "leap"]

#: steps of Adam and their length, in logarithms of an entry
_STEPS, _RATE = 40, 0.1
#: what is spread over all entries before, as a part of Σ|w|
_SPREAD = 0.08
#: latents that are fitted: the winner, how many of its variations, and fresh draws; the share of its numbers
#: that a variation has anew
_VARIED, _FRESH, _SHARE = 95, 32, 0.3
#: steps of the fit, their length, the weight of the penalty beside the relative square, and the Gaussian's
#: deviation at first, as a part of an axis
_FIT_STEPS, _FIT_RATE, _PENALTY, _SMOOTH = 120, 0.1, 1e-4, 1 / 7
#: of the fitted, how many descend and how many of these are compared in the end
_DESCENT = Schedule(keep=(16, 4), steps=50, rate=0.05, anneal=(0.0,))


def freed(objective: Posterior, candidates: Parameters) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n"]]:
    """Every candidate's w, free of its prior, and the strain in nats, 0 or more; of a known kernel 0.

    Args:
        objective: one row a candidate.
        candidates: whose nuisances and noise stay.
    """
    with torch.no_grad():
        w = objective.problem.priors[0](candidates.h)
        variance = objective.variance(candidates)
        before = objective.marginal(objective.linear(w), candidates.nuisance, variance)
    if not candidates.h[0].numel():
        return w, torch.zeros_like(before)
    sizes = w.flatten(1).abs()
    total = sizes.sum(1, keepdim=True)
    sign = torch.where(w.flatten(1) < 0, -1.0, 1.0).to(w)
    start = (sizes / total + _SPREAD / sizes.shape[1]).log()
    change, adam = torch.zeros_like(start), Adam(start)
    best, least = w, before
    for _ in range(_STEPS + 1):
        with torch.enable_grad():
            change.requires_grad_()
            other = ((start + change).softmax(1) * total * sign).reshape(w.shape)
            value = objective.marginal(objective.linear(other), candidates.nuisance, variance)
            (slope,) = torch.autograd.grad(value.sum(), change)
        better = value.detach() < least  # never where it is no number
        best = torch.where(better.reshape(-1, *[1] * (w.ndim - 1)), other.detach(), best)
        least = torch.where(better, value.detach(), least)
        change = change.detach() - _RATE * adam(slope)
    return best, before - least


def fitted(
    prior: Generator, w: Float[Tensor, "1 *w"], latents: Float[Tensor, "k *h"]
) -> tuple[Float[Tensor, "k *h"], Float[Tensor, "k"]]:
    """Latents near those given whose signals are nearest to ``w``, and ``‖B(h) − w‖²/‖w‖²`` of each."""
    axes = tuple(range(max(1, w.ndim - 2), w.ndim))
    shape = [2 * w.shape[axis] for axis in axes]  # nothing comes round the edge
    target = torch.fft.rfftn(w, shape, axes)
    energy, fall = target.abs().square().sum(), _fall(shape, w)
    h, adam = latents, Adam(latents)
    for done in range(_FIT_STEPS):
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            made = prior(h)
            smooth = torch.exp(-fall * (1 - done / (_FIT_STEPS - 1)) ** 4)
            apart = ((torch.fft.rfftn(made, shape, axes) - target) * smooth).abs().square().flatten(1).sum(1)
            loss = apart / energy + _PENALTY * prior.penalty(h, made)
            (slope,) = torch.autograd.grad(loss.sum(), h)
        h = h.detach() - _FIT_RATE * adam(slope)
    with torch.no_grad():
        apart = (prior(h) - w).flatten(1).square().sum(1) / w.square().sum()
    return h, apart.nan_to_num(nan=torch.inf)


def leap(
    coarse: Posterior, fine: Posterior, winner: Parameters, w: Float[Tensor, "1 *w"], rng: torch.Generator
) -> Finalists:
    """Parameters of one measurement that come back from a freed ``w``, by the fine objective.

    Args:
        coarse: that they descend by, one row.
        fine: that they are compared by, one row.
        winner: the candidate that was freed.
        w: what became of it.
        rng: for variations and fresh draws.
    """
    prior = coarse.problem.priors[0]
    drawn = prior.sample_latent(_VARIED + _FRESH, rng, dtype=w.dtype, device=w.device)
    anew = torch.rand(drawn.shape, generator=rng, dtype=torch.float32, device="cpu") < _SHARE
    anew[_VARIED:] = True
    latents = torch.cat([winner.h, torch.where(anew.to(w.device), drawn, winner.h)])
    h, apart = fitted(prior, w, latents)
    nearest = apart.topk(_DESCENT.keep[0], largest=False).indices
    others = (part.expand(len(nearest), -1) for part in winner.parts[1:])
    search = Search([coarse], Parameters(h[nearest], *others), len(nearest), _DESCENT)
    for _ in search.steps():
        pass
    return search.finalists(fine)


def _fall(shape: list[int], like: Tensor) -> Tensor:
    """Of the logarithm of a Gaussian's transfer function, at its widest, over a half-spectrum."""
    squares = torch.zeros((), dtype=like.dtype, device=like.device)
    for axis, size in enumerate(shape):
        grid = torch.fft.rfftfreq if axis == len(shape) - 1 else torch.fft.fftfreq
        frequency = grid(size, dtype=like.dtype, device=like.device) * (size / 2 * _SMOOTH)
        squares = squares[..., None] + frequency.square()
    return 2 * torch.pi**2 * squares
