"""A spec → the object it names, its options converted by the target's own annotations.

    registry = default_manager().registry
    solver = build(registry, "solver", Spec.parse("altgd?steps=1500"))      # steps: int → 1500
    spec_of(solver)                                                         # every default spelled out

The factory is ``cls.from_spec`` where the class defines it, else the class itself, and *its signature is
the list of options*: a first parameter called ``name`` takes the spec's name, one called ``registry`` the
registry, every other is an option, converted by its annotation. Sequences are ``1x28x28`` or ``a+b``.
"""

from __future__ import annotations

import inspect
import typing
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from invkit.errors import InvkitError, PluginError, SpecError
from invkit.plugin.specs import Spec, option_text

if TYPE_CHECKING:
    from invkit.plugin.registry import Entry, Registry

__all__ = ["REQUIRED", "OptionField", "Signature", "build", "signature_of", "spec_of"]

REQUIRED: Any = inspect.Parameter.empty
"""The default of an option that has none."""

_ATTRIBUTE = "_invkit_spec"
_slotted: dict[int, tuple[weakref.ref[Any], Spec]] = {}  # specs of objects that take no new attribute


@attrs.frozen
class OptionField:
    """One option of a factory: its key, the type its text is converted to, and its default or `REQUIRED`."""

    key: str
    type: Any
    default: Any

    @property
    def type_name(self) -> str:
        """The type in words: ``a whole number``, ``one of l2, tv``."""
        from invkit.plugin.converting import type_text

        return type_text(self.type)


@attrs.frozen
class Signature:
    """What a factory takes: a name or not, and its options.

    Args:
        factory: what to call.
        takes_name: whether its first parameter is ``name``.
        name_default: the name's default, or `REQUIRED`.
        takes_registry: whether it wants the registry.
        options: the options in the order of the signature.
    """

    factory: Callable[..., Any]
    takes_name: bool
    name_default: Any
    takes_registry: bool
    options: tuple[OptionField, ...]


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
    arguments = _name_argument(entry, signature, spec) | _option_arguments(entry, signature, spec)
    host = {"registry": registry} if signature.takes_registry else {}
    try:
        built = signature.factory(**arguments, **host)
    except InvkitError:
        raise
    except (TypeError, ValueError) as error:  # a validator's refusal: say which spec it was
        raise SpecError(f"{entry.kind} {str(spec)!r} cannot be built: {error}", hint=_usage(entry)) from error
    _remember(built, _resolved(spec, signature, arguments, built))
    return built


def spec_of(built: object) -> Spec | None:
    """Return the spec an object was built from, defaults spelled out; ``None`` for others."""
    found = getattr(built, _ATTRIBUTE, None)
    if found is None and id(built) in _slotted:
        found = _slotted[id(built)][1]
    return found if isinstance(found, Spec) else None


