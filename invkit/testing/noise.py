"""Does a noise model keep its contract?

from invkit.testing import check_noise
check_noise(MyNoise())          # AssertionError: "slope: …" where it does not
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.noise import Noise
from invkit.errors import InputError
from invkit.testing._assertions import require, require_close

_SHAPE = (3, 2, 4, 5)
_STEP = 1e-6


def check_noise(noise: Noise, *, seed: int = 0) -> None:
    """Check every property of the :class:`~invkit.contracts.noise.Noise` contract.

    Args:
        noise: what to check, without weights.
        seed: random seed of the measurements, which lie in [0.2, 1].

    Raises:
        AssertionError: naming the property that does not hold.
    """
    require(isinstance(noise, Noise), "type", f"{type(noise).__name__} is not an invkit Noise")
    rng = torch.Generator().manual_seed(seed)
    y, z = (0.2 + 0.8 * torch.rand(_SHAPE, generator=rng, dtype=torch.float64) for _ in range(2))
    bound, _ = noise.prepared(y)
    cost = bound(z, y)
    require(cost.shape == (3,), "shape", f"the cost has shape {tuple(cost.shape)}, expected (3,)")
    require(cost.dtype == y.dtype, "dtype", f"the cost of float64 measurements is {cost.dtype}")
    for row in range(3):
        index = torch.tensor([row])
        alone = bound.select(index)(z[index], y[index])
        require_close(alone, cost[index], "neighbours", "a measurement's cost depends on the others")
    _check_slope(bound, z, y, rng)
    flat = bound.slope(y, y).abs().max() <= 1e-9 * bound.slope(z, y).abs().max()
    least = bool(flat and (bound(y, y) <= cost).all())
    require(least, "minimum", "the cost is not least where z = y")
    _check_weights(noise, z, y, rng)
    huge = z.clone()
    huge[1] = 1e200
    beside = bound(huge, y)
    require_close(beside[::2], cost[::2], "huge neighbour", "a row is spoilt by a neighbour of 1e200")
    try:
        noise.prepared(y.where(y != y[0, 0, 0, 0], torch.nan))
    except InputError:
        return
    require(noise.missing == "nan", "missing", "NaN in a measurement is accepted without missing=nan")


def _check_slope(noise: Noise, z: Tensor, y: Tensor, rng: torch.Generator) -> None:
    direction = torch.randn(_SHAPE, generator=rng, dtype=torch.float64)
    expected = (noise(z + _STEP * direction, y) - noise(z - _STEP * direction, y)) / (2 * _STEP)
    found = (noise.slope(z, y) * direction).flatten(1).sum(1)
    scale = 1 + expected.abs()
    require_close(found / scale, expected / scale, "slope", "it is not the gradient", tolerance=1e-5)


def _check_weights(noise: Noise, z: Tensor, y: Tensor, rng: torch.Generator) -> None:
    weights = (torch.rand(_SHAPE, generator=rng) < 0.6).double()
    weighted = noise._with(weights, noise.sigma)
    bound, filled = weighted.prepared(y)
    elsewhere = torch.where(weights > 0, y, 7.0)
    require_close(bound(z, filled), bound(z, elsewhere), "weights", "an entry of weight 0 counts")
    require_close(
        bound.residual(z, filled), bound.residual(z, elsewhere), "weights", "the residual counts it"
    )
    index = torch.tensor([2, 0])
    some = bound.select(index)(z[index], filled[index])
    require_close(some, bound(z, filled)[index], "select", "rows lose their weights")
