"""``invkit train``: a trained prior by a recipe.

invkit train gaussian ./photos --install
invkit train vae ./photos --recipe mnist --name photos --set epochs=40 --out runs/photos --install

The work is a plugin's trainer (see `invkit.Trainer`); this command finds it, completes the recipe, and says
what came out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import PATH, completing, json_option, quiet_option, report, say, seed_option, to_stderr
from invkit.errors import UsageError
from invkit.files.plain import parse_toml
from invkit.plugin.registry import Entry, Registry

if TYPE_CHECKING:
    from invkit.trained import Trained


@click.command("train")
@click.argument("trainer", shell_complete=completing("trainer"))
@click.argument("data", required=False, metavar="[DATA]")
@click.option("--recipe", metavar="NAME", help="A recipe of the trainer.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the run; runs/TRAINER-NAME by default.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the recipe; repeatable.")
@click.option("--name", metavar="NAME", help="Name of the prior; by default that of its recipe or folder.")
@seed_option
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, if there is one.")
@click.option("--install", "installs", is_flag=True, help="Install the prior as TRAINER:NAME.")
@quiet_option
@json_option
def train(
    trainer: str,
    data: str | None,
    recipe: str | None,
    out: Path | None,
    changes: tuple[str, ...],
    name: str | None,
    seed: int | None,
    resume: bool,
    installs: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a prior, and write its weights, e.g. DIR/vae-NAME.safetensors with TRAINER vae.

    `invkit list trainers` names the trainers and their recipes. DATA is a folder of pictures or the spec of a
    data set, in place of the recipe's. The trainer gaussian needs no recipe for a folder: it chooses one for
    the pictures, and prints it. Networks also write checkpoints and the files of TensorBoard to DIR. --resume
    goes on from the last checkpoint, to the same weights as without a stop.

    \b
    invkit train gaussian photos/cats --install
    invkit train vae --recipe blurA --out runs/blurA
    """
    from invkit.trained import carry_out, plan

    made = plan(trainer, data, recipe=recipe, changes=_changes(changes), name=name, install=installs)
    if made.inferred:
        said = ", ".join(f"{key} = {value}" for key, value in made.recipe.items())
        to_stderr(f"invkit: recipe: {said}")
    try:
        trained = carry_out(
            trainer, made, out, seed=seed or 0, resume=resume, install=installs, progress=not quiet
        )
    except KeyboardInterrupt:
        to_stderr("invkit: the same command with --resume goes on from the last checkpoint")
        raise
    _report(trained, as_json)


def _changes(changes: Sequence[str]) -> dict[str, Any]:
    """``epochs=3`` as in a TOML file, where quotes may be left out."""
    changed: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {change!r}, expected KEY=VALUE", hint="write --set epochs=3")
        try:
            changed[key.strip()] = parse_toml(f"value = {text}")["value"]
        except ValueError:
            changed[key.strip()] = text
    return changed


def _report(trained: Trained, as_json: bool) -> None:
    digest = hashlib.sha256(trained.path.read_bytes()).hexdigest()
    where = None if trained.installed is None else str(trained.installed)
    value = {
        "weights": str(trained.path),
        "sha256": digest,
        "installed": where,
        "prior": trained.prior,
        "card": trained.card,
    }
    rows = ((key, str(each)) for key, each in trained.card["metrics"].items())
    report(as_json, value, ("figure", "value"), rows)
    if not as_json:
        say(f"\n{trained.path}\nuse it as {trained.prior}")


def more(registry: Registry, entry: Entry) -> tuple[dict[str, Any], tuple[str]]:
    """What a trainer's record has besides, and its cell: its recipes."""
    from invkit.parts import part

    found = {name: dict(recipe) for name, recipe in part("trainer", entry.name).recipes().items()}
    return {"recipes": found}, (", ".join(found),)
