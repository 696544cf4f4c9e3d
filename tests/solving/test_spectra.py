"""Weights of half spectra: Parseval's identity."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.solving import half_weights


@given(size=st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple), seed=st.integers(0, 99))
def test_weighted_squares_of_the_half_are_those_of_the_whole(size: tuple[int, ...], seed: int) -> None:
    x = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    half = torch.fft.rfftn(x).abs().square()
    weights = half_weights(size, x)
    assert weights.shape == half.shape
    torch.testing.assert_close((weights * half).sum(), torch.fft.fftn(x).abs().square().sum())
    assert int(weights.sum()) == prod(size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128])
def test_they_are_real_and_as_precise_as_what_they_weigh(dtype: torch.dtype) -> None:
    like = torch.zeros(3, dtype=dtype)
    assert half_weights((4, 5), like).dtype == like.real.dtype
