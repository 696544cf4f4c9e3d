"""`check_noise` passes a sound noise model, and fails one wrong in any single property, naming it."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from invkit import Noise
from invkit.contracts.noise import Gaussian
from invkit.testing import check_noise


class Quartic(Noise):
    """A sound one of somebody else's."""

    def entries(self, z: Tensor, y: Tensor) -> Tensor:
        return (y - z) ** 4


class Summed(Gaussian):
    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return super().forward(z, y).sum()


class Single(Gaussian):
    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return super().forward(z, y).float()


class Shifted(Gaussian):
    def entries(self, z: Tensor, y: Tensor) -> Tensor:
        return (y + 0.5 - z).square()


class WrongSlope(Gaussian):
    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        return z - y


class Averaged(Gaussian):
    """Every measurement is compared with the mean of all."""

    def entries(self, z: Tensor, y: Tensor) -> Tensor:
        return (y - z).square() * (1 + (y - z).square().mean())


class Relative(Gaussian):
    """In units of the batch's largest cost, which overflows beside a huge neighbour."""

    def entries(self, z: Tensor, y: Tensor) -> Tensor:
        largest = (y - z).detach().square().max().clamp_min(1)
        return (y - z).square() / largest * largest


class CountsAll(Gaussian):
    """Weights are forgotten."""

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.entries(z, y).flatten(1).sum(1)


class ResidualOfAll(Gaussian):
    def residual(self, z: Tensor, y: Tensor) -> Tensor:
        return (y - z).square().flatten(1).sum(1)


class KeepsRows(Gaussian):
    """Weights stay where they were when rows are selected."""

    def select(self, index: Tensor) -> Noise:
        weights = None if self.weights is None else self.weights[: len(index)]
        return self._with(weights, self.sigma)


class TakesNaN(Gaussian):
    def prepared(self, y: Tensor) -> tuple[Noise, Tensor]:
        return super().prepared(y.nan_to_num())


def test_sound_ones_pass() -> None:
    check_noise(Gaussian())
    check_noise(Quartic())
    check_noise(Quartic(missing="nan"), seed=5)


@pytest.mark.parametrize(
    ("noise", "says"),
    [
        (Summed(), "shape: "),
        (Single(), "dtype: "),
        (Shifted(), "minimum: "),
        (WrongSlope(), "slope: "),
        (Averaged(), "neighbours: "),
        (CountsAll(), "weights: an entry of weight 0"),
        (ResidualOfAll(), "weights: the residual"),
        (KeepsRows(), "select: "),
        (Relative(), "huge neighbour: "),
        (TakesNaN(), "missing: "),
    ],
)
def test_a_wrong_one_fails_and_is_told_why(noise: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_noise(noise)
