"""Does the blur vary across the picture? A camera that turned a little is asked for, part by part.

    found = varied(grey, sigma, kernel, nodes)           # nodes (k, 2) in pixels of the picture
    found.kernels                                        # (k, P, P): one at each node
    found.kind                                           # "no", "rotation" or "unclear"

A camera that moves by T(t) and turns about its axis by θ(t) moves the point p of the picture, measured from
the middle, by T(t) + θ(t) J p, with J p being p turned by a right angle. Written over the places q = T(t) of
the path instead of over time, the kernel at p is that of the middle with every entry moved,

    k_p = Σ_q k[q] δ(q + θ(q) J p),

where θ is taken as a polynomial of degree 3 in q: nine numbers. (Its constant turns the picture as a whole,
which nothing can tell.) So all kernels follow from one and a few numbers, and lie right to each other.

1. **Parts.** Three by three of them, spread over the picture, each large beside the kernel.
2. **Fit.** k and θ climb the bound of the evidence (:mod:`.bound`) of all parts together, from the kernel
   that the search has found and θ = 0, at two scales. Where the coarse one sees next to no gain, that is all.
3. **Judge.** The evidence with θ, less that of the same k with θ = 0. Where it is clear, each node gets its
   own kernel. Where it is not, all get the one that was found, to the bit.
4. **Doubt.** Where the kernels explain several parts notably worse than the single pixel does, the blur
   varies in another way (depth, things that moved, a larger turn), and nothing is known of how: ``unclear``.

The model follows O. Whyte, J. Sivic, A. Zisserman and J. Ponce, "Non-uniform deblurring for shaken images",
CVPR 2010, with one angle for each place of the path in place of a density over places and angles: a density
fitted so spread over angles even of pictures without a turn.
"""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import Literal

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit_photographs._fourier import Real
from invkit_photographs.bound import Bound, bound
from invkit_photographs.derivatives import Derivatives
from invkit_photographs.pool import odd, on_square
from invkit_photographs.pyramid import reduced
from invkit_photographs.size import extent
from invkit_photographs.view import View

__all__ = ["Varied", "varied"]

#: nats a derivative of all parts: a rotation that gains more is one. On BSDS500's training half, with the
#: true kernel of the middle, pictures without one gained up to 0.0013, and those whose corners moved by 6
#: pixels 0.0018 to 0.009
CLEAR = 1.5e-3
#: and with less at the coarse scale none is looked for at the fine one
_HINT = 3e-4
#: and with less of it at the fine scale before any step there, the climb is left out: those of the pictures
#: above that reached CLEAR had 0.0014 or more
_PROMISE = 5e-4
#: nats a derivative of one part: by so much more evidence of the single pixel is a kernel wrong there; and in
#: how many parts that counts: in one part it also happens on pictures with one kernel for all
WRONG, MANY = 1e-2, 2
#: parts along an axis, their side at the fine scale, and the kernel's extent there at most, in pixels
_PARTS, _SIDE, _ACROSS = 3, 112, 25
_FINE = 0.7
#: steps of Adam at both scales, and their length: of θ in pixels at the farthest point, of √k in its largest
_STEPS, _RATES = (20, 15), ((0.3, 0.03), (0.2, 0.03))
_FAINT = 0.02
#: pixels around a kernel for its entries to move into
_ROOM = 12
_WHITE = 0.995
#: the least standard deviation of the noise at either scale, which the thresholds above were found with
_LEAST_SIGMA = 3e-3


@attrs.frozen(eq=False)
class Varied:
    """How a blur varies.

    Args:
        kernels: (k, P, P), one at each node, of unit sum.
        kind: ``no``, ``rotation``, or ``unclear`` where several parts are blurred otherwise.
        rotation: standard deviation of the movement that the turn adds at the corners, pixels.
        gain: evidence of the rotation over none, nats a derivative.
        wrong: in how many parts the single pixel has notably more evidence.
    """

    kernels: Float[Tensor, "k p p"]
    kind: Literal["no", "rotation", "unclear"]
    rotation: float = 0.0
    gain: float = 0.0
    wrong: int = 0


