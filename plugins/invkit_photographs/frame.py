"""How a measurement lies in its image, and whether the operator is a convolution at all: asked by trying.

    frame = frame_of(operator, (1, 27, 27), (1, 255, 255), y)
    frame.wraps                     # circular: the image continues on the other side
    frame.offset                    # y[p] is where x[p + offset] is, blurred

No operator is asked for its name. A single bright pixel shows the offset; a patterned image under a patterned
kernel of 3 × 3 pixels then must come out as ``y[p] = Σ_d w[o + d] x[p + offset − d]``, o the kernel's origin
at its pixel ``size // 2``: everywhere, indices wrapping around, or in the image's inside only.

A large image is stood for by a smaller one, since the answer depends on the kernel's size alone. An operator
that is tied to the image's own size is tried with that.
"""

from __future__ import annotations

from itertools import product

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape
from invkit.errors import InputError, InvkitError

TOLERANCE = 1e-4
_ROOM = 16
"""Pixels a side by which the image tried is larger than twice the kernel."""


@attrs.frozen
class Frame:
    """Where the measurement lies in the image.

    - wraps: the convolution is circular; the offset is then zero, the sizes are the same.
    - offset: ``y[p]`` shows ``x[p + offset]``, in rows and columns.
    """

    wraps: bool
    offset: tuple[int, int]


def frame_of(operator: BilinearOperator, w_shape: Shape, x_shape: Shape, like: Tensor) -> Frame:
    """The frame of a convolution.

    Args:
        operator: what is tried, with two inputs.
        w_shape, x_shape: of one signal, (channels, height, width).
        like: of the dtype and device to try it in.

    Raises:
        InputError: it is no convolution of images.
    """
    part = tuple(min(n, 2 * k + _ROOM) for n, k in zip(x_shape[1:], w_shape[1:], strict=False))
    for tried in dict.fromkeys([(x_shape[0], *part), x_shape]):
        try:
            found = _tried(operator, w_shape, tried, like)
        except (IndexError, RuntimeError, ValueError) as error:
            if tried == x_shape and isinstance(error, InvkitError):
                raise
            continue
        if found is not None:
            return found
    raise InputError(
        f"the kernel of a convolution is looked for, and {type(operator).__name__} is none of images",
        hint="choose operator=circconv or operator=linconv, or another solver, e.g. altgd",
    )


def _tried(operator: BilinearOperator, w_shape: Shape, x_shape: Shape, like: Tensor) -> Frame | None:
    if operator.measurement_dims != 2 or len(w_shape) != 3 or len(x_shape) != 3:
        return None
    origin, size = (w_shape[1] // 2, w_shape[2] // 2), (x_shape[1], x_shape[2])
    spot, pixel = like.new_zeros(1, *w_shape), like.new_zeros(1, *x_shape)
    spot[..., origin[0], origin[1]] = 1
    at = (size[0] // 2, size[1] // 2)
    pixel[..., at[0], at[1]] = 1
    seen = operator(spot, pixel)[0, 0]
    row, column = divmod(int(seen.argmax()), seen.shape[1])
    offset = (at[0] - row, at[1] - column)

    image, kernel = _pattern(x_shape, like), like.new_zeros(1, *w_shape)
    rows, columns = (range(n)[max(o - 1, 0) : o + 2] for o, n in zip(origin, w_shape[1:], strict=True))
    near = (..., slice(rows.start, rows.stop), slice(columns.start, columns.stop))
    kernel[near] = _pattern((1, len(rows), len(columns)), like)
    expected = sum(
        kernel[0, 0, i, j] * image.roll((i - origin[0], j - origin[1]), (2, 3))
        for i, j in product(rows, columns)
    )
    assert isinstance(expected, Tensor)
    measured = operator(kernel, image)
    if measured.shape == expected.shape and offset == (0, 0) and _alike(measured, expected):
        return Frame(True, offset)
    # Pixels of the measurement whose neighbours are inside the image.
    spans = [
        (max(1 - shift, 0), min(x - 1 - shift, y))
        for shift, x, y in zip(offset, size, measured.shape[2:], strict=True)
    ]
    if any(end <= begin for begin, end in spans):
        return None
    (top, bottom), (left, right) = spans
    inside = measured[..., top:bottom, left:right]
    same = expected[..., top + offset[0] : bottom + offset[0], left + offset[1] : right + offset[1]]
    return Frame(False, offset) if _alike(inside, same) else None


def _pattern(shape: Shape, like: Tensor) -> Tensor:
    """Numbers in (0, 1) with no symmetry, the same at every call: the golden ratio's multiples, squared."""
    count = torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float64)
    return ((count * 0.6180339887498949) % 1).square().reshape(1, *shape).to(like)


def _alike(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and bool(
        (found - expected).abs().max() <= TOLERANCE * expected.abs().max()
    )
