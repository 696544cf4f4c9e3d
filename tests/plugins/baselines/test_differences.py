"""Differences, total variation and shrinkage against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_baselines.differences import (
    differences,
    differences_adjoint,
    laplacian_spectrum,
    shrink,
    total_variation,
)
from tests.strategies import seeds

SHAPES = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)
COLOURS = ["joint", "separate"]
every_colour = pytest.mark.parametrize("colour", COLOURS)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, SHAPES)
def test_the_adjoint_is_the_adjoint(seed: int, shape: tuple[int, ...]) -> None:
    x = draw(seed, 2, *shape)
    d = draw(seed + 1, 2, len(shape) - 1, *shape)
    torch.testing.assert_close((differences(x) * d).sum(), (x * differences_adjoint(d)).sum())


@given(seeds, SHAPES)
def test_the_laplacian_is_diagonal_in_the_dft(seed: int, shape: tuple[int, ...]) -> None:
    x = draw(seed, 2, *shape)
    dims = tuple(range(2, x.ndim))
    expected = torch.fft.rfftn(differences_adjoint(differences(x)), dim=dims)
    torch.testing.assert_close(laplacian_spectrum(x) * torch.fft.rfftn(x, dim=dims), expected)


@every_colour
@given(seed=seeds, channels=st.integers(1, 3), height=st.integers(1, 5), width=st.integers(1, 5))
def test_total_variation_is_its_definition(
    colour: str, seed: int, channels: int, height: int, width: int
) -> None:
    """Summed pixel by pixel; a difference over the border is zero."""
    x = draw(seed, 1, channels, height, width)
    down, right = np.zeros((2, channels, height, width))
    down[:, :-1], right[:, :, :-1] = np.diff(x[0], axis=1), np.diff(x[0], axis=2)
    squares = down**2 + right**2
    expected = np.sqrt(squares.sum(0)).sum() if colour == "joint" else np.sqrt(squares).sum()
    np.testing.assert_allclose(total_variation(x, colour), [expected], atol=1e-12)


@every_colour
@given(seed=seeds, threshold=st.floats(0.01, 2))
def test_shrinkage_is_the_proximal_map(colour: str, seed: int, threshold: float) -> None:
    """No vector near the result is better; what wraps around stays."""
    d = draw(seed, 1, 2, 3, 4, 5)

    def value(v: torch.Tensor) -> float:
        counted = v.clone()
        counted[:, 0, :, -1, :], counted[:, 1, :, :, -1] = 0, 0
        norm = counted.square().sum((1, 2) if colour == "joint" else 1).sqrt().sum()
        return float((v - d).square().sum() / 2 + threshold * norm)

    found = shrink(d, threshold, colour)
    least = value(found)
    for step in range(20):
        assert value(found + 0.05 * draw(seed + step, *d.shape)) >= least - 1e-9
        assert value(found * (1 + 0.02 * (step - 10))) >= least - 1e-9


@every_colour
def test_what_wraps_around_is_left_alone(colour: str) -> None:
    d = torch.zeros(1, 2, 1, 3, 4)
    d[:, 0, :, -1, 0], d[:, 1, :, 0, -1], d[:, 0, :, 0, 0] = 5.0, 7.0, 0.3
    found = shrink(d, 1.0, colour)
    assert found[0, 0, 0, -1, 0] == 5 and found[0, 1, 0, 0, -1] == 7
    assert found[0, 0, 0, 0, 0] == 0
