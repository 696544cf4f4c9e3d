"""Comparisons that say which property of what does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def run_checks(checks: Iterable[Callable[[Any], None]], case: Any, where: str) -> None:
    """Run checks in turn; the first failure names its property and, in brackets, where it was found."""
    for check in checks:
        try:
            check(case)
        except Exception as error:  # what raises where it should not is a failure too
            prop = check.__name__.removeprefix("check_").replace("_", " ")
            what = str(error) if isinstance(error, AssertionError) else f"{prop}: it raises {error!r}"
            raise AssertionError(f"{what} [{where}]") from error


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
