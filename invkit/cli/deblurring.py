"""What ``invkit deblur`` does with its images: check them, recover them one by one, write.

    jobs, failures = find_jobs(["photos", "more/a.png"])
    job = check(pipeline, jobs[0])
    record = recover(pipeline, job, Path("out"))          # out/a_sharp.png, …, out/a.json

One image at a time, all its restarts in one batch: so an image's result does not depend on its neighbours,
and memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from invkit.cli.jobs import Job
from invkit.compose import Pipeline, as_numpy
from invkit.contracts.ambient import following
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError, InvkitError, ShapeError
from invkit.files.atomic import atomic_write
from invkit.files.images import write_image
from invkit.files.panels import distinct, recovery_row, write_panel
from invkit.files.pictures import Picture, picture_size
from invkit.files.solutions import write_kernel, write_record
from invkit.solving.stages import Stages

EXPLAINED = {
    Status.MAX_ITER: "the usual end",
    Status.DOUBTFUL: "likely to be wrong by the solver's own signs: compare it with the input",
    Status.SHARP: "not blurred, or too little structure to tell: the picture is as it was",
}
"""What a status means that is no failure."""

RECORD_FORMAT = 1
"""The version of the record's layout."""


def check(pipeline: Pipeline, job: Job, *, keep: bool = False) -> Job:
    """Read an image and see that operator and priors fit it; nothing is solved.

    The header is read first: a picture of a size that the priors cannot take is not decoded.

    Args:
        pipeline: what is to recover it.
        job: the image.
        keep: keep the picture in memory, so that it need not be read again.

    Returns:
        The job with its problem, whose shapes need not be worked out again.

    Raises:
        InputError: missing, unreadable, not finite, or with unknowns that are no images.
        ShapeError: the priors are for another size or for other channels, or the crop lies outside.
    """
    _check_header(pipeline, job)
    picture = job.read()
    y = job.measurement(picture)
    height, width = y.shape[1:]
    if job.crop is not None:
        job.crop.check(job.source, height, width)
    try:
        problem = _problem(pipeline, y)
        return attrs.evolve(job, problem=problem, pixels=height * width, picture=picture if keep else None)
    except ShapeError as error:
        if len(y) == 3:
            with suppress(InvkitError):
                _problem(pipeline, y[:1])
                error.hint = "add --grey to reduce colour images to grey"
        raise


def recover(pipeline: Pipeline, job: Job, out: Path) -> dict[str, Any]:
    """Deblur one image, write its files and return its record, which is written last.

    The sharp picture has 16 bits where the input has more than 8, and its colour profile and EXIF. A result
    that is softened because it is doubtful has its unsoftened picture beside it. One that is not finite
    (every restart diverged) has a record and no pictures. Where the solver finds no kernel, the record has
    null in place of its files, and the panel ends with the recovered image. Files that an earlier run left
    under these names and this one does not write are removed.

    Raises:
        InputError: the image cannot be read any more.
        OutputError: a file cannot be written.
    """
    picture = job.read()
    y = picture.pixels
    found = pipeline(job.measurement(picture), problem=job.problem)
    solution: Solution = as_numpy(found)
    files = job.outputs(out)
    written: dict[str, str | None] = {key: path.name for key, path in files.items() if key != "unsoftened"}
    if not all(np.isfinite(signal).all() for signal in (solution.x, solution.w) if signal is not None):
        written = {"record": files["record"].name}
    else:
        _write_pictures(pipeline, picture, found, solution, files)
        if solution.w is None:
            written |= {"kernel": None, "kernel_exact": None}
        if _softened(solution):
            written["unsoftened"] = files["unsoftened"].name
    for key, path in files.items():  # an earlier run may have left what this one does not give
        if written.get(key) is None:
            path.unlink(missing_ok=True)
    record = {
        "format": RECORD_FORMAT,
        "image": str(job.source),
        "image_sha256": hashlib.sha256(job.source.read_bytes()).hexdigest(),
        "grey": job.grey,
        "crop": None if job.crop is None else list(attrs.astuple(job.crop)),
        "bits": {"read": picture.bits, "written": picture.written_bits},
        "kept": [name for name, held in (("icc", picture.icc), ("exif", picture.exif)) if held],
        "left_out": list(picture.notes),
        "shape": list(y.shape),
        "kernel_shape": None if solution.w is None else list(distinct(solution.w).shape),
        **_result(solution, y.size),
        "files": written,
    }
    write_record(files["record"], record)
    return record


def _check_header(pipeline: Pipeline, job: Job) -> None:
    """Refuse a picture by the size in its header, where it follows from the shapes of the priors alone."""
    height, width = picture_size(job.source)
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


def _problem(pipeline: Pipeline, y: Tensor) -> Problem:
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
                hint="deblur writes images; call invkit.compose in Python",
            )
    return problem


def _write_pictures(
    pipeline: Pipeline, picture: Picture, found: Solution, solution: Solution, files: dict[str, Path]
) -> None:
    """Write all pictures of a solution, given with tensors (``found``) and with arrays."""
    kept: dict[str, Any] = {"bits": picture.written_bits, "icc": picture.icc, "exif": picture.exif}
    write_image(files["sharp"], solution.x, **kept)
    write_image(files["sharp_exact"], solution.x)
    if _softened(solution):
        write_image(files["unsoftened"], solution.x_kernel, **kept)
    reblurred = None
    if solution.w is not None:
        write_kernel(files["kernel"], solution.w)
        with atomic_write(files["kernel_exact"]) as stream:
            np.save(stream, distinct(solution.w).astype(np.float32), allow_pickle=False)
        with torch.no_grad():
            reblurred = following(pipeline.operator, found.x)(found.w[None], found.x[None])[0]
    row = recovery_row(blurry=picture.pixels, recovered=solution.x, kernel=solution.w, reblurred=reblurred)
    write_panel(files["panel"], [row])


def _softened(solution: Solution) -> bool:
    """Whether the solution has another image by its kernel alone."""
    other = solution.x_kernel
    return other is not None and not np.array_equal(other, solution.x)


def _result(solution: Solution, pixels: int) -> dict[str, Any]:
    """The part of the record that the solver made, for its one measurement."""
    summary = solution.summary()
    residual = summary["residual"][0]
    config = dict(summary["config"])
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
        "versions": config.pop("versions", {}),
        "config": config,
    }
