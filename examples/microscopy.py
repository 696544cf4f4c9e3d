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

SIZE, PHOTONS, BACKGROUND = (16, 32, 32), 400.0, 2.0
SOLVER = "altgd?start=image,restarts=1,keep=1,steps=300,rate=0.05"


def recover(y: Tensor, solver: str = SOLVER) -> invkit.Solution:
    """Object and point-spread function (1, slices, rows, columns) from counts of the same shape."""
    size = "x".join(map(str, y.shape[1:]))
    deconvolve = invkit.compose(
        "circconv?dims=3", w=f"widefield?size={size}", x="squares", noise="poisson", solver=solver
    )
    return deconvolve(y / y.max())


def main(picture: str | None = None) -> None:
    """Draw an object, count photons, recover."""
    rng = torch.Generator().manual_seed(0)
    prior = invkit.prior("widefield", size=SIZE)
    latent = torch.tensor([[-0.6, 0.4]])
    x, w = scene()[None], prior(latent)
    blurry = invkit.operator("circconv?dims=3")(w, x)[0]
    counts = torch.poisson(PHOTONS * blurry / blurry.max() + BACKGROUND, generator=rng)

    solution = recover(counts)
    print(f"PSNR blurry {psnr(counts, x[0]):.2f} dB")
    print(f"PSNR recovered {psnr(solution.x, x[0]):.2f} dB")
    found = prior.numbers(solution.latents[0].reshape(1, -1))
    for name, value in prior.numbers(latent).items():
        print(f"{name} found {float(found[name]):.2f}, true {float(value):.2f}")
    if picture:
        from invkit.files.images import write_image

        write_image(picture, torch.cat([views(each[0]) for each in (counts, solution.x, x[0])], 1)[None])


def scene() -> Tensor:
    """Bars at different depths and a few beads, (1, slices, rows, columns)."""
    volume = torch.zeros(1, *SIZE)
    for number, depth in enumerate((4, 6, 8, 10)):
        volume[0, depth, 8 + 5 * number, 8:24] = 0.4 + 0.2 * number
    for depth, row, column in ((5, 26, 9), (9, 5, 16), (11, 16, 27)):
        volume[0, depth, row, column] = 2.0
    return volume


def psnr(volume: Tensor, truth: Tensor) -> float:
    """In dB, of the largest value of the truth, after a fitted scale."""
    scale = (volume * truth).sum() / volume.square().sum()
    return float(10 * torch.log10(truth.max() ** 2 / (scale * volume - truth).square().mean()))


def views(volume: Tensor) -> Tensor:
    """The largest values along the optical axis, and below them those along the rows."""
    seen = torch.cat([volume.amax(0), volume.amax(1)])
    return (seen / seen.max()).sqrt()


if __name__ == "__main__":
    main(*sys.argv[1:])
