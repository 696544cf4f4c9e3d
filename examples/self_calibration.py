"""Self-calibration: 3 snapshots of 96 sensors whose gains are unknown, ``y = w ⊙ x``. Takes [SOLVER].

Gains are smooth, ``w = 1 + B h`` with 5 cosines; each snapshot (a channel) lies in a known subspace of 16
dimensions, ``x = C m``. A `w` of one channel multiplies every channel: 53 unknowns, 288 numbers measured.
Prints the relative errors.
"""

from __future__ import annotations

import sys

import torch

import invkit
from invkit_classical.subspace import Subspace

SENSORS, SNAPSHOTS, SMOOTH, SIGNAL = 96, 3, 5, 16
SOLVER = "altgd?restarts=8,steps=400,keep=8x2,weight_w=1e-6,weight_x=1e-6,anneal=1"


def main(solver: str = SOLVER) -> None:
    """Draw gains and snapshots, measure with noise, recover both."""
    rng = torch.Generator().manual_seed(0)
    place = (torch.arange(SENSORS) + 0.5) / SENSORS
    waves = torch.stack([torch.cos(torch.pi * k * place) for k in range(1, SMOOTH + 1)])
    gains = Subspace(0.3 * waves[:, None], mean=torch.ones(1, SENSORS))
    dictionary = torch.linalg.qr(torch.randn(SENSORS, SIGNAL, generator=rng)).Q.T
    snapshots = Subspace(torch.kron(torch.eye(SNAPSHOTS), dictionary).reshape(-1, SNAPSHOTS, SENSORS))

    w, x = (prior(prior.sample_latent(1, rng)) for prior in (gains, snapshots))
    y = w * x + 0.01 * (w * x).std() * torch.randn(x.shape, generator=rng)
    solution = invkit.compose("pointwise?dims=1", [gains, snapshots], solver)(y)

    for name, estimate in (("uncalibrated", torch.ones_like(w)), ("recovered", solution.w)):
        print(f"gain error {name:<12} {((estimate - w).norm() / w.norm()).item():.4f}")
    print(f"signal error recovered  {((solution.x - x).norm() / x.norm()).item():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
