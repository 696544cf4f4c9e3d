"""A photograph: blur a sharp one by a camera shake, deblur it blind, and show before and after.

python examples/photograph.py SHARP_PICTURE [OUT.jpg [SIDE]]

The method `photographs` is told nothing: neither the kernel, nor its size, nor the noise. Takes the middle of
the picture, SIDE pixels high (400 by default). Prints what the method says, and the PSNR before and after.
"""

from __future__ import annotations

import sys

import torch
from PIL import Image

import invkit
from invkit.files.images import read_image
from invkit.files.panels import kernel_cell, panel

SHAKE, NUMBER, SIGMA = "shake?size=21,shortest=17", 3, 0.01


def middle(picture: torch.Tensor, side: int) -> torch.Tensor:
    """The middle of a picture, at most ``side`` pixels high and half as much again wide."""
    height, width = min(side, picture.shape[-2]), min(side * 3 // 2, picture.shape[-1])
    top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
    return picture[..., top : top + height, left : left + width]


def main(sharp: str, out: str = "photograph.jpg", side: str = "400") -> None:
    """Blur the picture, deblur it, print the figures and write the picture of both."""
    x = middle(torch.from_numpy(read_image(sharp))[None], int(side))
    w = invkit.dataset(SHAKE).take(torch.tensor([NUMBER]), "test")
    y = invkit.operator("linconv?mode=valid")(w, x)  # what is beyond the borders stays unknown
    noise = SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    y = ((y + noise).clamp(0, 1) * 255).round() / 255

    solution = invkit.method("photographs")(y)

    truth = x[..., 10:-10, 10:-10]
    fits = [invkit.metrics.shift_align(each, truth, reach=3, step=0.5) for each in (y, solution.x)]
    before, after = (float(invkit.metrics.psnr(fit.estimate.clamp(0, 1), fit.truth)) for fit in fits)
    (notes,) = solution.notes
    print(f"PSNR before  {before:.1f} dB")
    print(f"PSNR after   {after:.1f} dB")
    found = solution.w[:, solution.w.shape[1] // 2, None]  # of a grid of kernels the one in the middle
    print(f"kernel NCC   {float(invkit.metrics.kernel_ncc_modulo_shift(found, w)):.2f}")
    print(f"status       {solution.status[0].value}, confidence {float(solution.confidence):.2f}")
    print(f"noise found  {float(solution.noise):.4f}")
    print(f"family       {notes['family']}, gain {notes['gain']:.2f}")
    around = [(solution.w.shape[-1] - w.shape[-1]) // 2] * 4
    true_kernel = torch.nn.functional.pad(w, around)[0]
    shown = [kernel_cell(found[0]), kernel_cell(true_kernel, "true kernel")]
    cells = [("blurry", y[0]), ("deblurred", solution.x[0]), *shown]
    Image.fromarray(panel([cells])).save(out, quality=85)


if __name__ == "__main__":
    main(*sys.argv[1:])
