"""Figures of an image and of a row."""

from __future__ import annotations

import math

import pytest

import invkit
from invkit_experiments.engine.methods import Found
from invkit_experiments.engine.scores import Over, mean_known, scores, total, worst
from invkit_experiments.inputs.drawn import Drawn

DIGITS = Drawn("mnist-sample", "test", "blurA")


def test_a_shifted_pair_is_perfect_once_aligned() -> None:
    one = DIGITS.one(0, 0)
    moved = Found(one.x.roll(1, 2), one.w.roll(-1, 2), 3.0)
    figures = scores(one, moved, "circconv")
    assert figures["psnr"] is not None and figures["psnr"] < 30
    assert figures["ssim_aligned"] == pytest.approx(1) and figures["ncc_aligned"] == pytest.approx(1)
    assert figures["seconds"] == 3


def test_what_has_no_meaning_is_not_there() -> None:
    one = DIGITS.one(0, 0)
    alone = scores(one, Found(one.y), "circconv")
    assert set(alone) == {"psnr", "ssim", "error"}
    other_support = scores(one, Found(one.y, one.w[..., :9, :9]), "circconv")
    assert set(other_support) == {"psnr", "ssim", "error"}
    perfect = scores(one, Found(one.x), "circconv")
    assert perfect["psnr"] is None and perfect["error"] == 0  # infinite decibels


def test_the_error_is_the_papers() -> None:
    one = DIGITS.one(0, 0)
    figures = scores(one, Found(one.x + 0.1), "circconv")
    assert figures["error"] == pytest.approx(0.1 / math.sqrt(one.x.numel()), rel=1e-5)


def test_a_row_over_its_images() -> None:
    cells = [{"psnr": 20.0, "ncc": 0.5}, {"psnr": 30.0}]
    assert Over("mean", "mean", of="psnr").figure(cells) == 25
    assert Over("worst", "worst", of="psnr", by=worst).figure(cells) == 20
    assert Over("ncc", "ncc", of="ncc").figure(cells) is None  # not of every image
    assert Over("mean", "mean", of="psnr").figure([*cells, {"psnr": None}]) is None  # infinite somewhere
    assert Over("mean", "mean", of="psnr").figure([]) is None


def test_kernels_are_compared_at_shift_zero() -> None:
    one = DIGITS.one(0, 0)
    figures = scores(one, Found(one.x, one.w.roll(3, 3)), "circconv")
    expected = invkit.metrics.kernel_ncc(one.w.roll(3, 3), one.w).item()
    assert figures["ncc"] == pytest.approx(expected) and expected < 0.9


def test_a_mean_over_those_that_have_the_figure() -> None:
    cells = [{"gain": 1.0, "worse": 1.0}, {"gain": None, "worse": 0.0}, {"gain": 4.0, "worse": 1.0}]
    assert Over("gain", "gain", of="gain", by=mean_known).figure(cells) == 2.5
    assert Over("gain", "gain", of="gain").figure(cells) is None
    assert Over("gain", "gain", of="gain", by=mean_known).figure(cells[1:2]) is None
    assert Over("worse", "worse", of="worse", by=total).figure(cells) == 2


def test_times_are_there_where_they_were_taken() -> None:
    one = DIGITS.one(0, 0)
    figures = scores(one, Found(one.y, seconds=2.0, cpu=1.5), "circconv")
    assert (figures["seconds"], figures["cpu"]) == (2.0, 1.5)
