"""Comparisons that say which property of what does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from invkit.contracts.form import faults
from invkit.errors import PluginError


def require_part(given: object, contract: type, check: str) -> None:
    """Raise ``AssertionError`` unless something is an object that has the form of a contract.

    Args:
        given: what an author gave to be checked.
        contract: the class that it derives from.
        check: the name of the check, for the message.
    """
    if isinstance(given, type):
        require(False, "type", f"{given.__name__} is a class; write {check}({given.__name__}(…))")
    what = f"{type(given).__name__} is not an invkit.{contract.__name__}"
    require(isinstance(given, contract), "type", what)
    for fault in faults(given):
        require(False, fault.name, f"{fault.message}; {fault.hint}")


@contextmanager
def naming(prop: str, where: str) -> Iterator[None]:
    """Let whatever is raised inside say which property failed and, in brackets, where.

    What raises where it should not is a failure too.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AssertionError):
            what = str(error)
        elif isinstance(error, PluginError):  # says itself what an author did wrong
            what = f"contract: {error}"
        else:
            what = f"{prop}: it raises {error!r}"
        raise AssertionError(f"{what} [{where}]") from error


def property_of(check: Callable[..., Any]) -> str:
    """The property that a check tries, from its name."""
    return check.__name__.removeprefix("_").removeprefix("check_").replace("_", " ")


def run_checks(checks: Iterable[Callable[[Any], None]], case: Any, where: str) -> None:
    """Run checks in turn; the first failure names its property and, in brackets, where it was found."""
    for check in checks:
        with naming(property_of(check), where):
            check(case)


def require(condition: bool, prop: str, explanation: str) -> None:
    """Raise ``AssertionError`` naming the property ``prop`` unless the condition holds."""
    if not condition:
        raise AssertionError(f"{prop}: {explanation}")


def require_shape(found: Tensor, expected: tuple[int, ...], prop: str, what: str) -> None:
    """Raise ``AssertionError`` unless a tensor has the shape expected."""
    shape, expected = tuple(found.shape), tuple(expected)
    require(shape == expected, prop, f"{what} of shape {shape}, expected {expected}")


def require_close(
    found: Tensor, expected: Tensor, prop: str, explanation: str, *, tolerance: float = 1e-9
) -> None:
    """Raise ``AssertionError`` unless two tensors agree in shape and, relative to their largest value, in
    numbers.
    """
    require_shape(found, expected.shape, prop, f"{explanation}: a result")
    require(bool(torch.isfinite(found).all()), prop, f"{explanation}: values that are not finite")
    if found.numel() == 0:
        return
    scale = max(found.abs().max().item(), expected.abs().max().item(), torch.finfo(found.dtype).tiny)
    error = (found - expected).abs().max().item() / scale
    require(error <= tolerance, prop, f"{explanation}: they differ by {error:.2g} of the largest value")
