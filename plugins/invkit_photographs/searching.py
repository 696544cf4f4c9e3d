"""The kernel of one picture: many quick kernels and the members of simple families, judged by the evidence.

    outcome = searched(grey, sigma=0.01, side=63, families=["disk?size=31"], rng=rng)
    outcome.winner.kernel, outcome.gain, outcome.agreement

1. **Pool.** Quick kernels (:mod:`invkit_photographs.pool`) at a coarse scale, where large blurs are small,
   and for small blurs at the fine scale 0.7. The coarse one is 0.25 for large pictures and 0.35 for small
   ones, of which less would show too little.
2. **Carry up.** The best four, as far as they differ, are refined at a scale in the middle, and of all those
   the best three at 0.7 (:mod:`invkit_photographs.view` tells their evidence at a scale). A kernel that a
   coarse scale finds only roughly becomes right on the way.
3. **Families.** The best three are restated as members of simple families, which join them
   (:mod:`invkit_photographs.families`).
4. **Full size.** Where the noise is at most 0.013, the best three are made thin there: what was found at a
   scale is right and too thick. Their mean joins them, and the best one after some steps up the evidence.
5. **Choose.** A simple shape that has the most evidence at 0.7, or as good as, where the best free kernels
   look like it. Else the free kernel of most evidence at 0.7, with some of that at full size: there alone it
   shows how thick a kernel is, and small kernels are judged there altogether.

The **gain** is the winner's evidence less that of the single pixel: where it is next to nothing, the picture
is not blurred, or shows too little to tell. **Agreement** is the mean correlation of the winner with the best
free candidates: independent searches that end at one kernel are seldom wrong. And scales must agree: small
kernels explain the fine scales of many pictures that are blurred much. So what a coarser scale finds clearly
worse than another kernel is passed over, and where there is nothing else, it is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil

import attrs
import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from invkit_photographs._fourier import Real
from invkit_photographs.bound import Plan
from invkit_photographs.families import FREE, Candidate, correlation, members, moved
from invkit_photographs.pool import BEGINNINGS, kernels_at, odd, on_square, refined
from invkit_photographs.size import extent
from invkit_photographs.view import SEEN, View

__all__ = ["Outcome", "searched", "steep"]

#: nats a derivative: with less gain over the single pixel a picture counts as not blurred
SHARP = 3e-3
#: and so it does where one pixel has more of the kernel's mass, or where the kernel is no more pixels across:
#: pictures themselves are a little soft, and where much is to see, little is left of the evidence for a shape
MOSTLY, NEARLY = 0.4, 3

#: the coarse scale of large pictures and that of small ones, how many pixels a side are large, and the fine
#: scale. The one in the middle is their geometric mean
COARSE, LARGE, FINE, FULL = (0.25, 0.35), 448, 0.7, 1.0
#: the sides of the supports that are tried at the coarse and the fine scale, and how many beginnings there
SIDES, FINE_SIDES, FEW = (9, 17, 25), (9,), 2
#: so many candidates of the coarse scale are refined at the middle one, and one less at the fine one. So many
#: of a scale's best are judged again at the next
CARRIED, KEPT = 4, 6
#: the noise up to which candidates are refined at full size, and how many
QUIET, REFINED = 0.013, 3
#: the share of the evidence at full size in that of a large kernel, and pixels across, at most, of a small
#: one, which full size alone decides on. At full size the bound of a large kernel is loose, and it prefers
#: thinner ones; at a scale it does not see how thick a small one is
FULL_SHARE, SMALL = 0.15, 13
#: the coarse scale sorts out, which needs less than a comparison
_COARSE_PLAN = Plan(6, 3)
#: nats a derivative that the bound cannot tell apart
_TIE = 6e-3
#: a winner is compared with so many of the best free kernels. A simple shape must correlate with them by the
#: second number in the mean. Kernels that correlate by less than the third do not resemble each other
_OTHERS, _SHAPED, _ALIKE = 3, 0.9, 0.85
#: a derivative of so many standard deviations of the noise is no noise. An entry of a kernel below this share
#: of its largest does not count
_CLEAR, _FAINT = 4.0, 0.03
#: entries below this share of the largest may reach beyond the picture
_NOTHING = 3e-3
#: the correlation of kernels that are combined
_COMBINED = 0.95
#: in pixels of a scale, steps of how far kernels may reach there
_STEP = 6
#: entries above this share of the largest, and their neighbours, climb from at least a small share of it; the
#: steps and their length
_SEEN, _SPARK, _CLIMB, _RATE = 0.02, 1e-4, 20, 0.03
#: the share of the best gain at the coarser scales that the winner should have, and how many are tried
_HELD, _TRIED = 0.7, 4
#: nats a derivative that the winner and the single pixel may lack at a coarser scale if the picture is not
#: blurred: larger kernels have no more evidence there then
_LACKING = 0.01
#: and so much gain has at most what makes pictures themselves a little soft
_SOFT = 0.06
#: nats a derivative at full size: what is further behind the best free kernel is too thick, or no such shape
_FAR = 0.125


@attrs.frozen(eq=False)
class Outcome:
    """What a search has found.

    Args:
        winner: the candidate chosen.
        gain: its evidence over that of a single pixel at the scale 0.7, nats a derivative.
        agreement: mean correlation with the best free candidates, in [0, 1].
        scale: that decided between it and others.
        margin: its lead over the best of those that do not resemble it, as a share of its gain at that scale.
        coarser: its gain at the scale before that.
        held: the share that it has of the best gain at the coarser scales, the least of them.
        lacking: how much it and the single pixel lack of the best evidence there, nats a derivative, the most
            of them.
        edges: how many derivatives of the picture are clearly no noise, for each entry of the kernel.
    """

    winner: Candidate
    gain: float
    agreement: float
    scale: float
    margin: float
    coarser: float
    held: float
    lacking: float
    edges: float

    @property
    def little(self) -> bool:
        """Whether the single pixel has about as much evidence, or the kernel is little else."""
        kernel = self.winner.kernel.numpy()
        return self.gain < SHARP or float(kernel.max()) > MOSTLY or extent(kernel) <= NEARLY

    @property
    def sharp(self) -> bool:
        """Whether the picture seems not blurred: the kernel is little and explains little, and no scale wants
        a larger one.
        """
        return self.little and self.lacking < _LACKING and self.gain < _SOFT


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
    search = _Search(grey, sigma, side, told)
    coarse, middle, fine = search.scales
    search.pool(coarse, SIDES, len(BEGINNINGS))
    search.judge(coarse, search.all())
    search.pool(fine, FINE_SIDES, FEW)
    for number in search.best(coarse, CARRIED):
        search.refine(number, middle)
    search.judge(middle, [*search.best(coarse, KEPT, apart=1.0), *search.at(middle), *search.at(fine)])
    for number in search.best(middle, CARRIED - 1):
        search.refine(number, fine)
    search.judge(fine, [*search.best(middle, KEPT, apart=1.0), *search.at(fine)])
    free = [search.found[each].kernel for each in search.best(fine, 3, apart=1.0)]
    if free:
        most = max(search.judged[fine].values())
        reach = max(_reach(each) for each in free) + 2
        for member in members(search.view(fine, reach), families, torch.stack(free), most, rng):
            search.add(member, member.family)
        search.judge(fine, search.simple())
    if sigma <= QUIET:
        for number in search.best(fine, REFINED, apart=0.97, free=True):
            search.refine(number, FULL, thin=True)
        search.judge(fine, search.at(FULL))
        best = search.best(fine, KEPT, apart=1.0, free=True)
        search.judge(FULL, [*best, *search.at(FULL), *search.simple()])
        search.combine()
        search.climb()
        search.judge(fine, search.at(FULL))
        search.judge(FULL, search.at(FULL))
    return search.outcome()


class _Search:
    """Candidates so far, the single pixel first, and their evidence at each scale."""

    def __init__(self, grey: Real, sigma: float, side: int, told: Callable[[Candidate, str], None]) -> None:
        self.grey, self.sigma, self.side, self.told = grey, sigma, side, told
        coarse = COARSE[0] if min(grey.shape) >= LARGE else COARSE[1]
        #: coarse, middle, fine
        self.scales = coarse, (coarse * FINE) ** 0.5, FINE
        self.found = [Candidate(on_square(torch.ones(1, 1), side))]
        #: scale → number of the candidate → evidence
        self.judged: dict[float, dict[int, float]] = {}
        self._views: dict[tuple[float, int], View] = {}

    def view(self, scale: float, reach: int = 0) -> View:
        """The picture at a scale, for kernels that reach so far from their middle: in steps, for the time of
        judging grows with the square of what lies around.
        """
        steps = ceil(reach * scale / _STEP)
        if (scale, steps) not in self._views:
            self._views[scale, steps] = View.of(self.grey, scale, self.sigma, ceil(steps * _STEP / scale))
        return self._views[scale, steps]

    def pool(self, scale: float, sides: Sequence[int], beginnings: int) -> None:
        """Quick kernels at a scale."""
        small = self.view(scale).small
        most = min(odd(self.side * scale), odd(min(small.shape) / 2) - 2)
        own = sorted({min(each, most) for each in sides if most >= 3})
        for kernel in kernels_at(small, scale, own, beginnings):
            self.add(Candidate(on_square(kernel, self.side), scale), f"search at {scale:g}")

    def refine(self, number: int, scale: float, *, thin: bool = False) -> None:
        """One more candidate: another refined at a scale."""
        kernel = refined(self.view(scale).small, scale, self.found[number].kernel.numpy(), thin=thin)
        if kernel is not None:
            self.add(Candidate(on_square(kernel, self.side), scale), f"refinement at {scale:.3g}")

    def combine(self) -> None:
        """One more candidate of full size: the mean of those there that are alike, made thin once more. What
        they have wrong is partly chance. None where there are not two of them.
        """
        thin = [self.found[each].kernel for each in self.at(FULL)]
        best = max(self.at(FULL), key=self.judged[FINE].__getitem__, default=0)
        near = [moved(each, self.found[best].kernel) for each in thin]
        near = [each for each in near if correlation(each, self.found[best].kernel) > _COMBINED]
        if len(near) > 1:
            self.add(Candidate(torch.stack(near).mean(0)), "combination")
            self.refine(len(self.found) - 1, FULL, thin=True)
            self.judge(FINE, self.at(FULL))

    def climb(self) -> None:
        """One more candidate of full size: the best there, halfway to where the evidence leads it. All of the
        way is better for real shakes and worse for others, of which the bound finds thin kernels too thin.
        """
        if not self.at(FULL):
            return
        kernel = self.found[max(self.at(FULL), key=self.judged[FINE].__getitem__)].kernel
        strong = (kernel > _SEEN * kernel.max()).numpy()
        where = torch.from_numpy(ndimage.binary_dilation(strong, np.ones((3, 3), np.bool_)))
        root = kernel.clamp(min=_SPARK * float(kernel.max())).sqrt()[where]
        view = View.of(self.grey, FULL, self.sigma, _reach(where.float()), SEEN)

        def kernels(root: Tensor) -> Float[Tensor, "1 p p"]:
            made = root.new_zeros(where.shape).masked_scatter(where, root.square())
            return (made / made.sum())[None]

        rate = _RATE * float(root.max())
        led = kernels(*view.climbed([root], [rate], kernels, _CLIMB))[0]
        self.add(Candidate((kernel + moved(led, kernel)) / 2), "climb")

    def add(self, candidate: Candidate, stage: str) -> None:
        """One more candidate."""
        self.found.append(candidate)
        self.told(candidate, stage)

    def all(self) -> list[int]:
        """Every candidate but the single pixel."""
        return list(range(1, len(self.found)))

    def at(self, scale: float) -> list[int]:
        """Free ones found at a scale."""
        alike = (self.found[each].scale == scale and self.found[each].family == FREE for each in self.all())
        return [number for number, kept in zip(self.all(), alike, strict=True) if kept]

    def simple(self) -> list[int]:
        """The members of simple families."""
        return [each for each in self.all() if self.found[each].family != FREE]

    def judge(self, scale: float, numbers: Sequence[int]) -> None:
        """Find the evidence of candidates, and that of the single pixel, at a scale."""
        known = self.judged.setdefault(scale, {})
        new = [each for each in dict.fromkeys([0, *numbers]) if each not in known]
        plan = _COARSE_PLAN if scale == self.scales[0] else None
        views = {number: self.view(scale, _reach(self.found[number].kernel)) for number in new}
        for view in dict.fromkeys(views.values()):
            same = [number for number in new if views[number] is view]
            found = [self.found[number] for number in same]
            scales = torch.tensor([each.scale if each.scale < FULL else torch.inf for each in found])
            value = view.evidence(torch.stack([each.kernel for each in found]), scales, plan)
            known.update(zip(same, value.nan_to_num(nan=-torch.inf).tolist(), strict=True))

    def best(self, scale: float, count: int, apart: float = 0.9, *, free: bool = False) -> list[int]:
        """Those of most evidence at a scale, of which no two correlate by ``apart`` or more."""
        kept: list[int] = []
        for number in sorted(self.judged[scale], key=self.judged[scale].__getitem__, reverse=True):
            candidate = self.found[number]
            if number == 0 or len(kept) == count or (free and candidate.family != FREE):
                continue
            if not any(correlation(candidate.kernel, self.found[each].kernel) >= apart for each in kept):
                kept.append(number)
        return kept

    def coarser(self, number: int) -> tuple[float, float]:
        """The share that a candidate has of the best gain at the coarser scales, and how much evidence it and
        the single pixel lack there; each at the worst.
        """
        held, lacking = 1.0, 0.0
        for scale in self.scales[:-1]:
            self.judge(scale, [number])
            known = self.judged[scale]
            most = max(known.values())
            held = min(held, (known[number] - known[0] + _TIE) / (most - known[0] + _TIE))
            lacking = max(lacking, most - max(known[number], known[0]))
        return held, lacking

    def agreed(self, numbers: Iterable[int], evidence: Mapping[int, float]) -> int:
        """The one of most evidence that the coarser scales hold for good too; without one, that of most."""
        among = sorted(numbers, key=evidence.__getitem__, reverse=True)
        return next((each for each in among[:_TRIED] if self.coarser(each)[0] >= _HELD), among[0])

    def outcome(self) -> Outcome:
        """The candidate chosen, and what tells how sure it is."""
        middle, fine = (self.judged[scale] for scale in self.scales[1:])
        free = {number: value for number, value in fine.items() if number and number not in self.simple()}
        scale, decided = FINE, fine
        number = max({0, *free}, key=fine.__getitem__)
        best = sorted(free, key=free.__getitem__, reverse=True)[:_OTHERS]

        def agreement(number: int) -> float:
            others = [self.found[each].kernel for each in best if each != number]
            near = [correlation(self.found[number].kernel, each) for each in others]
            return sum(near) / len(near) if near else 0.0

        shapes = [each for each in self.simple() if fine[each] >= fine[number] - _TIE]
        shapes = [each for each in shapes if agreement(each) >= _SHAPED]
        full = self.judged.get(FULL, {})
        apt = full.keys() & free.keys()
        if apt:
            least = max(full[each] for each in apt) - _FAR
            apt = {each for each in apt if full[each] > least}
            shapes = [each for each in shapes if full[each] > max(full[0], least)]  # a pixel is a shape, too
        shapes = [each for each in shapes if self.coarser(each)[0] >= _HELD]
        if shapes:
            number = max(shapes, key=fine.__getitem__)
        elif apt:
            decided = {each: fine[each] + FULL_SHARE * value for each, value in full.items()}
            number = self.agreed(apt, decided)
            if extent(self.found[number].kernel.numpy()) <= SMALL:
                scale, decided = FULL, full
                number = self.agreed(apt, decided)
        elif free:
            number = self.agreed({0, *free}, fine)
        winner = self.found[number]
        entries = int((winner.kernel > _FAINT * winner.kernel.max()).sum())
        held, lacking = self.coarser(number)
        gain = fine[number] - fine[0]
        alike = {each: correlation(winner.kernel, self.found[each].kernel) for each in decided}
        apart = [each for each in decided if each and alike[each] < _ALIKE]
        lead = decided[number] - decided[self.agreed(apart, decided) if apart else 0]
        return Outcome(
            winner,
            gain=gain,
            agreement=agreement(number),
            scale=scale,
            margin=lead / max(decided[number] - decided[0], _TIE),
            coarser=gain if scale == FULL else middle[number] - middle[0],
            held=held,
            lacking=lacking,
            edges=steep(self.view(FULL).small, self.sigma) / max(entries, 1),
        )


def steep(grey: Real, sigma: float) -> int:
    """How many derivatives of a picture, a little smoothed, are clearly no noise."""
    smooth = ndimage.gaussian_filter(grey, 1.0)
    corner = smooth[:-1, :-1]
    size = np.hypot(smooth[1:, :-1] - corner, smooth[:-1, 1:] - corner)
    return int((size > _CLEAR * sigma / np.sqrt(8 * np.pi)).sum())


def _reach(kernel: Float[Tensor, "p p"]) -> int:
    """How far a kernel's entries are from its middle, along either axis; next to nothing does not count."""
    return int(((kernel > _NOTHING * kernel.max()).nonzero() - kernel.shape[0] // 2).abs().max())
