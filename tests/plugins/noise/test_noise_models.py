"""Every registered noise model keeps the contract and costs what it should."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import InputError
from invkit.plugin.loading import default_manager
from invkit.testing import check_noise
from invkit_noise.poisson import Poisson
from invkit_noise.robust import Robust
from tests.strategies import seeds

SPECS = [
    "gaussian",
    "gaussian?sigma=0.1",
    "gaussian?missing=nan",
    "poisson",
    "poisson?floor=0.1",
    "poisson?missing=nan",
    "robust",
    "robust?delta=0.3",
    "robust?missing=nan",
    "robust?delta=0.3,power=0.5",
]


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return tuple(0.1 + 0.9 * torch.rand(2, 1, 3, 4, generator=rng, dtype=torch.float64) for _ in range(2))  # type: ignore[return-value]


def test_every_registered_model_is_checked() -> None:
    registered = {entry.name for entry in default_manager().registry.entries("noise")}
    assert registered == {spec.partition("?")[0] for spec in SPECS}
    assert default_manager().registry.default("noise").name == "gaussian"


@pytest.mark.parametrize("spec", SPECS)
def test_it_keeps_the_contract(spec: str) -> None:
    check_noise(invkit.noise(spec))


@pytest.mark.parametrize("spec", SPECS)
@given(seed=seeds)
def test_near_the_measurement_all_cost_alike(spec: str, seed: int) -> None:
    """The squared residual where all entries are equal: so the weights of penalties mean the same."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.full((1, 1, 3, 4), 0.5, dtype=torch.float64)
    apart = 1e-4 * torch.randn(y.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(
        invkit.noise(spec)(y + apart, y), apart.square().sum((1, 2, 3)), rtol=1e-3, atol=0
    )


# Poisson


def csiszar(y: Tensor, z: Tensor) -> Tensor:
    """Σ y log(y / z) − y + z, entry by entry in Python's own numbers."""
    pairs = zip(y.flatten().tolist(), z.flatten().tolist(), strict=True)
    return torch.tensor(sum(b - a + (a * math.log(a / b) if a else 0.0) for a, b in pairs)).double()


@given(seed=seeds, scale=st.sampled_from([1.0, 1e-3, 255.0]))
def test_poisson_costs_twice_the_mean_times_csiszars_divergence(seed: int, scale: float) -> None:
    z, y = (scale * each for each in drawn(seed))
    y[0, 0, 0, 0] = 0.0  # no count at all
    expected = torch.stack([2 * y[i].mean() * csiszar(y[i], z[i]) for i in range(2)])
    torch.testing.assert_close(Poisson()(z, y), expected)
    slope = 2 * y.mean((1, 2, 3), keepdim=True) * (1 - y / z)
    torch.testing.assert_close(Poisson().slope(z, y), slope)
    # in other units everything goes with the square, so that the choice of the unit does not matter
    torch.testing.assert_close(Poisson()(7 * z, 7 * y), 49 * Poisson()(z, y))


@given(seed=seeds)
def test_poisson_below_its_floor_goes_on_as_the_tangent(seed: int) -> None:
    _, y = drawn(seed)
    floor = 0.1 * y.mean((1, 2, 3), keepdim=True)
    at, noise = floor.expand(y.shape), Poisson(floor=0.1)
    above = noise.slope(at + 1e-9, y)
    below = noise.slope(torch.full_like(y, -5.0), y)
    torch.testing.assert_close(above, below, rtol=1e-6, atol=1e-6)
    straight = noise(at, y) + (below * (-5.0 - at)).sum((1, 2, 3))
    torch.testing.assert_close(noise(torch.full_like(y, -5.0), y), straight)


def test_poisson_takes_the_mean_of_what_was_measured() -> None:
    z, y = drawn(0)
    mask = torch.ones(y.shape, dtype=torch.bool)
    mask[0, 0, 0] = False
    noise, filled = Poisson(weights=mask).prepared(y)
    part = y[0, 0, 1:]
    torch.testing.assert_close(noise(z, filled)[0], 2 * part.mean() * csiszar(part, z[0, 0, 1:]))


def test_poisson_of_a_black_measurement_is_finite() -> None:
    y = torch.zeros(1, 1, 3, 3)
    for z in (torch.zeros_like(y), torch.ones_like(y), -torch.ones_like(y)):
        assert torch.isfinite(Poisson()(z, y)).all() and torch.isfinite(Poisson().slope(z, y)).all()


def test_poisson_knows_no_negative_count_but_where_nothing_was_measured() -> None:
    y = torch.full((1, 1, 2, 2), 0.5)
    y[0, 0, 0, 0] = -0.01
    with pytest.raises(InputError, match=r"negative values.*y\.clip\(min=0\)"):
        Poisson().prepared(y)
    assert Poisson(weights=y > 0).prepared(y)[1].min() == 0


# Huber


@pytest.mark.parametrize(
    ("apart", "cost", "slope"),
    [(0.0, 0.0, 0.0), (0.1, 0.01, 0.2), (-0.2, 0.04, -0.4), (0.5, 0.16, 0.4), (-2.0, 0.76, -0.4)],
)
def test_huber_is_a_parabola_that_goes_on_straight(apart: float, cost: float, slope: float) -> None:
    y = torch.full((1, 1), 0.3, dtype=torch.float64)
    noise = Robust(delta=0.2)
    assert noise(y + apart, y).item() == pytest.approx(cost, abs=1e-12)
    assert noise.slope(y + apart, y).item() == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize(
    ("apart", "cost", "slope"), [(0.1, 0.01, 0.2), (0.2, 0.04, 0.4), (0.8, 0.2, 0.2), (-3.2, 0.52, -0.1)]
)
def test_a_power_below_one_pulls_less_the_further_off(apart: float, cost: float, slope: float) -> None:
    y = torch.full((1, 1), 0.3, dtype=torch.float64)
    noise = Robust(delta=0.2, power=0.5)
    assert noise(y + apart, y).item() == pytest.approx(cost, abs=1e-12)
    assert noise.slope(y + apart, y).item() == pytest.approx(slope, abs=1e-12)


# Bad input


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_parameters_are_positive_numbers(value: float) -> None:
    with pytest.raises(InputError, match=r"delta=.* is no positive number"):
        Robust(delta=value)
    with pytest.raises(InputError, match=r"power=.* is not in \(0, 1\]"):
        Robust(power=value)
    with pytest.raises(InputError, match=r"floor=.* is no positive number"):
        Poisson(floor=value)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Poisson(weights=[-1.0]), "weights has negative"),
        (lambda: Robust(weights=[-1.0]), "weights has negative"),
        (lambda: invkit.noise("robust?delta=0"), "robust.delta=0.03"),
        (lambda: invkit.noise("poisson?floor=0"), "floor=1e-3"),
    ],
)
def test_what_makes_no_sense_is_refused(build: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        build()
