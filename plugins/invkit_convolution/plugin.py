"""Names of the convolution plugin; light, so that listing plugins imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the convolutions; ``circconv`` is the operator used where none is named."""
    registry.operator(
        "circconv",
        "invkit_convolution.circular:CircularConvolution",
        summary="circular convolution y = w * x, 1-D to 3-D, kernel origin at its pixel size // 2",
        default=True,
    )
    registry.operator(
        "linconv",
        "invkit_convolution.linear:LinearConvolution",
        summary="linear convolution y = w * x: full, valid or same, with a choice of boundaries",
    )
    registry.operator(
        "filterflow",
        "invkit_convolution.filterflow:FilterFlow",
        summary="convolution by a kernel that varies across the picture: a grid of kernels, interpolated",
    )
