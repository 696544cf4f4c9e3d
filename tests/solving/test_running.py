"""Stages of the halving, starts that all measurements share, and what `run` makes of any step."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.contracts.given import Given
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import Candidates, run
from invkit.solving.running import drawn, halving
from tests.plugins.altgd.problems import W, X, measured, normal, residual, tiny
from tests.strategies import seeds

counts = st.integers(1, 100)


@given(
    steps=st.integers(1, 5000),
    keep=st.lists(counts, max_size=4).map(lambda kept: sorted(kept, reverse=True)),
    restarts=counts,
)
def test_stages(steps: int, keep: list[int], restarts: int) -> None:
    candidates, lengths = zip(*(stages := halving(keep, restarts, steps)), strict=True)
    assert sum(lengths) == steps and min(lengths) >= 0
    assert list(candidates) == ([min(count, restarts) for count in keep] or [restarts])
    # Every stage costs the same, up to the rounding of both its ends to whole steps.
    for (count, length), (other, longer) in pairwise(stages):
        assert abs(count * length - other * longer) <= count + other


@pytest.mark.parametrize(
    ("keep", "restarts", "expected"),
    [
        ((), 7, [(7, 90)]),
        ((2, 1), 4, [(2, 30), (1, 60)]),
        ((12, 4, 1), 1, [(1, 30)] * 3),
        ((50, 2), 4, [(4, 30), (2, 60)]),
    ],
)
def test_stages_in_numbers(keep: tuple[int, ...], restarts: int, expected: list[tuple[int, int]]) -> None:
    assert halving(keep, restarts, 90) == expected


@given(seed=seeds, n=st.integers(1, 4), restarts=st.integers(1, 4))
def test_all_measurements_have_the_same_starts(seed: int, n: int, restarts: int) -> None:
    """However many there are, and in their precision."""
    problem = tiny()
    alone = drawn(problem, normal(1, 1, seed=0), restarts, torch.Generator().manual_seed(seed))
    together = drawn(problem, normal(n, 1, seed=0), restarts, torch.Generator().manual_seed(seed))
    for one, every, size in zip(alone, together, (2, 3), strict=True):
        assert every.shape == (n, restarts, size) and every.dtype == torch.float64
        assert torch.equal(every, one.expand_as(every))
        assert one[0].unique(dim=0).shape[0] == restarts


def test_where_there_is_nothing_to_draw_there_is_one_start() -> None:
    known = Problem(tiny().operator, (Given(normal(*W, seed=0)), Given(normal(*X, seed=1))))
    h, m = drawn(known, normal(2, 1, seed=0), 5, torch.Generator())
    assert h.shape == m.shape == (2, 1, 0)


def plain(c: Candidates, number: int) -> None:
    """Gradient descent."""
    gradient_h, gradient_m = c.gradients()
    c.move(c.h - 0.01 * gradient_h, c.m - 0.01 * gradient_m)


def test_three_lines_are_a_solver() -> None:
    problem = tiny()
    y = measured(problem, 3)
    found = run(plain, problem, y, torch.Generator().manual_seed(5), steps=20, restarts=4)
    h, m = drawn(problem, y, 4, torch.Generator().manual_seed(5))
    every_y = y.repeat_interleave(4, 0)
    h, m = h.flatten(0, 1).clone(), m.flatten(0, 1).clone()
    for _ in range(20):
        h.requires_grad_(), m.requires_grad_()
        gradients = torch.autograd.grad(residual(problem, every_y, h, m).sum(), (h, m))
        h, m = (old.detach() - 0.01 * slope for old, slope in zip((h, m), gradients, strict=True))
    expected = residual(problem, every_y, h, m).reshape(3, 4)
    torch.testing.assert_close(found.restarts.residual, expected)
    assert found.restarts.winner == tuple(expected.argmin(1).tolist())


def test_a_start_is_the_only_one() -> None:
    problem = tiny()
    y = measured(problem, 2)
    first = run(plain, problem, y, torch.Generator().manual_seed(5), steps=20, restarts=4)
    further = run(plain, problem, y, torch.Generator(), steps=1, restarts=4, start=first)
    assert further.restarts.residual.shape == (2, 1)
    torch.testing.assert_close(further.history[:, 0, 0], first.residual)
    assert (further.residual < first.residual).all()


def test_a_start_without_a_w_is_refused() -> None:
    problem = tiny()
    y = measured(problem, 1)
    found = run(plain, problem, y, torch.Generator(), steps=1)
    without = attrs.evolve(found, w=None, latents=(None, found.latents[1]))
    with pytest.raises(InputError, match="no w"):
        run(plain, problem, y, torch.Generator(), steps=1, start=without)


@pytest.mark.parametrize("last", [torch.nan, 7.0])
def test_the_last_word_on_x_counts_where_it_is_finite(last: float) -> None:
    problem = tiny()
    y = measured(problem, 2)

    def finish(problem: Problem, y: Tensor, w: Tensor, x: Tensor) -> Tensor:
        return torch.full_like(x, last)

    options = {"steps": 2, "restarts": 2}
    without = run(plain, problem, y, torch.Generator().manual_seed(0), **options)
    found = run(plain, problem, y, torch.Generator().manual_seed(0), **options, finish=finish)
    expected = without.x if last != last else torch.full_like(without.x, last)
    assert torch.equal(found.x, expected)
    torch.testing.assert_close(found.residual, problem.residual(found.w, found.x, y))
