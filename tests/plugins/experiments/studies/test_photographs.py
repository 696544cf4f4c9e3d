"""The benchmark of photographs: its figures on results made by hand, its kinds, and how inputs are dealt."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

import invkit
from invkit.metrics import psnr, shift_align
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.studies import photographs
from invkit_experiments.studies.photographs import (
    KINDS,
    PHOTOGRAPHS,
    PHOTOGRAPHS_TRAIN,
    photograph_scores,
    true_size,
    within,
)

OPERATOR = "linconv?mode=same&boundary=replicate"


def blurred(radius: float = 2.0) -> Measured:
    """Coloured squares out of focus."""
    squares = np.random.default_rng(0).random((3, 9, 9), dtype=np.float32)
    x = torch.from_numpy(np.kron(squares, np.ones((1, 8, 8), np.float32)))[None]
    w = invkit.dataset(f"disk?size=13,low={radius},high={radius}").draw(1, torch.Generator())
    return Measured(invkit.operator(OPERATOR)(w, x), x, w)


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """With an oracle that leaves an error of 0.01 at each pixel."""
    made = blurred()
    signs = torch.randn(made.x[:, :1].shape, generator=torch.Generator().manual_seed(0)).sign()
    good, bad = (
        type("Oracle", (), {"recover": lambda *_, by=by: Found(made.x + by * signs)})() for by in (0.01, 0.1)
    )
    monkeypatch.setattr(photographs, "ORACLES", (bad, good))
    return made


def test_a_good_result_gains_and_is_not_worse(one: Measured) -> None:
    figures = photograph_scores(one, Found(one.x + 0.005, one.w, 1.0, 0.5, "converged"), OPERATOR)
    assert figures["psnr"] == pytest.approx(-20 * np.log10(0.005), abs=0.01)
    assert figures["gain"] > 10 and figures["short"] == pytest.approx(-20 * np.log10(2), abs=0.1)
    assert figures["cpu"] == 0.5
    assert figures["worse"] == figures["missed"] == figures["flagged"] == figures["false_alarm"] == 0
    assert figures["ncc"] == pytest.approx(1) and figures["to_input"] is None
    assert figures["gain_flagged"] is None and figures["short_unflagged"] == figures["short"]


@pytest.mark.parametrize("status", ["doubtful", "sharp", "diverged"])
def test_a_flag_on_a_good_result_is_a_false_alarm(one: Measured, status: str) -> None:
    figures = photograph_scores(one, Found(one.x + 0.005, status=status), OPERATOR)
    assert figures["flagged"] == figures["false_alarm"] == 1 and figures["missed"] == 0
    assert figures["gain_flagged"] == figures["gain"] and figures["short_unflagged"] is None
    assert figures["ncc"] is None


def test_a_harmful_result_is_missed_unless_it_is_flagged(one: Measured) -> None:
    harmful = 1 - one.x
    said = photograph_scores(one, Found(harmful, status="doubtful"), OPERATOR)
    unsaid = photograph_scores(one, Found(harmful, status="max_iter"), OPERATOR)
    assert said["worse"] == unsaid["worse"] == 1
    assert (said["missed"], unsaid["missed"]) == (0, 1) and said["false_alarm"] == 0


def test_a_picture_without_a_figure_is_worse(one: Measured) -> None:
    figures = photograph_scores(one, Found(torch.full_like(one.x, float("nan"))), OPERATOR)
    assert figures["worse"] == figures["missed"] == 1 and figures["psnr"] is None and figures["gain"] is None


def test_the_input_itself_gains_nothing(one: Measured) -> None:
    figures = photograph_scores(one, Found(one.y), OPERATOR)
    assert figures["gain"] == 0 and figures["worse"] == 0


def test_no_alarm_is_false_where_nothing_was_blurred(one: Measured) -> None:
    sharp = attrs.evolve(one, y=one.x.clone(), w=torch.ones(1, 1, 1, 1))
    unchanged = photograph_scores(sharp, Found(sharp.y, sharp.w, status="sharp"), OPERATOR)
    assert unchanged["flagged"] == 1 and unchanged["false_alarm"] == 0 and unchanged["to_input"] == 99
    changed = photograph_scores(sharp, Found(sharp.y + 0.01, status="max_iter"), OPERATOR)
    assert changed["to_input"] == pytest.approx(40, abs=0.01)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.25, -3.5), (-4.75, 1.0)])
def test_alignment_is_that_of_all_shifts(shift: tuple[float, float]) -> None:
    x = blurred().x
    frequencies = [torch.fft.fftfreq(size)[:, None] for size in x.shape[2:]]
    turn = shift[0] * frequencies[0] + shift[1] * frequencies[1].mT
    moved = torch.fft.ifft2(torch.fft.fft2(blurred(3).y) * torch.exp(-2j * torch.pi * turn)).real.float()
    found = photographs.aligned(moved, x)
    expected = shift_align(photographs._luma(moved), photographs._luma(x))
    ours, theirs = (psnr(each.estimate, each.truth) for each in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("value", [1.0, 1.7, 2.6, 3.0])
def test_the_true_size_is_read_from_the_kernel(value: float) -> None:
    rng = torch.Generator()
    disk = invkit.dataset(f"disk?size=15,low={2 * value},high={2 * value}").draw(1, rng)
    gaussian = invkit.dataset(f"gaussian?size=25,low={value},high={value}").draw(1, rng)
    assert true_size("disk", disk) == pytest.approx(2 * value, rel=1e-4)
    assert true_size("gaussian", gaussian) == pytest.approx(value, rel=1e-4)
    assert true_size("disk", gaussian) is None and true_size("motion", disk) is None
    assert true_size("disk", torch.ones(1, 1, 1, 1)) is None


@pytest.mark.parametrize(
    ("notes", "error"),
    [
        ({"family": "disk", "radius": 2.2}, 0.1),
        ({"family": "disk?largest=6", "radius": 1.8}, 0.1),
        ({"family": "gaussian-blur", "sigma": 2.0}, None),
        ({"family": "free"}, None),
        ({}, None),
    ],
)
def test_the_error_of_a_radius_that_the_method_says(
    one: Measured, notes: dict[str, object], error: float | None
) -> None:
    figures = photograph_scores(one, Found(one.x + 0.01, one.w, notes=notes), OPERATOR)
    assert figures["size_error"] == (None if error is None else pytest.approx(error, rel=1e-3))


def test_a_share_of_radii_is_right() -> None:
    errors = torch.tensor([0.05, 0.1, 0.3, float("nan")], dtype=torch.float64)
    assert within(errors) == pytest.approx(2 / 3) and within(errors[3:]) is None


def test_inputs_are_dealt_to_the_kinds_in_turn(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (data_folder / "photographs").is_dir():
        pytest.skip("no photographs in the data folder")
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    study = PHOTOGRAPHS
    for count, each in ((60, [5] * 12), (14, [2, 2] + [1] * 10), (1, [1] * 12)):
        sizes = [study.size(f"{kind}/blurry", Settings(count)) for kind in KINDS]
        assert sizes == each
    names = [
        study.place(f"{kind}/blurry", index, Settings(60))[2]["input"]["picture"][1]
        for kind in KINDS
        for index in range(5)
    ]
    assert len({*names}) == 60 and all(name.startswith("val/") for name in names)
    tuned = PHOTOGRAPHS_TRAIN.cases[0].source.identity(0, 0)
    assert tuned["picture"][1].startswith("train/") and tuned["kernel"][2] == "train"
