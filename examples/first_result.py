"""First results: deblur the pictures that come with invkit, blind, and show before and after.

python examples/first_result.py [OUT.jpg [NAME ...]]

NAME is face, photo or digit; all three take a minute or two. Prints the PSNR before and after, which for the
photograph is modulo a shift and without its borders: what lies beyond them is not known.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

import invkit
from invkit.files.panels import Cell, kernel_cell, panel
from invkit.metrics import psnr, psnr_modulo_shift


def enlarged(picture: np.ndarray, height: int = 256) -> np.ndarray:
    """A small picture by a whole factor, so that all rows are about as high."""
    factor = max(1, height // picture.shape[-2])
    return picture.repeat(factor, -2).repeat(factor, -1)


def deblurred(name: str) -> list[Cell]:
    """Recover one picture, print its figures, and give the cells that show it."""
    example = invkit.example(name)
    solution = invkit.method(example.method)(example.y)
    figure = psnr_modulo_shift if example.name == "photo" else psnr
    before, after = (float(figure(each.clip(0, 1), example.x)) for each in (example.y, solution.x))
    print(f"{name} PSNR before {before:.1f} dB")
    print(f"{name} PSNR after {after:.1f} dB")
    kernel = solution.w[len(solution.w) // 2]  # of a grid of kernels the one in the middle
    return [
        (f"blurry\n{before:.1f} dB", enlarged(example.y)),
        (f"recovered\n{after:.1f} dB", enlarged(solution.x)),
        kernel_cell(enlarged(kernel), "kernel found"),
        kernel_cell(enlarged(example.w[0]), "true kernel"),
        ("truth", enlarged(example.x)),
    ]


def main(out: str = "first_result.jpg", *names: str) -> None:
    """Write the picture of all that are named."""
    rows = [deblurred(name) for name in names or ("face", "photo", "digit")]
    Image.fromarray(panel(rows)).save(out, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:])
