"""``invkit train``: a trained prior by a recipe.

invkit train --list
invkit train vae --recipe mnist --data ./photos --name photos --set epochs=40 --out runs/photos --install

The work is a plugin's trainer (see `invkit.Trainer`); this command finds it, completes the recipe, and says
what came out.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import PATH, json_option, quiet_option, report, seed_option, to_stderr
from invkit.errors import ConfigError, InputError, SpecError, UsageError
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import Registry, nearest
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.contracts.trainer import Trainer


@click.command("train")
@click.argument("trainer", required=False)
@click.option("--list", "as_list", is_flag=True, help="List trainers and recipes, and train nothing.")
@click.option("--recipe", metavar="NAME", help="One of the trainer's recipes.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the run.")
@click.option(
    "--data", metavar="SPEC_OR_FOLDER", help="Other data: a data set's spec, or a folder of images."
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the recipe; repeatable.")
@click.option("--name", metavar="NAME", help="What the prior is called; by default as its recipe.")
@seed_option
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, if there is one.")
@click.option("--install", "installs", is_flag=True, help="Make it known by its name, e.g. as vae:NAME.")
@quiet_option
@json_option
def train(
    trainer: str | None,
    as_list: bool,
    recipe: str | None,
    out: Path | None,
    data: str | None,
    changes: tuple[str, ...],
    name: str | None,
    seed: int | None,
    resume: bool,
    installs: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a prior, e.g. with TRAINER vae, and write DIR/vae-NAME.safetensors.

    DIR also gets checkpoints, from which --resume goes on to the same weights as without a stop, and the
    files of TensorBoard.

    \b
    invkit train vae --recipe blurA --out runs/blurA
    """
    from invkit.parts import part

    registry = default_manager().registry
    if as_list:
        _print_recipes(registry, trainer, as_json)
        return
    if trainer is None or recipe is None or out is None:
        missing = "TRAINER" if trainer is None else "--recipe" if recipe is None else "--out"
        raise UsageError(
            f"train needs {missing}",
            hint="write `invkit train TRAINER --recipe NAME --out DIR`; see `invkit train --list`",
        )
    kind = Spec.parse(trainer).kind
    worker = part("trainer", trainer)
    recipes = worker.recipes()
    if recipe not in recipes:
        raise SpecError(f"the trainer {kind!r} has no recipe {recipe!r}", hint=nearest(recipe, recipes))
    values = {**recipes[recipe], **_changes(changes)}
    if data is not None:
        values["data"] = _data(registry, data)
    name = name or recipe
    _check_name(registry, kind, name, installs=installs)
    try:
        path = worker.train(name, values, out, seed=seed or 0, resume=resume, progress=not quiet)
    except KeyboardInterrupt:
        to_stderr("invkit: the same command with --resume goes on from the last checkpoint")
        raise
    _report(worker, path, kind, name, installs, as_json)


def _changes(changes: Sequence[str]) -> dict[str, Any]:
    """``epochs=3`` as in a TOML file, where quotes may be left out."""
    changed: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {change!r}, expected KEY=VALUE", hint="write --set epochs=3")
        try:
            changed[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            changed[key.strip()] = text
    return changed


def _data(registry: Registry, data: str) -> str:
    """A data set's spec as it is, a folder as its absolute path; a name that is both is the data set."""
    kind = data.partition(":")[0].partition("?")[0]
    names = [entry.name for entry in registry.entries("dataset")]
    folder = Path(data).expanduser()
    if kind in names:
        return str(Spec.parse(data))
    if folder.is_dir():
        return str(folder.resolve())
    if os.sep in data or data.startswith("."):
        raise InputError(f"no folder of images at {data}", hint="check the path")
    raise SpecError(f"unknown dataset {kind!r}, and no such folder", hint=nearest(kind, names))


def _check_name(registry: Registry, kind: str, name: str, *, installs: bool) -> None:
    """Refuse, before hours of training, a name that the result could not be given."""
    from invkit.files import store

    store.check_name(name)
    if installs and name in store.names(registry, kind):
        raise ConfigError(f"there is a trained prior {kind}:{name} already", hint="choose another --name")


def _report(trainer: Trainer, path: Path, kind: str, name: str, installs: bool, as_json: bool) -> None:
    from invkit.files import store

    installed = store.install(path, kind, name) if installs else None
    card = store.read_card(path)
    usage = trainer.usage(kind, name if installs else str(path if os.sep in str(path) else path.resolve()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    where = None if installed is None else str(installed)
    value = {"weights": str(path), "sha256": digest, "installed": where, "prior": usage, "card": card}
    report(as_json, value, ("figure", "value"), ((key, str(each)) for key, each in card["metrics"].items()))
    if not as_json:
        click.echo(f"\n{path}\nuse it as {usage}")


def _print_recipes(registry: Registry, wanted: str | None, as_json: bool) -> None:
    from invkit.parts import part

    entries = registry.entries("trainer") if wanted is None else (registry.entry("trainer", wanted),)
    found = {entry.name: dict(part("trainer", entry.name).recipes()) for entry in entries}
    rows = (
        (name, recipe, str(values.get("data", "")), str(values.get("architecture", "")))
        for name, recipes in found.items()
        for recipe, values in recipes.items()
    )
    report(as_json, {"trainers": found}, ("trainer", "recipe", "data", "architecture"), rows)
