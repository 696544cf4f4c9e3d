"""Whether a part has the form of its contract: attributes of its types, methods that take its arguments.

    check_form(prior)       # PluginError: "Blob has role = 'kernle'; set it to 'kernel' or 'image' or 'any'"

An author's slip is told where the part enters a pipeline, and not by whatever fails later inside invkit.
What is expected is read off the contracts themselves: their annotations and the signatures of their methods.
What a part computes is tried by :mod:`invkit.testing`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from numbers import Integral, Real
from types import FunctionType, NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

import attrs
from torch import nn

from invkit.errors import InvkitError, PluginError

__all__ = ["Fault", "check_form", "faults"]

_PROMISES = {"encode": "can_encode", "prox": "has_prox", "tied": "ties"}
"""Methods for which the contract has only a refusal, and the attribute that promises them."""

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    NoneType: "None",
    str: "a text",
    tuple[int, ...]: "a tuple of whole numbers such as (2,)",
}


@attrs.frozen
class Fault:
    """A mistake in the form of a part.

    Args:
        name: of the attribute or method that is wrong.
        message: what is wrong with it.
        hint: what its author has to write.
    """

    name: str
    message: str
    hint: str


def check_form(part: object) -> None:
    """Check that a part has the form of the contracts that its class derives from.

    Raises:
        PluginError: an attribute is missing or has another type, a method takes other arguments, or
            ``__init__`` does not call that of its base class.
    """
    for fault in faults(part):
        raise PluginError(fault.message, hint=fault.hint)


def faults(part: object) -> Iterator[Fault]:
    """All mistakes in the form of a part; none if it is as its contracts say."""
    called = type(part).__name__
    if isinstance(part, nn.Module) and "_parameters" not in vars(part):
        message = f"{called}.__init__ does not call that of its base class"
        yield Fault("__init__", message, "write super().__init__() as its first line")
        return
    for contract in type(part).__mro__:
        if contract.__module__.startswith("invkit.contracts.") and inspect.isabstract(contract):
            yield from _wrong_attributes(part, called, contract)
            yield from _wrong_methods(part, called, contract)


def _wrong_attributes(part: Any, called: str, contract: type) -> Iterator[Fault]:
    for name, expected in _attributes(contract).items():
        try:
            value = getattr(part, name)
        except AttributeError:
            yield Fault(name, f"{called} has no {name}", f"set it in __init__ to {_words(expected)}")
            continue
        except InvkitError:  # a linear map of any shape has none until it is tied to one
            continue
        if not _fits(value, expected):
            yield Fault(name, f"{called} has {name} = {value!r}", f"set it to {_words(expected)}")


def _wrong_methods(part: Any, called: str, contract: type) -> Iterator[Fault]:
    for name, function in _methods(contract).items():
        own, expected = getattr(part, name, None), _signature(function)
        write = f"write def {name}{expected}"
        if getattr(own, "__func__", None) is function:
            flag = _PROMISES.get(name)
            if flag is not None and flag in _attributes(contract) and getattr(part, flag):
                yield Fault(name, f"{called} has {flag} = True, but no {name}", write)
        elif not callable(own):
            yield Fault(name, f"{called} has {name} = {own!r}, which is no method", write)
        elif not _takes(own, expected):
            yield Fault(name, f"{called}.{name} does not take the arguments of its contract", write)


@cache
def _attributes(contract: type) -> Mapping[str, Any]:
    """The attributes that a contract itself declares, with their types."""
    return inspect.get_annotations(contract, eval_str=True)


@cache
def _methods(contract: type) -> Mapping[str, FunctionType]:
    """The public methods that a contract itself has."""
    own = vars(contract).items()
    return {name: each for name, each in own if inspect.isfunction(each) and not name.startswith("_")}


@cache
def _signature(function: FunctionType) -> inspect.Signature:
    """A method's signature without annotations."""
    found = inspect.signature(function).parameters.values()
    return inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in found])


def _takes(own: Any, expected: inspect.Signature) -> bool:
    """Whether a bound method can be called with all arguments of a signature, the first of which is self."""
    _, *parameters = expected.parameters.values()
    by_name = {each.name: None for each in parameters if each.kind is each.KEYWORD_ONLY}
    try:
        inspect.signature(own).bind(*[None] * (len(parameters) - len(by_name)), **by_name)
    except TypeError:
        return False
    except ValueError:  # written in C: it does not tell
        return True
    return True


def _fits(value: Any, expected: Any) -> bool:
    """Whether a value has a type; a type that cannot be tried is taken to fit."""
    origin, members = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType, ClassVar):
        return any(_fits(value, member) for member in members)
    if origin is Literal:
        return any(isinstance(value, type(member)) and value == member for member in members)
    if origin is tuple:
        items = members[:1] * len(value) if members[-1] is ... and isinstance(value, tuple) else members
        return isinstance(value, tuple) and len(value) == len(items) and all(map(_fits, value, items))
    if expected in (int, float):
        return isinstance(value, Integral if expected is int else Real) and not isinstance(value, bool)
    return not isinstance(expected, type) or isinstance(value, expected)


def _words(expected: Any) -> str:
    """A type in words; the items of a tuple are all alike."""
    if expected in _WORDS:
        return _WORDS[expected]
    origin, members = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType, ClassVar):
        return " or ".join(map(_words, members))
    if origin is Literal:
        return " or ".join(map(repr, members))
    if origin is tuple:
        count = "" if ... in members else f" of {len(members)}"
        return f"a tuple{count}, each item {_words(members[0])}"
    return f"an object of {expected.__name__}" if isinstance(expected, type) else str(expected)
