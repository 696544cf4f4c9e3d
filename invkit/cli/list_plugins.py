"""``invkit list-plugins``, or ``invkit list plugins``: the plugins, their states, and what to do about them.

Exit code 1 where a plugin is broken. Imports neither torch nor numpy, unless a plugin does (which is noted).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from invkit import __version__
from invkit.cli.output import Listing, json_option, to_stderr
from invkit.plugin.loading import PluginState, default_manager


@click.command("list-plugins")
@json_option
def list_plugins(as_json: bool) -> int:
    """List the plugins and their states: ok, disabled, incompatible or broken, with the reason."""
    return listing().report(as_json)


def listing() -> Listing:
    """The plugins and their states; the exit code is 1 where one is broken."""
    states = default_manager().states
    if not states:
        to_stderr(
            "no plugins are installed, not even invkit's own; try `pip install --force-reinstall invkit`"
        )
    value = {"invkit": __version__, "plugins": [_record(state) for state in states]}
    columns = ("plugin", "state", "distribution", "loaded in", "remarks")
    return Listing(value, columns, map(_row, states), int(any(state.status == "broken" for state in states)))


def _record(state: PluginState) -> dict[str, Any]:
    record = dataclasses.asdict(state)
    record = {**record.pop("candidate"), **record}
    del record["requires"]
    return record


def _row(state: PluginState) -> tuple[str, ...]:
    candidate, loaded_in = state.candidate, f"{1000 * state.seconds:.1f} ms"
    distribution = f"{candidate.distribution} {candidate.version}"
    return candidate.name, state.status, distribution, loaded_in, state.remarks
