"""check_linear: an operator that is wrong in any single way does not pass it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.linear import Shape
from invkit.testing import check_linear


class Double(invkit.LinearOperator):
    """``x ↦ 2x``, with complex multiples: keeps every promise. Below, each class breaks one."""

    input_shape = output_shape = (1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x

    def adjoint(self, r: Tensor) -> Tensor:
        return 2 * r


class WrongAdjoint(Double):
    def adjoint(self, r: Tensor) -> Tensor:
        return 3 * r


class WrongConjugate(Double):
    def forward(self, x: Tensor) -> Tensor:
        return 2j * x

    def adjoint(self, r: Tensor) -> Tensor:
        return 2j * r


class Affine(Double):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x + 1


class WritesIntoItsInput(Double):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)


class MixesTheBatch(Double):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x.flip(0)

    def adjoint(self, r: Tensor) -> Tensor:
        return 2 * r.flip(0)


class WrongShape(Double):
    output_shape = (1, 4)


class LosesPrecision(Double):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x.to(torch.complex128 if x.is_complex() else torch.float64)


class DoesNotLeadBack(Double):
    def input_for(self, output_shape: Shape) -> Shape:
        return (2, 3)


def test_a_right_one_passes() -> None:
    check_linear(Double())


def test_what_is_made_of_right_ones_passes() -> None:
    tied, free = Double(), invkit.linear("gradient")
    for made in (2 * tied, 2j * tied, 2 * free, -(2 * free), 2 * free + free):
        check_linear(made)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (WrongAdjoint, "adjoint"),
        (WrongConjugate, "adjoint"),
        (Affine, "linearity"),
        (WritesIntoItsInput, "inputs untouched"),
        (MixesTheBatch, "batch"),
        (WrongShape, "output_shape"),
        (LosesPrecision, "dtype"),
        (DoesNotLeadBack, "input_for"),
    ],
)
def test_a_wrong_one_does_not(wrong: type[invkit.LinearOperator], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_linear(wrong())
