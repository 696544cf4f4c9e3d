"""A spec → the object it names, and back: its options converted by the target's own annotations.

    registry = default_manager().registry
    solver = build(registry, "solver", Spec.parse("altgd?steps=1500"))      # steps: int → 1500
    spec_of(solver)                                                         # every default spelled out

The factory is ``cls.from_spec`` where the class defines it, else the class itself, and *its signature is
the list of options*: a first parameter called ``name`` takes the spec's name, one called ``registry`` the
registry, every other is an option, converted by its annotation. Sequences are ``1x28x28`` or ``a+b``. A
parameter whose annotation is an attrs class stands for the fields of that record: they are options of their
own, and the record is made of them. An annotation whose values no text can stand for is refused.

An attrs object is its own configuration: its spec is read off its fields, so that it holds after
``attrs.evolve`` and in another process. Any other object remembers the spec that it was built from.
"""

from __future__ import annotations

import enum
import inspect
import math
import typing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from invkit.errors import InvkitError, PluginError, SpecError
from invkit.plugin.converting import WRITABLE, convert, type_text, unwritable
from invkit.plugin.guarding import one_line
from invkit.plugin.registry import Entry, Registry, nearest
from invkit.plugin.specs import Spec, option_text

REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that has none."""

_ATTRIBUTE = "_invkit_named"
_RESERVED = ("kind", "name", "object", "sha256")  # keys of a part's table in a configuration

#: parameter names from the factory down to an option or a record: ``("descent", "steps")``
Path = tuple[str, ...]


@attrs.frozen
class OptionField:
    """One option of a factory: its key, the type its text is converted to, and its default or `REQUIRED`.

    ``path`` names the factory's parameter, and below it the fields of records, that the option fills.
    """

    key: str
    type: Any
    default: Any
    path: Path

    @property
    def type_name(self) -> str:
        """The type in words: ``a whole number``, ``one of l2, tv``."""
        return type_text(self.type)


@attrs.frozen
class Signature:
    """What a factory takes: a name or not, and its options.

    Args:
        factory: what to call.
        name: its first parameter where that is called ``name``, else ``None``.
        takes_registry: whether it wants the registry.
        options: the options in the order of the signature, those of records among them.
        records: the class of every record, and its default or `REQUIRED`, the innermost first.
    """

    factory: Callable[..., Any]
    name: OptionField | None
    takes_registry: bool
    options: tuple[OptionField, ...]
    records: Mapping[Path, tuple[type, Any]]

    def arguments(self, values: Mapping[Path, Any]) -> dict[str, Any]:
        """Return the factory's arguments from the values of options, the records made of theirs."""
        made = dict(values)
        for path, (cls, default) in self.records.items():
            given = {key[-1]: value for key, value in made.items() if key[:-1] == path}
            if default is REQUIRED:
                made[path] = cls(**given)
            elif given:
                made[path] = attrs.evolve(default, **given)
        return {path[0]: value for path, value in made.items() if len(path) == 1}


@attrs.frozen
class Named:
    """What an object is by name.

    Args:
        kind: ``"operator"``, ``"prior"``, …
        spec: every default spelled out.
        origin: ``"module:Class"`` of a class registered at run time; empty for what a plugin offers.
        derived: whether the spec was read off the object's fields, and not remembered.
        state: a digest of a remembered object's state, for whoever wants to know whether it changed since.
        called: a remembered object as a call of its class, with the options that were given.
    """

    kind: str
    spec: Spec
    origin: str = ""
    derived: bool = False
    state: str = ""
    called: str = ""


def build(registry: Registry, kind: str, spec: Spec) -> Any:
    """Import what a spec names and build it.

    Args:
        registry: where to look the name up.
        kind: ``"operator"``, ``"prior"``, ``"solver"``, ``"dataset"``, ``"monitor"`` or ``"trainer"``.
        spec: what to build.

    Returns:
        The object; `spec_of` gives its spec with every default spelled out.

    Raises:
        SpecError: unknown name or option (with the nearest), a value of the wrong type, something missing.
        PluginError: the target cannot be imported or its signature is unusable.
    """
    entry = registry.entry(kind, spec.kind)
    signature = signature_of(entry)
    values = _values(entry, signature, spec)
    host = {"registry": registry} if signature.takes_registry else {}
    try:
        built = signature.factory(**signature.arguments(values), **host)
    except InvkitError:
        raise
    except Exception as error:  # a validator's refusal, or what a class likes: say which spec it was
        what = str(error) if isinstance(error, TypeError | ValueError) else one_line(error)
        raise SpecError(f"{entry.kind} {str(spec)!r} cannot be built: {what}", hint=_usage(entry)) from error
    if registry.entry_of(type(built)) != entry or not _is_configuration(type(built), signature):
        texts = {
            field.key: option_text(values.get(field.path, field.default)) for field in signature.options
        }
        text = values.get(signature.name.path, signature.name.default) if signature.name else None
        whole = Spec(spec.kind, text if isinstance(text, str) else None, texts)
        given = {field.key: values[field.path] for field in signature.options if field.path in values}
        remember(built, Named(kind, whole, entry.origin, called=_call(built, whole.name, given)))
    return built


