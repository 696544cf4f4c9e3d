"""Blind super-resolution: a face from a blurry picture of a quarter of its pixels. Takes [SOLVER].

``y = D (w ∗ x) + noise``: the kernel w is unknown, and D is a detector of pixels twice as large. Written as a
chain, ``circconv | downsample?factor=2``. The face is drawn from the VAE and recovered by it, so that no data
are needed; see docs/problems.md for real faces. Prints the PSNR of bicubic interpolation and of the recovered
face.
"""

from __future__ import annotations

import sys

import torch

import invkit

SOLVER = "altgd?steps=200,restarts=8"


def main(solver: str = SOLVER, image: str = "vae:celeba") -> None:
    """Blur and shrink a face, recover it, print the PSNR."""
    rng = torch.Generator().manual_seed(2)
    vae = invkit.prior("vae:celeba")
    x = vae(vae.sample_latent(1, rng))
    w = invkit.dataset("shake").take(torch.tensor([3]), "test")

    operator = invkit.operator("circconv | downsample?factor=2")
    y = operator(w, x) + 0.01 * torch.randn(1, 3, 32, 32, generator=rng)
    solution = invkit.compose(operator, w="trajectory", x=image, solver=solver)(y)

    larger = torch.nn.functional.interpolate(y, scale_factor=2, mode="bicubic", align_corners=False)
    for name, each in (("bicubic", larger), ("recovered", solution.x)):
        print(f"PSNR {name:<10} {invkit.metrics.psnr(each.clamp(0, 1), x).item():.1f} dB")
    print(f"kernel NCC {invkit.metrics.kernel_ncc(solution.w, w).item():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
