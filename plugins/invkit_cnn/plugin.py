"""Registers feed-forward deblurring by a convolutional network, its trained weights and what trains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """The ``cnn`` solver with its shipped weights, and its trainer."""
    registry.solver(
        "cnn",
        "invkit_cnn.solver:FeedForward",
        summary="feed-forward network: the sharp image at once, no kernel; cnn?weights=celeba-shake",
    )
    registry.weights("cnn", "invkit_cnn:weights/cnn")
    registry.trainer(
        "cnn",
        "invkit_cnn.trainer:CNNTrainer",
        summary="deblurring networks of a class of images and a family of blurs",
    )
