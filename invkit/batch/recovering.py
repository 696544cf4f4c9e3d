"""Pictures from their files to the bytes of their results; nothing is written.

    recovery = Recovery(pipeline)
    result, = recovery([Item("a", Path("photos/a.png"))])    # a Result, or a Failure that says why not
    result.record["status"], result.files["sharp"]           # max_iter, the bytes of a PNG

The header is read first: a picture of a size that the priors cannot take is not decoded.
"""

from __future__ import annotations

import errno
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import attrs
import numpy as np
import torch
from torch import Tensor

from invkit.batch.items import Failure, Item
from invkit.compose import Pipeline
from invkit.contracts.ambient import following
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError, InvkitError, ShapeError, UsageError
from invkit.files.held import File, Held, sha256_of
from invkit.files.images import npy_bytes, png_bytes
from invkit.files.panels import distinct, kernel_cell, panel_bytes, recovery_row
from invkit.files.pictures import MAX_PIXELS, Picture, check_file, picture_size, read_picture
from invkit.measurements import as_numpy
from invkit.solving.stages import Stages

__all__ = ["FILES", "FULL", "Crop", "Recovery", "Result"]

FILES = {
    "sharp": "_sharp.png",
    "sharp_exact": "_sharp.npy",
    "kernel": "_kernel.png",
    "kernel_exact": "_kernel.npy",
    "panel": "_panel.png",
    "unsoftened": "_unsoftened.png",
    "record": ".json",
}
"""What is written for each picture: the key in its record, and what follows its name."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of the system that mean: no room on the disk."""

SMALL = 64 * 64
"""The pixels of the largest picture that is solved together with others."""

_SMALL_BYTES = 1 << 20  # of a member of an archive, which is read to know its size in pixels
_HELD_BYTES = 1 << 24  # of a file that is read once, into memory

Say = Callable[[str], None]
T = TypeVar("T")


def _known(only: Iterable[str]) -> tuple[str, ...]:
    """The keys in :data:`FILES`, in their order, and the record's among them."""
    if not isinstance(only, Iterable):
        raise InputError(f"only={only!r} names no results", hint=f"give a list of {', '.join(FILES)}")
    asked = (only,) if isinstance(only, str) else tuple(only)
    for each in asked:
        if each not in FILES:
            raise InputError(f"only={each}: no result has that name", hint=f"choose of {', '.join(FILES)}")
    return tuple(key for key in FILES if key in asked or key == "record")


