"""Blind deconvolution of a volume of counts: beads and bars under a microscope. Takes [PICTURE].

``y ~ Poisson(w * x)``: the object x is non-negative and mostly dark, the point-spread function w is that of a
widefield microscope of unknown sharpness and unknown cone of light. Prints the PSNR after a fitted scale, and
both numbers of the point-spread function, found and true.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit
from invkit.files.images import write_image

SIZE, PHOTONS, BACKGROUND = (16, 32, 32), 400.0, 2.0


def recover(y: Tensor) -> invkit.Solution:
    """Object and point-spread function (1, slices, rows, columns) from counts of the same shape."""
    size = "x".join(map(str, y.shape[1:]))
    solver = "altgd?start=image,restarts=1,keep=1,steps=300,rate=0.05"
    deconvolve = invkit.compose(
        "circconv?dims=3", w=f"widefield?size={size}", x="squares", noise="poisson", solver=solver
    )
    return deconvolve(y / y.max())


def main(picture: str | None = None) -> None:
    """Draw an object, count photons, recover."""
    x = torch.zeros(1, *SIZE)
    for number, depth in enumerate((4, 6, 8, 10)):
        x[0, depth, 8 + 5 * number, 8:24] = 0.4 + 0.2 * number
    for depth, row, column in ((5, 26, 9), (9, 5, 16), (11, 16, 27)):
        x[0, depth, row, column] = 2.0
    prior, latent = invkit.prior("widefield", size=SIZE), torch.tensor([[-0.6, 0.4]])
    w = prior(latent)[0]
    blurry = invkit.operator("circconv?dims=3")(w[None], x[None])[0]
    rng = torch.Generator().manual_seed(0)
    counts = torch.poisson(PHOTONS * blurry / blurry.max() + BACKGROUND, generator=rng)

    solution = recover(counts)
    for name, volume in (("blurry", counts), ("recovered", solution.x)):
        scale = (volume * x).sum() / volume.square().sum()
        print(f"PSNR {name} {invkit.metrics.psnr(scale * volume, x, float(x.max()), dims=3):.2f} dB")
    found = prior.numbers(solution.latents[0].reshape(1, -1))
    for name, value in prior.numbers(latent).items():
        print(f"{name} found {float(found[name]):.2f}, true {float(value):.2f}")
    if picture:  # the largest values along the optical axis, and below them those along the rows
        seen = [
            torch.cat([each[0].amax(0), each[0].amax(1)]) for each in (counts, solution.x, x, solution.w, w)
        ]
        row = torch.cat([(each / each.max()).sqrt() for each in seen], 1)
        write_image(picture, row.repeat_interleave(4, 0).repeat_interleave(4, 1)[None])


if __name__ == "__main__":
    main(*sys.argv[1:])
