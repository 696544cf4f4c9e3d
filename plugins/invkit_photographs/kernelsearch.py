"""``kernelsearch``: the kernel of a photograph, found by many quick searches and judged by the evidence.

    operator, priors = "linconv?boundary=unknown", ["blind", "darkchannel"]
    deblur = invkit.compose(operator, priors, ["kernelsearch", "tv hold=w"])
    solution = deblur(y)
    solution.confidence, solution.notes[0]["gain"], solution.notes[0]["family"]
    invkit.compose(operator, priors, ["kernelsearch?scene=text", "tv hold=w"])(page)

Nothing is learnt from data. A part of the picture is enough to find the kernel in; see
:mod:`invkit_photographs.searching` for how. With ``scene=text``, for text and drawings, a kernel is judged by
how near to two values it leaves the picture (:mod:`invkit_photographs.twovalued`). Colour counts as its luma.
The solver finds ``w`` alone: the ``x`` that it returns is the measurement, for a stage that follows to
deconvolve.

Each measurement's status says what to think of its kernel:

- ``sharp``: no kernel has notably more evidence than the single pixel, or leaves notably less grey. The
  picture is not blurred, or shows too little structure to tell; ``w`` is that pixel, and the confidence is
  NaN: nothing tells how sure it is.
- ``doubtful``: the confidence is less than ``doubt``; see :mod:`invkit_photographs.certainty`, and for text
  :func:`invkit_photographs.twovalued.certainty`.
- ``max_iter``: as usual.

Where the operator takes a kernel for each of several places (``filterflow``), they are those of a camera that
turned a little, if the parts of the picture say so clearly (:mod:`invkit_photographs.parts`), else all equal.

``notes`` hold the ``gain`` in evidence over the single pixel (nats a derivative), the ``scale`` that it was
judged at, the ``family`` that won, ``free`` or a simple shape's name, and that shape's numbers, e.g.
``radius``. With several places, ``varies`` is ``no``, ``rotation`` or ``unclear``: several parts of it
are blurred otherwise, and the confidence is at most :data:`UNCLEAR`. Where there was a turn, ``rotation`` is
the standard deviation of how far it moved the corners, in pixels. Of text they hold the ``spread`` that is
left, the one ``before``, and a remark where no kernel leaves two values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Literal

import attrs
import numpy as np
import torch
from attrs.validators import ge, in_, le
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError, ShapeError
from invkit.solving import Found, Record, is_given, noise_level
from invkit_photographs import twovalued
from invkit_photographs._fourier import Real
from invkit_photographs.certainty import certainty
from invkit_photographs.families import family
from invkit_photographs.frame import frame_of
from invkit_photographs.parts import varied
from invkit_photographs.picture import Picture, largest_odd, margins
from invkit_photographs.pool import on_square
from invkit_photographs.searching import searched
from invkit_photographs.size import largest_side
from invkit_photographs.view import busiest

__all__ = ["KernelSearch"]

SMALLEST_IMAGE = 32
"""Pixels a side: less shows no kernel."""
UNCLEAR = 0.4
"""The confidence, at most, where the blur varies in a way that is not known."""
REMARKS = {
    "rotation": "the camera turned a little, each part of the picture gets a kernel of its own",
    "unclear": "the blur varies across the picture, and some parts of it are not explained",
}
"""What the user is told where the blur varies, by the value of ``varies``; ``notes["remark"]`` holds it."""
PART = 640
"""Pixels a side of the part that is searched in."""
_STEPS = 20


def _crop(given: Any) -> tuple[int, ...] | None:
    return None if given is None else tuple(int(each) for each in given)


def _sound_crop(_: object, attribute: Any, value: tuple[int, ...] | None) -> None:
    if value is not None and (len(value) != 4 or min(value) < 0 or min(value[2:]) < 1):
        raise InputError(
            f"crop={value} is no part of a picture", hint="give left, top, width, height: crop=100x50x400x300"
        )


@attrs.frozen(eq=False)
class _Judged:
    """A kernel, (p, p), or one for each place, (places, p, p), and what to think of it."""

    kernels: Tensor
    status: Status
    notes: dict[str, Any]
    sure: float


@attrs.frozen
class KernelSearch(Solver):
    """Finds the kernel of a convolution of images in [0, 1], grey or colour.

    Args:
        scene: what the pictures show. ``photograph``: kernels are judged by the evidence. ``text``, also for
            drawings: by how near to two values they leave the picture (:mod:`.twovalued`).
        families: specs of priors of kernels of few numbers, each judged beside the free ones; of photographs.
        crop: left, top, width and height of the part in which the kernel is looked for, in pixels of the
            measurement; None: that of at most 640 × 640 pixels with most structure. Of text no more than the
            256 × 256 pixels with most structure are looked at, in the crop too.
        doubt: the status is ``doubtful`` where the confidence is less.
    """

    scene: Literal["photograph", "text"] = attrs.field(
        default="photograph", validator=in_(["photograph", "text"])
    )
    families: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    crop: tuple[int, ...] | None = attrs.field(default=None, converter=_crop, validator=_sound_crop)
    doubt: float = attrs.field(default=0.5, converter=float, validator=[ge(0), le(1)])

    def shaped(self, problem: Problem, y: Float[Tensor, "n *y"]) -> Problem:
        """The problem tied to shapes. A prior of w without one gets a square as large as the largest kernel
        that is looked for: a quarter of the image's shorter side, and at most 95 pixels, of text 45.

        Raises:
            ShapeError: images of fewer than 32 pixels a side, or a ``crop`` beyond them.
        """
        y_shape, (prior_w, prior_x) = tuple(y.shape[1:]), problem.priors
        self._check_size(y_shape)
        if prior_w.signal_shape is None and len(y_shape) == 3:
            side, nodes = largest_side(y_shape[1:]), problem.operator.nodes(y_shape)
            side = min(side, twovalued.SIDES[-1]) if self.scene == "text" else side
            shape = (1 if nodes is None else len(nodes), side, side)
            problem = attrs.evolve(problem, priors=(prior_w.shaped(shape), prior_x))
        return problem.shaped(y_shape)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Find every measurement's kernel; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the operator is no convolution of images, a prior has no encoder, w is given, the
                noise is not white and Gaussian, or there is a ``start``.
            ShapeError: images of fewer than 32 pixels a side, or a ``crop`` beyond them.
        """
        problem = self.shaped(problem, y)
        problem.require_plain_noise("kernelsearch")
        for spec in self.families:
            family(spec)
        if self.families and self.scene == "text":
            raise InputError(
                "families of kernels are judged by the evidence of photographs, which text has not",
                hint="leave families out, or scene=text",
            )
        w_shape, x_shape = self._checked(problem, start)
        frame = frame_of(problem.operator, w_shape, x_shape, y[:1])
        pictures = [Picture(each.numpy(force=True), frame, (x_shape[1], x_shape[2])) for each in y]
        same = tuple(y.shape[1:]) == x_shape
        x = y if same else torch.from_numpy(np.stack([each.blurry() for each in pictures])).to(y)
        seed = int(torch.randint(2**62, (), generator=rng, dtype=torch.int64, device="cpu"))
        record = Record(
            y, monitors, steps=_STEPS, passes=len(y), waiting=lambda: (_single(w_shape, y), x.clone())
        )
        sigma = problem.noise.sigma
        level = noise_level(y) if sigma is None else sigma.to(y).expand(len(y))
        for number, picture in enumerate(pictures):
            row = torch.tensor([number], device=y.device)
            record.begin(row)
            self._recover(record, problem.select(row), y[row], x[row], picture, float(level[number]), seed)
        return record.solution()

    def _recover(
        self,
        record: Record,
        problem: Problem,
        y: Float[Tensor, "1 *y"],
        x: Float[Tensor, "1 *x"],
        picture: Picture,
        sigma: float,
        seed: int,
    ) -> None:
        """One measurement; ``x`` is it as an image."""
        w_shape = tuple(problem.priors[0].signal_shape or ())
        best, found = _single(w_shape, y), None
        sound = bool(torch.isfinite(y.square().sum(dtype=torch.float64)))
        nothing = y.new_full((1, 1), torch.nan)
        told, shown = 0, best

        def tell(kernel: Tensor, stage: str) -> None:
            nonlocal told, shown
            told = min(told + 1, _STEPS - 1)
            shown = latest = _on_support(kernel, w_shape).to(y)[None]
            record.tell(told, nothing, nothing, lambda: (latest, x), stage)

        with record:
            if sound and not record.interrupted:
                grey = self._part(picture.grey)
                side = min(*largest_odd(w_shape[1:]), largest_side((grey.shape[0], grey.shape[1])))
                if self.scene == "text":
                    found = self._of_text(grey, sigma, side, tell)
                else:
                    nodes = problem.operator.nodes(tuple(y.shape[1:]))
                    nodes = nodes if nodes is not None and len(nodes) == w_shape[0] else None
                    generator = torch.Generator().manual_seed(seed)
                    found = self._of_photograph(picture, grey, sigma, side, generator, nodes, tell)
        if found is None:
            best = shown  # interrupted, or nothing was searched
        elif found.status is not Status.SHARP:
            best = _on_support(found.kernels, w_shape).to(y)[None]
        with torch.no_grad():
            latents = problem.priors[0].encode(best), problem.priors[1].encode(x)
            w, x = problem.priors[0](latents[0]), problem.priors[1](latents[1])
            residual = problem.residual(w, x, y)
        with record:
            if not record.interrupted:
                record.tell(_STEPS, nothing, residual[:, None], lambda: (w, x), "search")
        ended = record.ended(sound)
        record.settle(residual[:, None], residual[:, None], [[ended]])
        record.end(
            Found(
                x=x,
                w=w,
                latents=latents,
                residual=residual,
                status=[found.status if found is not None and ended is Status.MAX_ITER else ended],
                noise=y.new_tensor([sigma]),
                confidence=y.new_tensor([float("nan") if found is None else found.sure]),
                notes=[{} if found is None else found.notes],
            )
        )

    def _of_text(self, grey: Real, sigma: float, side: int, tell: Callable[[Tensor, str], None]) -> _Judged:
        """The kernel of text, and what to think of it."""
        page = twovalued.read(grey, sigma, side, lambda kernel, stage: tell(torch.from_numpy(kernel), stage))
        kernel, sure = torch.from_numpy(page.kernel), twovalued.certainty(page)
        notes: dict[str, Any] = {"spread": page.spread, "before": page.before}
        if not isfinite(page.before):
            notes = {}  # one tone alone
        if page.sharp or not notes:
            return _Judged(kernel, Status.SHARP, notes, float("nan"))
        if sure < self.doubt:
            notes["remark"] = "no kernel leaves ink and paper alone; for a photograph choose photographs"
        return _Judged(kernel, Status.DOUBTFUL if sure < self.doubt else Status.MAX_ITER, notes, sure)

    def _of_photograph(
        self,
        picture: Picture,
        grey: Real,
        sigma: float,
        side: int,
        rng: torch.Generator,
        nodes: Any,
        tell: Callable[[Tensor, str], None],
    ) -> _Judged:
        """The kernel of a photograph, or one for each of its ``nodes``, and what to think of it."""
        outcome = searched(
            grey, sigma, side, self.families, rng, lambda each, stage: tell(each.kernel, stage)
        )
        places = None
        if nodes is not None and not outcome.sharp:
            places = varied(picture.grey, sigma, outcome.winner.kernel, nodes)
        kernels, sure = outcome.winner.kernel if places is None else places.kernels, certainty(outcome)
        notes = {
            "gain": outcome.gain,
            "scale": outcome.scale,
            "family": outcome.winner.family,
            **outcome.winner.numbers,
        }
        if places is not None:
            notes["varies"] = places.kind
            if places.kind in REMARKS:
                notes["remark"] = REMARKS[places.kind]
            sure = min(sure, UNCLEAR) if places.kind == "unclear" else sure
            if places.rotation:
                notes["rotation"] = places.rotation
        if outcome.sharp:
            return _Judged(kernels, Status.SHARP, {**notes, "family": "single pixel"}, float("nan"))
        return _Judged(kernels, Status.DOUBTFUL if sure < self.doubt else Status.MAX_ITER, notes, sure)

    def _part(self, grey: Real) -> Real:
        """Where the kernel is looked for."""
        if self.crop is not None:
            left, top, width, height = self.crop
            grey = grey[top : top + height, left : left + width]
            if self.scene == "photograph":
                return np.ascontiguousarray(grey)
        part = twovalued.PART if self.scene == "text" else PART
        return np.ascontiguousarray(grey[busiest(torch.from_numpy(grey), part)])

    def _checked(self, problem: Problem, start: Solution | None) -> tuple[Shape, Shape]:
        """The shapes of w and x, where there is something that this solver can do."""
        if start is not None:
            raise InputError(
                "kernelsearch cannot start from a solution: it searches by itself",
                hint="leave start out, or hold the kernel of the solution in a stage: tv hold=w",
            )
        for name, prior in zip("wx", problem.priors, strict=True):
            if is_given(prior):
                raise InputError(
                    f"kernelsearch looks for w, but {name} is given",
                    hint="use a solver that is not blind, e.g. tv, or another prior",
                )
            if not prior.can_encode:
                raise InputError(
                    f"kernelsearch works on the pixels of {name}, but its prior has no encoder",
                    hint="choose priors that have one, e.g. blind and darkchannel, or another solver",
                )
        w_shape, x_shape = (tuple(prior.signal_shape or ()) for prior in problem.priors)
        return w_shape, x_shape

    def _check_size(self, y_shape: Shape) -> None:
        """Refuses pictures that show too little; what is no picture, another check refuses."""
        if len(y_shape) != 3:
            return
        height, width = y_shape[1:]
        if min(height, width) < SMALLEST_IMAGE:
            raise ShapeError(
                f"an image of {width}×{height} pixels is too small to find its kernel in",
                hint=f"give one of at least {SMALLEST_IMAGE} pixels a side; smaller ones need the kernel, or "
                "priors of what they show (see `invkit list methods`)",
            )
        if self.crop is None:
            return
        left, top, *part = self.crop
        if min(part) < SMALLEST_IMAGE:
            raise ShapeError(
                f"a part of {part[0]}×{part[1]} pixels is too small to find a kernel in",
                hint=f"crop a part of at least {SMALLEST_IMAGE} pixels a side",
            )
        if left + part[0] > width or top + part[1] > height:
            raise ShapeError(
                f"crop={'x'.join(map(str, self.crop))} reaches beyond a picture of {width}×{height} pixels",
                hint="give left, top, width and height of a part of it",
            )


def _on_support(
    kernel: Float[Tensor, "p p"] | Float[Tensor, "c p p"], w_shape: Shape
) -> Float[Tensor, "c h w"]:
    """Kernels on w's support, their middle at the pixel ``size // 2``; one is that of every channel."""
    around = margins(w_shape[1:], tuple(kernel.shape[-2:]))
    placed = torch.nn.functional.pad(kernel, [side for both in reversed(around) for side in both])
    return placed.expand(w_shape[0], *placed.shape[-2:])


def _single(w_shape: Shape, like: Tensor) -> Float[Tensor, "n c h w"]:
    """The single pixel, once a measurement."""
    pixel = _on_support(on_square(torch.ones(1, 1), 1), w_shape)
    return pixel.expand(len(like), *pixel.shape).to(like).clone()
