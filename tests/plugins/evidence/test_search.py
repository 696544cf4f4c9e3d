"""The plan of a search, and the search itself on parabolas whose minima are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_evidence.niches import distinct
from invkit_evidence.posterior import Posterior
from invkit_evidence.search import Finalists, Schedule, Search
from tests.plugins.evidence.problems import SIZE, candidates, normal, parabola


@given(steps=st.integers(0, 300), anneal=st.floats(0, 1e4), rate=st.floats(1e-3, 1))
def test_the_annealing_falls_to_one_and_steps_to_nothing(steps: int, anneal: float, rate: float) -> None:
    plan = Schedule((4, 2), steps, rate, (anneal, 0.0))
    taken, plain = zip(*(plan.tempering(done) for done in range(steps + 1)), strict=True)
    assert set(plain) == {1}
    taken = list(taken)
    assert taken[0] == pytest.approx(1 + anneal if steps else 1)
    assert taken == sorted(taken, reverse=True) and taken[-1] == 1
    if steps:
        lengths = [plan.length(done) for done in range(steps + 1)]
        assert lengths[0] == pytest.approx(rate) and lengths[-1] == pytest.approx(0, abs=1e-12)
        assert lengths == sorted(lengths, reverse=True)


@given(steps=st.integers(0, 200), keep=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_stages_come_in_turn_and_share_the_steps(steps: int, keep: list[int]) -> None:
    stages = [Schedule(keep, steps, 0.1, (0,)).stage(done) for done in range(steps)]
    assert stages == sorted(stages) and set(stages) <= set(range(len(keep)))
    shares = [stages.count(stage) for stage in range(len(keep))]
    assert max(shares) - min(shares) <= 1


def test_a_step_is_adams() -> None:
    """Against ``torch.optim.Adam`` with the same lengths, candidate by candidate."""
    targets, start = normal(2, SIZE, seed=1), normal(6, SIZE, seed=2)
    plan = Schedule((3,), 25, 0.2, (0.0,))
    search = Search([parabola(targets)], candidates(start), 3, plan)
    for _ in search.steps():
        pass
    h = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([h], betas=(0.9, 0.99), eps=1e-8)
    scale = torch.arange(1, SIZE + 1, dtype=h.dtype)
    for done in range(plan.steps):
        optimiser.param_groups[0]["lr"] = plan.length(done)
        optimiser.zero_grad()
        (scale * (h - targets.repeat_interleave(3, 0)).square()).sum().backward()
        optimiser.step()
    torch.testing.assert_close(search.candidates.h[:, 0], h.detach(), rtol=1e-9, atol=1e-9)


def test_a_search_ends_at_the_minimum_of_every_measurement() -> None:
    targets = normal(3, SIZE, seed=3)
    search = Search(
        [parabola(targets)], candidates(normal(24, SIZE, seed=4)), 8, Schedule((4, 2), 200, 0.3, (50.0,))
    )
    assert list(search.steps()) == list(range(1, 201))
    found = search.finalists(parabola(targets))
    torch.testing.assert_close(found.candidates.h[found.winners(), 0], targets, rtol=0, atol=1e-3)


def test_the_best_of_every_measurement_are_kept() -> None:
    targets, start = normal(3, SIZE, seed=5), normal(30, SIZE, seed=6)
    search = Search([parabola(targets)], candidates(start), 10, Schedule((4,), 0, 0.1, (0.0,)))
    scale = torch.arange(1, SIZE + 1, dtype=start.dtype)
    values = (scale * (start.reshape(3, 10, SIZE) - targets[:, None]).square()).sum(2)
    found = search.finalists(parabola(targets))
    signals = start.reshape(3, 10, 1, SIZE)
    expected = [distinct(w, value, 4).tolist() for w, value in zip(signals, values, strict=True)]
    assert [sorted(row) for row in expected] == found.start.reshape(3, 4).tolist()
    torch.testing.assert_close(found.value, values[found.row, found.start])
    assert torch.equal(found.start[found.winners()], values.argmin(1))


def test_of_candidates_that_are_alike_one_is_kept_while_others_differ() -> None:
    target = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    start = torch.cat([target, 1.01 * target, 1.02 * target, -target, 0.99 * target])
    plan = Schedule((2,), 0, 0.1, (0.0,))
    found = Search([parabola(target)], candidates(start), 5, plan).finalists(parabola(target))
    assert found.start.tolist() == [0, 3]


def test_every_stage_follows_fewer() -> None:
    search = Search(
        [parabola(normal(2, SIZE, seed=1))],
        candidates(normal(12, SIZE, seed=2)),
        6,
        Schedule((9, 3, 1), 6, 0.1, (0.0,)),
    )
    assert [len(search.candidates.h) for _ in search.steps()] == [12, 12, 6, 6, 2, 2]
    assert search.value.shape == search.kept.shape == (2, 1)


def test_every_stage_has_its_own_objective_the_last_the_last() -> None:
    """Of fewer objectives than stages, the first is that of all before; of more, the first are left out."""
    targets, start = normal(1, SIZE, seed=17), normal(4, SIZE, seed=18)
    coarse, middle, fine = (parabola(targets + far) for far in (9.0, 3.0, 0.0))

    def used(*objectives: Posterior, stages: int) -> list[int]:
        """Which of the three gave the values, at first and after every step."""
        search = Search(objectives, candidates(start), 4, Schedule((4,) * stages, stages, 1e-9, (0.0,)))
        values = [search.value[0], *(search.value[0].clone() for _ in search.steps())]
        measured = [(each(candidates(start)) - value).abs().max() for value in values for each in known]
        return [min(range(3), key=lambda at: measured[3 * row + at]) for row in range(stages + 1)]

    known = (coarse, middle, fine)
    assert used(coarse, middle, fine, stages=3) == [0, 0, 1, 2]
    assert used(coarse, fine, stages=4) == [0, 0, 0, 0, 2]
    assert used(coarse, middle, fine, stages=1) == [2, 2]
    assert used(coarse, middle, fine, stages=2) == [1, 1, 2]


def test_schedules_do_not_compete() -> None:
    """As many of each are followed, to the end."""
    targets = normal(2, SIZE, seed=11)
    start = targets.repeat_interleave(12, 0) + 5
    start[1::2] = targets.repeat_interleave(6, 0) + 0.1  # the second schedule's begin where they should end
    search = Search([parabola(targets)], candidates(start), 12, Schedule((7, 4, 2), 30, 1e-6, (9.0, 2.0)))
    shares = []
    for _ in search.steps():
        shares.append((search.kept % 2).sum(1).tolist())
    assert shares == [[3, 3]] * 10 + [[2, 2]] * 10 + [[1, 1]] * 10
    found = search.finalists(parabola(targets))
    assert found.schedule.tolist() == [0, 1, 0, 1] and found.row.tolist() == [0, 0, 1, 1]
    assert found.winners().tolist() == [1, 3]
    assert [found.independent(row).tolist() for row in (0, 1)] == [[1, 0], [3, 2]]


def test_the_best_of_each_schedule_and_of_further_searches_are_independent() -> None:
    targets = normal(2, SIZE, seed=14)

    def search(start: torch.Tensor, wanted: torch.Tensor) -> Finalists:
        return Search([parabola(wanted)], candidates(start), 6, Schedule((4,), 0, 0.1, (0.0, 0.0))).finalists(
            parabola(wanted)
        )

    found = search(normal(12, SIZE, seed=15), targets)
    further = search(normal(6, SIZE, seed=16), targets[1:])
    both = found.joined(further, [1], starts=6, schedules=2)
    assert both.row.tolist() == [0] * 4 + [1] * 8
    assert both.start[8:].tolist() == (further.start + 6).tolist()
    assert both.independent(0).tolist() == found.independent(0).tolist()
    chosen = both.independent(1)
    assert sorted(both.schedule[chosen].tolist()) == [0, 1, 2, 3]
    values = both.value[chosen]
    assert torch.equal(values, values.sort().values) and chosen[0] == both.winners()[1]
    for each, value in zip(both.schedule[chosen].tolist(), values.tolist(), strict=True):
        assert value == both.value[(both.row == 1) & (both.schedule == each)].min()


def test_of_few_starts_every_schedule_has_what_there_is() -> None:
    targets = normal(1, SIZE, seed=12)
    for starts, keep, expected in ((1, 3, 1), (3, 2, 2), (3, 1, 2)):
        plan = Schedule((keep,), 4, 0.1, (5.0, 1.0))
        search = Search([parabola(targets)], candidates(normal(starts, SIZE, seed=13)), starts, plan)
        assert list(search.steps()) == [1, 2, 3, 4] and search.kept.shape == (1, expected)


def test_candidates_do_not_see_each_other() -> None:
    targets, start = normal(2, SIZE, seed=7), normal(8, SIZE, seed=8)
    plan = Schedule((3, 2), 12, 0.2, (20.0, 2.0))
    both = Search([parabola(targets)], candidates(start), 4, plan)
    alone = Search([parabola(targets[1:])], candidates(start[4:]), 4, plan)
    ended = []
    for search in (both, alone):
        for _ in search.steps():
            pass
        ended.append(search.finalists(parabola(targets[-search.measurements :])))
    assert torch.equal(ended[0].start[2:], ended[1].start)
    torch.testing.assert_close(ended[0].candidates.h[2:], ended[1].candidates.h, rtol=1e-12, atol=1e-12)


def test_what_is_not_a_number_never_wins_and_spoils_nothing() -> None:
    targets, start = normal(2, SIZE, seed=9), normal(12, SIZE, seed=10)
    start[:, 0] = start[:, 0].clamp(max=0.5)
    wild = start.clone()
    wild[[1, 8], 0] = 1e3
    plan = Schedule((6,), 8, 0.05, (0.0,))
    objective = parabola(targets, edge=100.0)
    sane, spoilt = (Search([objective], candidates(h), 6, plan) for h in (start, wild))
    for search in (sane, spoilt):
        for _ in search.steps():
            pass
    found = spoilt.finalists(objective)
    assert found.value[1] == found.value[8] == torch.inf
    assert not {1, 8} & set(found.winners().tolist())
    others = [row for row in range(12) if row not in (1, 8)]
    assert torch.equal(sane.candidates.h[others], found.candidates.h[others])
    fewer = Search([objective], candidates(wild), 6, Schedule((3,), 0, 0.05, (0.0,))).finalists(objective)
    assert torch.isfinite(fewer.value).all()


def test_a_measurement_without_any_number_still_has_a_winner() -> None:
    objective = parabola(normal(2, SIZE, seed=1), edge=-torch.inf)
    search = Search([objective], candidates(normal(8, SIZE, seed=2)), 4, Schedule((2,), 3, 0.1, (1.0,)))
    assert list(search.steps()) == [1, 2, 3]
    found = search.finalists(objective)
    assert torch.isinf(found.value).all()
    assert found.row[found.winners()].tolist() == [0, 1]


def test_the_noise_is_let_go_when_the_annealing_has_ended() -> None:
    """From then on it goes to its own minimum: ``σ² = Σ c (w − t)²`` at a w that is held."""
    targets, start = normal(1, SIZE, seed=1), normal(2, SIZE, seed=2)
    plan = Schedule((2,), 10, 0.1, (100.0,))
    search = Search([parabola(targets)], candidates(start, estimated=True), 2, plan)
    levels = []
    for _ in search.steps():
        levels.append(search.candidates.level.abs().max().item())
    held = [level for done, level in enumerate(levels) if plan.tempering(done) > [1]]
    assert held == [0.0] * len(held) and len(held) == 6
    assert all(level > 0 for level in levels[len(held) :])
