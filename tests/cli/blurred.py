"""Blurry digits and weights files for the tests of ``invkit deblur``; quick, and without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import invkit
from invkit.cli.main import main
from invkit.files.images import write_image
from tests.untrained import write_untrained

#: quick, and of the right shapes: what comes out is no picture
QUICK = "altgd?steps=3,restarts=2,keep=2,start=random"


def deblur(*arguments: str | Path) -> int:
    return main(["deblur", *map(str, arguments)])


def write_blurry(folder: Path, *names: str) -> list[Path]:
    """Write packaged digits under motion blur, as PNG or npy by their names; the same for the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = invkit.dataset("mnist-sample").take(torch.arange(len(names)), "test")
    kernels = invkit.dataset("blurA").take(torch.arange(len(names)), "test")
    y = invkit.operator("circconv")(kernels, digits)
    for name, image in zip(names, y, strict=True):
        write_image(folder / name, image.clamp(0, 1))
    return [folder / name for name in names]


def write_priors(folder: Path) -> list[str]:
    """Write untrained weights of both kinds; return the options that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    w = write_untrained(folder / "w.safetensors", "paper-blur")
    x = write_untrained(folder / "x.safetensors", "paper-mnist")
    return ["--prior", f"vae:{w}", "--prior", f"vae:{x}"]


def write_colour(path: Path, side: int = 28) -> Path:
    write_image(path, np.random.default_rng(0).random((3, side, side)))
    return path
