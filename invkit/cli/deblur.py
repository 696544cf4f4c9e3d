"""``invkit deblur``: blurry images → sharp images, kernels, panels and records, blind.

invkit deblur photos --config out/config.toml --out again --json

Everything is checked before anything is written: the specs, every image, the fit of the priors, the folder.
Then the images are recovered one by one. An image that fails does not stop the others.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import (
    PATH,
    grey_option,
    images_argument,
    json_option,
    quiet_option,
    report,
    seed_option,
    to_stderr,
)
from invkit.errors import InputError, InvkitError, UsageError
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.cli.jobs import Crop, Failure, Job
    from invkit.compose import Pipeline


@click.command("deblur")
@images_argument
@click.option(
    "--prior", "priors", multiple=True, metavar="SPEC", help="Give two: kernel's, then image's; or none."
)
@click.option("--method", metavar="NAME", help="A composition by name; see `invkit list methods`.")
@click.option("--operator", metavar="SPEC", help="The blur's model; has a default.")
@click.option("--noise", metavar="SPEC", help="The noise model; Gaussian by default.")
@click.option(
    "--solver", "solvers", multiple=True, metavar="SPEC", help="Has a default; several are stages in turn."
)
@click.option("--config", type=PATH, metavar="FILE", help="TOML or JSON in place of the specs.")
@click.option("--kernel", type=PATH, metavar="FILE", help="The kernel, where it is known: PNG or npy.")
@click.option("--crop", metavar="X,Y,W,H", help="Where to look for the kernel, in pixels.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Folder for the results.")
@seed_option
@grey_option
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    help="Refuse larger pictures unread; 100 megapixels by default.",
)
@click.option("--device", default="cpu", metavar="NAME", help="E.g. cuda, cuda:1, mps; cpu by default.")
@click.option(
    "--monitor", "monitors", multiple=True, metavar="SPEC", help="E.g. tensorboard:DIR; repeatable."
)
@quiet_option
@json_option
def deblur(
    images: tuple[Path, ...],
    priors: tuple[str, ...],
    method: str | None,
    operator: str | None,
    noise: str | None,
    solvers: tuple[str, ...],
    config: Path | None,
    kernel: Path | None,
    crop: str | None,
    out: Path,
    seed: int | None,
    grey: bool,
    max_pixels: int | None,
    device: str,
    monitors: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> int:
    """Recover the sharp image and the blur kernel of every IMAGE.

    PNG, JPEG, TIFF, WebP, BMP and npy are read; HEIC and FITS with their extras. For a.png the folder --out
    gets a_sharp.png and a_kernel.png (with the exact numbers as .npy), the picture a_panel.png (blurry,
    recovered, kernel, re-blurred, residual) and the record a.json; and config.toml, which --config takes.
    Files of these names are replaced. a_sharp.png has 16 bits where the input has more than 8, and the
    input's colour profile and EXIF.

    The record and the table say an image's status. max_iter: the usual end. doubtful: the result is likely
    to be wrong; where it was softened towards the input for that, a_unsoftened.png is the image by the
    kernel alone. sharp: not blurred, or too little structure to tell; the picture is as it was.

    Where nothing is named, the method for photographs is used; that is said on stderr, and so is a blur that
    varies across the picture. Priors that were trained for what the image shows recover more of it. Parts
    that are named stand in place of the method's. Several --solver are stages, each starting from the
    solution of the one before: --solver 'evidence x=gaussian:celeba' --solver 'altgd hold=w'.

    With --kernel the kernel is known (it is brought to unit sum), and a method's stages that would look for
    it are left out; one --prior is then the image's. In a folder, files that are no images are passed over
    and named on stderr.

    Exit code 0 where all went well (a doubtful or sharp result is no failure), 1 where some images failed, 3
    where nothing could be done.

    \b
    invkit deblur photo.jpg --out out
    invkit deblur digit.png --prior vae:blurA --prior vae:mnist --out out
    invkit deblur photo.jpg --kernel out/photo_kernel.npy --out again
    """
    parts = {"operator": operator, "noise": noise, "solver": list(solvers) or None}
    named = {key: value for key, value in parts.items() if value}
    from invkit.cli.devices import device as device_named
    from invkit.cli.jobs import Crop, find_jobs, say_skipped
    from invkit.files.images import skipped
    from invkit.files.pictures import MAX_PIXELS

    place = device_named(device)
    part = None if crop is None else Crop.parse(crop)
    pipeline = _pipeline(named, priors, method, config, kernel, quiet)
    pipeline = _with_options(pipeline, seed, part, _monitors(monitors, quiet))
    passed_over = skipped(images)
    found = find_jobs(images, grey=grey, max_pixels=max_pixels or MAX_PIXELS, crop=part, device=place)
    jobs, failures = _checked(pipeline, images, *found, out, quiet)
    if not quiet:
        say_skipped(passed_over)
    records, interrupted = _recover_all(pipeline, jobs, failures, out, quiet)
    _print(records, failures, passed_over, out, interrupted, as_json)
    if interrupted:
        to_stderr(f"invkit: interrupted; {len(records)} of {len(jobs)} images are in {out}")
        return 130
    return int(bool(failures) or any(record["status"] == "diverged" for record in records))


def _pipeline(
    named: dict[str, Any],
    priors: Sequence[str],
    method: str | None,
    config: Path | None,
    kernel: Path | None,
    quiet: bool,
) -> Pipeline:
    """The pipeline that the options, the method or the configuration describe."""
    if config is not None and (named or priors or method):
        raise UsageError(
            "--config stands in place of --method, --operator, --prior, --noise and --solver",
            hint="leave one out",
        )
    if kernel is not None and len(priors) > 1:
        raise UsageError(
            "--kernel is the kernel, and --prior was given for it as well",
            hint="leave --kernel out, or the first --prior",
        )
    if priors and kernel is None and len(priors) != 2:
        raise UsageError(
            f"deblur needs two priors, got {len(priors)}",
            hint="write --prior SPEC for the kernel, then one for the image, or none for a photograph; "
            "see `invkit list priors`",
        )
    from invkit.compose import compose, load_config
    from invkit.compose import method as method_named

    registry = default_manager().registry
    known = None if kernel is None else _known(kernel)
    pair: list[Any] = [*([] if known is None else [known]), *priors]
    if config is not None:
        pipeline = load_config(config)
        return pipeline if known is None else pipeline.with_w_given(known)
    if len(pair) == 2 and method is None:
        made = {kind: registry.default(kind).name for kind in ("operator", "solver")} | named
        return compose(priors=pair, **made)
    chosen = method or registry.default("method").name
    if method is None and not quiet:
        to_stderr(f"invkit: no prior given: --method {chosen} (see `invkit list methods`)")
    return method_named(chosen, **named, **dict(zip("wx", pair, strict=False)))


def _known(kernel: Path) -> Spec:
    """The prior of a kernel that a file holds."""
    options = {"normalise": "sum"} | ({} if kernel.suffix.lower() == ".npy" else {"grey": "true"})
    return Spec(default_manager().registry.default("prior").name, str(kernel), options)


def _with_options(
    pipeline: Pipeline, seed: int | None, crop: Crop | None, monitors: Sequence[str]
) -> Pipeline:
    """The pipeline with what the options say besides its parts."""
    import attrs

    from invkit.parts import part
    from invkit.records import with_option

    solver = pipeline.solver
    if crop is not None:
        solver = with_option(solver, "crop", list(attrs.astuple(crop)))
        if solver is None:
            raise UsageError(
                "--crop needs a solver with the option `crop`, which this one has not",
                hint="leave --crop out, or choose another; `invkit describe NAME` lists a solver's options",
            )
    watching = tuple(part("monitor", each) for each in monitors)
    seed = pipeline.seed if seed is None else seed
    return attrs.evolve(pipeline, solver=solver, monitors=watching, seed=seed)


def _monitors(named: Sequence[str], quiet: bool) -> list[str]:
    """The monitors named, and on a terminal the default one."""
    shown = [entry.name for entry in default_manager().registry.entries("monitor") if entry.default]
    if quiet or not sys.stderr.isatty() or {Spec.parse(each).kind for each in named} & set(shown):
        shown = []
    return [*named, *shown]


def _checked(
    pipeline: Pipeline,
    images: Sequence[Path],
    jobs: Sequence[Job],
    failures: list[Failure],
    out: Path,
    quiet: bool,
) -> tuple[list[Job], list[Failure]]:
    """The images that can be deblurred, and those that can not; at least one can, and ``out`` is ready."""
    from invkit.cli.deblurring import check
    from invkit.cli.jobs import Failure
    from invkit.files.solutions import writable_folder

    if any(path.is_dir() and path.resolve() == out.resolve() for path in images):
        raise UsageError(
            f"--out {out} is the folder of the images", hint="choose another: results are images too"
        )
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        for path in job.outputs(out).values():
            if path.resolve() in sources:
                raise UsageError(
                    f"the results of {job.source} would replace {path}", hint="choose another --out"
                )
    good = []
    for job in jobs:
        try:
            checked = check(pipeline, job, keep=len(jobs) == 1)
        except InvkitError as error:
            failures.append(Failure(job.source, error))
            continue
        good.append(checked)
        if not quiet and pipeline.solver.finds_w and pipeline.priors[0].signal_shape is None:
            assert checked.problem is not None
            kernel = checked.problem.priors[0].signal_shape or ()
            to_stderr(f"invkit: {job.source}: looking for a kernel of at most {kernel[1]}×{kernel[2]} pixels")
    if len(failures) == 1 and not good:
        raise InputError(str(failures[0])) from failures[0].error
    for failure in failures:
        to_stderr(f"invkit: error: {failure}")
    if not good:
        raise InputError(f"none of the {len(failures)} images can be deblurred", hint="see above")
    writable_folder(out)
    pipeline.save_config(out / "config.toml")
    return good, failures


def _recover_all(
    pipeline: Pipeline, jobs: Sequence[Job], failures: list[Failure], out: Path, quiet: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Recover the images in turn; return their records, and whether Ctrl-C ended it. Adds to ``failures``."""
    from invkit.cli.deblurring import recover
    from invkit.cli.jobs import Failure

    alone = len(jobs) == 1 and not failures
    records: list[dict[str, Any]] = []
    began = time.monotonic()
    for number, job in enumerate(jobs, 1):
        if not quiet and not alone:
            to_stderr(f"[{number}/{len(jobs)}] {job.source}{_time_left(jobs, number, began)}")
        try:
            records.append(recover(pipeline, job, out))
        except KeyboardInterrupt:
            return records, True
        except Exception as error:  # whatever befalls one image, the others are done
            if alone:
                raise
            failures.append(Failure(job.source, error))
            to_stderr(f"invkit: error: {failures[-1]}")
            continue
        remark = (records[-1].get("notes") or {}).get("remark")
        if remark and not quiet:
            to_stderr(f"invkit: {job.source}: {remark}")
        if records[-1]["status"] == "interrupted":
            return records, True
    return records, False


