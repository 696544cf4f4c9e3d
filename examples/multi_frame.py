"""Multi-frame deblurring: four shaken pictures of one digit, all four kernels unknown. Takes [SOLVER].

``y_k = w_k ∗ x + noise``: an operator broadcasts a picture of one channel over four kernels, and the prior of
w is four independent ones. What one shake has lost another has kept. Prints the PSNR of the best of the four
frames, blurry and deblurred on its own, and of the picture made of all four.
"""

from __future__ import annotations

import sys

import torch

import invkit

FRAMES, SIGMA = 4, 0.03
SOLVER = "evidence?starts=96,keep=48x12x4,rank=8x16x32,steps=90,retries=0,leaps=0"


def main(solver: str = SOLVER) -> None:
    """Shake a packaged MNIST test digit four times, recover it from one frame and from all."""
    x = invkit.dataset("mnist-sample").take(torch.tensor([3]), "test")
    kernels = invkit.dataset("shake").take(torch.arange(FRAMES), "test")

    w = kernels.transpose(0, 1)  # (1, 4, 28, 28): the kernels are channels
    shaken = invkit.operator("circconv")
    y = shaken(w, x) + SIGMA * torch.randn(1, FRAMES, 28, 28, generator=torch.Generator().manual_seed(0))
    parts = {"x": "gaussian:mnist", "solver": solver}
    together = invkit.compose(shaken, w=f"product:trajectory?count={FRAMES}", **parts)(y)
    alone = invkit.compose(shaken, w="trajectory", **parts)(y.transpose(0, 1))

    for name, pictures in (("blurry", y.transpose(0, 1)), ("best of one", alone.x), ("all four", together.x)):
        scores = invkit.metrics.psnr(pictures.clamp(0, 1), x.expand_as(pictures))
        print(f"PSNR {name:<12} {scores.max().item():.1f} dB")


if __name__ == "__main__":
    main(*sys.argv[1:])