@attrs.frozen
class Crop:
    """A part of a picture, upright, in pixels.

    Args:
        left, top: its first column and row.
        width, height: its size, at least 1 × 1.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Crop:
        """The crop ``X,Y,W,H``; raises :class:`UsageError` where it is not four whole numbers in range."""
        parts = text.split(",")
        numbers = [int(part) for part in parts if part.strip().isdecimal()]
        if len(parts) != 4 or len(numbers) != 4 or 0 in numbers[2:]:
            raise UsageError(
                f"--crop {text} is not understood",
                hint="write left, top, width and height in pixels, e.g. --crop 200,100,512,512",
            )
        return cls(*numbers)

    def check(self, source: object, height: int, width: int) -> None:
        """Raise :class:`ShapeError` where it reaches beyond a picture."""
        if self.left + self.width > width or self.top + self.height > height:
            raise ShapeError(
                f"--crop {self.left},{self.top},{self.width},{self.height} reaches beyond {source}, which is "
                f"{width} wide and {height} high",
                hint="write left, top, width and height of a part of it",
            )


@attrs.frozen(eq=False)
class Result:
    """What came out for a picture.

    Args:
        item: the picture.
        stat: what changes with its file, see :meth:`Item.stat`.
        record: its record.
        files: the bytes of its files, by their keys in :data:`FILES`.
    """

    item: Item
    stat: list[int]
    record: dict[str, Any]
    files: Mapping[str, bytes]


@attrs.frozen(eq=False)
class _Read:
    """A picture that was read, what changes with its file, and its sha256."""

    item: Item
    stat: list[int]
    sha256: str
    picture: Picture


@attrs.frozen(eq=False)
class Recovery:
    """What is done with each picture.

    Args:
        pipeline: recovers it.
        grey: reduce colour to grey.
        max_pixels: refuse a picture with more, unread.
        crop: where to look for the kernel; the pipeline's solver knows it, too.
        device: what the tensors are moved to.
        only: the keys in :data:`FILES` of what is made; the record always is.
        batch: the most pictures of one size, of at most :data:`SMALL` pixels, that are solved together.
        full: whether records have the figures of every restart, too.

    Raises:
        InputError: ``only`` has another word.
    """

    pipeline: Pipeline
    grey: bool = False
    max_pixels: int = MAX_PIXELS
    crop: Crop | None = None
    device: str = "cpu"
    only: tuple[str, ...] = attrs.field(default=tuple(FILES), converter=_known)
    batch: int = 1
    full: bool = False
    #: the problem of the last shape, where it is that of all measurements of the shape
    _problems: dict[tuple[int, ...], Problem] = attrs.field(factory=dict, init=False, repr=False)

    def __call__(self, items: Sequence[Item], say: Say | None = None) -> list[Result | Failure]:
        """Solve pictures, those of one shape together; whatever goes wrong with one is its failure.

        Args:
            items: the pictures; several only where :meth:`together` gave the same for all of them.
            say: told in a line what is known before a solve.

        Returns:
            What came out for each, in their order.
        """
        outcomes: dict[Item, Result | Failure] = {}
        alike: dict[tuple[int, ...], list[_Read]] = {}
        for item in items:
            found = self._guarded(item, partial(self._read, item))
            if isinstance(found, Failure):
                outcomes[item] = found
            else:
                alike.setdefault(found.picture.pixels.shape, []).append(found)
        for group in alike.values():
            outcomes |= self._solved_together(group, say)
        return [outcomes[item] for item in items]

    def together(self, item: Item) -> tuple[int, int] | None:
        """What pictures have in common that may be solved together: the size of small ones, else None."""
        if self.batch == 1:
            return None
        if item.member is not None and item.member.size > _SMALL_BYTES:
            return None
        with suppress(InvkitError, OSError):  # said when its turn comes
            height, width = picture_size(item.file())
            if height * width <= SMALL:
                return height, width
        return None

    def _guarded(self, item: Item, do: Callable[[], T]) -> T | Failure:
        try:
            return do()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever befalls one picture, the others are done
            return failure(str(item), error)

    def _solved_together(self, group: Sequence[_Read], say: Say | None) -> dict[Item, Result | Failure]:
        if len(group) > 1:
            made = self._guarded(group[0].item, lambda: self._solved(group, say))
            if not isinstance(made, Failure):
                return dict(zip([each.item for each in group], made, strict=True))
        return {each.item: self._guarded(each.item, partial(self._alone, each, say)) for each in group}

    def _alone(self, read: _Read, say: Say | None) -> Result:
        return self._solved([read], say)[0]

    def _read(self, item: Item) -> _Read:
        if item.member is None:
            check_file(item.path)
        before = item.stat()
        file = item.file(self.max_pixels)
        if isinstance(file, Path) and before[0] <= _HELD_BYTES:
            file = Held(str(file), file.read_bytes())
        self._check_header(file)
        picture = read_picture(file, grey=self.grey, max_pixels=self.max_pixels)
        sha256 = sha256_of(file)
        if item.stat() != before:
            raise InputError(f"{item} was changed while it was read", hint="run it again")
        return _Read(item, before, sha256, picture)

    def _solved(self, group: Sequence[_Read], say: Say | None) -> list[Result]:
        y = torch.from_numpy(np.stack([each.picture.pixels for each in group])).to(self.device)
        problem = self._problem(y, group[0].item)
        if say and self.pipeline.solver.finds_w and self.pipeline.priors[0].signal_shape is None:
            kernel = problem.priors[0].signal_shape or ()
            for each in group:
                say(f"{each.item}: looking for a kernel of at most {kernel[1]}×{kernel[2]} pixels")
        found = self.pipeline(y, problem=problem, monitors=[], with_config=False)
        solution: Solution = as_numpy(found)
        shared = {"seconds": solution.seconds / len(group), "solved_together": len(group)}
        summary = {**solution.summary(), **shared}
        return [self._result(each, row, found, solution, summary) for row, each in enumerate(group)]

    def _result(
        self, read: _Read, row: int, found: Solution, solution: Solution, summary: Mapping[str, Any]
    ) -> Result:
        """The result of a picture: a row of the solution, given with tensors (``found``) and with arrays."""
        name, picture = read.item.name, read.picture
        x: Any
        x, w, x_kernel = (
            None if each is None else each[row] for each in (solution.x, solution.w, solution.x_kernel)
        )
        sound = all(np.isfinite(signal).all() for signal in (x, w) if signal is not None)
        kept: dict[str, Any] = {"bits": picture.written_bits, "icc": picture.icc, "exif": picture.exif}
        make: dict[str, Callable[[], bytes]] = {}
        if sound:
            make |= {
                "sharp": lambda: png_bytes(x, **kept),
                "sharp_exact": lambda: npy_bytes(x),
                "panel": lambda: panel_bytes([self._panel(picture, row, found, x, w)]),
            }
            if w is not None:
                make["kernel"] = lambda: png_bytes(kernel_cell(w)[1])
                make["kernel_exact"] = lambda: npy_bytes(distinct(w))
            if x_kernel is not None and not np.array_equal(x_kernel, x):
                make["unsoftened"] = lambda: png_bytes(x_kernel, **kept)
        files = {key: make[key]() for key in self.only if key in make}
        written: dict[str, str | None] = {
            key: f"{name}{FILES[key]}" for key in FILES if key in files or key == "record"
        }
        if sound and w is None:
            written |= {key: None for key in ("kernel", "kernel_exact") if key in self.only}
        record = {
            "format": 2,
            "image": str(read.item),
            "image_sha256": read.sha256,
            "grey": self.grey,
            "crop": None if self.crop is None else list(attrs.astuple(self.crop)),
            "bits": {"read": picture.bits, "written": picture.written_bits},
            "kept": [name for name, held in (("icc", picture.icc), ("exif", picture.exif)) if held],
            "left_out": list(picture.notes),
            "shape": list(picture.pixels.shape),
            "kernel_shape": None if w is None else list(distinct(w).shape),
            "solved_together": summary["solved_together"],
            **_told(summary, row, picture.pixels.size, self.full),
            "files": written,
            "sha256": {key: hashlib.sha256(made).hexdigest() for key, made in files.items()},
        }
        return Result(read.item, read.stat, record, files)

    def _problem(self, y: Tensor, item: Item) -> Problem:
        """The problem with the shapes of pictures; refuses those that do not fit."""
        if self.crop is not None:
            self.crop.check(item, *y.shape[2:])
        known = self._problems.get(tuple(y.shape[1:]))
        if known is not None:
            return known
        try:
            problem = _shaped(self.pipeline, y)
            if type(self.pipeline.solver).shaped is Solver.shaped:  # it follows from the shape alone
                self._problems.clear()
                self._problems[tuple(y.shape[1:])] = problem
            return problem
        except ShapeError as error:
            if y.shape[1] == 3:
                with suppress(InvkitError):
                    _shaped(self.pipeline, y[:, :1])
                    error.hint = "add --grey to reduce colour images to grey"
            raise

    def _check_header(self, file: File) -> None:
        """Refuse a picture by the size in its header, where it follows from the shapes of the priors."""
        height, width = picture_size(file)
        if any(shape[1:] == (height, width) for shape in self._problems):
            return
        pipeline = self.pipeline
        solver, (prior_w, prior_x) = pipeline.solver, pipeline.priors
        if isinstance(solver, Stages):
            first = solver.stages[0]
            solver, prior_w, prior_x = first.solver, first.w or prior_w, first.x or prior_x
        if pipeline.operator.measurement_dims != 2 or type(solver).shaped is not Solver.shaped:
            return
        problem, refusal = Problem(pipeline.operator, (prior_w, prior_x)), None
        # How many channels it has, and whether it is to be turned, shows when it is decoded.
        for shape in ((c, *size) for size in ((height, width), (width, height)) for c in (1, 3)):
            try:
                problem.shaped(shape)
                return
            except ShapeError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    def _panel(self, picture: Picture, row: int, found: Solution, x: Any, w: Any) -> Any:
        reblurred = None
        if w is not None:
            with torch.no_grad():
                operator = following(self.pipeline.operator, found.x)
                reblurred = operator(found.w[row : row + 1], found.x[row : row + 1])[0]
        return recovery_row(blurry=picture.pixels, recovered=x, kernel=w, reblurred=reblurred)


def failure(source: str, error: BaseException) -> Failure:
    """What an exception says of a picture."""
    causes = _causes(error)
    short = any(
        isinstance(each, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(each)
        for each in causes
    )
    full = any(isinstance(each, OSError) and each.errno in FULL for each in causes)
    if isinstance(error, InvkitError):
        return Failure(source, error.message, error.hint, passing=short, full=full, error=error)
    message = f"{type(error).__name__}: {error}"
    return Failure(source, message, foreseen=False, passing=short, full=full, error=error)


def _causes(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *_causes(error.__cause__)]


def _shaped(pipeline: Pipeline, y: Tensor) -> Problem:
    operator = pipeline.operator
    if operator.measurement_dims != 2:
        raise InputError(
            f"the operator measures signals of {operator.measurement_dims} dimension(s), not images",
            hint="choose one for images, or call invkit.compose in Python",
        )
    problem = pipeline.problem_for(y)
    for which, prior in zip(("w", "x"), problem.priors, strict=True):
        own = tuple(prior.signal_shape or ())
        if len(own) != 3 or (which == "x" and own[0] not in (1, 3)):
            raise InputError(
                f"the unknown {which} has shape {own}, which is no image",
                hint="pictures are written of images; call invkit.compose in Python",
            )
    return problem


def _told(summary: Mapping[str, Any], row: int, pixels: int, full: bool) -> dict[str, Any]:
    """The part of the record that the solver made, from the summary of its solution."""
    residual = summary["residual"][row]
    restarts = {
        key: value[row] if isinstance(value, list) else value for key, value in summary["restarts"].items()
    }
    if not full:
        restarts = {"count": len(restarts["objective"]), "winner": restarts["winner"]}
    return {
        "status": summary["status"][row],
        **{key: summary[key][row] for key in ("confidence", "noise", "notes") if key in summary},
        "residual": residual,
        # per pixel and channel: comparable with the standard deviation of the noise
        "residual_rms": None if residual is None else math.sqrt(residual / pixels),
        "seconds": summary["seconds"],
        "restarts": restarts,
    }
