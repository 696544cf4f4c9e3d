"""The plan of a search, and the search itself on parabolas whose minima are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_evidence.search import Plan, Search
from tests.plugins.evidence.problems import SIZE, candidates, normal, parabola


@given(steps=st.integers(0, 300), anneal=st.floats(0, 1e4), rate=st.floats(1e-3, 1))
def test_the_annealing_falls_to_one_and_steps_to_nothing(steps: int, anneal: float, rate: float) -> None:
    plan = Plan((4, 2), steps, rate, (anneal, 0.0))
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
    stages = [Plan(keep, steps, 0.1, (0,)).stage(done) for done in range(steps)]
    assert stages == sorted(stages) and set(stages) <= set(range(len(keep)))
    shares = [stages.count(stage) for stage in range(len(keep))]
    assert max(shares) - min(shares) <= 1


def test_a_step_is_adams() -> None:
    """Against ``torch.optim.Adam`` with the same lengths, candidate by candidate."""
    targets, start = normal(2, SIZE, seed=1), normal(6, SIZE, seed=2)
    plan = Plan((3,), 25, 0.2, (0.0,))
    search = Search(parabola(targets), candidates(start), 3, plan)
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
        parabola(targets), candidates(normal(24, SIZE, seed=4)), 8, Plan((4, 2), 200, 0.3, (50.0,))
    )
    assert list(search.steps()) == list(range(1, 201))
    search.finish(1, parabola(targets))
    torch.testing.assert_close(search.candidates.h[search.winners(), 0], targets, rtol=0, atol=1e-3)


def test_the_best_of_every_measurement_are_kept() -> None:
    targets, start = normal(3, SIZE, seed=5), normal(30, SIZE, seed=6)
    search = Search(parabola(targets), candidates(start), 10, Plan((4,), 0, 0.1, (0.0,)))
    scale = torch.arange(1, SIZE + 1, dtype=start.dtype)
    values = (scale * (start.reshape(3, 10, SIZE) - targets[:, None]).square()).sum(2)
    search.finish(4, parabola(targets))
    expected = values.topk(4, largest=False).indices
    assert [set(row) for row in search.kept.tolist()] == [set(row) for row in expected.tolist()]
    torch.testing.assert_close(search.value, values.gather(1, search.kept))
    found = search.kept.flatten()[search.winners()]
    assert torch.equal(found, values.argmin(1))


def test_every_stage_follows_fewer() -> None:
    search = Search(
        parabola(normal(2, SIZE, seed=1)),
        candidates(normal(12, SIZE, seed=2)),
        6,
        Plan((9, 3, 1), 6, 0.1, (0.0,)),
    )
    assert [len(search.candidates.h) for _ in search.steps()] == [12, 12, 6, 6, 2, 2]
    assert search.value.shape == search.kept.shape == (2, 1)


def test_schedules_compete_only_once_the_noise_is_what_it_is() -> None:
    """As many of each are followed; the last are the best of all."""
    targets = normal(2, SIZE, seed=11)
    start = targets.repeat_interleave(12, 0) + 5
    start[1::2] = targets.repeat_interleave(6, 0) + 0.1  # the second schedule's begin where they should end
    search = Search(parabola(targets), candidates(start), 12, Plan((7, 4, 2), 30, 1e-6, (9.0, 2.0)))
    shares = []
    for _ in search.steps():
        shares.append((search.kept % 2).sum(1).tolist())
    assert shares == [[3, 3]] * 10 + [[2, 2]] * 10 + [[2, 2]] * 10
    assert search.kept.shape == (2, 2)


def test_of_few_starts_every_schedule_has_what_there_is() -> None:
    targets = normal(1, SIZE, seed=12)
    for starts, keep, expected in ((1, 3, 1), (3, 2, 2), (3, 1, 1)):
        plan = Plan((keep,), 4, 0.1, (5.0, 1.0))
        search = Search(parabola(targets), candidates(normal(starts, SIZE, seed=13)), starts, plan)
        assert list(search.steps()) == [1, 2, 3, 4] and search.kept.shape == (1, expected)


def test_candidates_do_not_see_each_other() -> None:
    targets, start = normal(2, SIZE, seed=7), normal(8, SIZE, seed=8)
    plan = Plan((3, 2), 12, 0.2, (20.0, 2.0))
    both = Search(parabola(targets), candidates(start), 4, plan)
    alone = Search(parabola(targets[1:]), candidates(start[4:]), 4, plan)
    for search in (both, alone):
        for _ in search.steps():
            pass
        search.finish(2, parabola(targets[-search.measurements :]))
    assert torch.equal(both.kept[1:], alone.kept)
    torch.testing.assert_close(both.candidates.h[2:], alone.candidates.h, rtol=1e-12, atol=1e-12)


def test_what_is_not_a_number_never_wins_and_spoils_nothing() -> None:
    targets, start = normal(2, SIZE, seed=9), normal(12, SIZE, seed=10)
    start[:, 0] = start[:, 0].clamp(max=0.5)
    wild = start.clone()
    wild[[1, 8], 0] = 1e3
    plan = Plan((6,), 8, 0.05, (0.0,))
    objective = parabola(targets, edge=100.0)
    sane, spoilt = (Search(objective, candidates(h), 6, plan) for h in (start, wild))
    for search in (sane, spoilt):
        for _ in search.steps():
            pass
        search.finish(6, objective)
    assert spoilt.value[0, 1] == spoilt.value[1, 2] == torch.inf
    assert not {1, 8} & set(spoilt.winners().tolist())
    others = [row for row in range(12) if row not in (1, 8)]
    assert torch.equal(sane.candidates.h[others], spoilt.candidates.h[others])
    spoilt.finish(3, objective)
    assert torch.isfinite(spoilt.value).all()


def test_a_measurement_without_any_number_still_has_a_winner() -> None:
    objective = parabola(normal(2, SIZE, seed=1), edge=-torch.inf)
    search = Search(objective, candidates(normal(8, SIZE, seed=2)), 4, Plan((2,), 3, 0.1, (1.0,)))
    assert list(search.steps()) == [1, 2, 3]
    search.finish(1, objective)
    assert search.winners().tolist() == [0, 1] and torch.isinf(search.value).all()


def test_the_noise_is_let_go_when_the_annealing_has_ended() -> None:
    """From then on it goes to its own minimum: ``σ² = Σ c (w − t)²`` at a w that is held."""
    targets, start = normal(1, SIZE, seed=1), normal(2, SIZE, seed=2)
    plan = Plan((2,), 10, 0.1, (100.0,))
    search = Search(parabola(targets), candidates(start, estimated=True), 2, plan)
    levels = []
    for _ in search.steps():
        levels.append(search.candidates.level.abs().max().item())
    held = [level for done, level in enumerate(levels) if plan.tempering(done) > [1]]
    assert held == [0.0] * len(held) and len(held) == 6
    assert all(level > 0 for level in levels[len(held) :])
