"""``invkit deblur``: blurry images → sharp images, kernels, panels and records, blind.

invkit deblur photos --config out/config.toml --out again --json

The specs and the folder are checked first. Each image is checked when its turn comes; one that fails does
not stop the others. The work is done by :mod:`invkit.batch`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.deblurred import Progress, print_run
from invkit.cli.output import PATH, completing, quiet_option, reads_images, say_skipped, to_stderr
from invkit.errors import InputError, UsageError, counted
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.batch import Crop, Failure, Report, Source
    from invkit.compose import Pipeline


@click.command("deblur")
@click.option(
    "--prior",
    "priors",
    multiple=True,
    metavar="SPEC",
    shell_complete=completing("prior"),
    help="Prior of the kernel, then of the image; or none.",
)
@click.option(
    "--method",
    metavar="NAME",
    shell_complete=completing("method"),
    help="A composition by name; see `invkit list methods`.",
)
@click.option(
    "--operator",
    metavar="SPEC",
    shell_complete=completing("operator"),
    help="Model of the blur; has a default.",
)
@click.option(
    "--noise",
    metavar="SPEC",
    shell_complete=completing("noise"),
    help="Noise model; white Gaussian noise by default.",
)
@click.option(
    "--solver",
    "solvers",
    multiple=True,
    metavar="SPEC",
    shell_complete=completing("solver"),
    help="Solver; several are stages, one after another.",
)
@click.option("--config", type=PATH, metavar="FILE", help="Parts and options, as TOML or JSON.")
@click.option("--kernel", type=PATH, metavar="FILE", help="The kernel, if it is known: PNG or npy.")
@click.option("--crop", metavar="X,Y,W,H", help="Where to look for the kernel: a part, in pixels.")
@click.option("--only", metavar="A,B,…", help="Results to write, e.g. sharp,kernel_exact.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Folder for the results.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    help="Refuse larger images unread; 100 megapixels by default.",
)
@click.option("--device", default="cpu", metavar="NAME", help="Device: cuda, cuda:1, mps; cpu by default.")
@click.option(
    "--monitor", "monitors", multiple=True, metavar="SPEC", help="Monitor, e.g. tensorboard:DIR; repeatable."
)
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes; by default as many as torch has threads."
)
@click.option(
    "--batch", type=click.IntRange(1), default=1, metavar="N", help="Small images to solve together."
)
@click.option("--full", is_flag=True, help="Full records, with every restart.")
@click.option("--again", is_flag=True, help="Solve finished images anew.")
@click.option("--shard", metavar="I/N", help="Solve the I-th of N parts of the images.")
@click.option("--pack", is_flag=True, help="Write the results to results.tar in the folder.")
@click.option("--cluster", metavar="WHERE", help="Solve on dask: tcp://host:port, or local:4.")
@quiet_option
@reads_images
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
    only: str | None,
    out: Path,
    seed: int | None,
    grey: bool,
    max_pixels: int | None,
    device: str,
    monitors: tuple[str, ...],
    jobs: int | None,
    batch: int,
    full: bool,
    again: bool,
    shard: str | None,
    pack: bool,
    cluster: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Recover the sharp image and the blur kernel of every IMAGE.

    An IMAGE is a file (PNG, JPEG, TIFF, WebP, BMP, npy; HEIC and FITS with their extras), a folder, a zip or
    tar archive, or a text file with one path a line. In a folder, files that are no images are passed over
    and named on stderr. For a.png, the folder --out gets:

    \b
    a_sharp.png      the sharp image; a_sharp.npy has the exact numbers
    a_kernel.png     the kernel; a_kernel.npy has the exact numbers
    a_panel.png      blurry, recovered, kernel, re-blurred and residual, side by side
    a.json           the record: status, confidence, residual, time
    config.toml      the parts and all their options; give it to --config to repeat the run
    records.jsonl    all records, one a line

    a_sharp.png has 16 bits where the input has more than 8, and the input's colour profile and EXIF.

    Parts: where nothing is named, the method for photographs is used. A method, or priors trained for what
    the image shows, recover more (`invkit list methods`). A part that is named replaces the method's. Several
    --solver are stages, each of which starts from the solution of the one before: --solver 'evidence
    x=gaussian:celeba' --solver 'altgd hold=w'. With --kernel the kernel is known. It is scaled to unit sum,
    the method's stages that would look for it are left out, and one --prior is then the image's.

    The status of an image, in the record and in the table, is one of these. Only the last is a failure.

    \b
    max_iter, converged    the usual ends
    doubtful               the result is likely to be wrong. Where it was softened towards the
                           input for that, a_unsoftened.png is the image by the kernel alone
    sharp                  not blurred, or too little structure to tell: the image is as it was
    diverged               the solver's numbers ran away: the image is no result, and the command ends
                           with 1. Smaller steps or other options of the solver may help

    Many images: the same command goes on where it was stopped. It leaves an image as it is if its record fits
    image, configuration and results; it replaces results of another configuration. --jobs 8 solves eight
    images at a time, one thread each, with the same results. --batch 16 solves up to 16 images of one size
    and at most 64×64 pixels together, several times faster; results are then the same up to rounding.
    --shard 2/8 is one of eight commands that may run at the same time. --cluster tcp://head:8786 sends the
    images to a scheduler of dask, and --cluster local:4 to four processes; it needs the extra `dask`, and all
    machines must see the same folders.

    Output: --only sharp writes a_sharp.png and a.json alone; the names are sharp, sharp_exact, kernel,
    kernel_exact, panel and unsoftened. --pack writes the results to results.tar in the folder. --json prints
    the records without what only the next run needs. --full keeps that, and the figures of every restart.

    Exit code: 0 if all went well, 1 if some images failed or the disk is full, 3 if nothing could be done.

    \b
    invkit deblur photo.jpg --out out
    invkit deblur digit.png --prior vae:blurA --prior vae:mnist --out out
    invkit deblur photo.jpg --kernel out/photo_kernel.npy --out again
    """
    parts = {"operator": operator, "noise": noise, "solver": list(solvers) or None}
    named = {key: value for key, value in parts.items() if value}
    from invkit.batch import Crop, Recovery, find_items
    from invkit.batch.mapping import check_out, recover_all
    from invkit.contracts.ambient import as_device
    from invkit.files.images import skipped
    from invkit.files.pictures import MAX_PIXELS

    try:
        place = str(as_device(device))
    except InputError as error:
        raise UsageError(f"--device: {error.message}", hint=error.hint) from error
    part = None if crop is None else Crop.parse(crop)
    share = None if shard is None else _shard(shard)
    pipeline = _pipeline(named, priors, method, config, kernel, quiet)
    passed_over = skipped(images)
    source, failures = find_items(images)
    _require_images(source, failures)
    watched = len(source) == 1 or (jobs == 1 and batch == 1)
    pipeline = _with_options(pipeline, seed, part, _monitors(monitors, quiet or not watched))
    recovery = Recovery(pipeline, grey, max_pixels or MAX_PIXELS, part, place, _only(only), batch, full)
    try:
        check_out(images, source, out)
    except InputError as error:
        raise UsageError(f"--out: {error.message}", hint=error.hint) from error
    show = Progress(quiet, alone=len(source) == 1 and not failures)
    if not quiet:
        say_skipped(passed_over)
    for each in failures:
        show.failure(each)
    options: dict[str, Any] = {"jobs": jobs, "again": again, "shard": share, "pack": pack, "cluster": cluster}
    done = recover_all(recovery, source, failures, out, **options, tell=show.step, say=show.say)
    _refuse_if_nothing(done, alone=show.alone)
    if cluster is not None:
        lost = {each.source for each in done.failed}
        show.names = [each.name for each in source if str(each.absolute()) not in lost]
    print_run(done, show.names, passed_over, as_json, full=full, indexed=pack or cluster is not None)
    if done.full is not None:
        to_stderr(f"invkit: error: {done.full}")
    if done.interrupted:
        finished = f"{done.solved + done.kept} of {counted(done.of, 'image')}"
        to_stderr(f"invkit: interrupted; {finished} done, in {out}")
        return 130
    return int(bool(done.failed or done.full) or "diverged" in done.status)


