"""``invkit describe SPEC``: what a spec means, its options with types and defaults, a trained prior's card.

invkit describe altgd
invkit describe vae:blurA
invkit describe faces
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

import click

from invkit.cli.output import completing, json_option, print_json, print_table, say
from invkit.errors import SpecError
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import KINDS, Entry, Registry, nearest
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from invkit.plugin.building import Signature

_DESCRIBED = tuple(kind for kind in KINDS if kind != "command")
_KEYS = ("kind", "name", "target", "summary", "plugin", "distribution")
_WITHOUT_OPTIONS = ("method", "experiment")
_COMBINING = (" | ", " @ ", " + ", " * ")


@click.command("describe")
@click.argument("spec", shell_complete=completing(*_DESCRIBED))
@json_option
def describe(spec: str, as_json: bool) -> None:
    """Explain SPEC: a name from `invkit list`, such as altgd, wavelet:db4, vae:blurA or faces.

    Where several parts have that name, those are explained to which the options of SPEC belong.
    """
    registry = default_manager().registry
    if any(sign in spec for sign in _COMBINING):
        raise SpecError(
            f"{spec!r} is of several parts", hint="describe them one by one: invkit describe circconv"
        )
    parsed = Spec.parse(spec)
    entries = [e for kind in _DESCRIBED for e in registry.entries(kind) if e.name == parsed.kind]
    if not entries and parsed.kind in {entry.name for entry in registry.entries("command")}:
        raise SpecError(f"{parsed.kind!r} is a command", hint=f"write invkit {parsed.kind} --help")
    if not entries:
        known = sorted({entry.name for kind in _DESCRIBED for entry in registry.entries(kind)})
        raise SpecError(f"nothing is called {parsed.kind!r}", hint=nearest(parsed.kind, known))
    records, refused = [], list[SpecError]()
    for entry in entries:
        try:
            records.append(_record(registry, entry, parsed))
        except SpecError as error:
            refused.append(error)
    if refused and all(record["kind"] == "trainer" for record in records):  # which take any option
        raise refused[0]
    if as_json:
        print_json({"spec": str(parsed), "entries": records})
        return
    for number, record in enumerate(records):
        if number:
            say()
        _print(record)


def _record(registry: Registry, entry: Entry, spec: Spec) -> dict[str, Any]:
    from invkit.plugin.building import REQUIRED, signature_of
    from invkit.plugin.specs import option_text

    target = entry.load()
    signature = None if entry.kind in _WITHOUT_OPTIONS else signature_of(entry)
    options: list[dict[str, Any]] = []
    meanings = _meanings(target, signature) if signature else {}
    for option in signature.options if signature else ():
        default = None if option.default is REQUIRED else option_text(option.default)
        told = {"type": option.type_name, "default": default, "what": meanings.get(option.key, "")}
        options.append({"option": option.key, **told})
    if spec.name is not None and signature is not None and signature.name is None:
        raise SpecError(f"{entry.kind} {entry.name!r} takes no name", hint=f"write {entry.name}")
    keys = [str(option["option"]) for option in options]
    for key in spec.options if entry.kind != "trainer" else ():
        if key not in keys:
            raise SpecError(f"{entry.kind} {entry.name!r} has no option {key!r}", hint=nearest(key, keys))
    return {
        **{key: getattr(entry, key) for key in _KEYS},
        "takes_name": signature is not None and signature.name is not None,
        "doc": _plain(_first_part(target)) if signature else "",
        "options": options,
        "resolved": _resolved(registry, entry, spec),
        "card": _card(registry, entry, spec),
        **({"file": target} if entry.kind == "method" else {}),
        **({"methods": dict(target.methods)} if entry.kind == "experiment" else {}),
    }


def _resolved(registry: Registry, entry: Entry, spec: Spec) -> str | None:
    """Return the spec with every default spelled out, presets included, where it builds as it is given."""
    from invkit.plugin.building import build, spec_of

    if entry.kind not in ("operator", "linear", "noise", "solver"):
        return None
    try:
        resolved = spec_of(build(registry, entry.kind, spec))
    except SpecError:  # a name or option is still to be given: the table says which
        return None
    return None if resolved is None else str(resolved)


def _first_part(target: object) -> str:
    """Return a docstring up to its ``Args:``, or up to the first heading like it."""
    lines = inspect.cleandoc(getattr(target, "__doc__", None) or "").splitlines()
    headings = ("Args:", "Attributes:", "Returns:", "Raises:", "Source:")
    ends = [number for number, line in enumerate(lines) if line.strip() in headings]
    return "\n".join(lines[: ends[0]] if ends else lines).strip()


def _meanings(target: object, signature: Signature) -> dict[str, str]:
    """The meaning of every option, read from the ``Args`` in docstrings.

    They are those of the class, of its bases, of its factory and of the records among its options.
    """
    found: dict[str, str] = {}
    bases = reversed(inspect.getmro(target)) if inspect.isclass(target) else [target]
    for source in (*(cls for cls, _ in signature.records.values()), signature.factory, *bases):
        text = inspect.cleandoc(getattr(source, "__doc__", None) or "")
        section = re.search(r"^Args:\n((?:    .*\n?)+)", text, re.MULTILINE)
        for entry in re.split(r"^    (?=\w)", section[1] if section else "", flags=re.MULTILINE):
            keys, _, what = " ".join(entry.split()).partition(": ")
            found |= {key.strip(): _plain(what) for key in keys.split(",")}
    return found


def _plain(text: str) -> str:
    """A docstring's text without the marks of its links: ``:class:`~invkit.Noise` `` becomes Noise."""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`.]+)`", r"\1", text).replace("``", "`")


def _card(registry: Registry, entry: Entry, spec: Spec) -> dict[str, Any] | None:
    if entry.kind != "prior" or spec.name is None or not registry.weights_folders(entry.name):
        return None
    from invkit.files.store import find, read_card

    return read_card(find(registry, entry.name, spec.name))


def _print(record: dict[str, Any]) -> None:
    say(f"{record['kind']} {record['name']}: {record['summary']}")
    say(f"from {record['target']} (plugin {record['plugin']}, {record['distribution']})")
    if record["doc"]:
        say("\n" + record["doc"])
    if record["takes_name"]:
        say(f"\nwritten {record['name']}:NAME")
    say()
    if "file" in record:
        say(record["file"].rstrip())
    elif "methods" in record:
        print_table(("method", "what"), list(record["methods"].items()))
    elif record["options"]:
        rows = [
            (o["option"], o["type"], "(required)" if o["default"] is None else o["default"])
            for o in record["options"]
        ]
        print_table(("option", "type", "default"), rows)
        say()
        for option in record["options"]:
            if option["what"]:
                said = f"{option['option']}: {option['what']}"
                say(textwrap.fill(said, 100, subsequent_indent="    ", break_on_hyphens=False))
    else:
        say("no options")
    if record["resolved"]:
        say(f"\nin full: {record['resolved']}")
    if record["card"] is not None:
        say("\ncard of the trained prior")
        for key, value in record["card"].items():
            say(f"  {key}: {value if isinstance(value, str) else json.dumps(value)}")
