"""Names of the linear maps; light, so that listing plugins imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``crop``, ``dft``, ``downsample``, ``gradient``, ``mask``, ``matrix`` and ``pick``."""
    registry.linear(
        "pick",
        "invkit_linear.pick:Pick",
        summary="some of a signal's channels: pick?first=2,total=4",
    )
    registry.linear("crop", "invkit_linear.crop:Crop", summary="the signal without a margin")
    registry.linear("dft", "invkit_linear.dft:DFT", summary="the unitary discrete Fourier transform")
    registry.linear(
        "downsample", "invkit_linear.downsample:Downsample", summary="means or samples of blocks of pixels"
    )
    registry.linear(
        "gradient", "invkit_linear.gradient:Gradient", summary="forward differences along each axis"
    )
    registry.linear("mask", "invkit_linear.mask:Mask", summary="product with the numbers in a file")
    registry.linear("matrix", "invkit_linear.matrix:FileMatrix", summary="product with the matrix in a file")
