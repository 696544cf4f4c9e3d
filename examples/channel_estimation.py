"""Blind channel estimation: a message and the channel that it came through, both unknown. Takes [SOLVER].

First, a message of 24 complex symbols is spread by a known random code and convolved with a channel of 12
taps. Then three receivers hear the same source of 100 symbols, of which nothing is known, each through a
channel of its own, with noise 20 dB below. Prints relative errors, modulo the scale that no measurement
tells.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit

TAPS, SYMBOLS, LENGTH = 12, 24, 60


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    """Complex symbols, in double precision."""
    return torch.randn(*shape, generator=rng, dtype=torch.complex128)


def error(found: Tensor, truth: Tensor) -> float:
    """Relative, after the best complex scale."""
    found, truth = found.flatten(), truth.flatten()
    scale = torch.vdot(found, truth) / torch.vdot(found, found)
    return float((scale * found - truth).norm() / truth.norm())


def main(solver: str = "lm") -> None:
    """Send, receive, recover, print."""
    rng = torch.Generator().manual_seed(0)

    code = invkit.from_matrix(normal(rng, LENGTH, SYMBOLS))
    coded = invkit.operator("linconv?dims=1,mode=full") @ (None, code)  # channel ∗ (code · message)
    channel, message = normal(rng, 1, 1, TAPS), normal(rng, 1, 1, SYMBOLS)
    found = invkit.compose(coded, w=f"identity?shape=1x{TAPS}", x="identity", solver=solver)(
        coded(channel, message)
    )
    print(f"channel error, coded {error(found.w, channel):.1e}")
    print(f"message error, coded {error(found.x, message):.1e}")

    several = invkit.operator("linconv?dims=1,mode=valid")  # one source, a channel for each receiver
    channels, source = normal(rng, 1, 3, 8), normal(rng, 1, 1, 100)
    y = several(channels, source)
    noise = normal(rng, *y.shape)
    y = y + 0.1 * noise * y.norm() / noise.norm()
    priors = ["identity?shape=3x8", "identity?shape=1x100"]
    found = invkit.compose(several, priors, f"{solver}?restarts=4")(y)
    print(f"channel error, three receivers at 20 dB {error(found.w, channels):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
