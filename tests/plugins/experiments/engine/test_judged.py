"""Whether a blind result fell short, and the law that is fitted to that."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import Status
from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.judged import Judged, fitted, judged_scores
from invkit_experiments.engine.methods import Found
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured

QUICK = "evidence?starts=4,keep=2,steps=4,rank=8,retries=0,leaps=0,finish=0"
NAMES = ("disagreement", "solitude", "sensitivity", "misfit", "strain")


def one(error: float) -> tuple[Measured, Found]:
    """An image of which so much is missed, with a true kernel's image of 30 dB."""
    x = torch.full((1, 1, 8, 8), 0.5)
    return Measured(x, x, torch.ones(1, 1, 1, 1)), Found(x + error, notes={"oracle": 30.0})


@pytest.mark.parametrize(("psnr", "short"), [(26.9, 1.0), (27.1, 0.0), (35.0, 0.0)])
@pytest.mark.parametrize("status", [Status.DOUBTFUL, Status.MAX_ITER])
def test_more_than_three_decibels_is_short(psnr: float, short: float, status: Status) -> None:
    measured, found = one(10 ** (-psnr / 20))
    figures = judged_scores(measured, Found(found.x, status=status, notes=found.notes), "circconv")
    flagged = float(status == Status.DOUBTFUL)
    assert figures["lacks"] == pytest.approx(30 - psnr, abs=1e-3)
    assert (figures["short"], figures["flagged"]) == (short, flagged)
    assert figures["flagged_short"] == short * flagged and figures["flagged_other"] == (1 - short) * flagged


def test_it_runs_blind_and_with_the_true_kernel() -> None:
    source = Drawn("mnist-sample", "test", "blurA")
    method = Judged("judged", "quick", QUICK, ("trajectory", "gaussian:mnist"))
    measured = source.one(0, 0)
    figures = judged_scores(measured, method.recover(measured, source, Settings(1), 0), "circconv")
    assert {f"sign_{name}" for name in NAMES} <= set(figures)
    assert figures["oracle"] is not None and figures["oracle"] > 20
    assert figures["confidence"] is not None and 0 <= figures["confidence"] <= 1


def test_the_law_is_that_of_the_solvers_signs() -> None:
    rng = torch.Generator().manual_seed(0)
    strain = (300 * torch.rand(200, generator=rng)).tolist()
    figures = {f"sign_{name}": [0.0] * 200 for name in NAMES} | {
        "sign_strain": strain,
        "short": [float(each > 150) for each in strain],
        "psnr": [30.0] * 200,
    }
    law = fitted(invkit.solver("evidence"), figures, {"data": "mine"})
    assert law.weights["strain"] > 1 and law.figures["data"] == "mine"
    assert law.figures["flagged_of_short"] >= 0.9 * sum(figures["short"])
    assert law.figures["flagged_of_others"] < 20


def test_a_solver_without_signs_has_nothing_to_calibrate() -> None:
    figures = {"short": [1.0, 0.0]}
    with pytest.raises(InputError, match="calibrate evidence"):
        fitted(invkit.solver("altgd"), figures, {})
