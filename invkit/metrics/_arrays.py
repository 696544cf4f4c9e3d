"""What goes into a metric and what comes out: signals in one of three layouts, in double precision within.

    a, b = pair(estimate, truth, dims)        # (h, w), (c, h, w) or (n, c, h, w): both as (n, c, h, w)
    like(figures, estimate, dims)             # (n,) figures, or the one of a single signal, shape ()

`dims` is the number of axes of a signal after its channels. An array of `dims` axes is one signal of one
channel, of `dims + 1` axes one signal with channels, of `dims + 2` axes a batch, as a pipeline has them.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from invkit.arguments import number, whole
from invkit.errors import InputError, ShapeError

Array = TypeVar("Array", Tensor, npt.NDArray[Any])
"""A torch tensor or a numpy array; a function gives back what it was given."""

Signals: TypeAlias = Tensor | npt.NDArray[Any]
"""A truth; it may be of the other library than the estimate."""

Number: TypeAlias = int | float
"""A number; run-time checks of types do not take an int for a float."""

_AXES = ((), ("length",), ("height", "width"), ("depth", "height", "width"))


def factors(given: Any, name: str) -> tuple[Any, Any]:
    """`(w, x)` as it was given; what is no pair is refused.

    Args:
        given: the pair.
        name: what it is called, for the message.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        what = f"{len(given)} signals" if isinstance(given, tuple | list) else type(given).__name__
        raise InputError(
            f"the {name} must be a pair (w, x), got {what}",
            hint=f"write ({name}.w, {name}.x)" if hasattr(given, "w") else "write (w, x)",
        )
    for letter, each in zip("wx", given, strict=True):
        if each is None:
            raise InputError(f"the {name} has no {letter}", hint="compare x alone: psnr(estimate, truth)")
    return given[0], given[1]


def pair(
    estimate: Any, truth: Any, dims: int = 2, *, pad: bool = False, complex_too: bool = False
) -> tuple[Tensor, Tensor]:
    """Both as double tensors `(n, channels, *dims)` of one shape, on the estimate's device.

    Args:
        estimate, truth: in one layout.
        dims: axes of a signal after its channels.
        pad: whether the two may differ in size. The smaller is then padded with zeros, so that the pixels
            `size // 2` of both along each axis, the origins of kernels, coincide.
        complex_too: whether complex numbers are taken; if one of the two is complex both come back so.
    """
    if _is_floating(estimate, complex_too) != _is_floating(truth, complex_too):
        raise InputError(
            f"the estimate has {estimate.dtype} values and the truth {truth.dtype}: their units differ",
            hint="convert both to floats of one range, e.g. 8-bit values by truth / 255",
        )
    a, b = _batch(estimate, dims), _batch(truth, dims)
    if a.is_complex() or b.is_complex():
        a, b = a.to(torch.complex128), b.to(torch.complex128)
    compared = 2 if pad else a.ndim
    if estimate.ndim != truth.ndim or a.shape[:compared] != b.shape[:compared]:
        raise ShapeError(
            f"expected estimate and truth of one shape{' but for their sizes' if pad else ''}, got "
            f"{tuple(estimate.shape)} and {tuple(truth.shape)}",
            hint="give both the same batch and channel axes" if pad else "crop to the common part",
        )
    size = [max(lengths) for lengths in zip(a.shape[2:], b.shape[2:], strict=True)]
    return _padded(a, size), _padded(b.to(a.device), size)


