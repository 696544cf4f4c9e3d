"""``vca``: vertex component analysis, the usual start of unmixing.

    unmix = invkit.compose("matmul?rank=4", w="nonnegative", x="fractions", solver="vca")       # VCA + FCLS

The pixels are projected on their leading ``rank`` singular vectors and, where the signal-to-noise ratio
allows it, on a plane, so that they fill a simplex whatever their brightness. Its vertices are found one
after another: the pixel that reaches farthest along a random direction orthogonal to those found so far. W
is these pixels (projected), X follows by least squares under its prior; with `fractions` that is fully
constrained least squares.

Source: J. Nascimento and J. Bioucas-Dias, "Vertex component analysis", IEEE Transactions on Geoscience and
Remote Sensing 43(4), 2005; fully constrained least squares: D. Heinz and C. Chang, the same 39(3), 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Literal

import attrs
import torch
from attrs.validators import in_
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit_unmixing.choosing import chosen
from invkit_unmixing.scenes import Scene, leading

__all__ = ["VertexComponents"]

_TINY = 1e-30


@attrs.frozen
class VertexComponents(Solver):
    """Extreme columns of Y as W; X by least squares under its prior.

    Args:
        projection: on the plane through the mean (``affine``), or from the origin on one (``perspective``,
            whatever the brightness of a pixel); ``auto``: by the estimated signal-to-noise ratio, as
            published.
    """

    projection: Literal["auto", "affine", "perspective"] = attrs.field(
        default="auto", validator=in_(("auto", "affine", "perspective"))
    )

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
        return chosen("vca", self.vertices, problem, y, rng, monitors, start)

    def vertices(self, scene: Scene, rng: torch.Generator) -> Float[Tensor, "bands rank"]:
        """The spectra of the vertices, projected on the leading singular vectors."""
        projected, points = self.projected(scene)
        found: list[Tensor] = []
        for _ in range(scene.rank):
            direction = torch.randn(len(points), generator=rng, dtype=torch.float64).to(points)
            if found:
                spanned = torch.linalg.qr(points[:, torch.stack(found)]).Q
                direction = direction - spanned @ (spanned.T @ direction)
            found.append((direction @ points).abs().argmax())
        return projected[:, torch.stack(found)]

    def projected(self, scene: Scene) -> tuple[Float[Tensor, "bands pixels"], Float[Tensor, "rank pixels"]]:
        """The pixels projected on a subspace, and the points in it that fill a simplex."""
        values, rank = scene.values, scene.rank
        mean = values.mean(1, keepdim=True)
        auto = self.projection == "auto"
        noisy = auto and signal_to_noise(values, mean, rank) < 15 + 10 * log10(rank)
        if rank > 1 and (noisy or self.projection == "affine"):
            basis = leading(values - mean, rank - 1)
            inside = basis.T @ (values - mean)
            height = inside.norm(dim=0).amax().expand(1, inside.shape[1])
            return basis @ inside + mean, torch.cat([inside, height])
        basis = leading(values, rank)
        inside = basis.T @ values
        along = (inside.mean(1) @ inside).abs()
        return basis @ inside, inside / along.clamp_min(1e-6 * along.mean()).clamp_min(_TINY)


def signal_to_noise(values: Float[Tensor, "bands pixels"], mean: Tensor, rank: int) -> float:
    """Decibels of what lies in the leading ``rank`` principal directions over what does not."""
    bands, pixels = values.shape
    inside = leading(values - mean, rank).T @ (values - mean)
    whole = float(values.square().sum()) / pixels
    kept = float(inside.square().sum()) / pixels + float(mean.square().sum())
    noise = max(whole - kept, 1e-12 * whole)
    return 10 * log10(max(kept - rank / bands * whole, 1e-12 * whole) / noise) if whole > 0 else 0.0
