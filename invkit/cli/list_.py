"""``invkit list operators|linear|priors|…``: what can be named, and where it comes from."""

from __future__ import annotations

from typing import Any

import click

from invkit.cli.output import json_option, report
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import KINDS, Entry, Registry

_KINDS = {kind if kind == "linear" else f"{kind}s": kind for kind in KINDS if kind != "command"}


@click.command("list")
@click.argument("what", type=click.Choice(tuple(_KINDS)))
@json_option
def list_(what: str, as_json: bool) -> None:
    """List what can be named in a spec; a star marks what is used where none is named.

    `invkit list priors` also gives the names of the trained ones: vae:blurA, vae:mnist …
    """
    registry = default_manager().registry
    records = [_record(registry, entry) for entry in registry.entries(_KINDS[what])]
    report(as_json, {what: records}, ("name", "summary", "plugin"), map(_row, records))


def _record(registry: Registry, entry: Entry) -> dict[str, Any]:
    record = {key: getattr(entry, key) for key in ("name", "summary", "default", "plugin", "distribution")}
    if entry.kind == "prior" and registry.weights_folders(entry.name):
        from invkit.files.store import names

        record["trained"] = list(names(registry, entry.name))
    return record


def _row(record: dict[str, Any]) -> tuple[str, str, str]:
    trained = ", ".join(f"{record['name']}:{name}" for name in record.get("trained", ()))
    summary = f"{record['summary']} [trained: {trained}]" if trained else record["summary"]
    return record["name"] + (" *" if record["default"] else ""), summary, record["plugin"]
