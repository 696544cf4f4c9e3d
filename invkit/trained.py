"""Training a prior in a line: by a recipe, or on a folder of pictures without one.

    cats = invkit.train("gaussian", "photos/cats", install=True)
    deblur = invkit.compose("circconv", w="trajectory", x=cats.prior, solver="evidence")

`invkit train` is the same on the command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from invkit.arguments import as_name, as_path
from invkit.contracts.ambient import as_seed
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError, InputError, SpecError, UsageError
from invkit.files import store
from invkit.parts import part
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import nearest
from invkit.plugin.specs import Spec

__all__ = ["Plan", "Trained", "carry_out", "plan", "train"]

_LICENCE = "as the pictures it was fitted to"
"""Of weights from other data than their recipe's."""


@attrs.frozen
class Plan:
    """What is to be trained.

    Args:
        kind: the trainer's name.
        name: of the prior.
        recipe: all that determines the weights but the seed.
        inferred: whether the recipe was made by looking at the data.
    """

    kind: str
    name: str
    recipe: Mapping[str, Any] = attrs.field(repr=False)
    inferred: bool = False


@attrs.frozen
class Trained:
    """A trained prior.

    Args:
        prior: the spec that uses it, e.g. ``gaussian:cats``; the file's path stands in it unless the weights
            are installed.
        path: the file of its weights.
        installed: where it is installed; None: it is not.
        card: what it was trained on and how, and its figures.
    """

    prior: str
    path: Path
    installed: Path | None = None
    card: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


def train(
    trainer: str,
    data: str | os.PathLike[str] | None = None,
    *,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    name: str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    resume: bool = False,
    install: bool = False,
    progress: bool = True,
) -> Trained:
    """Train a prior.

    Args:
        trainer: ``"gaussian"``, ``"vae"``, …; see `invkit list trainers`.
        data: a data set's spec, or a folder of pictures, in place of the recipe's.
        recipe: one of the trainer's. Left out, the trainer makes one for the data, as `gaussian` can.
        changes: values in place of the recipe's, e.g. ``{"rank": 64}``.
        name: what the prior is called; by default as the recipe or the folder.
        out: the folder of the run, by default ``runs/TRAINER-NAME``.
        seed: of all randomness.
        resume: go on from the checkpoint in ``out``, if there is one.
        install: make it known by its name, ``TRAINER:NAME``.
        progress: say on stderr where it stands.

    Raises:
        SpecError: an unknown trainer, recipe or data set.
        UsageError: no recipe, and none can be made.
        ConfigError: a recipe that does not fit, or a name that is taken.
        InputError: no such folder, pictures that cannot be used, or an argument of another type.
    """
    as_seed(seed)
    folder = None if out is None else as_path(out, "out, the folder of the run,")
    changes = {} if changes is None else changes
    made = plan(trainer, data, recipe=recipe, changes=changes, name=name, install=install)
    return carry_out(trainer, made, folder, seed=seed, resume=resume, install=install, progress=progress)


def plan(
    trainer: str,
    data: str | os.PathLike[str] | None,
    *,
    recipe: str | None,
    changes: Mapping[str, Any],
    name: str | None,
    install: bool,
) -> Plan:
    """What :func:`train` would do, checked before it takes hours."""
    kind = Spec.parse(as_name(trainer, "the name of a trainer", "see `invkit list trainers`")).kind
    worker: Trainer = part("trainer", trainer)
    if data is not None:
        as_path(data, "the data, the name of a data set or a folder,")
    if not isinstance(changes, Mapping):
        raise InputError(f"changes are {changes!r}", hint='give a dict of values of the recipe: {"rank": 64}')
    found = None if data is None else _data(os.fspath(data))
    if recipe is not None:
        recipes = worker.recipes()
        if as_name(recipe, "the name of a recipe", f"there are {', '.join(recipes)}") not in recipes:
            raise SpecError(f"the trainer {kind!r} has no recipe {recipe!r}", hint=nearest(recipe, recipes))
        values = dict(recipes[recipe])
        given = {"data": found, **changes}["data"]
        if given is not None and given != values.get("data"):
            values["data"] = given
            if any("licence" in each for each in recipes.values()):  # the recipe's is that of its own data
                values["licence"] = _LICENCE
    elif found is not None:
        values = dict(worker.recipe_for(found))
    else:
        raise UsageError(
            "train needs --recipe, or data",
            hint="write `invkit train TRAINER --recipe NAME`, or a folder of pictures behind the trainer; "
            "see `invkit list trainers`",
        )
    called = found.partition("?")[0] if found else ""
    name = name or recipe or re.sub(r"[^A-Za-z0-9_-]+", "-", Path(called).name).strip("-") or "mine"
    store.check_name(name)
    if install and name in store.names(default_manager().registry, kind):
        raise ConfigError(f"there is a trained prior {kind}:{name} already", hint="choose another --name")
    return Plan(kind, name, values | dict(changes), inferred=recipe is None)


def carry_out(
    trainer: str,
    made: Plan,
    out: str | os.PathLike[str] | None,
    *,
    seed: int,
    resume: bool,
    install: bool,
    progress: bool,
) -> Trained:
    """Train by a plan."""
    worker: Trainer = part("trainer", trainer)
    folder = Path("runs") / f"{made.kind}-{made.name}" if out is None else Path(out)
    path = worker.train(made.name, made.recipe, folder, seed=seed, resume=resume, progress=progress)
    installed = store.install(path, made.kind, made.name) if install else None
    usage = worker.usage(
        made.kind, made.name if install else str(path if os.sep in str(path) else path.resolve())
    )
    return Trained(usage, path, installed, store.read_card(path))


def _data(data: str) -> str:
    """A data set's spec as it is, a folder as its absolute path; a name that is both is the data set."""
    kind = data.partition(":")[0].partition("?")[0]
    names = [entry.name for entry in default_manager().registry.entries("dataset")]
    folder = Path(data).expanduser()
    if kind in names:
        return str(Spec.parse(data))
    if folder.is_dir():
        return str(folder.resolve())
    if folder.exists():
        raise InputError(f"{data} is a file, not a folder of images", hint="give the folder that it lies in")
    if os.sep in data or data.startswith("."):
        raise InputError(f"no folder of images at {data}", hint="check the path")
    raise SpecError(f"unknown dataset {kind!r}, and no such folder", hint=nearest(kind, names))
