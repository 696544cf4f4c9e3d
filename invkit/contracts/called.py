"""The base of operators, priors and noise models: how they print, and which error a wrong call raises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from invkit.errors import InputError, InvkitError, ShapeError

__all__ = ["Called", "as_tensor"]

_NUMBERS = (torch.float32, torch.float64, torch.complex64, torch.complex128)
_AS_TENSOR = "write torch.as_tensor(numbers)"
#: methods that take tensors, and how many before what else they take
_METHODS = {"adjoint": 1, "adjoint_w": 2, "adjoint_x": 2, "encode": 1}


def _explained(name: str, method: Callable[..., Any], tensors: int | None) -> Callable[..., Any]:
    """The method; where it fails because of the tensors, its first arguments, the error says so.

    Args:
        name: of the method.
        method: itself.
        tensors: how many of its arguments are tensors; None: all.
    """

    @wraps(method)
    def explained(self: Called, *given: Any, **named: Any) -> Any:
        try:
            return method(self, *given, **named)
        except InvkitError:
            raise
        except Exception as error:
            misuse = _misuse(self, name, [*given, *named.values()][:tensors])
            if misuse is None:
                raise
            raise misuse from error

    return explained


class Called(nn.Module):
    """A module that was built by name prints as a call of its class: ``Gaussian('celeba', rank=64)``.

    What it was built from is noted by :mod:`invkit.plugin.building`. Any other module prints its layers.

    A call that fails because of its arguments raises an :class:`InputError` or a :class:`ShapeError`, which
    says what to write instead. So do calls of adjoints and of ``encode``.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, tensors in _METHODS.items():
            if inspect.isfunction(own := vars(cls).get(name)):
                setattr(cls, name, _explained(name, own, tensors))

    __call__ = _explained("__call__", nn.Module.__call__, None)

    def _taken(self, method: str) -> tuple[int, ...] | None:
        """The shape of what a method takes batches of, or None where it takes several shapes."""
        return None

    def __repr__(self) -> str:
        what = self.__dict__.get("_invkit_named")
        return getattr(what, "called", "") or super().__repr__()


def as_tensor(value: Any, what: str) -> Tensor:
    """A tensor from a tensor or a numpy array.

    Args:
        value: what was given.
        what: its name in the message.

    Raises:
        InputError: it is neither.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "fciub":
        return torch.from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor):
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(f"{what} must be a tensor or an array of numbers, got {kind}", hint=_AS_TENSOR)
    return value


def _misuse(part: Called, method: str, given: Sequence[Any]) -> InvkitError | None:
    """The error that explains why a call failed, if its arguments are the reason; else None."""
    name = type(part).__name__ + ("" if method == "__call__" else f".{method}")
    for each in given:
        if not isinstance(each, Tensor):
            return InputError(f"{name} takes tensors, got {type(each).__name__}", hint=_AS_TENSOR)
        if each.layout != torch.strided:
            return InputError(f"{name} does not take sparse tensors", hint="write tensor.to_dense()")
        if each.dtype not in _NUMBERS:
            return InputError(
                f"{name} cannot compute with {each.dtype}", hint="convert it to floats: tensor.float()"
            )
        if each.ndim == 0:
            return ShapeError(f"{name} takes batches, got a single number", hint="give a batch of signals")
    for what, found, hint in (
        ("batches of", [len(each) for each in given], "give as many of each"),
        ("tensors of", [each.dtype for each in given], "convert one to the type of the other: a.to(b)"),
        ("tensors on", [each.device for each in given], "move one to the device of the other: a.to(b)"),
    ):
        if len(set(found)) > 1:
            return ShapeError(f"{name} was called with {what} {' and '.join(map(str, found))}", hint=hint)
    shape = part._taken(method)
    if shape is not None and given and tuple(given[0].shape[1:]) != tuple(shape):
        return ShapeError(
            f"{name} was called with a tensor of shape {tuple(given[0].shape)}",
            hint=f"give a batch, of shape ({', '.join(map(str, ('n', *shape)))})",
        )
    return None
