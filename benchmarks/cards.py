"""Writes the range floors that `invkit bench priors` measured into the cards of the shipped image priors.

    invkit bench priors
    python -m benchmarks.cards invkit-bench/priors.json

The weights stay as they are; of the card, ``metrics`` gains the mean and the worst PSNR of the closest images
in range, and what they were measured on. Floors of other weights than the shipped ones are refused.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

import invkit
from invkit.errors import InputError
from invkit.files.store import find, read_prior, write_prior
from invkit.plugin.loading import default_manager
from invkit_experiments.studies.priors import SUBJECTS, digest


def annotate(table: Path) -> list[str]:
    """Write the floors of a table into the cards, and say which."""
    record = json.loads(table.read_text("utf-8"))
    told = []
    for row in record["rows"]:
        subject = SUBJECTS[row["method"]]
        if subject.prior != row["method"]:
            continue
        kind, _, name = subject.prior.partition(":")
        path = find(default_manager().registry, kind, name)
        prior = read_prior(path)
        if row["weights"] != digest(invkit.prior(row["method"])):
            raise InputError(
                f"{table} has a floor of other weights than {path}", hint="run `invkit bench priors` again"
            )
        floors = {
            "range_floor_psnr": round(row["floor"], 2),
            "range_floor_worst_psnr": round(row["floor_worst"], 2),
            "range_floor_of": subject.source(row["images"]),
        }
        write_prior(path, prior.tensors, {**prior.card, "metrics": {**prior.card["metrics"], **floors}})
        told.append(f"{row['method']}: {floors['range_floor_psnr']} dB")
    return told


@click.command(help=__doc__)
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(table: Path) -> None:
    """Write the floors of TABLE into the cards."""
    for line in annotate(table):
        click.echo(line)


if __name__ == "__main__":
    main()
