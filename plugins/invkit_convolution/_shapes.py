"""What the convolutions ask of their arguments' shapes, and how they say it."""

from __future__ import annotations

from invkit.contracts.linear import Shape
from invkit.errors import ShapeError


def kernel_origin(support: Shape) -> Shape:
    """The pixel ``size // 2`` of a kernel: one that is 1 there and 0 elsewhere does not move the image."""
    return tuple(length // 2 for length in support)


def check_signals(w_shape: Shape, x_shape: Shape, dims: int) -> None:
    """Raise :class:`ShapeError` unless both are ``(channels, *dims)`` and the kernel has one channel or the
    image's.
    """
    axes = "(channels, length)" if dims == 1 else "(channels, height, width)"
    for name, shape in (("kernel", w_shape), ("image", x_shape)):
        if len(shape) != dims + 1 or min(shape) < 1:
            raise ShapeError(
                f"the {name} has shape {tuple(shape)}, but {dims}-D convolution takes {axes}",
                hint=f"give the {name} that shape, or write the operator's option dims={3 - dims}",
            )
    if w_shape[0] not in (1, x_shape[0]):
        raise ShapeError(
            f"the kernel has {w_shape[0]} channels, the image {x_shape[0]}",
            hint="give a kernel of one channel, or of as many as the image",
        )


def by(size: Shape) -> str:
    """``28×28``."""
    return "×".join(str(length) for length in size)
