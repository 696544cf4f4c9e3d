"""A `Winner` describes the candidate of its number, and computes each property once."""

from __future__ import annotations

import pytest
import torch

from invkit_evidence import winner
from invkit_evidence.newton import hessian
from invkit_evidence.posterior import Parameters
from invkit_evidence.search import Finalists
from invkit_evidence.winner import Winner
from tests.plugins.evidence.problems import SIZE, candidates, normal, parabola


def among() -> tuple[Winner, Finalists]:
    """The second of three candidates of the second of two measurements, the one at its target."""
    targets = normal(2, SIZE, seed=1)
    objective = parabola(targets)
    h = torch.stack([targets[0], targets[1] + 2, targets[1], targets[1] - 1])
    row = torch.tensor([0, 1, 1, 1])
    value = objective.select(row)(candidates(h))
    found = Finalists(objective, candidates(h), row, torch.arange(4), torch.zeros(4, dtype=torch.long), value)
    only = objective.select(torch.tensor([1]))
    return Winner(found, 1, torch.tensor([2]), torch.zeros(1, 1), only, only, only, seed=3), found


def test_it_is_the_candidate_of_its_number() -> None:
    best, found = among()
    assert torch.equal(best.candidate.h, found.candidates.h[2:3])
    torch.testing.assert_close(best.hessian, hessian(best.coarse, best.candidate))
    assert best.freed[1] < 1e-9  # it is where it wants to be


@pytest.mark.parametrize("less", [True, False])
def test_only_a_leap_to_less_is_taken(less: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    best, found = among()
    asked = []

    def leap(
        coarse: object, fine: object, candidate: Parameters, w: object, rng: torch.Generator
    ) -> Finalists:
        asked.append(rng.initial_seed())
        value = found.value[best.number] - (1.0 if less else 0.0)
        zeros = torch.zeros(1, dtype=torch.long)
        return Finalists(best.fine, candidates(normal(1, SIZE, seed=9)), zeros, zeros, zeros, value)

    monkeypatch.setattr(winner, "leap", leap)
    for number in (0, 1, 0, 1):
        taken = best.better(number)
        assert (taken is not None) == less
    assert asked == [3, 4]  # each once
    if taken is not None:
        changed = found.replaced(best.number, *taken)
        assert torch.equal(changed.candidates.h[2], normal(1, SIZE, seed=9))
        assert changed.value[2] == found.value[2] - 1 and torch.equal(
            changed.value[[0, 1, 3]], found.value[[0, 1, 3]]
        )
        assert torch.equal(changed.candidates.h[[0, 1, 3]], found.candidates.h[[0, 1, 3]])
