"""Parallel MRI with unknown coils: image and sensitivities from undersampled k-space. Takes [PICTURE].

Coil j measures ``y_j = M F(w_j ⊙ x)``: the image x times the coil's sensitivity w_j, the Fourier transform F,
and the mask M of what was sampled. Here a phantom of 64 × 64 pixels is seen by 6 coils, at every second row
and column and 12 × 12 samples in the middle. Prints the relative errors of the magnitude, scale fitted.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit

SIZE, COILS, CALIBRATION, SIGMA = 64, 6, 12, 0.005


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
    rng = torch.Generator().manual_seed(0)
    x, w, sampled = phantom()[None], sensitivities(), pattern()
    full = invkit.linear("dft?centred=true")((w * x)[None])[0]
    y = sampled * (full + SIGMA * torch.randn(full.shape, generator=rng, dtype=full.dtype))

    image, coils = recover(y, sampled)
    filled = invkit.linear("dft?centred=true").adjoint(y[None])[0].norm(dim=0)
    truth = (w * x).norm(dim=0)
    print(f"samples measured {sampled.mean().item():.2f}")
    print(f"error zero-filled {error(filled, truth):.3f}")
    print(f"error recovered {error(image[0].abs(), truth):.3f}")
    if picture:
        from invkit.files.images import write_image

        row = torch.cat([truth, filled, image[0].abs(), *coils[:2].abs()], 1)
        write_image(picture, (row / truth.max()).clamp(0, 1)[None])


def phantom() -> Tensor:
    """Ellipses on black, values from 0 to 1."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIZE)] * 2, indexing="ij")
    image = torch.zeros(SIZE, SIZE)
    for value, row, column, height, width in (
        (1.0, 0.0, 0.0, 0.9, 0.7),
        (-0.6, 0.0, 0.0, 0.8, 0.6),
        (0.4, -0.2, -0.25, 0.35, 0.15),
        (-0.3, -0.1, 0.25, 0.3, 0.12),
        (0.3, 0.45, 0.0, 0.15, 0.3),
        (0.5, 0.1, 0.0, 0.05, 0.05),
    ):
        image += value * (((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1)
    return image


def sensitivities() -> Tensor:
    """Coils around the phantom, each with a phase of its own, (c, h, w)."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIZE)] * 2, indexing="ij")
    made = []
    for angle in 2 * torch.pi * torch.arange(COILS) / COILS:
        away = (y - 1.1 * angle.sin()) ** 2 + (x - 1.1 * angle.cos()) ** 2
        made.append(torch.polar(torch.exp(-away / 1.5), angle + 0.8 * (x * angle.sin() - y * angle.cos())))
    return torch.stack(made)


def pattern() -> Tensor:
    """1 where k-space is sampled: every second row and column, and all of the middle."""
    mask = torch.zeros(SIZE, SIZE)
    mask[::2, ::2] = 1
    middle = slice((SIZE - CALIBRATION) // 2, (SIZE + CALIBRATION) // 2)
    mask[middle, middle] = 1
    return mask


def error(image: Tensor, truth: Tensor) -> float:
    """The relative error after a fitted scale, on the pixels above 5 % of the largest."""
    on = truth > 0.05 * truth.max()
    image, truth = image[on], truth[on]
    scale = (image * truth).sum() / image.square().sum()
    return float((scale * image - truth).norm() / truth.norm())


if __name__ == "__main__":
    main(*sys.argv[1:])
