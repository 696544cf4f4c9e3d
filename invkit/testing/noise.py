"""Does a noise model keep its contract?

    from invkit.testing import check_noise
    check_noise(MyNoise())          # AssertionError: "slope: …" where it does not
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from torch import Tensor

from invkit.contracts.noise import Noise
from invkit.errors import InputError
from invkit.testing._assertions import naming, require, require_close, require_part, require_shape, run_checks

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
    require_part(noise, Noise, "check_noise")
    where = f"{type(noise).__name__}, seed {seed}"
    with naming("prepared", where):
        case = Case.draw(noise, seed)
    run_checks(CHECKS, case, where)


@attrs.frozen(eq=False)
class Case:
    """A noise model, the same bound to measurements ``y``, and noise-free measurements ``z``."""

    noise: Noise
    bound: Noise
    z: Tensor
    y: Tensor
    rng: torch.Generator

    @classmethod
    def draw(cls, noise: Noise, seed: int) -> Case:
        """Uniform measurements in double precision."""
        rng = torch.Generator().manual_seed(seed)
        y, z = (0.2 + 0.8 * torch.rand(_SHAPE, generator=rng, dtype=torch.float64) for _ in range(2))
        return cls(noise, noise.prepared(y)[0], z, y, rng)


def check_entries(case: Case) -> None:
    """There is a cost for each entry."""
    require_shape(case.bound.entries(case.z, case.y), _SHAPE, "entries", "the costs of the entries are")


def check_cost(case: Case) -> None:
    """There is one cost for each measurement, in the measurements' precision."""
    cost = case.bound(case.z, case.y)
    require_shape(cost, (3,), "shape", "the cost is")
    require(cost.dtype == case.y.dtype, "dtype", f"the cost of float64 measurements is {cost.dtype}")


def check_neighbours(case: Case) -> None:
    """A measurement's cost does not depend on the others."""
    cost = case.bound(case.z, case.y)
    for row in range(3):
        index = torch.tensor([row])
        alone = case.bound.select(index)(case.z[index], case.y[index])
        require_close(alone, cost[index], "neighbours", "a measurement's cost depends on the others")


def check_slope(case: Case) -> None:
    """``slope`` is the gradient, by finite differences."""
    noise, z, y = case.bound, case.z, case.y
    direction = torch.randn(_SHAPE, generator=case.rng, dtype=torch.float64)
    expected = (noise(z + _STEP * direction, y) - noise(z - _STEP * direction, y)) / (2 * _STEP)
    found = (noise.slope(z, y) * direction).flatten(1).sum(1)
    scale = 1 + expected.abs()
    require_close(found / scale, expected / scale, "slope", "it is not the gradient", tolerance=1e-5)


def check_minimum(case: Case) -> None:
    """The cost is least where ``z = y``."""
    noise, z, y = case.bound, case.z, case.y
    flat = noise.slope(y, y).abs().max() <= 1e-9 * noise.slope(z, y).abs().max()
    least = bool(flat and (noise(y, y) <= noise(z, y)).all())
    require(least, "minimum", "the cost is not least where z = y")


def check_weights(case: Case) -> None:
    """Entries of weight 0 do not count, and weights go with their measurements."""
    z, y = case.z, case.y
    weights = (torch.rand(_SHAPE, generator=case.rng) < 0.6).double()
    bound, filled = case.noise._with(weights, case.noise.sigma).prepared(y)
    elsewhere = torch.where(weights > 0, y, 7.0)
    require_close(bound(z, filled), bound(z, elsewhere), "weights", "an entry of weight 0 counts")
    require_close(
        bound.residual(z, filled), bound.residual(z, elsewhere), "weights", "the residual counts it"
    )
    index = torch.tensor([2, 0])
    some = bound.select(index)(z[index], filled[index])
    require_close(some, bound(z, filled)[index], "select", "rows lose their weights")


def check_huge_neighbour(case: Case) -> None:
    """A measurement's cost is the same beside an astronomically large one."""
    huge = case.z.clone()
    huge[1] = 1e200
    beside, cost = case.bound(huge, case.y), case.bound(case.z, case.y)
    require_close(beside[::2], cost[::2], "huge neighbour", "a row is spoilt by a neighbour of 1e200")


def check_missing(case: Case) -> None:
    """NaN in a measurement is refused, unless it stands for what was not measured."""
    try:
        case.noise.prepared(case.y.where(case.y != case.y[0, 0, 0, 0], torch.nan))
    except InputError:
        return
    require(case.noise.missing == "nan", "missing", "NaN in a measurement is accepted without missing=nan")


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_entries,
    check_cost,
    check_neighbours,
    check_slope,
    check_minimum,
    check_weights,
    check_huge_neighbour,
    check_missing,
)
"""In this order: a cost of the wrong shape fails where that is the question."""
