"""The solve of some measurements at once, and of a large one in tiles.

descent = Descent(case, options, start)  # or Tiled(case, options, start)
descent.go(record, show)
descent.x, descent.values(), descent.ends(record)
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import attrs
import torch
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor

from invkit.contracts.noise import Gaussian
from invkit.contracts.solution import Status
from invkit.solving import Record, weighted
from invkit.solving.tiles import AREA, Tile, cells, tiles
from invkit_baselines.admm import GradientTV
from invkit_baselines.case import Case
from invkit_baselines.window import WindowedTV

Show = Callable[[Tensor], tuple[Tensor, Tensor]]
"""The signals (w, x) that monitors see, of the scene found so far."""

_CHECK = 3
"""An iteration in so many is looked at for convergence: it costs time."""


@attrs.frozen
class Options:
    """What a descent is told; see :class:`invkit_baselines.tv.TV`."""

    steps: int
    tolerance: float
    jump: float
    penalty: float
    inner: int


class Descent:
    """Measurements of one size, of which those that have not converged are under way.

    Args:
        case, options: what is solved, and how.
        start: where to start from; None: from the measurement.
        counted: the part of x that has to converge; all of it by default.
    """

    def __init__(
        self,
        case: Case,
        options: Options,
        start: Inexact[Tensor, "n c *x"] | None,
        counted: tuple[Any, ...] = (),
    ) -> None:
        self.case, self.options, self.counted = case, options, (..., *counted)
        n, device = len(case.term.y), case.term.y.device
        self.converged: Bool[Tensor, "n"] = torch.zeros(n, dtype=torch.bool, device=device)
        #: the indices of those under way
        self.active: Int[Tensor, "k"] = torch.arange(n, device=device)
        window = case.window()
        self.engine: WindowedTV | GradientTV
        if window is not None:
            self.engine = WindowedTV(
                window,
                case.x_shape,
                case.term,
                case.gamma,
                case.palette,
                joint=case.joint,
                jump=options.jump,
                penalty=options.penalty,
                bounds=case.bounds,
            )
            self.engine.begin(case.first() if start is None else start)
        else:
            #: conjugate gradients know no saturation
            self.case = case = attrs.evolve(case, term=attrs.evolve(case.term, clipped=None))
            self.engine, first = self._gradient(case)
            self.engine.begin(first if start is None else start)
        #: what is found so far, of all measurements
        self.x: Inexact[Tensor, "n c *x"] = self.engine.x.clone()

    def go(self, record: Record, show: Show) -> None:
        """Iterate until all have converged, or to the last step."""
        for step in range(1, self.options.steps + 1):
            self.iterate(step)
            done = len(self.active) == 0
            if done or record.due(step):
                self._keep()
                told = self.options.steps if done else step  # what is left to do is done at once
                record.tell(told, *self.values(), lambda: show(self.x))
            if done:
                break

    def alone(self) -> None:
        """Iterate to the end, and tell nobody."""
        for step in range(1, self.options.steps + 1):
            self.iterate(step)
            if len(self.active) == 0:
                break

    def iterate(self, step: int) -> None:
        """Iteration ``step``, from 1, of those under way; the converged are left as they are."""
        last = step == self.options.steps
        if step % _CHECK and not last and step > 1:
            self.engine.step()
            return
        before = self.engine.x[self.counted].clone()
        self.engine.step()
        after = self.engine.x
        moved = _norm(after[self.counted] - before)
        lost = ~torch.isfinite(moved)
        done = moved <= self.options.tolerance * _norm(after[self.counted])
        if last or bool((done | lost).any()):
            kept = ~lost
            self.x = self.x.index_copy(0, self.active[kept], after[kept])
            self.converged[self.active[done & kept]] = True
            self._leave((done | lost).logical_not().nonzero()[:, 0])

    def values(self) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
        """Objective and data term of every measurement; NaN where they are not finite."""
        return _sound(*self.case.values(self.x))

    def ends(self, record: Record) -> list[list[Status]]:
        """How every measurement ended."""
        self._keep()
        sound = torch.isfinite(self.values()[0][:, 0]).tolist()
        return [
            [Status.CONVERGED if done and fine else record.ended(fine)]
            for done, fine in zip(self.converged.tolist(), sound, strict=True)
        ]

    def _keep(self) -> None:
        """Put what those under way have into what is found."""
        if len(self.active):
            now = self.engine.x
            fine = torch.isfinite(now.flatten(1).sum(1))
            self.x = self.x.index_copy(0, self.active[fine], now[fine])

    def _leave(self, going: Int[Tensor, "k"]) -> None:
        """Go on with these of those under way alone."""
        if len(going) == len(self.active):
            return
        self.active = self.active[going]
        if not len(going):
            return
        if isinstance(self.engine, WindowedTV):
            self.engine.select(going)
        else:
            gradient, _ = self._gradient(self.case.select(self.active))
            gradient.take(self.engine, going)
            self.engine = gradient

    def _gradient(self, case: Case) -> tuple[GradientTV, Tensor]:
        """The iteration by conjugate gradients, and where it begins."""
        linear, seen = weighted(case.linear, case.term.y, Gaussian(case.term.weights))
        engine = GradientTV(
            linear,
            seen,
            case.gamma,
            case.palette,
            joint=case.joint,
            jump=self.options.jump,
            bounds=case.bounds,
            inner=self.options.inner,
        )
        first = engine.fixed
        return engine, first.clamp(*case.bounds) if case.bounds else first


class Tiled:
    """One measurement, tile by tile: a large one, or one whose operator varies."""

    def __init__(self, case: Case, options: Options, start: Inexact[Tensor, "1 c *x"] | None) -> None:
        self.case, self.options, self.start = case, options, start
        self.x: Inexact[Tensor, "1 c *x"] = case.term.y.new_zeros(1, *case.x_shape)
        size = tuple(case.term.y.shape[2:])
        reach = tuple(x - y for x, y in zip(case.x_shape[1:], size, strict=True))
        pieces = case.pieces
        self.varies = prod(pieces) > 1
        self.tiles = list(cells(size, reach, pieces, AREA) if self.varies else tiles(size, reach, AREA))
        self.converged = True
        self._values: tuple[Tensor, Tensor] | None = None

    def go(self, record: Record, show: Show) -> None:
        """Tile by tile. Progress is told in steps, objectives at the end."""
        nothing = self.x.new_full((1, 1), torch.nan)
        for number, tile in enumerate(self.tiles, start=1):
            case = (self.case.local(tile.measured) if self.varies else self.case).part(tile.measured)
            start = None if self.start is None else self.start[(..., *tile.scene)]
            case = attrs.evolve(case, term=case.term.of_kind(int(case.term.kinds())))
            descent = Descent(case, self.options, start, tile.counted)
            descent.alone()
            self.converged &= bool(descent.converged.all())
            self._add(tile, descent.x)
            del descent
            step = self.options.steps * number // len(self.tiles)
            if number < len(self.tiles) and step and record.due(step):
                record.tell(step, nothing, nothing, lambda: show(self.x))
        record.tell(self.options.steps, *self.values(), lambda: show(self.x))

    def values(self) -> tuple[Float[Tensor, "1 1"], Float[Tensor, "1 1"]]:
        """Objective and data term, by bands of rows; worked out once, at the end."""
        if self._values is None:
            self._values = self._bands()
        return self._values

    def _bands(self) -> tuple[Tensor, Tensor]:
        y = self.case.term.y
        rows, reach = y.shape[2], self.x.shape[2] - y.shape[2]
        band = max(1, AREA // prod(y.shape[3:]))
        rest = [slice(None)] * (y.ndim - 3)
        data, variation = y.new_zeros(1), y.new_zeros(1)
        if self.varies:
            data += self.case.term(self.case.operator(self.case.w, self.x))
        for first in range(0, 0 if self.varies else rows, band):
            part = slice(first, min(first + band, rows))
            x = self.x[:, :, first : part.stop + reach]
            case = self.case.part((part, *rest))
            data += case.term(case.operator(case.w, x))
        for first in range(0, rows + reach, band):
            x = self.x[:, :, first : first + band + 1]
            variation += self.case.variation(x)
            if first + band < rows + reach:  # the row that was added for its differences with the one before
                variation -= self.case.variation(x[:, :, -1:])
        return _sound(data / 2 + self.case.gamma * variation, data)

    def ends(self, record: Record) -> list[list[Status]]:
        """How it ended: converged where every tile has."""
        sound = bool(torch.isfinite(self.values()[0]).all())
        done = self.converged and sound and not record.interrupted
        return [[Status.CONVERGED if done else record.ended(sound)]]

    def _add(self, tile: Tile, x: Inexact[Tensor, "1 c *tile"]) -> None:
        for axis, share in enumerate(tile.share, start=2):
            x = x * share.to(x).reshape(-1, *[1] * (x.ndim - 1 - axis))
        self.x[(..., *tile.scene)] += x


def tiled(case: Case) -> bool:
    """Whether a measurement is solved tile by tile: it is large, or its operator varies, and a part of it is
    measured by itself.
    """
    size = tuple(case.term.y.shape[2:])
    if len(case.term.y) != 1 or len(size) != len(case.x_shape) - 1:
        return False
    if prod(size) <= 2 * AREA and prod(case.pieces) == 1:
        return False
    if any(x < y for x, y in zip(case.x_shape[1:], size, strict=True)):
        return False
    first = tuple(slice(0, 1) for _ in size)
    window = case.local(first).part(first).window()
    return window is not None and window.beyond == "unread"


def _norm(x: Inexact[Tensor, "n *x"]) -> Float[Tensor, "n"]:
    """The norm of each; by squares, which is faster than ``vector_norm`` along an axis."""
    return (x.abs() if x.is_complex() else x).square().flatten(1).sum(1).sqrt()


def _sound(objective: Tensor, data: Tensor) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
    sound = torch.isfinite(objective)
    return objective.where(sound, torch.nan)[:, None], data.where(sound, torch.nan)[:, None]