def spec_of(built: object, registry: Registry | None = None) -> Spec | None:
    """Return an object's spec, defaults spelled out; ``None`` where it has none."""
    found = named(built, registry)
    return None if found is None else found.spec


def named(built: object, registry: Registry | None = None) -> Named | None:
    """Return what an object is by name, as it is now; ``None`` where no spec stands for it.

    Args:
        built: any object. An attrs object whose class is registered and whose fields are all options has the
            spec that these fields make; any other has the one that it was built from.
        registry: where its class is looked up; that of the installed plugins if ``None``.
    """
    from invkit.plugin.loading import default_manager

    registry = registry or default_manager().registry
    cls = type(built)
    entry = registry.entry_of(cls) if attrs.has(cls) else None
    if entry is not None and _is_configuration(cls, signature := signature_of(entry)):
        spec = _read_off(built, entry, signature)
        return None if spec is None else Named(entry.kind, spec, entry.origin, derived=True)
    found = getattr(built, "__dict__", {}).get(_ATTRIBUTE)
    return found if isinstance(found, Named) else None


def remember(built: object, what: Named) -> None:
    """Let an object carry what it is by name; copies and pickles of it carry it, too."""
    if hasattr(built, "__dict__"):
        built.__dict__[_ATTRIBUTE] = what


def table_of(spec: Spec, kind: str, registry: Registry) -> dict[str, Any]:
    """Return a whole spec as a table, its values as TOML and JSON have them.

    The table is ``{"kind": …, "name": …, option: value, …}``. Numbers are numbers, booleans booleans and
    sequences lists. ``None`` is ``"none"``, since TOML has no null.
    """
    types = {option.key: option.type for option in signature_of(registry.entry(kind, spec.kind)).options}
    typed = {key: _plain(convert(text, types[key])) for key, text in spec.options.items() if key in types}
    return {**spec.to_dict(), **typed}


def signature_of(entry: Entry) -> Signature:
    """Import an entry's class and return what its factory takes.

    Raises:
        PluginError: the class cannot be imported, or has a parameter that cannot be an option.
    """
    cls = entry.load()
    factory = getattr(cls, "from_spec", cls)
    try:
        parameters = _parameters(cls, factory)
    except (TypeError, ValueError, NameError) as error:
        raise PluginError(f"{entry.target} has a signature that cannot be read: {error}") from error
    name = parameters[0] if parameters and parameters[0].key == "name" else None
    taken = [each for each in parameters if each is not name and each.key != "registry"]
    for each in taken:
        if each.key.startswith("*"):
            raise PluginError(f"{entry.target} has the parameter {each.key!r}; options must be named")
    records: dict[Path, tuple[type, Any]] = {}
    options = tuple(option for field in taken for option in _flattened(field, records))
    for option in options:
        _check_option(entry, option)
    twice = [key for key, count in Counter(option.key for option in options).items() if count > 1]
    if twice:
        raise PluginError(f"{entry.target} has the option {twice[0]!r} twice, in different records")
    takes_registry = any(each.key == "registry" for each in parameters)
    return Signature(factory, name, takes_registry, options, records)


def _check_option(entry: Entry, option: OptionField) -> None:
    """Raise PluginError where a parameter cannot be an option."""
    if option.key in _RESERVED:
        raise PluginError(f"{entry.target} has the parameter {option.key!r}, a name that is taken")
    if option.type is REQUIRED:
        raise PluginError(
            f"{entry.target} has no annotation on its parameter {option.key!r}", hint=f"write {WRITABLE}"
        )
    refused = unwritable(option.type)
    if refused is not None:
        shown = inspect.formatannotation(refused)
        raise PluginError(
            f"{entry.target} has the parameter {option.key!r} of type {shown}, which no text can stand for",
            hint=f"write {WRITABLE}; what is no option, a class method from_spec can make",
        )


def _flattened(field: OptionField, records: dict[Path, tuple[type, Any]]) -> Iterator[OptionField]:
    """An option, or the options of the record it stands for; adds to ``records``, the innermost first."""
    if not (isinstance(field.type, type) and attrs.has(field.type)):
        yield field
        return
    for each in _fields(field.type, field.path, field.default):
        yield from _flattened(each, records)
    records[field.path] = (field.type, field.default)