def signature_of(entry: Entry) -> Signature:
    """Import an entry's class and return what its factory takes.

    Raises:
        PluginError: the class cannot be imported, or has a parameter that cannot be an option.
    """
    cls = entry.load()
    factory = getattr(cls, "from_spec", cls)
    try:
        parameters = _parameters(cls, factory)
        hints = _hints(cls, factory)
    except (TypeError, ValueError, NameError) as error:
        raise PluginError(f"{entry.target} has a signature that cannot be read: {error}") from error
    takes_name = bool(parameters) and parameters[0].name == "name"
    options = []
    for parameter in parameters[takes_name:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise PluginError(f"{entry.target} has the parameter {str(parameter)!r}; options must be named")
        if parameter.name == "registry":
            continue
        if parameter.name not in hints:
            raise PluginError(f"{entry.target} has no annotation on its parameter {parameter.name!r}")
        options.append(OptionField(parameter.name, hints[parameter.name], _default(factory, parameter)))
    takes_registry = any(parameter.name == "registry" for parameter in parameters)
    name_default = parameters[0].default if takes_name else REQUIRED
    return Signature(factory, takes_name, name_default, takes_registry, tuple(options))


def _parameters(cls: Any, factory: Any) -> list[inspect.Parameter]:
    # Without an __init__ of its own a module has nn.Module's, whose *args and **kwargs mean nothing.
    own = getattr(inspect.getattr_static(cls, "__init__"), "__module__", None)
    if factory is cls and own == "torch.nn.modules.module":
        return []
    return list(inspect.signature(factory).parameters.values())


def _hints(cls: Any, factory: Any) -> dict[str, Any]:
    if factory is cls and isinstance(cls, type):
        if attrs.has(cls):
            types = typing.get_type_hints(cls)
            return {field.alias: types[field.name] for field in attrs.fields(cls) if field.name in types}
        return typing.get_type_hints(inspect.getattr_static(cls, "__init__"))
    return typing.get_type_hints(factory)


def _default(factory: Any, parameter: inspect.Parameter) -> Any:
    """Return a parameter's default; an attrs class hides those made by a function."""
    if isinstance(factory, type) and attrs.has(factory):
        for field in attrs.fields(factory):
            made = field.default
            if field.alias == parameter.name and isinstance(made, attrs.Factory) and not made.takes_self:  # type: ignore[arg-type]
                return made.factory()
    return parameter.default


def _name_argument(entry: Entry, signature: Signature, spec: Spec) -> dict[str, Any]:
    if spec.name is not None:
        if not signature.takes_name:
            raise SpecError(f"{_what(entry)} takes no name, got {spec.name!r}", hint=_usage(entry))
        return {"name": spec.name}
    if signature.takes_name and signature.name_default is REQUIRED:
        raise SpecError(f"{_what(entry)} needs a name", hint=f"write {entry.name}:NAME; {_usage(entry)}")
    return {}


def _option_arguments(entry: Entry, signature: Signature, spec: Spec) -> dict[str, Any]:
    from invkit.plugin.converting import convert
    from invkit.plugin.registry import nearest

    fields = {field.key: field for field in signature.options}
    arguments = {}
    for key, text in spec.options.items():
        if key not in fields:
            raise SpecError(f"{_what(entry)} has no option {key!r}", hint=nearest(key, fields))
        try:
            arguments[key] = convert(text, fields[key].type)
        except Exception as error:  # cattrs and the hooks raise many types
            raise SpecError(
                f"{_what(entry)} has the option {key}={text!r}, expected {fields[key].type_name}",
                hint=_usage(entry),
            ) from error
    missing = [key for key, field in fields.items() if field.default is REQUIRED and key not in arguments]
    if missing:
        raise SpecError(
            f"{_what(entry)} needs the option {missing[0]!r}",
            hint=f"write {entry.name}?{missing[0]}=…; {_usage(entry)}",
        )
    return arguments


def _what(entry: Entry) -> str:
    return f"{entry.kind} {entry.name!r}"


def _usage(entry: Entry) -> str:
    return f"see `invkit describe {entry.name}`"


def _resolved(spec: Spec, signature: Signature, arguments: Mapping[str, Any], built: object) -> Spec:
    """Return the spec with every default spelled out, in the order of the signature.

    What was not given, or given as none, is what the object itself made of it: an attrs class may fill a
    field in (``steps``, say, from a preset).
    """
    name = arguments.get("name", signature.name_default) if signature.takes_name else None
    texts = {}
    for field in signature.options:
        given = arguments.get(field.key)
        texts[field.key] = option_text(field.default if field.key not in arguments else given)
        own = _own_text(built, field.key) if given is None else None
        if own is not None:
            texts[field.key] = own
    return Spec(spec.kind, name if isinstance(name, str) else None, texts)


def _own_text(built: object, key: str) -> str | None:
    """Return the text of an attrs object's own field; ``None`` where it has none, or one without a text."""
    cls: Any = type(built)
    names = [field.name for field in attrs.fields(cls) if field.alias == key] if attrs.has(cls) else []
    if not names:
        return None
    try:
        return option_text(getattr(built, names[0]))
    except SpecError:
        return None


def _remember(built: object, spec: Spec) -> None:
    try:
        object.__setattr__(built, _ATTRIBUTE, spec)
    except AttributeError:  # an attrs class with slots
        key = id(built)
        _slotted[key] = (weakref.ref(built, lambda _: _slotted.pop(key, None)), spec)
