"""Registers the image data sets; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry

_DATA_SETS = {
    "mnist": ("mnist:Mnist", "MNIST handwritten digits, from the official files"),
    "mnist-sample": ("sample:MnistSample", "twelve MNIST test digits, packaged"),
    "images": ("images:Images", "a folder or zip of images, cropped and resized"),
    "celeba": ("celeba:CelebA", "CelebA faces, aligned, from folders or zips of jpgs"),
    "svhn": ("svhn:Svhn", "street view house numbers, 32 × 32 crops, from .mat files"),
    "svhn-houses": ("svhn_houses:SvhnHouses", "crops of SVHN split by house, the sharp ones by sharpness=12"),
    "shoes": ("shoes:Shoes", "shoes on white, as a shop shows them, from an npz"),
    "chars74k": ("chars74k:Chars74k", "letters and digits in photographs, from an npz"),
    "bsds500": ("bsds500:Bsds500", "squares of BSDS500's photographs, from its zip archive"),
    "housenumbers": ("housenumbers:HouseNumbers", "synthetic house numbers that look like SVHN's crops"),
    "pages": ("pages:Pages", "pages of text, drawn by a program: pages?size=256"),
    "objects": ("objects:Objects", "synthetic things in front of a plain background, as a shop shows them"),
}


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register the image data sets; ``images`` is what ``invkit train TRAINER FOLDER`` reads."""
    for name, (target, summary) in _DATA_SETS.items():
        registry.dataset(name, f"invkit_datasets.{target}", summary=summary, default=name == "images")
