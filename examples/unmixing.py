"""Hyperspectral unmixing: which materials are in each pixel, and how much of each? Takes [WEIGHT].

Every pixel's spectrum is a mixture of few endmembers, ``Y = W X``: W (bands, materials), X (materials,
pixels), both without negative values. Pixels are lit differently, none is pure, 1 % of them are of
something else. Prints the spectral angle (radians) and the error of the fractions: of pixels chosen as
endmembers, of the factorisation that starts there, and of the same with 30 % of the entries missing.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit
from invkit.metrics import abundance_rmse, spectral_angle

BANDS, SIDE, MATERIALS = 100, 40, 4


def main(weight: str = "0.1") -> None:
    """Draw a scene, unmix it."""
    rng = torch.Generator().manual_seed(0)
    w, x = endmembers(rng), fractions(rng)
    x = x[:, x.amax(0) < 0.85]
    light = 0.4 + 0.6 * torch.rand(1, x.shape[1], generator=rng)
    y = light * (w @ x)
    odd = torch.rand(x.shape[1], generator=rng) < 0.01
    y[:, odd] = light[:, odd] * torch.rand(BANDS, 1, generator=rng)
    y = y + 0.005 * torch.randn(y.shape, generator=rng)

    gaps = y.masked_fill(torch.rand(y.shape, generator=rng) < 0.3, torch.nan)
    start, refined = ["purest"], ["purest", f"ice?weight_w={weight}"]
    for name, solver, measured in (
        ("pixels chosen", start, y),
        ("factorised", refined, y),
        ("factorised, 30 % missing", refined, gaps),
    ):
        found = invkit.method("unmixing", operator=f"matmul?rank={MATERIALS}", solver=solver)(measured)
        angle, error = spectral_angle(found.w, w), abundance_rmse((found.w, found.x), (w, x))
        print(f"{name:<26} spectral angle {angle.item():.3f}, fractions RMSE {error.item():.3f}")


def endmembers(rng: torch.Generator) -> Tensor:
    """Smooth spectra (bands, materials) of maximum 1: a slope and five bumps each."""
    place = torch.linspace(0, 1, BANDS)[:, None, None]
    centres, widths, heights = torch.rand(3, 1, MATERIALS, 5, generator=rng)
    bumps = heights * torch.exp(-(((place - centres) / (0.04 + 0.15 * widths)) ** 2))
    spectra = 0.1 + bumps.sum(2) + torch.rand(MATERIALS, generator=rng) * place[:, 0]
    return spectra / spectra.amax(0)


def fractions(rng: torch.Generator) -> Tensor:
    """Abundances (materials, pixels) of smooth patches, blurred borders between them."""
    coarse = torch.randn(1, MATERIALS, 6, 6, generator=rng)
    fine = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=True)
    return torch.softmax(3 * fine.flatten(2)[0], 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
