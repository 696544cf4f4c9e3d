"""Non-negative signals as squares."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import ShapeError
from invkit.testing import check_generator
from invkit_classical.squares import Squares

seeds = st.integers(0, 1000)


@pytest.mark.parametrize("shape", [(1, 5), (2, 3, 4), (1, 3, 4, 5)])
def test_it_keeps_the_contract(shape: tuple[int, ...]) -> None:
    check_generator(Squares(), signal_shape=shape)


@given(seed=seeds)
def test_signals_are_non_negative_and_the_penalty_is_their_sum(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    latent = torch.randn(3, 2, 4, 5, generator=rng, dtype=torch.float64)
    signal = Squares((2, 4, 5))(latent)
    assert (signal >= 0).all()
    torch.testing.assert_close(Squares((2, 4, 5)).penalty(latent, signal), signal.flatten(1).sum(1))


@given(seed=seeds)
def test_encoding_is_exact_up_to_the_floor_and_never_dead(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    signal = torch.randn(3, 1, 4, 5, generator=rng, dtype=torch.float64)
    prior = Squares((1, 4, 5))
    latent = prior.encode(signal)
    assert (latent > 0).all()
    assert ((prior(latent) - signal.clamp_min(0)).abs() <= 1.0001e-6 * signal.max()).all()


@pytest.mark.parametrize("shape", [(3,), (1, 0, 4)])
def test_bad_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="channels"):
        Squares(shape)
