"""``invkit zoo``: a sheet of samples of trained priors; and ``invkit list weights``: what there is of them.

Weights of solvers are listed too, by the spec that uses them; they have no samples.

invkit zoo --sheet zoo.png               # six samples of each
invkit zoo vae:celeba gan:celeba --sheet faces.png --samples 10
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import PATH, Listing, completing, json_option, report, say, seed_option, to_stderr
from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import Entry, Registry, nearest
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.files.panels import Cell


@click.command("zoo")
@click.argument("priors", nargs=-1, metavar="[PRIOR]...", shell_complete=completing("prior"))
@click.option("--sheet", required=True, type=PATH, metavar="FILE.png", help="The picture that is written.")
@click.option("--samples", type=click.IntRange(1, 32), default=6, show_default=True, help="Samples a prior.")
@seed_option
@json_option
def zoo(priors: tuple[str, ...], sheet: Path, samples: int, seed: int | None, as_json: bool) -> None:
    """Draw a row of random samples of each trained prior, shipped and installed, or of the PRIORs named.

    Kernels are scaled to their largest value. `invkit list weights` says what the priors were trained on,
    `invkit describe vae:celeba` prints a prior's card in full.
    """
    registry = default_manager().registry
    records, _ = _records(registry)
    known = {record["prior"]: record["part"] for record in records}
    named = [_trained(registry, name, known) for name in dict.fromkeys(priors)] or list(known)
    drawn = [name for name in named if known.get(name) != "solver"]
    _draw(sheet, drawn, samples, seed or 0)
    report(as_json, {"sheet": str(sheet), "priors": drawn}, ("prior",), ((each,) for each in drawn))
    if not as_json:
        say(f"samples drawn to {sheet}")


def listing() -> Listing:
    """The trained priors with size, terms and figures; files that cannot be read are named, exit code 1."""
    records, unreadable = _records(default_manager().registry)
    for error in unreadable:
        to_stderr(f"invkit: error: {error}")
    value = {"weights": records, "unreadable": [str(error) for error in unreadable]}
    columns = ("prior", "MB", "trained on", "figures", "terms")
    return Listing(value, columns, map(_row, records), int(bool(unreadable)))


def more(registry: Registry, entry: Entry) -> tuple[dict[str, Any], tuple[str]]:
    """What a prior's record has besides, and its cell: the names of the trained ones, where it has any."""
    if not registry.weights_folders(entry.name):
        return {}, ("",)
    found = list(store.names(registry, entry.name))
    return {"trained": found}, (", ".join(f"{entry.name}:{name}" for name in found),)


def _records(registry: Registry) -> tuple[list[dict[str, Any]], list[WeightsError]]:
    """One record for every weights file, with what its card says; and what is wrong with the others."""
    records: list[dict[str, Any]] = []
    unreadable = []
    for entry in (*registry.entries("prior"), *registry.entries("solver")):
        for name in store.names(registry, entry.name) if registry.weights_folders(entry.name) else ():
            path = store.find(registry, entry.name, name)
            try:
                card = store.read_card(path)
            except WeightsError as error:
                unreadable.append(error)
                continue
            options = {"weights": name} if entry.kind == "solver" else {}
            records.append(
                {
                    "prior": str(Spec(entry.name, None if options else name, options)),
                    "part": entry.kind,
                    "bytes": path.stat().st_size,
                    "shipped": not path.is_relative_to(store.user_store()),
                    "data": card["data"],
                    "metrics": card["metrics"],
                    "terms": card["licence"],
                    "path": str(path),
                }
            )
    return records, unreadable


def _trained(registry: Registry, name: str, known: Iterable[str]) -> str:
    """The spec of a trained prior by its name, or by the path of its weights."""
    if name in known:
        return name
    spec = Spec.parse(name)
    if spec.name is None or os.sep not in spec.name or not registry.weights_folders(spec.kind):
        raise WeightsError(f"no trained prior {name}", hint=nearest(name, known))
    store.find(registry, spec.kind, spec.name)
    return name


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    where = "" if record["shipped"] else " (yours)"
    size = f"{record['bytes'] / 1e6:.1f}"
    data = str(record["data"].get("spec", "–"))
    return record["prior"] + where, size, data, _figures(record["metrics"]), record["terms"]


def _figures(metrics: dict[str, Any]) -> str:
    """The one or two figures that say how close the range comes."""
    metrics = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
    parts = []
    if {"psnr_restored", "psnr_blurry"} <= metrics.keys():
        parts.append(f"{metrics['psnr_blurry']:.2f} → {metrics['psnr_restored']:.2f} dB")
    if "psnr_25" in metrics:
        parts.append(f"σ = 25/255: {metrics['psnr_25']:.2f} dB")
    if "psnr_true_kernel" in metrics:
        parts.append(f"true kernel {metrics['psnr_true_kernel']:.2f} dB")
    if "range_floor_psnr" in metrics:
        parts.append(f"range floor {metrics['range_floor_psnr']:.2f} dB")
    if "reconstruction_psnr" in metrics:
        parts.append(f"encoded {metrics['reconstruction_psnr']:.2f} dB")
    elif "reconstruction_ncc" in metrics:
        parts.append(f"encoded NCC {metrics['reconstruction_ncc']:.4f}")
    return ", ".join(parts) or "–"


def _draw(path: Path, priors: list[str], samples: int, seed: int) -> None:
    import torch

    import invkit
    from invkit.files.panels import kernel_cell, write_panel

    rows: list[list[Cell]] = []
    for spec in priors:
        prior = invkit.prior(spec)
        if prior.latent_shape is None:  # a denoiser makes nothing by itself
            continue
        with torch.no_grad():
            drawn = prior(prior.sample_latent(samples, torch.Generator().manual_seed(seed)))
        are_kernels = bool((drawn.flatten(1).sum(1) - 1).abs().max() < 1e-3)
        labels = [f"\n{spec}" if number == 0 else "\n" for number in range(samples)]
        cells = zip(labels, drawn.numpy(), strict=True)
        rows.append(
            [kernel_cell(signal, label) if are_kernels else (label, signal) for label, signal in cells]
        )
    write_panel(path, rows)
