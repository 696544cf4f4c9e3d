"""``purest``: groups of extreme pixels that explain most of the others, as a start for unmixing.

    unmix = invkit.compose("matmul?rank=4", w="nonnegative", x="nonnegative", solver=["purest", "ice"])

A pixel that is pure, all of one material, is a vertex of the cone that the pixels fill. Of a vertex of one
pixel nobody knows whether it is a material or an accident, so:

1. The pixels are divided by the square root of their brightness, as noise grows with the light, and projected
   on their leading ``rank + extra`` singular vectors.
2. ``rank + extra`` candidates are found by successive projections: the direction of the largest remainder is
   that of a vertex; the candidate is the median of the ``share`` of all pixels that reach farthest along it.
   What the candidates span is taken off, and so on.
3. Of all choices of ``rank`` candidates the one is taken whose fit with non-negative abundances leaves the
   least sum of residual *norms*, not squared: a material on few odd pixels then costs little.

Sources: successive projections: Araújo et al., Chemometrics and Intelligent Laboratory Systems 57, 2001; with
averages over several pixels: N. Nadisic, N. Gillis and C. Kervazo, "Smoothed separable nonnegative matrix
factorization", Linear Algebra and its Applications 676, 2023. The choice among more candidates is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit_unmixing.choosing import chosen
from invkit_unmixing.scenes import Scene, brightness, leading, nonnegative_abundances

__all__ = ["Purest"]

#: pixels that the choices are judged on, and sweeps of their abundances
_JUDGED, _SWEEPS = 1500, 60
#: the part of the largest pixel's energy that is rounding
_NOTHING = 1e-10


@attrs.frozen
class Purest(Solver):
    """Groups of extreme columns of Y as W; X by least squares under its prior. Draws nothing.

    Args:
        extra: candidates beyond the rank.
        share: the part of all pixels that make a candidate, above 0; one pixel at least.
    """

    extra: int = attrs.field(default=2, validator=ge(0))
    share: float = attrs.field(default=0.003, validator=gt(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Choose W for every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the operator is no matrix product, the prior of x has no proximal map, or there is a
                ``start``.
        """
        return chosen("purest", lambda scene, _: self.endmembers(scene), problem, y, rng, monitors, start)

    def endmembers(self, scene: Scene) -> Float[Tensor, "bands rank"]:
        """The chosen spectra, in units of the scene's values."""
        values = scene.values
        root = brightness(values).sqrt()
        scaled = values / root
        count = min(scene.rank + self.extra, *values.shape)
        basis = leading(scaled, count)
        inside = basis.T @ scaled
        groups = self.extremes(inside, scene.rank, max(count, scene.rank))
        spectra = torch.stack([values[:, group].median(1).values for group in groups], 1)
        choices = torch.tensor(list(combinations(range(spectra.shape[1]), scene.rank)))
        seen = slice(None, None, -(-values.shape[1] // _JUDGED))
        judged = (inside * root)[:, seen]
        made = (basis.T @ spectra).T[choices].mT  # (choices, count, rank)
        right = made.mT @ judged
        x = nonnegative_abundances(made.mT @ made, right, torch.zeros_like(right), sweeps=_SWEEPS)
        cost = (judged - made @ x).norm(dim=1).sum(1)
        return spectra[:, choices[cost.argmin()].to(spectra.device)]

    def extremes(self, inside: Float[Tensor, "k pixels"], rank: int, count: int) -> list[Tensor]:
        """The pixels of every candidate; no more than ``rank`` where they span all there is."""
        several = max(1, round(self.share * inside.shape[1]))
        left, spectra, groups = inside, [], []
        for number in range(count):
            sizes = left.square().sum(0)
            if number >= rank and float(sizes.max()) <= _NOTHING * float(inside.square().sum(0).max()):
                break
            direction = left[:, sizes.argmax()]
            group = (direction @ left).topk(several).indices
            groups.append(group)
            spectra.append(inside[:, group].median(1).values)
            basis = torch.linalg.qr(torch.stack(spectra, 1)).Q
            left = inside - basis @ (basis.T @ inside)
        return groups
