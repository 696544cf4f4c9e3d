"""The kernel of one picture: many quick kernels and the members of simple families, judged by the evidence.

    outcome = searched(grey, sigma=0.01, side=63, families=["disk?size=31"], rng=rng)
    outcome.winner.kernel, outcome.gain, outcome.agreement

1. **Pool.** Quick kernels (:mod:`invkit_photographs.pool`) at a scale of 0.35, where large blurs are small,
   and by the size of the best of them at 0.5 or 0.7 or both.
2. **Judge.** All are judged at the coarsest scale; at the next finer one where the winner is at most 25
   pixels across there, and so on (:mod:`invkit_photographs.view`).
3. **Full size.** Of little noise, at most 0.006, and a small kernel full size says more: one more search
   for the winner's size, the best two are refined there, and all are judged there.
4. **Families.** The best three are restated as members of simple families, which join them
   (:mod:`invkit_photographs.families`).
5. **Choose.** The one of most evidence. Within 0.003 nats a derivative of it, which the bound cannot tell
   apart, a simple shape before a free one, then the smaller.

The **gain** is the winner's evidence less that of the single pixel: where it is next to nothing, the picture
is not blurred, or shows too little to tell. **Agreement** is the mean correlation of the winner with the next
best of other runs: independent searches that end at one kernel are seldom wrong. And scales must agree: a
kernel that the next coarser scale finds worse than the single pixel is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit_photographs._fourier import Real
from invkit_photographs.families import Candidate, members
from invkit_photographs.pool import kernels_at, odd, on_square, refined
from invkit_photographs.size import extent
from invkit_photographs.view import View

__all__ = ["Outcome", "searched"]

#: scales that are judged at, and the sides of the supports that are tried at the coarse and the fine one
SCALES = (0.35, 0.5, 0.7)
COARSE, FINE = (9, 17, 25), (9, 19)
#: pixels across of the coarse winner: from the first on there is a search at the middle scale for its size,
#: to the second there is one at the fine scale
LARGE, SMALL = 27, 40
#: the noise up to which there is a search at full size, and how many kernels are refined there
QUIET, REFINED = 6e-3, 2
#: pixels across, at most, of a kernel that is judged at a scale
_ACROSS = 25
#: nats a derivative that the bound cannot tell apart
_TIE = 3e-3
#: how many of the next best are compared with the winner
_OTHERS = 3


@attrs.frozen(eq=False)
class Outcome:
    """What a search has found.

    Args:
        winner: the candidate chosen.
        gain: its evidence over that of a single pixel, nats a derivative, at ``scale``.
        agreement: mean correlation with the next best, in [0, 1].
        scale: that it was judged at.
        margin: evidence over the best of those that do not resemble it, nats a derivative.
        coarser: the gain at the next coarser scale; infinite where there is none.
    """

    winner: Candidate
    gain: float
    agreement: float
    scale: float
    margin: float
    coarser: float


def searched(
    grey: Real,
    sigma: float,
    side: int,
    families: Sequence[str],
    rng: torch.Generator,
    told: Callable[[Candidate, str], None] = lambda candidate, stage: None,
) -> Outcome:
    """Find the kernel of a picture.

    Args:
        grey: (H, W) in [0, 1].
        sigma: the noise's standard deviation.
        side: of the largest kernel that is looked for, odd.
        families: specs of priors of kernels of few numbers.
        rng: for their latents.
        told: told of candidates as they come.
    """
    views = {scale: View.of(grey, scale, sigma, side // 2) for scale in SCALES}
    found = [Candidate(on_square(torch.ones(1, 1), side))]

    def tried(scale: float, sides: Sequence[int]) -> None:
        small = views[scale].small
        most = min(odd(side * scale), odd(min(small.shape) / 2) - 2)
        for kernel in kernels_at(small, scale, sorted({min(each, most) for each in sides if most >= 3})):
            found.append(Candidate(on_square(kernel, side), scale))
            told(found[-1], f"search at {scale:g}")

    coarse, middle, fine = SCALES
    tried(coarse, COARSE)
    across = _across(found[int(_judged(views[coarse], found).argmax())])
    if across > LARGE:
        tried(middle, [odd(across * middle * 1.2 + 2)])
    if across <= SMALL:
        tried(fine, FINE)
    scale, value = _finest(views, found)
    if sigma <= QUIET and scale == fine:  # of little noise and a small kernel, full size says more
        scale = 1.0
        views[scale] = View.of(grey, scale, sigma, side // 2)
        winner = found[int(value.argmax())]
        across = max(_across(winner), FINE[0])
        tried(scale, [odd(across * 1.1 + 4)])
        value = _judged(views[scale], found)
        for number in value[1:].topk(min(REFINED, len(found) - 1)).indices.tolist():
            kernel = found[number + 1].kernel.numpy()
            better = refined(views[scale].small, scale, kernel, max(_across(found[number + 1]), 3))
            if better is not None:
                found.append(Candidate(on_square(better, side)))
                told(found[-1], "refinement")
        value = _judged(views[scale], found)
    best = value[1:].topk(min(3, len(found) - 1)).indices + 1 if len(found) > 1 else value.topk(1).indices
    free = torch.stack([found[each].kernel for each in best.tolist()])
    shapes = []
    for candidate in members(views[scale], families, free, float(value.max()), rng):
        shapes.append(candidate)
        told(candidate, candidate.family)
    if shapes:
        value = torch.cat([value, _judged(views[scale], shapes)])
    outcome = _chosen([*found, *shapes], value, scale)
    before = [each for each in views if each < scale]
    if before:
        one, other = _judged(views[max(before)], [found[0], outcome.winner]).tolist()
        outcome = attrs.evolve(outcome, coarser=other - one)
    return outcome


def _judged(view: View, found: Sequence[Candidate]) -> Float[Tensor, "n"]:
    """The evidence of candidates; minus infinity where it is no number."""
    scales = torch.tensor([each.scale if each.scale < 1 else torch.inf for each in found])
    value = view.evidence(torch.stack([each.kernel for each in found]), scales)
    return value.nan_to_num(nan=-torch.inf)


def _finest(views: Mapping[float, View], found: Sequence[Candidate]) -> tuple[float, Float[Tensor, "n"]]:
    """The finest scale at which the winner is not too large, and the evidence there."""
    scale, value = SCALES[0], _judged(views[SCALES[0]], found)
    for finer in SCALES[1:]:
        if _across(found[int(value.argmax())]) * finer > _ACROSS:
            break
        scale, value = finer, _judged(views[finer], found)
    return scale, value


def _chosen(found: Sequence[Candidate], value: Float[Tensor, "n"], scale: float) -> Outcome:
    gain = value - value[0]
    near = (gain >= gain.max() - _TIE).nonzero()[:, 0].tolist()
    number = min(near, key=lambda each: (found[each].family == "free", _across(found[each])))
    winner = found[number]
    alike = torch.tensor([correlation(winner.kernel, each.kernel) for each in found])
    others = [each for each in gain.argsort(descending=True).tolist() if each not in (0, number)]
    others = [each for each in others if found[each].family == "free" or winner.family == "free"]
    agreement = float(alike[others[:_OTHERS]].mean()) if others else 0.0
    apart = gain[alike < 0.8]
    margin = float(gain[number] - apart.max()) if len(apart) else float(gain[number])
    return Outcome(winner, float(gain[number]), agreement, scale, margin, float("inf"))


def _across(candidate: Candidate) -> int:
    return extent(candidate.kernel.numpy())


def correlation(one: Float[Tensor, "p p"], other: Float[Tensor, "p p"]) -> float:
    """The normalised correlation of two kernels at their best shift, each a little smoothed."""
    size = (2 * one.shape[0], 2 * one.shape[1])
    spectra = [torch.fft.rfft2(each, s=size) for each in (one, other)]
    waves = torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1]) ** 2
    spectra = [each * torch.exp(-2 * np.pi**2 * waves) for each in spectra]  # σ = 1 pixel
    energy = [torch.fft.irfft2(each * each.conj(), s=size)[0, 0] for each in spectra]
    product = torch.fft.irfft2(spectra[0] * spectra[1].conj(), s=size).max()
    return float(product / (energy[0] * energy[1]).sqrt())
