"""Parallel MRI with unknown coils: image and sensitivities from undersampled k-space. Takes [PICTURE].

Coil j measures ``y_j = M F(w_j ⊙ x)``: the image x times the coil's sensitivity w_j, the Fourier transform F,
and the mask M of what was sampled. Here a phantom of 64 × 64 pixels is seen by 6 coils, at every second row
and column and 12 × 12 samples in the middle. Prints the relative errors of the magnitude.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit
from invkit.files.images import write_image

SIZE, COILS, SIGMA = 64, 6, 0.005
ELLIPSES = (
    (1, 0, 0, 0.9, 0.7),
    (-0.6, 0, 0, 0.8, 0.6),
    (0.4, -0.2, -0.25, 0.35, 0.15),
    (0.3, 0.45, 0, 0.15, 0.3),
)
"""Value, row, column, height and width of each."""


def recover(y: Tensor, sampled: Tensor) -> tuple[Tensor, Tensor]:
    """Image (1, h, w) and coils (c, h, w) of unit norm in each pixel, from k-space (c, h, w) and its mask."""
    acquire = (
        invkit.diagonal(sampled[None]) @ invkit.linear("dft?centred=true") @ invkit.operator("pointwise")
    )
    image = f"identity?shape=1x{y.shape[1]}x{y.shape[2]}"
    found = invkit.compose(acquire, w="sobolev", x=image, solver="irgnm")(y)
    coils = found.w / found.w.norm(dim=0).clamp_min(1e-6)
    sigma = (found.residual / (len(y) * sampled.sum())).sqrt()
    noise = invkit.noise("gaussian", sigma=float(sigma))
    return invkit.compose(acquire, w=invkit.Given(coils), x=image, solver="tv", noise=noise)(y).x, coils


def main(picture: str | None = None) -> None:
    """Make a phantom and coils, sample k-space, recover both."""
    rows, columns = torch.meshgrid(*[torch.linspace(-1, 1, SIZE)] * 2, indexing="ij")
    x = sum(v * (((rows - r) / h) ** 2 + ((columns - c) / w) ** 2 < 1) for v, r, c, h, w in ELLIPSES)
    angle = 2 * torch.pi * torch.arange(COILS)[:, None, None] / COILS
    across, along = 1.1 * angle.sin(), 1.1 * angle.cos()
    away = (rows - across) ** 2 + (columns - along) ** 2
    w = torch.polar(torch.exp(-away / 1.5), angle + 0.8 * (columns * across - rows * along))
    sampled = torch.zeros(SIZE, SIZE)
    sampled[::2, ::2] = sampled[26:38, 26:38] = 1

    transform, rng = invkit.linear("dft?centred=true"), torch.Generator().manual_seed(0)
    y = transform((w * x)[None])[0]
    y = sampled * (y + SIGMA * torch.randn(y.shape, generator=rng, dtype=y.dtype))
    image, coils = recover(y, sampled)
    filled, truth = transform.adjoint(y[None])[0].norm(dim=0), (w * x).norm(dim=0)
    for name, made in (("zero-filled", filled), ("recovered", image[0].abs())):
        print(f"error {name} {((made - truth).norm() / truth.norm()).item():.3f}")
    if picture:
        row = torch.cat([truth, filled, image[0].abs(), *coils[:2].abs()], 1) / truth.max()
        write_image(picture, row.clamp(0, 1).repeat_interleave(3, 0).repeat_interleave(3, 1)[None])


if __name__ == "__main__":
    main(*sys.argv[1:])
