"""``invkit demo``: packaged MNIST test digits, blurred by kernels never seen in training, deblurred blind.

    invkit demo                          # table on stdout; invkit-demo/demo.png and demo.json
    invkit demo --digits 3 --solver altgd?steps=200

Needs no data, no network and no argument. The first kernels of blur A's test split, noise of σ = 0.01: the
setting of arXiv 1802.04073, Section 4.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from invkit.cli.output import json_option, print_json, print_table, say, to_stderr

__all__ = ["demo"]

PANEL, RECORD = "demo.png", "demo.json"
_INTERRUPTED = 130


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("invkit-demo"),
    metavar="DIR",
    show_default=True,
    help="Folder for the picture and the record.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="Random seed of noise and solver; 0 by default.",
)
@click.option(
    "--digits",
    type=click.IntRange(1, 12),
    default=10,
    metavar="N",
    show_default=True,
    help="Digits to deblur, up to 12.",
)
@click.option("--solver", metavar="SPEC", help="Solver in place of the one for digits.")
@json_option
def demo(out: Path, seed: int, digits: int, solver: str | None, as_json: bool) -> int:
    """Blur packaged MNIST test digits with kernels never seen in training, and deblur them blind.

    Prints PSNR and SSIM of the blurry and the recovered digits, and how close the kernels are. Writes a
    picture, and a record of all figures, to the folder --out.
    """
    from invkit.configurations import method
    from invkit.files.panels import write_panel
    from invkit.files.solutions import writable_folder, write_record
    from invkit_experiments.studies import demonstration
    from invkit_experiments.studies.demonstration import deblur, panel_rows, prepare, report

    instead = {} if solver is None else {"solver": solver}
    pipeline = method(demonstration.METHOD, seed=seed, **instead)
    writable_folder(out)
    blurred, labels = prepare(pipeline.operator, digits, seed)
    if not as_json:
        to_stderr(f"deblurring {digits} digits blind: method {demonstration.METHOD}")
    recovered = deblur(pipeline, blurred)
    record = {**report(recovered, labels), "files": {"panel": PANEL, "record": RECORD}}
    write_panel(out / PANEL, panel_rows(recovered))
    write_record(out / RECORD, record)
    if as_json:
        print_json({"out": str(out), **record})
    else:
        _print(record, out)
    if recovered.interrupted:
        to_stderr("invkit: interrupted; these are the best results so far")
        return _INTERRUPTED
    return 0


def _print(record: dict[str, Any], out: Path) -> None:
    """The table of all digits and their mean, the gain, and where the picture is."""
    columns = ("digit", "PSNR (dB)", "SSIM", "kernel NCC", "mod. shift", "status")  # fits 80 columns
    rows = [_cells(str(each["digit"]), each, each["status"]) for each in record["digits"]]
    say("blurry → recovered")
    print_table(columns, [*rows, _cells("mean", record["mean"], "")])
    gain = record["gain_psnr"]
    say()
    say(f"gain {_text(gain, '+.2f')} dB on average, {record['seconds']:.1f} s; picture: {out / PANEL}")


def _cells(name: str, figures: dict[str, Any], status: str) -> tuple[str, ...]:
    blurry, recovered = figures["blurry"], figures["recovered"]
    return (
        name,
        f"{_text(blurry['psnr'], '.2f')} → {_text(recovered['psnr'], '.2f')}",
        f"{_text(blurry['ssim'], '.3f')} → {_text(recovered['ssim'], '.3f')}",
        _text(recovered["kernel_ncc"], ".4f"),
        _text(recovered["kernel_ncc_modulo_shift"], ".4f"),
        status,
    )


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
