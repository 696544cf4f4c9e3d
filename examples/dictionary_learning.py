"""Dictionary learning: ``Y = D X`` with 50 unknown atoms of which every signal has three. Takes [SOLVER].

1500 signals of 20 numbers, 5 % noise. D has columns of at most unit norm, X few entries that are not zero:

    minimise ‖Y − D X‖² + λ Σ |x|

Prints the fraction of the true atoms that are found (an atom has a correlation above 0.99 with one of them),
and the fraction of the entries of X that are not zero.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

import invkit

ROWS, ATOMS, SIGNALS, SPARSE, NOISE = 20, 50, 1500, 3, 0.05
SOLVER = "palm?restarts=4,steps=300,weight_x=0.1"


def main(solver: str = SOLVER) -> None:
    """Draw a dictionary and signals, learn the dictionary from the signals."""
    y, d = drawn(0)
    learn = invkit.compose(f"matmul?rank={ATOMS}", w="atoms", x="identity?penalty=l1", solver=solver)
    found = learn(y)
    print(f"atoms found {(correlations(found.w, d) > 0.99).double().mean().item():.2f}")
    print(f"entries not zero {(found.x != 0).double().mean().item():.2f}, true {SPARSE / ATOMS:.2f}")


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Signals (rows, columns) and the dictionary that they are made of."""
    rng = torch.Generator().manual_seed(seed)
    d = torch.randn(ROWS, ATOMS, generator=rng)
    d = d / d.norm(dim=0)
    places = torch.rand(ATOMS, SIGNALS, generator=rng).argsort(0)[:SPARSE]
    x = torch.zeros(ATOMS, SIGNALS).scatter(0, places, torch.randn(SPARSE, SIGNALS, generator=rng))
    y = d @ x
    return y + NOISE * y.std() * torch.randn(y.shape, generator=rng), d


def correlations(found: Tensor, d: Tensor) -> Tensor:
    """The correlation of each true atom with the closest one found, whatever its sign and length."""
    units = found / found.norm(dim=0).clamp_min(1e-12)
    return (d.T @ units.to(d)).abs().amax(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
