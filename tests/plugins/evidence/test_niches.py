"""Candidates are chosen so that their kernels differ, and each is the best of those like it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_evidence.niches import alike, distinct


@given(n=st.integers(1, 24), share=st.floats(0, 1), seed=st.integers(0, 10_000))
def test_the_best_of_kernels_that_differ_are_chosen(n: int, share: float, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w, value = torch.rand(n, 1, 5, 5, generator=rng).square(), torch.randn(n, generator=rng)
    w[n - n // 2 :] = w[: n // 2].clone()  # every kernel about twice
    count = 1 + int(share * (n - 1))

    chosen = distinct(w, value, count)

    assert len(set(chosen.tolist())) == len(chosen) == count
    assert chosen[0] == value.argmin()
    assert bool((value[chosen].diff() >= 0).all())
    same = alike(w)
    for number in set(range(n)) - set(chosen.tolist()):
        better = [each for each in chosen.tolist() if value[each] <= value[number]]
        worse = [each for each in chosen.tolist() if value[each] > value[number]]
        # left out: it is like a better one that was chosen, or there are enough better ones
        assert same[number, better].any() or not worse


def test_where_too_few_differ_the_best_of_the_others_follow() -> None:
    w = torch.zeros(5, 1, 9)
    w[:4, 0, 4], w[4, 0, 0] = 1, 1
    value = torch.tensor([3.0, 1.0, 4.0, 2.0, 9.0])

    assert distinct(w, value, 2).tolist() == [1, 4]
    assert distinct(w, value, 3).tolist() == [1, 3, 4]


def test_what_is_no_number_comes_last() -> None:
    w = torch.eye(3)[:, None]
    w = torch.nn.functional.interpolate(w, scale_factor=8)
    assert distinct(w, torch.tensor([math.inf, 2.0, 1.0]), 2).tolist() == [2, 1]


def test_a_curve_moved_by_half_a_pixel_is_the_same_kernel_and_one_turned_is_not() -> None:
    w = torch.zeros(3, 1, 28, 28)
    w[0, 0, 14, 6:22] = 1
    w[1, 0, 14:16, 6:22] = 0.5
    w[2, 0, 6:22, 14] = 1
    assert alike(w).tolist() == [[True, True, False], [True, True, False], [False, False, True]]


@pytest.mark.parametrize("shape", [(4, 1), (4, 2, 7), (4, 1, 3, 4, 5)])
def test_signals_of_any_number_of_axes(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert alike(torch.cat([w, 3 * w]))[:4, 4:].diagonal().all()


def test_kernels_of_nothing_are_like_themselves_alone() -> None:
    assert alike(torch.zeros(2, 1, 4)).tolist() == [[True, False], [False, True]]


def test_of_no_candidates_none_is_chosen() -> None:
    assert distinct(torch.rand(0, 1, 5, 5), torch.rand(0), 0).tolist() == []
