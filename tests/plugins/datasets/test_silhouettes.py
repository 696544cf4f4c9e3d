"""Shapes: masks between 0 and 1, of one size at any resolution, moved and turned as told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invkit_datasets.silhouettes import Shape, clouds, grain, plane, silhouette

seeds = st.integers(0, 2**32 - 1)


def shape(seed: int, size: float = 0.5) -> Shape:
    return silhouette(np.random.default_rng(seed), size, (0.0, 0.0), aspect=1.3)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_a_mask_is_inside_or_outside_but_at_the_rim(seed: int) -> None:
    mask = shape(seed).mask(plane(96))
    assert mask.shape == (96, 96) and mask.min() >= 0 and mask.max() <= 1
    assert 0.003 < mask.mean() < 0.95
    assert ((mask > 0) & (mask < 1)).mean() < 0.25


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_its_area_is_the_same_on_a_finer_grid(seed: int) -> None:
    coarse, fine = (shape(seed).mask(plane(side)).mean() for side in (96, 192))
    assert coarse == pytest.approx(fine, rel=0.06, abs=0.003)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_it_moves(seed: int) -> None:
    still = shape(seed, 0.3)
    moved = still.moved(8 * 2 / 64, -4 * 2 / 64).mask(plane(64))
    np.testing.assert_allclose(moved[:52, 12:], still.mask(plane(64))[4:56, 4:56], atol=1e-6)


def test_a_disc_has_its_area_and_a_half_turn_is_a_rotation() -> None:
    disc = Shape(lambda p: np.hypot(p.x, p.y) - 0.5, 0.0, 0.0)
    assert disc.mask(plane(64)).mean() == pytest.approx(np.pi * 0.25 / 4, rel=0.01)
    assert disc.mask(plane(64).scaled(2.0)).mean() == pytest.approx(np.pi * 0.25 / 16, rel=0.02)
    other = shape(5)
    turned = other.mask(plane(64).turned(np.pi))
    np.testing.assert_allclose(turned, other.mask(plane(64))[::-1, ::-1], atol=1e-6)


def test_the_same_seed_gives_the_same_shape_and_kinds_differ() -> None:
    masks = [shape(seed).mask(plane(48)) for seed in range(12)]
    assert np.array_equal(masks[3], shape(3).mask(plane(48)))
    assert all(not np.array_equal(masks[0], mask) for mask in masks[1:])


def test_clouds_are_smoother_than_grain() -> None:
    rng = np.random.default_rng(0)
    rough = [np.abs(np.diff(make(rng, 64))).mean() for make in (clouds, grain) for _ in range(8)]
    assert max(rough[:8]) < min(rough[8:])
    assert grain(rng, 64).std() == pytest.approx(1)
