"""Solutions are frozen, and their summary is JSON, whatever the numbers are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from invkit import InputError, Restarts, Samples, Solution, Status


def made(**changes: Any) -> Solution:
    """Two measurements, three restarts: one diverged, one went to infinity."""
    nan, inf = float("nan"), float("inf")
    solution = Solution(
        x=torch.zeros(2, 1, 4, 4),
        w=torch.zeros(2, 1, 2, 2),
        latents=(torch.zeros(2, 3), torch.zeros(2, 5)),
        residual=torch.tensor([0.5, nan]),
        status=(Status.MAX_ITER, Status.DIVERGED),
        restarts=Restarts(
            objective=torch.tensor([[1.0, nan, 0.75], [nan, nan, nan]]),
            residual=torch.tensor([[0.625, inf, 0.5], [nan, -inf, nan]]),
            status=(
                (Status.MAX_ITER, Status.DIVERGED, Status.MAX_ITER),
                (Status.DIVERGED, Status.DIVERGED, Status.DIVERGED),
            ),
            winner=(2, 0),
        ),
        history=torch.zeros(2, 3, 2),
        history_steps=(0, 10),
        seconds=0.25,
    )
    return attrs.evolve(solution, **changes)


def test_the_summary_is_json_with_null_for_what_is_not_finite() -> None:
    summary = made(config={"seed": 0}).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == {
        "residual": [0.5, None],
        "status": ["max_iter", "diverged"],
        "restarts": {
            "objective": [[1.0, None, 0.75], [None, None, None]],
            "residual": [[0.625, None, 0.5], [None, None, None]],
            "status": [["max_iter", "diverged", "max_iter"], ["diverged"] * 3],
            "winner": [2, 0],
            "criterion": "residual",
        },
        "seconds": 0.25,
        "config": {"seed": 0},
    }


@pytest.mark.parametrize("residual", [np.array([0.5, np.nan], np.float32), [0.5, float("inf")]])
def test_the_summary_takes_arrays_and_lists_too(residual: Any) -> None:
    assert made(residual=residual).summary()["residual"] == [0.5, None]


def test_the_summary_says_where_no_w_was_found() -> None:
    nothing = made(w=None, latents=(None, None), residual=torch.full((2,), torch.nan)).summary()
    assert nothing["w"] is None and nothing["residual"] == [None, None]
    assert "w" not in made().summary()


def test_the_summary_says_how_sure_a_solver_is_that_can_tell() -> None:
    assert "confidence" not in made().summary()
    assert made(confidence=torch.tensor([0.5, torch.nan])).summary()["confidence"] == [0.5, None]


def test_the_summary_says_how_strong_the_noise_was_where_that_is_known() -> None:
    assert "noise" not in made().summary()
    assert made(noise=torch.tensor([0.5, torch.nan])).summary()["noise"] == [0.5, None]


def test_the_summary_has_the_notes_of_a_solver_that_makes_some() -> None:
    assert "notes" not in made().summary()
    notes = ({"gain": np.float32(0.5), "family": "disk"}, {"gain": float("nan")})
    summary = made(notes=notes).summary()
    assert json.loads(json.dumps(summary["notes"])) == [{"gain": 0.5, "family": "disk"}, {"gain": None}]


def test_without_a_configuration_there_is_none() -> None:
    assert made().config is None
    assert made().summary()["config"] is None


def test_the_summary_does_not_share_the_configuration() -> None:
    config = {"seed": 0}
    made(config=config).summary()["config"]["seed"] = 1
    assert config == {"seed": 0}


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Solution)])
def test_a_solution_is_frozen(name: str) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(made(), name, None)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Restarts)])
def test_its_table_of_restarts_is_frozen(name: str) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(made().restarts, name, None)


def test_solutions_are_compared_by_identity() -> None:
    """Tensors have no truth value: comparing them field by field would raise."""
    solution = made()
    assert solution == solution and solution != made()
    assert solution in [made(), solution]


def test_a_status_is_its_word() -> None:
    assert [str(status) for status in Status] == [
        "converged",
        "max_iter",
        "doubtful",
        "sharp",
        "diverged",
        "dropped",
        "interrupted",
    ]
    assert Status("dropped") is Status.DROPPED


def test_draws_are_given_and_saved(tmp_path: Path) -> None:
    drawn = Samples(torch.rand(5, 2, 1, 2, 2), torch.rand(5, 2, 1, 4, 4))
    solution = made(drawn=drawn)
    assert torch.equal(solution.samples().x, drawn.x)
    some = solution.samples(3)
    assert torch.equal(some.w, drawn.w[:3]) and torch.equal(some.x, drawn.x[:3])
    again = Solution.load(solution.save(tmp_path))
    assert np.array_equal(again.samples(5).w, drawn.w) and np.array_equal(again.samples(5).x, drawn.x)
    made().save(tmp_path)  # whose draws are not those of the one before
    assert Solution.load(tmp_path).drawn is None


@pytest.mark.wrong_types
@pytest.mark.parametrize("count", [0, -1, 6, 2.5, "a", True])
def test_draws_that_were_not_made_are_refused(count: Any) -> None:
    drawn = Samples(torch.rand(5, 2, 1, 2, 2), torch.rand(5, 2, 1, 4, 4))
    with pytest.raises(InputError, match="from 1 to 5"):
        made(drawn=drawn).samples(count)
    with pytest.raises(InputError, match=r"evidence\?draws=50"):
        made().samples()
