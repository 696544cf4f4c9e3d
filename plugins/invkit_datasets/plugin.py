"""Registers the image data sets; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the image data sets."""
    registry.dataset(
        "mnist", "invkit_datasets.mnist:Mnist", summary="MNIST handwritten digits, from the official files"
    )
    registry.dataset(
        "mnist-sample", "invkit_datasets.sample:MnistSample", summary="twelve MNIST test digits, packaged"
    )
    registry.dataset(
        "images",
        "invkit_datasets.images:Images",
        summary="a folder or zip of images, cropped and resized",
        default=True,  # what `invkit train --data FOLDER` reads
    )
    registry.dataset(
        "celeba",
        "invkit_datasets.celeba:CelebA",
        summary="CelebA faces, aligned, from folders or zips of jpgs",
    )
    registry.dataset(
        "svhn",
        "invkit_datasets.svhn:Svhn",
        summary="street view house numbers, 32 × 32 crops, from .mat files",
    )
    registry.dataset(
        "chars74k",
        "invkit_datasets.chars74k:Chars74k",
        summary="letters and digits in photographs, from an npz",
    )
    registry.dataset(
        "housenumbers",
        "invkit_datasets.housenumbers:HouseNumbers",
        summary="synthetic house numbers that look like SVHN's crops",
    )
    registry.dataset(
        "objects",
        "invkit_datasets.objects:Objects",
        summary="synthetic things in front of a plain background, as a shop shows them",
    )