def _only(text: str | None) -> tuple[str, ...]:
    from invkit.batch import FILES

    if text is None:
        return tuple(FILES)
    keys = tuple(each.strip() for each in text.split(","))
    unknown = [each for each in keys if each not in FILES]
    if unknown:
        raise UsageError(
            f"--only {text}: no result is called {unknown[0]!r}", hint=f"choose of {', '.join(FILES)}"
        )
    return keys


def _shard(text: str) -> tuple[int, int]:
    first, slash, parts = text.partition("/")
    numbers = slash and first.isdecimal() and parts.isdecimal()
    if not numbers or not 1 <= int(first) <= int(parts) <= sys.maxsize:
        raise UsageError(f"--shard {text} is not understood", hint="write e.g. --shard 2/8, from 1 on")
    return int(first), int(parts)


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
            "--config cannot be given with --method, --operator, --prior, --noise or --solver",
            hint="leave one out",
        )
    if kernel is not None and len(priors) > 1:
        raise UsageError(
            "the kernel is given twice, by --kernel and by the first --prior",
            hint="leave --kernel out, or the first --prior",
        )
    if priors and kernel is None and len(priors) != 2:
        raise UsageError(
            f"deblur needs two priors, got {len(priors)}",
            hint="write --prior SPEC for the kernel, then one for the image, or none for a photograph; "
            "see `invkit list priors`",
        )
    from invkit.compose import compose
    from invkit.configurations import load_config
    from invkit.configurations import method as method_named

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
    from invkit.watched import default_monitors

    shown = default_monitors()
    if quiet or not sys.stderr.isatty() or {Spec.parse(each).kind for each in named} & set(shown):
        shown = []
    return [*named, *shown]


def _require_images(source: Source, failures: Sequence[Failure]) -> None:
    """Refuse arguments that name no image."""
    if len(source):
        return
    if len(failures) > 1:
        for each in failures:
            to_stderr(f"invkit: error: {each}")
        raise InputError(f"none of {counted(len(failures), 'image')} can be deblurred", hint="see above")
    raise InputError(str(failures[0]))


def _refuse_if_nothing(done: Report, *, alone: bool) -> None:
    """Raise what an only image has failed by, or say that none could be done."""
    if done.solved or done.kept or done.interrupted or done.full or not done.failed:
        return
    if alone and done.failed[0].error is not None and not done.failed[0].foreseen:
        raise done.failed[0].error
    if alone:
        raise InputError(str(done.failed[0])) from done.failed[0].error
    if all(each.foreseen for each in done.failed):
        raise InputError(f"none of {counted(len(done.failed), 'image')} can be deblurred", hint="see above")