def _fields(cls: Any, path: Path, record: Any) -> list[OptionField]:
    """The fields of an attrs class, below ``path``; their defaults are ``record``'s values, where given."""
    types = typing.get_type_hints(cls)
    return [
        OptionField(
            field.alias,
            types.get(field.name, REQUIRED),
            _default(field) if record is REQUIRED else getattr(record, field.name),
            (*path, field.alias),
        )
        for field in attrs.fields(cls)
        if field.init
    ]


def _parameters(cls: Any, factory: Any) -> list[OptionField]:
    """The parameters of a factory; ``*args`` and the like have their stars in the key."""
    if factory is cls and attrs.has(cls):
        return _fields(cls, (), REQUIRED)
    # Without an __init__ of its own a module has nn.Module's, whose *args and **kwargs mean nothing.
    own = inspect.getattr_static(cls, "__init__")
    if factory is cls and getattr(own, "__module__", None) == "torch.nn.modules.module":
        return []
    hints = typing.get_type_hints(own if factory is cls and isinstance(cls, type) else factory)
    found = []
    for each in inspect.signature(factory).parameters.values():
        key = str(each) if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) else each.name
        found.append(OptionField(key, hints.get(each.name, REQUIRED), each.default, (each.name,)))
    return found


def _default(field: Any) -> Any:
    """The default of an attrs field, which a signature hides where a function makes it."""
    made = field.default
    if isinstance(made, attrs.Factory):  # type: ignore[arg-type]
        return None if made.takes_self else made.factory()
    return REQUIRED if made is attrs.NOTHING else made


def _values(entry: Entry, signature: Signature, spec: Spec) -> dict[Path, Any]:
    """The values of the name and the options that a spec gives."""
    fields = {field.key: field for field in signature.options}
    values: dict[Path, Any] = {}
    if spec.name is not None:
        if signature.name is None:
            raise SpecError(f"{_what(entry)} takes no name, got {spec.name!r}", hint=_usage(entry))
        values[signature.name.path] = spec.name
    elif signature.name is not None and signature.name.default is REQUIRED:
        raise SpecError(f"{_what(entry)} needs a name", hint=f"write {entry.name}:NAME; {_usage(entry)}")
    for key, text in spec.options.items():
        if key not in fields:
            raise SpecError(f"{_what(entry)} has no option {key!r}", hint=nearest(key, fields))
        try:
            values[fields[key].path] = convert(text, fields[key].type)
        except Exception as error:  # a class raises what it likes
            raise SpecError(
                f"{_what(entry)} has the option {key}={text!r}, expected {fields[key].type_name}",
                hint=_usage(entry),
            ) from error
    missing = [key for key, field in fields.items() if field.default is REQUIRED and field.path not in values]
    if missing:
        raise SpecError(
            f"{_what(entry)} needs the option {missing[0]!r}",
            hint=f"write {entry.name}?{missing[0]}=…; {_usage(entry)}",
        )
    return values


def _call(built: object, name: str | None, given: Mapping[str, Any]) -> str:
    """An object as a call of its class: ``Gaussian('celeba', rank=64)``."""
    arguments = [] if name is None else [repr(name)]
    arguments += [f"{key}={value!r}" for key, value in given.items()]
    return f"{type(built).__name__}({', '.join(arguments)})"


def _what(entry: Entry) -> str:
    return f"{entry.kind} {entry.name!r}"


def _usage(entry: Entry) -> str:
    return f"see `invkit describe {entry.name}`"


def _is_configuration(cls: Any, signature: Signature) -> bool:
    """Whether objects of a class are determined by their options: attrs fields that are all options."""
    keys = {option.path[0] for option in signature.options} | ({"name"} if signature.name else set())
    return attrs.has(cls) and {field.alias for field in attrs.fields(cls) if field.init} <= keys


def _read_off(built: Any, entry: Entry, signature: Signature) -> Spec | None:
    """The spec of an attrs object's fields as they are; ``None`` where a value has no text.

    An option of ``from_spec`` that is no attribute (a preset, say) is left out: the fields say all.
    """
    texts = {}
    for option in signature.options:
        try:
            value = built
            for name in option.path:
                value = _field(value, name)
        except AttributeError:
            continue
        try:
            again = convert(option_text(value), option.type)
        except Exception:  # a class raises what it likes
            return None
        if _plain(again) != _plain(value):
            return None
        texts[option.key] = option_text(again)
    called = _field(built, "name") if signature.name else None
    return Spec(entry.name, None if called is None else str(called), texts)


def _field(record: Any, alias: str) -> Any:
    """The value of an attrs object's field by the name of its parameter."""
    names = [field.name for field in attrs.fields(type(record)) if field.alias == alias]
    return getattr(record, names[0] if names else alias)


def _plain(value: Any) -> Any:
    """A value as TOML and JSON have it."""
    match value:
        case enum.Enum():
            return _plain(value.value)
        case bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
    return option_text(value)
