"""What ``invkit deblur`` does with its images: name them, check them, recover them one by one, write.

    jobs, failures = find_jobs(["photos", "more/a.png"])
    check(pipeline, jobs[0])
    record = recover(pipeline, jobs[0], Path("out"))      # out/a_sharp.png, …, out/a.json

One image at a time, all its restarts in one batch: so an image's result does not depend on its neighbours,
and memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from jaxtyping import Float32

from invkit.compose import Pipeline
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.errors import InputError, InvkitError, ShapeError
from invkit.files.images import find_images, read_image, write_image
from invkit.files.panels import recovery_row, write_panel
from invkit.files.solutions import write_kernel, write_record

FILES = {
    "sharp": "_sharp.png",
    "sharp_exact": "_sharp.npy",
    "kernel": "_kernel.png",
    "kernel_exact": "_kernel.npy",
    "panel": "_panel.png",
    "record": ".json",
}
"""What is written for each image: the key in its record, and what follows its name."""

RECORD_FORMAT = 1
"""The version of the record's layout."""


@attrs.frozen
class Job:
    """One image to deblur.

    Args:
        source: the image file.
        name: what the names of its results start with, different from every other job's.
        grey: reduce colour to grey.
        problem: with the shapes that were worked out when the image was checked.
    """

    source: Path
    name: str
    grey: bool = False
    problem: Problem | None = attrs.field(default=None, repr=False, eq=False)

    def read(self) -> Float32[np.ndarray, "channels height width"]:
        """Return the image; raises :class:`InputError` where it is not one."""
        return read_image(self.source, grey=self.grey)

    def outputs(self, folder: Path) -> dict[str, Path]:
        """Return the files that its results go to."""
        return {key: folder / f"{self.name}{suffix}" for key, suffix in FILES.items()}


@attrs.frozen
class Failure:
    """An image that could not be deblurred, and why."""

    source: Path
    error: Exception

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        foreseen = isinstance(self.error, InvkitError)
        said = str(self.error) if foreseen else f"{type(self.error).__name__}: {self.error}"
        return " ".join(said.split())

    def __str__(self) -> str:
        """Return one line that names the image."""
        named = str(self.source) in self.reason
        return self.reason if named else f"{self.source}: {self.reason}"


def find_jobs(paths: Iterable[Path], *, grey: bool = False) -> tuple[list[Job], list[Failure]]:
    """Return a job for every image that files and folders name, and a failure for what names none.

    Images of the same name in different folders get different names: ``a``, ``a-2``, ``a-3``, in the order
    given (upper and lower case count as the same: some file systems cannot tell them apart).
    """
    sources: dict[Path, None] = {}
    failures = []
    for path in paths:
        try:
            sources.update(dict.fromkeys(find_images([path])))
        except InputError as error:
            failures.append(Failure(path, error))
    taken: set[str] = set()
    jobs = []
    for source in sources:
        name, number = source.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{source.stem}-{number}"
        taken.add(name.casefold())
        jobs.append(Job(source, name, grey))
    return jobs, failures


def check(pipeline: Pipeline, job: Job) -> Job:
    """Read an image and see that operator and priors fit it; nothing is solved.

    Returns:
        The job with its problem, whose shapes need not be worked out again.

    Raises:
        InputError: missing, unreadable, not finite, or with unknowns that are no images.
        ShapeError: the priors are for another size or for other channels.
    """
    y = job.read()
    try:
        return attrs.evolve(job, problem=_problem(pipeline, y))
    except ShapeError as error:
        if len(y) == 3:
            with suppress(InvkitError):
                _problem(pipeline, y[:1])
                error.hint = "add --grey to reduce colour images to grey"
        raise


def recover(pipeline: Pipeline, job: Job, out: Path) -> dict[str, Any]:
    """Deblur one image, write its files and return its record, which is written last.

    A result that is not finite (every restart diverged) has a record and no pictures. Where the solver finds
    no kernel, the record has null in place of its files, and the panel ends with the recovered image.

    Raises:
        InputError: the image cannot be read any more.
        OutputError: a file cannot be written.
    """
    y = job.read()
    solution = pipeline(y, problem=job.problem)
    files = job.outputs(out)
    written: dict[str, str | None] = {key: path.name for key, path in files.items()}
    if not all(np.isfinite(signal).all() for signal in (solution.x, solution.w) if signal is not None):
        written = {"record": files["record"].name}
    else:
        _write_pictures(pipeline, y, solution, files)
        if solution.w is None:
            written |= {"kernel": None, "kernel_exact": None}
    record = {
        "format": RECORD_FORMAT,
        "image": str(job.source),
        "image_sha256": hashlib.sha256(job.source.read_bytes()).hexdigest(),
        "grey": job.grey,
        "shape": list(y.shape),
        "kernel_shape": None if solution.w is None else list(solution.w.shape),
        **_result(solution, y.size),
        "files": written,
    }
    write_record(files["record"], record)
    return record


def _problem(pipeline: Pipeline, y: Float32[np.ndarray, "c h w"]) -> Problem:
    operator = pipeline.operator
    if operator.measurement_dims != 2:
        raise InputError(
            f"the operator measures signals of {operator.measurement_dims} dimension(s), not images",
            hint="choose one for images, or call invkit.compose in Python",
        )
    problem = pipeline.problem_for(y)
    for which, prior in zip(("w", "x"), problem.priors, strict=True):
        own = tuple(prior.signal_shape or ())
        if len(own) != 3 or own[0] not in (1, 3):
            raise InputError(
                f"the unknown {which} has shape {own}, which is no image",
                hint="deblur writes images; call invkit.compose in Python",
            )
    return problem


def _write_pictures(
    pipeline: Pipeline, y: Float32[np.ndarray, "c h w"], solution: Solution, files: dict[str, Path]
) -> None:
    write_image(files["sharp"], solution.x)
    write_image(files["sharp_exact"], solution.x)
    reblurred = None
    if solution.w is not None:
        write_kernel(files["kernel"], solution.w)
        write_image(files["kernel_exact"], solution.w)
        w, x = torch.from_numpy(solution.w)[None], torch.from_numpy(solution.x)[None]
        with torch.no_grad():
            reblurred = pipeline.operator(w, x)[0]
    row = recovery_row(blurry=y, recovered=solution.x, kernel=solution.w, reblurred=reblurred)
    write_panel(files["panel"], [row])


def _result(solution: Solution, pixels: int) -> dict[str, Any]:
    """The part of the record that the solver made, for its one measurement."""
    summary = solution.summary()
    residual = summary["residual"][0]
    config = dict(summary["config"])
    return {
        "status": summary["status"][0],
        **{key: summary[key][0] for key in ("confidence", "noise") if key in summary},
        "residual": residual,
        # per pixel and channel: comparable with the standard deviation of the noise
        "residual_rms": None if residual is None else math.sqrt(residual / pixels),
        "seconds": summary["seconds"],
        "restarts": {
            key: value[0] if isinstance(value, list) else value for key, value in summary["restarts"].items()
        },
        "versions": config.pop("versions", {}),
        "config": config,
    }
