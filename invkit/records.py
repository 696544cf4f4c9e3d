"""What a record says of a part, read off the part as it is: its spec, its options, the sha256 of its files.

    written("solver", solver)      # {"kind": "altgd", "steps": 10, …}
    read("solver", table)          # such a solver; ConfigError where its files are no longer the same

A part that no spec stands for, or whose weights were changed in memory, is recorded as what it is: an object
of a class, with the sha256 of its tensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import torch
from torch import nn

from invkit.contracts.algebra import After, chain_of
from invkit.errors import ConfigError
from invkit.fingerprint import fingerprint, tensors_sha256
from invkit.parts import part
from invkit.plugin.building import named, signature_of, spec_of, table_of
from invkit.plugin.loading import default_manager
from invkit.solving.stages import Stages, stage_table, stages_of

__all__ = ["files_sha256", "read", "versions", "with_option", "written"]


def written(kind: str, given: Any, *, strict: bool) -> dict[str, Any] | list[dict[str, Any]]:
    """A part as a table; stages of a solver, and an operator with linear maps after it, as a list of tables.

    Args:
        kind: ``"operator"``, ``"linear"``, ``"prior"``, ``"noise"`` or ``"solver"``.
        given: the part.
        strict: whether :func:`read` has to make the same part of the table.

    Returns:
        Its kind, name and options with defaults spelled out; ``class`` where the class was registered at run
        time; ``sha256`` where it was made from files. Of any other object ``object``, its class.

    Raises:
        ConfigError: if ``strict``, for a part that no spec stands for.
    """
    if isinstance(given, Stages):
        return [
            stage_table(each, lambda kind, part: written(kind, part, strict=strict)) for each in given.stages
        ]
    if isinstance(given, After):
        first, *maps = given.chain()
        tables = [written("operator", first, strict=strict)]
        return [*tables, *(written("linear", each, strict=strict) for each in maps)]  # type: ignore[list-item]
    what = named(given)
    if what is None or not (what.derived or what.state):
        more = {}
        problem = f"the {kind} {type(given).__name__} was given as an object that no spec made"
    elif not what.derived and what.state != fingerprint(given):
        more = {"changed from": str(what.spec)}
        problem = f"the weights or options of {kind} {str(what.spec)!r} were changed in memory"
    else:
        sha256, registry = files_sha256(given), default_manager().registry
        known = registry.has(kind, what.spec.kind)  # not where another process registered it
        return {
            **(table_of(what.spec, kind, registry) if known else what.spec.to_dict()),
            **({"class": what.origin} if what.origin else {}),
            **({"sha256": sha256} if sha256 else {}),
        }
    if strict:
        hint = f"build it by name: invkit.{kind}('...')"
        if more:
            hint = "save the weights as a file, and name that"
        raise ConfigError(f"{problem}: this cannot be written down", hint=hint)
    sha256 = tensors_sha256(given)
    name = f"{type(given).__module__}:{type(given).__qualname__}"
    return {"object": name, **more, **({"sha256": sha256} if sha256 else {})}


def read(kind: str, entry: Any) -> Any:
    """The part that a table of a configuration stands for.

    Raises:
        ConfigError: an object that no spec made, a class that is not registered here, or other files than
            those that the configuration was made with.
        SpecError: an unknown name or option.
    """
    if kind == "solver" and isinstance(entry, list | tuple):
        return stages_of(entry, read)
    if kind == "operator" and isinstance(entry, list | tuple):
        return chain_of(entry, read)
    if not isinstance(entry, Mapping):
        return part(kind, entry)
    if "object" in entry:
        raise ConfigError(
            f"the {kind} was an object of class {entry['object']}, which the configuration cannot give back",
            hint="make it again and give it to invkit.compose",
        )
    name, origin, sha256 = entry.get("kind"), entry.get("class"), entry.get("sha256")
    if origin is not None and not default_manager().registry.has(kind, str(name)):
        cls = str(origin).rpartition(":")[2]
        raise ConfigError(
            f"the {kind} {name!r} is the class {origin}, which was registered at run time and is not here",
            hint=f'import or define it, then invkit.register("{kind}", "{name}", {cls})',
        )
    made = part(kind, {key: value for key, value in entry.items() if key not in ("class", "sha256")})
    if sha256 is not None and sha256 != files_sha256(made):
        raise ConfigError(
            f"the file of {kind} {str(spec_of(made))!r} is not the one the configuration was made with",
            hint="bring that version of the file back, or delete its sha256 line",
        )
    return made


def with_option(solver: Any, key: str, value: Any) -> Any:
    """A solver with one of its options set, in every stage that has such an option; None where none has.

    Raises:
        ConfigError: a solver that no spec stands for.
        SpecError: a value that the option does not take.
    """
    registry = default_manager().registry

    def has(table: Mapping[str, Any]) -> bool:
        options = signature_of(registry.entry("solver", table["kind"])).options
        return key in {option.key for option in options}

    table = written("solver", solver, strict=True)
    tables = [each["solver"] for each in table] if isinstance(table, list) else [table]
    having = [each for each in tables if has(each)]
    for each in having:
        each[key] = value
    return read("solver", table) if having else None


def files_sha256(given: Any) -> str | None:
    """The sha256 of the files that a part was made from, or that of several digests; None without files.

    A part made from a file has it as its attribute ``sha256``. One made of other parts has theirs.
    """
    own = getattr(given, "sha256", None)
    if isinstance(own, str):
        return own
    digests = [digest for inner in _inner(given) if (digest := files_sha256(inner))]
    return hashlib.sha256("+".join(digests).encode()).hexdigest() if len(digests) > 1 else (*digests, None)[0]


def _inner(given: Any) -> Iterable[Any]:
    """The parts that a part is made of."""
    if isinstance(given, nn.Module):
        return given.children()
    if isinstance(given, list | tuple):
        return given
    fields = attrs.fields(type(given)) if attrs.has(type(given)) else ()
    return [getattr(given, field.name) for field in fields]


def versions() -> dict[str, str]:
    """invkit, torch and every loaded plugin distribution, by version."""
    from invkit import __version__

    plugins = {
        state.candidate.distribution: state.candidate.version
        for state in default_manager().states
        if state.status == "ok"
    }
    return {"invkit": __version__, "torch": torch.__version__, **plugins}
