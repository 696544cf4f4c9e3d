"""Operators told apart by what they do."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_photographs.frame import Frame, frame_of

CASES = {
    "circconv": Frame(True, (0, 0)),
    "linconv?mode=same": Frame(False, (0, 0)),
    "linconv?mode=same&boundary=reflect": Frame(False, (0, 0)),
    "linconv?mode=valid": Frame(False, (2, 1)),
    "linconv?mode=full": Frame(False, (-3, -2)),
}


@pytest.mark.parametrize("spec", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_convolutions(spec: str, dtype: torch.dtype) -> None:
    # A kernel of 6 × 4 pixels has its origin at (3, 2): two and one pixels are above and left of it.
    like = torch.zeros(1, dtype=dtype)
    assert frame_of(invkit.operator(spec), (1, 6, 4), (3, 12, 15), like) == CASES[spec]


def test_kernels_of_few_pixels_and_of_all_channels() -> None:
    like = torch.zeros(1)
    for w_shape in ((1, 1, 1), (2, 2, 3), (1, 12, 12)):
        assert frame_of(invkit.operator("circconv"), w_shape, (2, 12, 12), like) == Frame(True, (0, 0))


class Correlation(invkit.BilinearOperator):
    """``y[p] = Σ_q w[q] x[p + q − o]``: the kernel the other way around."""

    def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        turned = w.flip(2, 3)
        return invkit.operator("circconv")(turned, x)

    def output_shape(self, w_shape: tuple[int, ...], x_shape: tuple[int, ...]) -> tuple[int, ...]:
        return x_shape


@pytest.mark.parametrize("operator", [invkit.operator("pointwise"), Correlation(), invkit.operator("matmul")])
def test_what_is_no_convolution(operator: invkit.BilinearOperator) -> None:
    with pytest.raises(InputError, match=r"kernel of a convolution.*circconv"):
        frame_of(operator, (1, 9, 9), (1, 9, 9), torch.zeros(1))
    with pytest.raises(InputError, match="is none of images"):
        frame_of(invkit.operator("circconv?dims=1"), (1, 5), (1, 9), torch.zeros(1))
