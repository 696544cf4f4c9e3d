"""Non-blind deconvolution: the kernel is known, the image has a total-variation prior.

python examples/nonblind_known_kernel.py [SOLVER]

`known` is a prior with an empty latent: with it the pipeline solves a linear inverse problem. Pixels are free
(`identity`), so no trained weights are needed. Prints the mean PSNR, blurry and recovered.
"""

from __future__ import annotations

import sys
import tempfile

import torch

import invkit
from invkit.files.images import write_image

SOLVER = "altgd?restarts=1,steps=300,rate=0.02,weight_x=1e-3"


def main(solver: str = SOLVER) -> None:
    """Blur the packaged digits with one kernel, write the kernel to a file, deconvolve with that file."""
    x = invkit.dataset("mnist-sample").take(torch.arange(4), "test")
    w = invkit.dataset("shake").take(torch.tensor([3]), "test")
    noise = 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = invkit.operator("circconv")(w.expand(len(x), -1, -1, -1), x) + noise

    with tempfile.TemporaryDirectory() as folder:
        kernel = f"{folder}/kernel.npy"
        write_image(kernel, w[0])
        solve = invkit.compose("circconv", [f"known:{kernel}", "identity?penalty=tv"], solver)
    solution = solve(y)

    for name, estimate in (("blurry", y), ("recovered", solution.x)):
        print(f"PSNR {name:<9} {invkit.metrics.psnr(estimate.clamp(0, 1), x).mean().item():.1f} dB")


if __name__ == "__main__":
    main(*sys.argv[1:])
