"""Stages: first the kernel by `evidence`; then, with the kernel held, the image by total variation.

python examples/stages.py [FIRST [SECOND]]

`evidence` integrates the image out under a Gaussian prior of digits, and finds the kernel. That prior knows
digits only roughly, so a second stage makes the image anew for the kernel found. Prints the PSNR of the
blurry image and of both stages' images, the kernel's NCC, the noise found, and how sure `evidence` is.
"""

from __future__ import annotations

import sys

import torch

import invkit

FIRST = "evidence?starts=96,keep=12x4,steps=60,retries=0"
SECOND = "tv x=identity hold=w"


def main(first: str = FIRST, second: str = SECOND) -> None:
    """Blur a packaged MNIST test digit, recover it by one stage and by two, print the figures."""
    x = invkit.dataset("mnist-sample").take(torch.tensor([5]), "test")
    w = invkit.dataset("blurA").take(torch.tensor([7]), "test")
    noise = 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = invkit.operator("circconv")(w, x) + noise

    alone = invkit.compose("circconv", w="vae:blurA", x="gaussian:mnist", solver=first)(y)
    staged = invkit.compose("circconv", w="vae:blurA", x="gaussian:mnist", solver=[first, second])(y)

    for name, estimate in (("blurry", y), ("one stage", alone.x), ("two stages", staged.x)):
        print(f"PSNR {name:<11} {invkit.metrics.psnr(estimate.clamp(0, 1), x).item():.1f} dB")
    print(f"kernel NCC       {invkit.metrics.kernel_ncc(staged.w, w).item():.3f}")
    print(f"noise found      {staged.noise.item():.4f}")
    print(f"confidence       {staged.confidence.item():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