def like(result: Tensor, estimate: Array, dims: int = 2, *, signals: bool = False) -> Array:
    """The result for a batch in the estimate's layout and library, and in its precision where it has one.

    Args:
        result: `(n, …)`, one figure for each signal; with `signals`, `(n, channels, *dims)`.
        estimate: as it was given.
        dims: axes of a signal after its channels.
        signals: whether the channel axis is dropped, too, where the estimate has none.
    """
    result = result[(0,) * min(dims + 2 - estimate.ndim, 2 if signals else 1)]
    if isinstance(estimate, Tensor):
        numbers = estimate.is_floating_point() or estimate.is_complex()
        real = estimate.dtype.to_real() if numbers else torch.float32
        return result.to(real.to_complex() if result.is_complex() else real)
    kind = np.zeros(0, estimate.dtype).real.dtype if estimate.dtype.kind in "fc" else np.dtype(np.float32)
    made = result.detach().cpu().numpy()
    return made.astype(np.result_type(kind, np.complex64) if np.iscomplexobj(made) else kind)


def checked_peak(peak: Number | None, estimate: Signals) -> Number:
    """The largest value that signals can have: 1 for floating point unless given."""
    if peak is None and not _is_floating(estimate, True):
        raise InputError(
            f"{estimate.dtype} values have no peak of their own",
            hint="type peak=255 for 8-bit images (65535 for 16 bits, 1 for booleans)",
        )
    if peak is not None and (number(peak) or 0) <= 0:
        raise InputError(f"expected a positive peak, got {peak!r}", hint="images in [0, 1] have peak=1.0")
    return 1.0 if peak is None else peak


def _is_floating(array: Any, complex_too: bool = False) -> bool:
    """Whether an array holds floating point numbers, or complex ones; what is no array of numbers is refused,
    and complex ones are where they are not taken.
    """
    if not isinstance(array, Tensor | np.ndarray):
        raise InputError(
            f"expected a tensor or a numpy array, got {type(array).__name__}",
            hint="use numpy.asarray; of a solution give .x or .w",
        )
    if np.ma.is_masked(array):
        raise InputError(
            "an array with masked entries, which would be compared with the others",
            hint="compare the entries that count, or give array.data",
        )
    is_complex = array.is_complex() if isinstance(array, Tensor) else array.dtype.kind == "c"
    if is_complex and complex_too:
        return True
    if is_complex or not (isinstance(array, Tensor) or array.dtype.kind in "fiub"):
        raise InputError(
            f"this metric compares real numbers, got {array.dtype}",
            hint="give the magnitude, or .real and .imag",
        )
    return array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"


def _batch(array: Signals, dims: int) -> Tensor:
    """As a double tensor `(n, channels, *dims)`."""
    if whole(dims) is None or not 0 <= dims < len(_AXES):
        raise InputError(f"dims is {dims!r}", hint="give dims=1 for signals, 2 for images, 3 for volumes")
    added = dims + 2 - array.ndim
    if not 0 <= added <= 2 or 0 in array.shape:
        fronts = ((), ("channels",), ("n", "channels"))
        layouts = [f"({', '.join((*front, *_AXES[dims]))})" for front in fronts]
        raise ShapeError(
            f"an array of shape {tuple(array.shape)}, expected {layouts[0]}, {layouts[1]} or {layouts[2]}, "
            "none of them empty",
            hint=f"dims, the number of axes after the channels, is {dims}; psnr, per_pixel_error and the "
            "metrics of kernels take others, e.g. dims=1 for signals",
        )
    # Copied: torch warns of read-only numpy arrays and refuses negative strides.
    if isinstance(array, Tensor):
        tensor = array
    else:
        kind = np.complex128 if array.dtype.kind == "c" else np.float64
        tensor = torch.from_numpy(np.array(array, kind, order="C"))
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)[(None,) * added]


def _padded(batch: Tensor, size: list[int]) -> Tensor:
    """`(n, channels, *size)`, zero outside, with pixel `length // 2` of each axis at pixel `size // 2`."""
    before = [new // 2 - old // 2 for new, old in zip(size, batch.shape[2:], strict=True)]
    after = [new - old - b for new, old, b in zip(size, batch.shape[2:], before, strict=True)]
    margins = [margin for both in zip(reversed(before), reversed(after), strict=True) for margin in both]
    return torch.nn.functional.pad(batch, margins) if any(margins) else batch
