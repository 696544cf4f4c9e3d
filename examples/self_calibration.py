"""Self-calibration: sensors whose gains are unknown, ``y = diag(w) A x``. Takes [SOLVER].

Each of 96 sensors takes a known linear measurement of an unknown x, of 24 numbers, by a gain that is unknown
but smooth along the array: ``w = B h`` with 6 cosines. One snapshot, 30 unknowns. Both maps stand before the
product: ``pointwise @ (B, A)``. Prints relative errors, the scale fitted, without noise and with 1 %.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit

SENSORS, SMOOTH, SIGNAL = 96, 6, 24


def error(found: Tensor, truth: Tensor) -> float:
    """Relative, after the best scale."""
    found, truth = found.flatten(), truth.flatten()
    return float((found * (found @ truth) / (found @ found) - truth).norm() / truth.norm())


def main(solver: str = "lm") -> None:
    """Draw gains and a signal, measure, recover both."""
    rng = torch.Generator().manual_seed(0)
    draw = {"generator": rng, "dtype": torch.float64}
    place = (torch.arange(SENSORS, dtype=torch.float64) + 0.5) / SENSORS
    waves = torch.stack([torch.cos(torch.pi * k * place) for k in range(SMOOTH)], 1)
    gains, sensing = invkit.from_matrix(waves), invkit.from_matrix(torch.randn(SENSORS, SIGNAL, **draw))

    operator = invkit.operator("pointwise?dims=1") @ (gains, sensing)
    h, x = 0.2 * torch.randn(1, 1, SMOOTH, **draw), torch.randn(1, 1, SIGNAL, **draw)
    h[..., 0] = 1
    clean = operator(h, x)
    solve = invkit.compose(operator, w="identity", x="identity", solver=solver)
    for name, noise in (("without noise", 0.0), ("with 1 % noise", 0.01)):
        y = clean + noise * clean.std() * torch.randn(clean.shape, **draw)
        found = solve(y)
        print(f"gain error {name:<15} {error(gains(found.w), gains(h)):.1e}")
        print(f"signal error {name:<15} {error(found.x, x):.1e}")
    print(f"gain error uncalibrated {error(torch.ones_like(gains(h)), gains(h)):.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
