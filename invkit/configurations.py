"""Pipelines from configurations: a file, a dict, or a method, which is a configuration with a name.

    pipeline.save_config("experiment.toml")       # defaults spelled out, weights by sha256
    invkit.load_config("experiment.toml")(y)      # the same numbers again
    invkit.method("faces")(y)                     # a composition by name
    invkit.method("faces", solver="altgd")(y)     # with a part in place of the method's own
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from invkit import records
from invkit.arguments import as_name
from invkit.compose import Pipeline, compose
from invkit.contracts.ambient import as_seed
from invkit.contracts.given import is_given
from invkit.contracts.monitor import Monitor
from invkit.errors import ConfigError, InputError
from invkit.files.config import FORMAT, check_format, parse_config, read_config
from invkit.parts import SpecLike, monitors_of
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import nearest

__all__ = ["load_config", "method"]

_KEYS = ("format", "seed", "operator", "priors", "noise", "solver", "versions")


def method(
    name: str,
    *,
    seed: Any = 0,
    monitors: Sequence[SpecLike | Monitor] = (),
    **instead: Any,
) -> Pipeline:
    """The pipeline of a named method, e.g. ``faces``; `invkit list methods` lists them.

    Args:
        name: as registered.
        seed, monitors: as in :func:`compose`.
        instead: parts in place of the method's own: ``operator``, ``w``, ``x``, ``solver``, ``noise``. With a
            given ``w`` (``known:kernel.npy``) the method's own stages that would look for it are left out.

    Raises:
        SpecError: no such method.
        InputError: a name that is no text, or something else in place of a part.
    """
    as_name(name, "the name of a method", "see `invkit list methods`")
    entry = default_manager().registry.entry("method", name)
    config = dict(parse_config(entry.target, entry.load()))
    unknown = [key for key in instead if key not in ("operator", "w", "x", "solver", "noise")]
    if unknown:
        raise InputError(
            f"a method has no part {unknown[0]!r}", hint="name operator, w, x, solver or noise in its place"
        )
    first, second = config["priors"]
    config["priors"] = [instead.pop("w", first), instead.pop("x", second)]
    pipeline = load_config({**config, **instead})
    if is_given(pipeline.priors[0]) and "solver" not in instead:
        pipeline = pipeline.with_w_given(pipeline.priors[0])
    return attrs.evolve(pipeline, seed=seed, monitors=monitors_of(monitors))


def load_config(source: str | os.PathLike[str] | Mapping[str, Any]) -> Pipeline:
    """The pipeline of a configuration: a path to TOML or JSON, or the dict of :meth:`Pipeline.to_config`.

    Raises:
        ConfigError: unreadable, incomplete, from a newer invkit, with files that differ from those it was
            made with, or with a class that was registered at run time and is not registered here.
        SpecError: an unknown name or option.
    """
    config = _checked(source) if isinstance(source, Mapping) else _checked(read_config(source))
    return compose(
        records.read("operator", config["operator"]),
        [records.read("prior", each) for each in config["priors"]],
        records.read("solver", config["solver"]),
        seed=config.get("seed", 0),
        noise=records.read("noise", config["noise"]) if "noise" in config else None,
    )


def _checked(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration that has what it needs, and no key that would be passed over in silence."""
    check_format("the configuration", {"format": FORMAT, **config})
    missing = [key for key in ("operator", "priors", "solver") if key not in config]
    if missing:
        raise ConfigError(
            f"the configuration has no {missing[0]!r}", hint="it needs operator, priors (two) and solver"
        )
    unknown = [key for key in config if key not in _KEYS]
    if unknown:
        raise ConfigError(f"the configuration has the key {unknown[0]!r}", hint=nearest(unknown[0], _KEYS))
    priors, seed = config["priors"], config.get("seed", 0)
    if not isinstance(priors, list | tuple) or len(priors) != 2:
        raise ConfigError(
            "the configuration needs a list of exactly two priors", hint="first that of w, then that of x"
        )
    try:
        as_seed(seed)
    except InputError as error:
        raise ConfigError(f"in the configuration {error.message}", hint=error.hint) from None
    return config