def _time_left(jobs: Sequence[Job], number: int, began: float) -> str:
    """On a terminal, how long the images from the ``number``-th on will take, by the pixels done so far."""
    done = sum(job.pixels for job in jobs[: number - 1])
    if not done or not sys.stderr.isatty():
        return ""
    left = sum(job.pixels for job in jobs[number - 1 :])
    seconds = round((time.monotonic() - began) * left / done)
    return f" (about {seconds // 60}:{seconds % 60:02d} left)"


def _print(
    records: Sequence[dict[str, Any]],
    failures: Sequence[Failure],
    passed_over: Mapping[Path, str],
    out: Path,
    interrupted: bool,
    as_json: bool,
) -> None:
    from invkit.cli.deblurring import EXPLAINED

    value = {
        "out": str(out),
        "images": records,
        "failed": [{"image": str(each.source), "error": each.reason} for each in failures],
        "skipped": [{"file": str(path), "reason": why} for path, why in passed_over.items()],
        "interrupted": interrupted,
    }
    sure = any(record.get("confidence") is not None for record in records)
    rows = [
        (
            record["image"],
            record["status"],
            *([_number(record.get("confidence"), ".2f")] if sure else []),
            _number(record["residual_rms"], ".4f"),
            f"{record['seconds']:.1f}",
            record["files"].get("sharp", "–"),
        )
        for record in records
    ]
    columns = ("image", "status", *(["confidence"] if sure else []), "residual (rms)", "seconds", f"in {out}")
    rows += [(str(each.source), "failed", *["–"] * (len(columns) - 2)) for each in failures]
    report(as_json, value, columns, rows)
    if not as_json:
        there = {record["status"] for record in records}
        for status, meaning in EXPLAINED.items():
            if status in there:
                click.echo(f"{status}: {meaning}")


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
