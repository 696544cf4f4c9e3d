"""Registers the image data sets; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register three image data sets."""
    registry.dataset(
        "mnist", "invkit_datasets.mnist:Mnist", summary="MNIST handwritten digits, from the official files"
    )
    registry.dataset(
        "mnist-sample", "invkit_datasets.sample:MnistSample", summary="twelve MNIST test digits, packaged"
    )
    registry.dataset(
        "images", "invkit_datasets.images:Images", summary="a folder of images, cropped square and resized"
    )
