"""``invkit list operators|priors|plugins|…``: what there is, and where it comes from.

Every kind that can be registered is listed by its plural. What else there is to list stands in a table.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from invkit.cli.output import Listing, json_option
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import KINDS, Entry, Registry

_KEYS = ("name", "summary", "default", "plugin", "distribution")
_KINDS = {plural: kind for kind, plural in KINDS.items()}
#: what else can be listed: a function without arguments that makes the listing
_OTHERS = {
    "plugins": "invkit.cli.list_plugins:listing",
    "weights": "invkit.cli.zoo:listing",
    "examples": "invkit.cli.examples:listing",
}
#: what more there is to say of a kind: columns, and a function that gives their cells and adds to the record
_MORE = {
    "dataset": (("train / validation / test", "terms"), "invkit.cli.datasets:more"),
    "prior": (("trained",), "invkit.cli.zoo:more"),
    "trainer": (("recipes",), "invkit.cli.train:more"),
}
_More = Callable[[Registry, Entry], tuple[Mapping[str, Any], Sequence[str]]]


_WHAT = (*_KINDS, *_OTHERS)


@click.command("list", epilog=f"WHAT is one of {', '.join(_WHAT)}.")
@click.argument("what", type=click.Choice(_WHAT), metavar="WHAT")
@json_option
def list_(what: str, as_json: bool) -> int:
    """List what there is; a star marks what is used where none is named.

    Weights are trained priors, with size, terms and figures. Examples are blurry pictures. `invkit describe
    NAME` says more of one thing.
    """
    listing: Listing = pkgutil.resolve_name(_OTHERS[what])() if what in _OTHERS else _registered(what)
    return listing.report(as_json)


def _registered(what: str) -> Listing:
    """Everything of a kind."""
    registry, kind = default_manager().registry, _KINDS[what]
    columns, place = _MORE.get(kind, ((), "invkit.cli.list_:nothing_more"))
    more: _More = pkgutil.resolve_name(place)
    records, rows = [], []
    for entry in registry.entries(kind):
        record = {key: getattr(entry, key) for key in _KEYS}
        added, cells = more(registry, entry)
        records.append({**record, **added})
        rows.append((entry.name + (" *" if entry.default else ""), entry.summary, *cells, entry.plugin))
    return Listing({what: records}, ("name", "summary", *columns, "plugin"), rows)


def nothing_more(registry: Registry, entry: Entry) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Further keys and cells of most kinds: none."""
    return {}, ()
