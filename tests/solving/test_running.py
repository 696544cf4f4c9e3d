"""A whole solve from one step: restarts, halving, chunks, Ctrl-C, candidates that are lost."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit import InputError, Solution, Status
from invkit.contracts.given import Given
from invkit.solving import run
from invkit.solving.running import halving
from tests.solving.problems import SHAPES, Stop, descend, planes


def solve(y: Tensor | None = None, **options: object) -> Solution:
    problem, own = planes()
    how = {"steps": 12, "restarts": 4, **options}
    return run(descend, problem, own if y is None else y, torch.Generator().manual_seed(0), **how)


def alike(one: Solution, other: Solution) -> None:
    for name in ("w", "x", "residual", "history"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), equal_nan=True)
    assert one.status == other.status and one.restarts.winner == other.restarts.winner
    assert one.restarts.status == other.restarts.status


@given(
    keep=st.lists(st.integers(1, 40), max_size=4), restarts=st.integers(1, 30), steps=st.integers(1, 500)
)
def test_every_stage_of_the_halving_costs_the_same(keep: list[int], restarts: int, steps: int) -> None:
    stages = halving(keep, restarts, steps)
    assert sum(length for _, length in stages) == steps
    assert [count for count, _ in stages] == ([min(each, restarts) for each in keep] or [restarts])
    share = steps / sum(1 / count for count, _ in stages)
    assert all(abs(length * count - share) <= count for count, length in stages)


def test_it_descends_and_the_best_restart_wins() -> None:
    problem, y = planes()
    solution, once = solve(steps=100), solve(steps=1)
    assert (solution.residual < 0.5 * once.residual).all()
    assert solution.status == (Status.MAX_ITER,) * 3 and solution.history.shape == (3, 4, 100)
    table = solution.restarts.residual
    assert solution.restarts.winner == tuple(table.argmin(1).tolist())
    torch.testing.assert_close(solution.residual, table.min(1).values)
    w, x = (prior(each) for prior, each in zip(problem.priors, solution.latents, strict=True))
    torch.testing.assert_close((solution.w, solution.x), (w, x))
    torch.testing.assert_close(solution.residual, problem.residual(w, x, y))


@pytest.mark.parametrize("keep", [(), (3, 1)])
@pytest.mark.parametrize("chunk", [1, 8])
def test_chunks_change_nothing(chunk: int, keep: tuple[int, ...]) -> None:
    alike(solve(keep=keep, chunk=chunk), solve(keep=keep))


def test_neighbours_change_nothing_and_equal_measurements_end_equal() -> None:
    _, y = planes()
    whole = solve()
    for row in range(3):
        alone = solve(y[row : row + 1])
        torch.testing.assert_close(alone.x[0], whole.x[row])
    equal = solve(y[1:2].expand_as(y))
    torch.testing.assert_close(equal.x, whole.x[1:2].expand_as(equal.x))


def test_halving_follows_the_best() -> None:
    solution = solve(keep=(2, 1))
    assert [row.count(Status.DROPPED) for row in solution.restarts.status] == [3, 3, 3]
    for row, winner in zip(solution.restarts.status, solution.restarts.winner, strict=True):
        assert row[winner] is Status.MAX_ITER
    assert (~solution.history[:, :, -1].isnan()).sum(1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("step", range(1, 13))
def test_ctrl_c_at_any_step_gives_a_sound_solution(step: int) -> None:
    problem, y = planes()
    cut = solve(monitors=[Stop(step)], keep=(3, 1))
    assert cut.status == (Status.INTERRUPTED,) * 3
    torch.testing.assert_close(cut.residual, problem.residual(cut.w, cut.x, y))
    assert torch.isfinite(cut.x).all()
    late = solve(monitors=[Stop(12 + step)], chunk=1)  # in the second of three chunks
    assert late.status == (Status.MAX_ITER, Status.INTERRUPTED, Status.INTERRUPTED)
    torch.testing.assert_close(late.x[0], solve().x[0])
    torch.testing.assert_close(late.residual, problem.residual(late.w, late.x, y))


@pytest.mark.parametrize("huge", [1e160, 1e200])
def test_a_measurement_that_overflows_is_lost_alone(huge: float) -> None:
    _, y = planes()
    solution, whole = solve(torch.cat([y[:1], huge * y[1:2], y[2:]])), solve()
    assert solution.status == (Status.MAX_ITER, Status.DIVERGED, Status.MAX_ITER)
    torch.testing.assert_close(solution.x[::2], whole.x[::2])
    assert torch.isfinite(solution.x).all() and solution.restarts.residual[1].isnan().all()


def test_a_start_is_the_only_one_and_is_gone_on_from() -> None:
    first = solve(steps=50)
    second = solve(steps=50, start=first)
    assert second.restarts.residual.shape == (3, 1) and (second.residual < first.residual).all()
    still = run(lambda c, number: None, *planes(), torch.Generator(), steps=1, start=first)
    torch.testing.assert_close(still.x, first.x)
    problem, y = planes()
    elsewhere = attrs.evolve(first, latents=(None, None))
    torch.testing.assert_close(solve(start=elsewhere).x, solve(start=first).x)
    with pytest.raises(InputError, match="has no w"):
        run(descend, problem, y, torch.Generator(), steps=1, start=attrs.evolve(elsewhere, w=None))


def test_nothing_to_draw_is_one_restart() -> None:
    problem, y = planes()
    known = tuple(Given(torch.ones(shape, dtype=torch.float64)) for shape in SHAPES[:2])
    solution = run(
        lambda c, number: None, attrs.evolve(problem, priors=known), y, torch.Generator(), steps=3, restarts=9
    )
    assert solution.restarts.residual.shape == (3, 1)


def test_the_beginning_the_weights_and_the_last_word() -> None:
    begun, factors = [], []

    def step(c, number):
        factors.append(c.factor)
        descend(c, number)

    def finish(problem, y, w, x):
        moved = x + 1
        return moved.index_fill(0, torch.tensor([0]), torch.nan) if len(x) == 3 else moved

    problem, y = planes()
    rng = torch.Generator().manual_seed(0)
    solution = run(
        step, problem, y, rng, steps=3, restarts=2,
        begin=lambda c: begun.append(len(c.number)), factor=lambda number: 4.0 - number, finish=finish,
    )  # fmt: skip
    assert begun == [6] and factors == [4.0, 3.0, 2.0]
    made = problem.priors[1](solution.latents[1])
    torch.testing.assert_close(solution.x[1:], made[1:] + 1)
    torch.testing.assert_close(solution.x[0], made[0])  # what is not finite is not taken
    torch.testing.assert_close(solution.residual, problem.residual(solution.w, solution.x, y))
    at_the_end = problem.measured(y)(*solution.latents).total
    winners = torch.tensor(solution.restarts.winner)[:, None]
    torch.testing.assert_close(solution.restarts.objective.gather(1, winners)[:, 0], at_the_end)
