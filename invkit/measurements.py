"""Measurements as people give them, a batch as solvers take it, and the way back.

    batch, numpy_in, axes_added = as_batch(y, dims=2)        # (n, channels, height, width)
    as_given(solution, numpy_in, axes_added)                 # the solution in the layout and library of y
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from invkit.contracts.ambient import ordinary
from invkit.contracts.solution import Samples, Solution
from invkit.errors import InputError

__all__ = ["as_batch", "as_given", "as_numpy", "check_channels", "in_layout"]

_LAYOUTS = ("(height, width)", "(channels, height, width)", "(n, channels, height, width)")


def as_batch(y: Any, dims: int) -> tuple[Tensor, bool, int]:
    """``y`` as a batch, whether to answer in numpy, and how many axes were added in front."""
    if isinstance(y, str | os.PathLike):
        if dims != 2:
            raise InputError(
                f"{os.fspath(y)!r} is the path of an image, but the operator measures signals of {dims} axes",
                hint="load it and give the array",
            )
        from invkit.files.images import read_image

        y = read_image(y)
    elif isinstance(y, Image):
        from invkit.files.decoded import unit_range
        from invkit.files.pillow import plain

        name = Path(getattr(y, "filename", "") or "the Pillow image")
        y = unit_range(name, plain(name, y))
    if not isinstance(y, np.ndarray | Tensor):
        raise InputError(
            f"a measurement must be a tensor, an array or a path, got {type(y).__name__}",
            hint="use numpy.asarray(y), with images in [0, 1]",
        )
    if np.ma.is_masked(y):
        raise InputError(
            "a measurement with masked entries, which would be taken as measured",
            hint="give y.filled(numpy.nan), with the noise model gaussian?missing=nan",
        )
    if isinstance(y, Tensor) and y.is_meta:
        raise InputError("a measurement is a meta tensor, which has no values", hint="give one with values")
    if isinstance(y, Tensor) and y.layout != torch.strided:
        raise InputError("a measurement is a sparse tensor", hint="write y.to_dense()")
    if str(y.dtype).removeprefix("torch.") not in ("float32", "float64", "complex64", "complex128"):
        raise InputError(
            f"a measurement of {y.dtype} values, expected float32 or float64 (or complex64 or complex128)",
            hint="convert it to floats, images to [0, 1]: y / 255",
        )
    tensor: Tensor = (
        torch.from_numpy(np.ascontiguousarray(y)) if isinstance(y, np.ndarray) else ordinary(y.detach())
    )
    added = dims + 2 - tensor.ndim
    if not 0 <= added <= 2 or 0 in tensor.shape:
        layouts = [each if dims == 2 else each.replace("height, width", "length") for each in _LAYOUTS]
        raise InputError(
            f"a measurement has the shape {tuple(tensor.shape)}, expected {dims} axes, {dims + 1} with "
            f"channels or {dims + 2} with a batch, none of them empty",
            hint=f"give {', '.join(layouts[:-1])} or {layouts[-1]}",
        )
    return tensor[(None,) * added], isinstance(y, np.ndarray), added


def check_channels(batch: Tensor) -> None:
    """Refuse a batch of images whose channels stand last."""
    channels, height, width = batch.shape[-3:]
    if channels not in (1, 3) and width in (1, 3, 4) and height > 4:
        raise InputError(
            f"a measurement of shape {tuple(batch.shape)} has its channels last",
            hint="put them first: y.transpose(2, 0, 1) for (height, width, channels)",
        )


def as_given(solution: Solution, numpy_in: bool, axes_added: int) -> Solution:
    """The solution with its signals in the layout of the measurement, and all in its library."""
    signals = {name: getattr(solution, name) for name in ("x", "w", "x_std", "x_kernel")}
    signals = {name: in_layout(each, axes_added) for name, each in signals.items() if each is not None}
    if solution.drawn is not None:
        each = (solution.drawn.w, solution.drawn.x)
        signals["drawn"] = Samples(*(torch.stack([in_layout(one, axes_added) for one in of]) for of in each))
    solution = attrs.evolve(solution, **signals, axes_added=axes_added)
    given: Solution = as_numpy(solution) if numpy_in else solution
    return given


def in_layout(signal: Tensor, axes_added: int) -> Tensor:
    """A batch of signals without the axes that :func:`as_batch` added, as far as they have one entry."""
    plain = signal[0] if axes_added >= 1 else signal
    return plain[0] if axes_added == 2 and plain.shape[0] == 1 else plain


def as_numpy(value: Any) -> Any:
    """The same with numpy arrays for tensors, in tuples and attrs records too."""
    if isinstance(value, Tensor):
        return value.cpu().numpy()
    if isinstance(value, tuple):
        return tuple(as_numpy(item) for item in value)
    if attrs.has(type(value)):
        fields = {field.alias: as_numpy(getattr(value, field.name)) for field in attrs.fields(type(value))}
        return attrs.evolve(value, **fields)
    return value
