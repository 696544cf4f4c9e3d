"""Registers the methods: compositions by name. Each is a file in ``methods/``; no class is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry

_METHODS = {
    "digits": "28 x 28 handwritten digits under small blurs, both unknowns by trained networks",
    "faces": "64 x 64 faces, cropped as CelebA's: kernel by evidence, image by plug-and-play",
    "house-numbers": "32 x 32 street numbers: kernel by evidence, image by plug-and-play",
    "objects": "64 x 64 things in front of plain backgrounds: kernel by evidence, image by plug-and-play",
    "paper": "28 x 28 digits by Algorithm 1 of arXiv 1802.04073, settings as printed",
    "photographs": "photographs of any size: kernel by evidence, image by plug-and-play with a denoiser",
    "public": "28 x 28 digits by the rule of the paper's authors' later code",
    "shoes": "64 x 64 shoes on white, toe to the left: kernel by evidence, image by plug-and-play",
    "text": "blurry text and drawings of two tones: kernel by how near to two values it leaves the picture",
    "unmixing": "matrices (bands, pixels) without negative values: endmembers and their abundances",
}


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register all methods; photographs is what a command line uses where nothing is named."""
    for name, summary in _METHODS.items():
        registry.method(name, f"methods/{name}.toml", summary=summary, default=name == "photographs")
