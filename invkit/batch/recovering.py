"""One picture from its file to the bytes of its results; nothing is written.

    recovery = Recovery(pipeline)
    result = recovery(Item("a", Path("photos/a.png")))       # a Result, or a Failure that says why not
    result.record["status"], result.files["sharp"]           # max_iter, the bytes of a PNG

The header is read first: a picture of a size that the priors cannot take is not decoded.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from invkit.batch.items import Failure, Item
from invkit.compose import Pipeline, as_numpy
from invkit.contracts.ambient import following
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError, InvkitError, ShapeError, UsageError
from invkit.files.atomic import check_name
from invkit.files.images import npy_bytes, png_bytes
from invkit.files.panels import distinct, kernel_cell, panel_bytes, recovery_row
from invkit.files.pictures import MAX_PIXELS, Picture, picture_size, read_picture
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

Say = Callable[[str], None]


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
                f"--crop {text} is no part of a picture",
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
        stat: its size in bytes, and when it was written, in nanoseconds.
        record: its record.
        files: the bytes of its files, by their keys in :data:`FILES`.
    """

    item: Item
    stat: list[int]
    record: dict[str, Any]
    files: Mapping[str, bytes]


@attrs.frozen(eq=False)
class Recovery:
    """What is done with each picture.

    Args:
        pipeline: recovers it.
        grey: reduce colour to grey.
        max_pixels: refuse a picture with more, unread.
        crop: where to look for the kernel; the pipeline's solver knows it, too.
        device: what the tensors are moved to.
        only: the keys in :data:`FILES` of what is made.
    """

    pipeline: Pipeline
    grey: bool = False
    max_pixels: int = MAX_PIXELS
    crop: Crop | None = None
    device: str = "cpu"
    only: tuple[str, ...] = tuple(FILES)

    def __call__(self, item: Item, say: Say | None = None) -> Result | Failure:
        """Solve a picture; whatever goes wrong is its failure.

        Args:
            item: the picture.
            say: told in a line what is known before the solve.
        """
        try:
            return self._solved(item, say)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever befalls one picture, the others are done
            return failure(str(item), error)

    def _solved(self, item: Item, say: Say | None) -> Result:
        for ending in FILES.values():
            check_name(Path(f"{item.name}{ending}"))
        self._check_header(item.path)
        before = stat_of(item.path)
        with item.path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        picture = read_picture(item.path, grey=self.grey, max_pixels=self.max_pixels)
        if stat_of(item.path) != before:
            raise InputError(f"{item} was changed while it was read", hint="run it again")
        y = torch.from_numpy(picture.pixels).to(self.device)
        problem = self._problem(y, item)
        if say and self.pipeline.solver.finds_w and self.pipeline.priors[0].signal_shape is None:
            kernel = problem.priors[0].signal_shape or ()
            say(f"{item}: looking for a kernel of at most {kernel[1]}×{kernel[2]} pixels")
        found = self.pipeline.solve(y, problem=problem)
        solution: Solution = as_numpy(found)
        signals = (solution.x, solution.w)
        sound = all(np.isfinite(signal).all() for signal in signals if signal is not None)
        files = self._files(picture, found, solution) if sound else {}
        written: dict[str, str | None] = {
            key: f"{item.name}{FILES[key]}" for key in FILES if key in files or key == "record"
        }
        if sound and solution.w is None:
            written |= {key: None for key in ("kernel", "kernel_exact") if key in self.only}
        record = {
            "format": 2,
            "image": str(item),
            "image_sha256": sha256,
            "grey": self.grey,
            "crop": None if self.crop is None else list(attrs.astuple(self.crop)),
            "bits": {"read": picture.bits, "written": picture.written_bits},
            "kept": [name for name, held in (("icc", picture.icc), ("exif", picture.exif)) if held],
            "left_out": list(picture.notes),
            "shape": list(y.shape),
            "kernel_shape": None if solution.w is None else list(distinct(solution.w).shape),
            **_result(solution, y.numel()),
            "files": written,
            "sha256": {key: hashlib.sha256(made).hexdigest() for key, made in files.items()},
        }
        return Result(item, before, record, files)

    def _problem(self, y: Tensor, item: Item) -> Problem:
        """The problem with the shapes of a picture; refuses one that does not fit."""
        if self.crop is not None:
            self.crop.check(item, *y.shape[1:])
        try:
            return _shaped(self.pipeline, y)
        except ShapeError as error:
            if len(y) == 3:
                with suppress(InvkitError):
                    _shaped(self.pipeline, y[:1])
                    error.hint = "add --grey to reduce colour images to grey"
            raise

    def _check_header(self, path: Path) -> None:
        """Refuse a picture by the size in its header, where it follows from the shapes of the priors."""
        height, width = picture_size(path)
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

    def _files(self, picture: Picture, found: Solution, solution: Solution) -> dict[str, bytes]:
        """The files of a solution, given with tensors (``found``) and with arrays."""
        kept: dict[str, Any] = {"bits": picture.written_bits, "icc": picture.icc, "exif": picture.exif}
        make: dict[str, Callable[[], bytes]] = {
            "sharp": lambda: png_bytes(solution.x, **kept),
            "sharp_exact": lambda: npy_bytes(solution.x),
            "panel": lambda: panel_bytes([self._row(picture, found, solution)]),
        }
        if solution.w is not None:
            make["kernel"] = lambda: png_bytes(kernel_cell(solution.w)[1])
            make["kernel_exact"] = lambda: npy_bytes(distinct(solution.w))
        if solution.x_kernel is not None and not np.array_equal(solution.x_kernel, solution.x):
            make["unsoftened"] = lambda: png_bytes(solution.x_kernel, **kept)
        return {key: made() for key, made in make.items() if key in self.only}

    def _row(self, picture: Picture, found: Solution, solution: Solution) -> Any:
        reblurred = None
        if solution.w is not None:
            with torch.no_grad():
                operator = following(self.pipeline.operator, found.x)
                reblurred = operator(found.w[None], found.x[None])[0]
        return recovery_row(
            blurry=picture.pixels, recovered=solution.x, kernel=solution.w, reblurred=reblurred
        )


def failure(source: str, error: BaseException) -> Failure:
    """What an exception says of a picture."""
    short = isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
    full = any(isinstance(each, OSError) and each.errno in FULL for each in _causes(error))
    if isinstance(error, InvkitError):
        return Failure(source, error.message, error.hint, full=full, error=error)
    message = f"{type(error).__name__}: {error}"
    return Failure(source, message, foreseen=False, passing=short, full=full, error=error)


def _causes(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *_causes(error.__cause__)]


def stat_of(path: Path) -> list[int]:
    """A file's size in bytes, and when it was written, in nanoseconds."""
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns]


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


def _result(solution: Solution, pixels: int) -> dict[str, Any]:
    """The part of the record that the solver made, for its one measurement."""
    summary = solution.summary()
    residual = summary["residual"][0]
    return {
        "status": summary["status"][0],
        **{key: summary[key][0] for key in ("confidence", "noise", "notes") if key in summary},
        "residual": residual,
        # per pixel and channel: comparable with the standard deviation of the noise
        "residual_rms": None if residual is None else math.sqrt(residual / pixels),
        "seconds": summary["seconds"],
        "restarts": {
            key: value[0] if isinstance(value, list) else value for key, value in summary["restarts"].items()
        },
    }