def varied(grey: Real, sigma: float, kernel: Float[Tensor, "p p"], nodes: Float[Tensor, "k 2"]) -> Varied:
    """Kernels at all nodes of a picture.

    Args:
        grey: (H, W) in [0, 1].
        sigma: the noise's standard deviation.
        kernel: the one that the search has found, odd, of unit sum.
        nodes: rows and columns.
    """
    across, side = extent(kernel.numpy()), kernel.shape[0]
    scale = min(_FINE, _ACROSS / across)
    same = Varied(kernel.expand(len(nodes), side, side), "no")
    places = _places((grey.shape[0], grey.shape[1]), ceil(_SIDE / scale))
    if len(places) == 1 or across == 1:
        return same
    path = _Path.of(on_square(kernel, min(side, odd(across + 8.0))))
    coarse = _Parts.of(grey, sigma, scale / 2, places, path.reach)
    path = coarse.improved(path, coarse.reached(path.kernels(coarse.turned)), _STEPS[0], *_RATES[0])
    gain = coarse.gain(path, coarse.reached(path.kernels(coarse.turned)))
    if gain <= _HINT:
        fine = _Parts.of(grey, sigma, scale, places, int((kernel.nonzero() - side // 2).abs().max()))
        return _doubted(same, fine, fine.reached(kernel.expand(len(places), side, side)), gain)
    fine = _Parts.of(grey, sigma, scale, places, path.reach)
    own = fine.reached(path.kernels(fine.turned))
    gain = fine.gain(path, own)
    if gain > _PROMISE:
        path = fine.improved(path, own, _STEPS[1], *_RATES[1])
        own = fine.reached(path.kernels(fine.turned))
        gain = fine.gain(path, own)
    if gain <= CLEAR:
        return _doubted(same, fine, fine.reached(kernel.expand(len(places), side, side)), gain)
    kernels = torch.stack([on_square(each, side) for each in path.kernels(_turned(nodes, grey))])
    return _doubted(Varied(kernels, "rotation", path.spread), fine, own, gain)


def _doubted(found: Varied, parts: _Parts, own: Bound, gain: float) -> Varied:
    """The kernels found, called ``unclear`` where they are wrong in several parts of the picture."""
    single = parts.reached(on_square(torch.ones(1, 1), 3).expand(len(parts.turned), 3, 3))
    wrong = int((parts.evidence(own) - parts.evidence(single) < -WRONG).sum())
    return attrs.evolve(found, kind="unclear" if wrong >= MANY else found.kind, gain=gain, wrong=wrong)


@attrs.frozen(eq=False)
class _Path:
    """A kernel's entries, and the turn of the camera at each.

    Args:
        root: of the entries, of any sum of squares.
        place: of each, rows and columns from the middle.
        powers: a basis of polynomials in the place, orthonormal under the kernel, without the constant.
        turn: θ's coefficients, in pixels that the farthest point moves by.
    """

    root: Float[Tensor, "q"]
    place: Float[Tensor, "q 2"]
    powers: Float[Tensor, "q b"]
    turn: Float[Tensor, "b"]

    @classmethod
    def of(cls, kernel: Float[Tensor, "p p"]) -> _Path:
        """A kernel without a turn, widened by a pixel."""
        blur = torch.tensor([1.0, 2.0, 1.0]) / 4
        wide = torch.nn.functional.pad(kernel, (2, 2, 2, 2))
        wide = torch.nn.functional.conv2d(wide[None, None], (blur[:, None] * blur)[None, None])[0, 0]
        at = (wide > _FAINT / 2 * wide.max()).nonzero()
        place, weight = (at - wide.shape[0] // 2).float(), wide[at[:, 0], at[:, 1]]
        y, x = (place / place.abs().max().clamp(min=1)).unbind(1)
        powers = torch.stack([y**i * x**j for i, j in product(range(4), repeat=2) if 0 < i + j < 4], 1)
        share = weight / weight.sum()
        powers = powers - share @ powers
        _, size, rows = torch.linalg.svd(powers * share[:, None].sqrt(), full_matrices=False)
        kept = size > 0.05 * size[0]
        powers = powers @ (rows[kept].T / size[kept])
        return cls(weight.sqrt(), place, powers, powers.new_zeros(powers.shape[1]))

    @property
    def reach(self) -> int:
        """How far kernels may reach from the middle."""
        return int(self.place.abs().max()) + _ROOM

    @property
    def share(self) -> Float[Tensor, "q"]:
        """The entries, of unit sum."""
        return self.root.square() / self.root.square().sum()

    @property
    def angle(self) -> Float[Tensor, "q"]:
        """θ at each entry, of mean zero."""
        angle = self.powers @ self.turn
        return angle - (self.share * angle).sum()

    @property
    def spread(self) -> float:
        """The standard deviation of θ, in pixels at the farthest point."""
        return float((self.share * self.angle.square()).sum().sqrt())

    def kernels(self, turned: Float[Tensor, "n 2"]) -> Float[Tensor, "n side side"]:
        """The kernels where a turn moves the picture by ``turned``; entries are shared by the pixels around.

        Differentiable in ``root`` and ``turn``.
        """
        place = self.place + self.angle[:, None] * turned[:, None]
        first, side = place.detach().floor(), 2 * self.reach + 1
        made = place.new_zeros(len(turned) * side * side)
        start = torch.arange(len(turned))[:, None] * side * side
        for corner in product((0, 1), repeat=2):
            near = (1 - (place - first - torch.tensor(corner)).abs()).prod(2)
            row, column = (first + torch.tensor(corner) + self.reach).clamp(0, side - 1).long().unbind(2)
            made = made.index_add(0, (start + row * side + column).flatten(), (near * self.share).flatten())
        return made.reshape(-1, side, side)


@attrs.frozen(eq=False)
class _Parts:
    """Parts of a picture at a scale, as one batch.

    Args:
        view: their derivatives.
        turned: where a turn moves their middles to, (m, 2).
    """

    view: View
    turned: Float[Tensor, "m 2"]

    @classmethod
    def of(
        cls, grey: Real, sigma: float, scale: float, places: list[tuple[slice, slice]], reach: int
    ) -> _Parts:
        own = [np.ascontiguousarray(grey[place]) for place in places]
        small = np.stack([reduced(each, scale, wrap=False) for each in own]).astype(np.float32)
        below = [reduced((each < _WHITE).astype(np.float32), scale, wrap=False) for each in own]
        known = np.stack(below) > 0.99
        known |= known.mean() < 0.5  # a bright page: its white is no accident
        data = Derivatives.of(
            torch.from_numpy(small)[:, None], ceil(reach * scale) + 2, measured=torch.from_numpy(known)
        )
        ratio = (small.shape[1] / own[0].shape[0], small.shape[2] / own[0].shape[1])
        view = View(small[0], scale, ratio, data, 2 * max(sigma * scale, _LEAST_SIGMA) ** 2)
        middles = [[(each.start + each.stop - 1) / 2 for each in place] for place in places]
        return cls(view, _turned(torch.tensor(middles), grey))

    def improved(self, path: _Path, start: Bound, steps: int, turn: float, root: float) -> _Path:
        """The path after some steps up the bound; x and γ go on from step to step, and from ``start``."""

        def kernels(turn: Tensor, root: Tensor) -> Float[Tensor, "m p p"]:
            return attrs.evolve(path, turn=turn, root=root).kernels(self.turned)

        rates = (turn, root * float(path.root.max()))
        turned, roots = self.view.climbed([path.turn, path.root], rates, kernels, steps, start)
        return attrs.evolve(path, turn=turned, root=roots)

    def reached(self, kernels: Float[Tensor, "m p p"]) -> Bound:
        """The bound of a kernel for each part."""
        with torch.no_grad():
            return bound(self.view.data, self.view.transfer(kernels), self.view.variance)

    def evidence(self, found: Bound) -> Float[Tensor, "m"]:
        """Nats a derivative of each part."""
        return -found.value / self.view.data.mask.sum((1, 2, 3)).clamp(min=1) / 2

    def gain(self, path: _Path, found: Bound) -> float:
        """The evidence of a path, whose bound is given, over that of the same without its turn."""
        still = self.reached(path.kernels(0 * self.turned))
        return float((self.evidence(found) - self.evidence(still)).mean())


def _places(size: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Parts spread over a picture, of which neighbours share half at most."""
    axes: list[list[slice]] = []
    for length in size:
        own = min(side, length)
        count = min(_PARTS, 1 + 2 * (length - own) // own)
        starts = np.linspace(0, length - own, count).round().astype(int).tolist()
        axes.append([slice(start, start + own) for start in starts])
    return list(product(axes[0], axes[1]))


def _turned(points: Float[Tensor, "n 2"], grey: Real) -> Float[Tensor, "n 2"]:
    """J p of points in pixels of a picture, over the distance of its corners from its middle."""
    middle = (torch.tensor(grey.shape, dtype=torch.float64) - 1) / 2
    down, right = ((points - middle) / middle.norm()).float().unbind(1)
    return torch.stack([-right, down], 1)
