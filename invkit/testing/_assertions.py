"""Comparisons that say which property of what does not hold."""

from __future__ import annotations

import torch
from torch import Tensor


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
