"""The installed plugins, read off the files that installers have written; nothing is imported.

    discover()          # (Candidate("altgd", "invkit_altgd.plugin", "invkit", "0.2.0", (…)), …)

``importlib.metadata`` knows more kinds of installations, but importing it takes several times as long as
starting Python, and every command of ``invkit`` would wait for it. Plugins are looked for where ``pip`` and
its kin put distributions: in folders ``*.dist-info`` and ``*.egg-info`` on the path.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterator, Sequence

from invkit.plugin.guarding import one_line
from invkit.plugin.hookspecs import GROUP

__all__ = ["HOST", "Candidate", "canonical", "discover"]

HOST = "invkit"
_SUFFIXES = (".dist-info", ".egg-info")


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin as the metadata describe it, before anything is imported.

    Args:
        name: the entry point's name.
        module: the module it points to (``module:attribute`` for something inside one).
        distribution: the distribution that declares it.
        version: that distribution's version.
        requires: that distribution's ``Requires-Dist`` lines.
        problem: what is wrong with the metadata, where they cannot be read; the plugin is then broken.
    """

    name: str
    module: str
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    problem: str = ""


def discover(path: Sequence[str] | None = None) -> tuple[Candidate, ...]:
    """Return the installed plugins, invkit's own first, then by distribution and name. Imports none.

    A distribution with damaged metadata is a broken plugin where it declares one, and passed over otherwise.
    Of several copies of a distribution, the first on the path counts.

    Args:
        path: folders to search in place of ``sys.path``.
    """
    found: dict[tuple[str, str], Candidate] = {}
    seen: set[str] = set()
    for folder, stem in _distributions(sys.path if path is None else path):
        key = canonical(stem)
        if key not in seen and (metadata := _metadata_file(folder)):  # others are half-removed
            seen.add(key)
            for each in _candidates(folder, stem, metadata):
                found[canonical(each.distribution), each.name] = each
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[0] != HOST, key)))


def canonical(name: str) -> str:
    """A distribution's name as indices compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distributions(path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every distribution's folder, and the name that the folder begins with."""
    for place in path:
        try:
            names = sorted(os.listdir(place or os.curdir))
        except OSError:  # an archive, or nothing
            continue
        for name in names:
            if name.endswith(_SUFFIXES):
                yield os.path.join(place, name), os.path.splitext(name)[0].partition("-")[0]


def _metadata_file(folder: str) -> str | None:
    """The file with a distribution's name, version and requirements."""
    files = (os.path.join(folder, name) for name in ("METADATA", "PKG-INFO"))
    return next((file for file in files if os.path.isfile(file)), None)


def _candidates(folder: str, stem: str, metadata: str) -> Iterator[Candidate]:
    """The plugins that a distribution declares."""
    try:
        with open(os.path.join(folder, "entry_points.txt"), "rb") as stream:
            declared = stream.read()
    except OSError:
        return
    if f"[{GROUP}]".encode() not in declared:
        return
    try:
        with open(metadata, encoding="utf-8") as stream:
            fields = _fields(stream.read())
        (name,), (version,) = fields["Name"], fields["Version"]
        requires = tuple(fields.get("Requires-Dist") or _egg_requires(folder))
        for point, module in _points(declared.decode("utf-8")):
            yield Candidate(point, module, name, version, requires)
    except Exception as error:  # any installed distribution may be damaged in any way
        problem = f"its metadata cannot be read: {one_line(error)}"
        yield Candidate(stem or "(unnamed)", "", stem or "(unnamed)", "?", problem=problem)


def _fields(text: str) -> dict[str, list[str]]:
    """The fields of a METADATA file, each with its values."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line:
            break  # the description follows
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            fields.setdefault(key, []).append(value.strip())
    return fields


def _egg_requires(folder: str) -> list[str]:
    """The unconditional requirements of an ``egg-info`` folder, which has them in a file of their own."""
    try:
        with open(os.path.join(folder, "requires.txt"), encoding="utf-8") as stream:
            return stream.read().partition("[")[0].split("\n")
    except OSError:
        return []


def _points(text: str) -> Iterator[tuple[str, str]]:
    """Names and modules of the entry points in our group."""
    group = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group == GROUP and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.partition("[")[0].strip()
