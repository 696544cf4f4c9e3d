"""``invkit list-plugins``: every plugin, its state, and what to do where it does not work.

Exit code 1 where a plugin is broken. Imports neither torch nor numpy, unless a plugin does (which is noted).
"""

from __future__ import annotations

from typing import Any

import click

from invkit import __version__
from invkit.cli.output import json_option, print_json, print_table, to_stderr
from invkit.plugin.loading import PluginState, default_manager

__all__ = ["list_plugins", "state_record"]


@click.command("list-plugins")
@json_option
def list_plugins(as_json: bool) -> int:
    """List the plugins and their states: ok, disabled, incompatible or broken, with the reason."""
    states = default_manager().states
    if as_json:
        print_json({"invkit": __version__, "plugins": [state_record(state) for state in states]})
    elif states:
        print_table(
            ("plugin", "state", "distribution", "loaded in", "remarks"), [_row(state) for state in states]
        )
    else:
        to_stderr(
            "no plugins are installed, not even invkit's own; try `pip install --force-reinstall invkit`"
        )
    return int(any(state.status == "broken" for state in states))


def state_record(state: PluginState) -> dict[str, Any]:
    """Return a plugin's state as JSON-ready values; ``seconds`` is the time it took to load."""
    candidate = state.candidate
    return {
        "name": candidate.name,
        "status": state.status,
        "reason": state.reason,
        "remedy": state.remedy,
        "notes": list(state.notes),
        "module": candidate.module,
        "distribution": candidate.distribution,
        "version": candidate.version,
        "seconds": round(state.seconds, 6),
    }


def _row(state: PluginState) -> tuple[str, ...]:
    candidate = state.candidate
    remedy = f"try `{state.remedy}`" if state.remedy else ""
    remarks = "; ".join(filter(None, (state.reason, remedy, *state.notes)))
    distribution = f"{candidate.distribution} {candidate.version}"
    return candidate.name, state.status, distribution, f"{1000 * state.seconds:.1f} ms", remarks
