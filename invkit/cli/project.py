"""``invkit project``: the closest image in a prior's range, for each of some images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import (
    PATH,
    completing,
    reads_images,
    report,
    say_skipped,
    skipped_records,
    to_stderr,
)
from invkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from invkit.files.held import File

_SUFFIXES = ("_range.png", "_panel.png")


@click.command("project")
@click.option(
    "--prior",
    "spec",
    required=True,
    metavar="SPEC",
    shell_complete=completing("prior"),
    help="Prior of the images, e.g. vae:mnist.",
)
@click.option("--out", type=PATH, metavar="DIR", help="Folder for the pictures.")
@click.option(
    "--restarts", type=click.IntRange(1), default=4, show_default=True, help="Starts for each image."
)
@click.option("--steps", type=click.IntRange(0), default=300, show_default=True, help="Steps of Adam.")
@click.option(
    "--weight", type=click.FloatRange(0), default=0.0, show_default=True, help="Weight of the penalty."
)
@reads_images
def project(
    images: tuple[Path, ...],
    spec: str,
    out: Path | None,
    restarts: int,
    steps: int,
    weight: float,
    grey: bool,
    seed: int | None,
    as_json: bool,
) -> int:
    """Find the closest image in the range of a prior to every IMAGE, read as `invkit deblur` does.

    How close it comes bounds what any solver with that prior can recover. With --out, DIR gets NAME_range.png
    and NAME_panel.png for each image. Where an image is in range exactly, --json has null for the PSNR.

    \b
    invkit project digits/ --prior vae:mnist --out out/
    """
    import invkit
    from invkit.batch import find_items
    from invkit.batch.mapping import check_out
    from invkit.batch.recovering import failure
    from invkit.files.atomic import check_name
    from invkit.files.images import skipped, write_image
    from invkit.files.panels import residual_cell, write_panel
    from invkit.files.pictures import read_picture
    from invkit.files.solutions import writable_folder

    prior = invkit.prior(spec)
    passed_over = skipped(images)
    source, failures = find_items(images)
    if out is not None:
        try:
            check_out(images, source, out, _SUFFIXES)
        except InputError as error:
            raise UsageError(f"--out: {error.message}", hint=error.hint) from error
    folder = None if out is None else writable_folder(out)
    say_skipped(passed_over)
    records: list[dict[str, Any]] = []
    for item in source:
        try:
            if folder is not None:
                for suffix in _SUFFIXES:
                    check_name(folder / f"{item.name}{suffix}")
            file = item.file()
            _check_size(file, prior.signal_shape)
            truth = read_picture(file, grey=grey).pixels
            found = invkit.project(
                prior, truth, restarts=restarts, steps=steps, weight=weight, seed=seed or 0
            )
            record = {
                "image": str(item),
                "psnr": psnr if math.isfinite(psnr := found.psnr.item()) else None,
                "ssim": float(invkit.metrics.ssim(found.signal, truth)),
                "latent_norm": float((found.latent**2).sum() ** 0.5),
            }
            if folder is not None:
                write_image(folder / f"{item.name}_range.png", found.signal)
                cells = [("image", truth), ("closest", found.signal), residual_cell(found.signal - truth)]
                write_panel(folder / f"{item.name}_panel.png", [cells])
            records.append(record)
        except invkit.InvkitError as error:
            failures.append(failure(str(item), error))
    for each in failures:
        to_stderr(f"invkit: {each}")
    value: dict[str, object] = {"prior": spec, "images": records, "failed": [f.source for f in failures]}
    value["skipped"] = skipped_records(passed_over)
    rows = (
        (
            r["image"],
            "exact" if r["psnr"] is None else f"{r['psnr']:.2f} dB",
            f"{r['ssim']:.4f}",
            f"{r['latent_norm']:.1f}",
        )
        for r in records
    )
    if records or as_json:
        report(as_json, value, ("image", "PSNR", "SSIM", "‖latent‖"), rows)
    if not records:
        return 3
    return 1 if failures else 0


def _check_size(source: File, shape: tuple[int, ...] | None) -> None:
    """Refuse a picture by its header where the prior's images have another size, either way round."""
    from invkit.errors import ShapeError
    from invkit.files.pictures import picture_size

    size = picture_size(source)
    if shape is not None and sorted(size) != sorted(shape[-2:]):
        raise ShapeError(
            f"{source} has {size[0]}×{size[1]} pixels, the prior's images have shape {tuple(shape)}",
            hint="resize or crop it, or choose another prior",
        )
