"""Blind deblurring: a digit and a kernel, both unknown, from one noisy blurry picture.

python examples/blind_deblur.py [OUT [SOLVER]]

Digit and kernel are from the test splits: training saw neither. Prints the PSNR of the blurry and of the
recovered digit and the NCC of the kernel, and writes the solution to OUT.
"""

from __future__ import annotations

import sys

import torch

import invkit


def main(out: str = "out/blind_deblur", solver: str = "altgd") -> None:
    """Blur a packaged MNIST test digit, recover it, print the figures, save the solution."""
    x = invkit.dataset("mnist-sample").take(torch.tensor([5]), "test")
    w = invkit.dataset("blurA").take(torch.tensor([7]), "test")
    operator = invkit.operator("circconv")
    noise = 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = operator(w, x) + noise

    deblur = invkit.compose("circconv", w="vae:blurA", x="vae:mnist", solver=solver, seed=0)
    solution = deblur(y)

    scores = invkit.metrics.compare(operator, (solution.w, solution.x), (w, x))
    print(f"PSNR blurry    {invkit.metrics.psnr(y, x).item():.1f} dB")
    print(f"PSNR recovered {scores.raw.psnr.item():.1f} dB")
    print(f"PSNR recovered {scores.aligned.psnr.item():.1f} dB, modulo {', '.join(scores.modulo)}")
    print(f"kernel NCC     {scores.raw.kernel_ncc.item():.3f}")
    print(f"written to {solution.save(out)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
