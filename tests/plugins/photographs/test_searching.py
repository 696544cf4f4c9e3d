"""The search: real blurs are found, a picture that is not blurred is left alone, and comparing kernels."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from invkit_photographs import searching as module
from invkit_photographs.certainty import certainty
from invkit_photographs.families import Candidate, correlation, moved
from invkit_photographs.pool import on_square
from invkit_photographs.searching import FINE, MOSTLY, NEARLY, SHARP, Outcome, searched, steep
from tests.plugins.photographs.pictures import blocks, blur, hook, pixel, train_picture

shifts = st.tuples(st.integers(-3, 3), st.integers(-3, 3))
seeds = st.integers(0, 99)


def random_kernel(seed: int) -> Tensor:
    """Entries of a random kernel about the middle of 15 × 15 pixels."""
    inner = torch.rand(7, 7, generator=torch.Generator().manual_seed(seed)) ** 4
    return pad(inner / inner.sum(), (4,) * 4)


@given(seed=seeds, place=shifts)
def test_a_shifted_copy_correlates_fully(seed: int, place: tuple[int, int]) -> None:
    kernel = random_kernel(seed)
    assert correlation(kernel, kernel.roll(place, (0, 1))) == pytest.approx(1, abs=1e-4)


@given(one=seeds, other=seeds, factor=st.floats(0.1, 10))
def test_correlation_is_symmetric_and_at_most_one(one: int, other: int, factor: float) -> None:
    """Whatever the sums."""
    a, b = random_kernel(one), random_kernel(other)
    assert 0 < correlation(a, b) <= 1 + 1e-4
    assert correlation(a, b) == pytest.approx(correlation(b, a), abs=1e-4)
    assert correlation(factor * a, b) == pytest.approx(correlation(a, b), abs=1e-4)


def test_different_kernels_correlate_less() -> None:
    line, one = torch.zeros(15, 15), on_square(pixel()[0], 15)
    line[7, 1:14] = 1 / 13
    assert correlation(line, line.T) < 0.5 and correlation(line, one) < 0.6


def searching(y: Tensor, families: tuple[str, ...] = (), side: int = 21, **options: object) -> Outcome:
    rng = torch.Generator().manual_seed(0)
    return searched(y[0, 0].numpy(), 0.01, side, families, rng, **options)  # type: ignore[arg-type]


def test_a_bent_blur_of_a_photograph(data_folder: Path) -> None:
    told: list[tuple[Candidate, str]] = []
    y = blur(train_picture(data_folder, 20, 120), hook(13), 0.01)
    outcome = searching(y, told=lambda *each: told.append(each))
    assert correlation(outcome.winner.kernel, on_square(hook(13)[0], 21)) > 0.8
    assert not outcome.sharp and outcome.winner.family == "free" and outcome.scale in (FINE, 1)
    assert 0 <= outcome.agreement <= 1 + 1e-4 and 0 < certainty(outcome) < 1 + 1e-9
    assert outcome.winner.kernel.shape == (21, 21)
    assert told and any(each is outcome.winner for each, _ in told)
    stages = {stage for _, stage in told}
    assert {"search at 0.35", "search at 0.7"} <= stages
    assert {f"refinement at {scale:.3g}" for scale in ((0.35 * FINE) ** 0.5, FINE, 1)} <= stages
    again = searching(y)
    assert torch.equal(again.winner.kernel, outcome.winner.kernel) and again.gain == outcome.gain


def test_a_picture_that_is_not_blurred(data_folder: Path) -> None:
    outcome = searching(blur(train_picture(data_folder, 20, 110), pixel(1), 0.01))
    assert outcome.sharp


def test_little_else_than_a_pixel_is_not_blurred() -> None:
    """Pictures themselves are a little soft. But that explains only so much of what is seen."""
    little = attrs.evolve(outcome_of(1.0), gain=0.02)
    line = on_square(torch.ones(1, NEARLY + 2), NEARLY + 2)
    nearly = on_square(pixel()[0], NEARLY + 2) * (MOSTLY + 0.1) + line * (0.9 - MOSTLY)
    short = on_square(torch.ones(1, NEARLY), NEARLY)
    assert attrs.evolve(little, winner=Candidate(short)).sharp
    assert attrs.evolve(little, winner=Candidate(nearly)).sharp
    assert not attrs.evolve(little, winner=Candidate(line)).sharp
    assert attrs.evolve(little, winner=Candidate(line), gain=SHARP / 2).sharp
    assert not attrs.evolve(little, winner=Candidate(short), gain=0.09).sharp


def test_nothing_to_see_is_no_blur() -> None:
    outcome = searching(torch.full((1, 1, 48, 48), 0.5), ("disk?size=21,largest=9",))
    assert outcome.sharp and np.isfinite(outcome.margin)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_the_smallest_kernels(side: int) -> None:
    outcome = searching(blur(blocks(0, 40).float(), hook(), 0.01), side=side)
    assert outcome.winner.kernel.shape == (side, side)
    assert outcome.winner.kernel.sum() == pytest.approx(1, abs=1e-5)


def outcome_of(margin: float, **signs: float) -> Outcome:
    """One that is sure but for the signs given."""
    line = Candidate(on_square(torch.ones(1, 7), 7))
    sure: dict[str, float] = {"coarser": float("inf"), "held": 1.0, "lacking": 0.0, "edges": 1000.0}
    return Outcome(line, gain=1.0, agreement=1.0, scale=0.7, margin=margin, **(sure | signs))


@given(margin=st.floats(-2, 2), coarser=st.floats(-5, 5))
def test_certainty_is_a_probability(margin: float, coarser: float) -> None:
    assert 0 <= certainty(outcome_of(margin, coarser=coarser)) <= 1


def test_few_edges_for_many_entries_are_no_ground() -> None:
    assert certainty(outcome_of(1.0, edges=30.0)) < 0.5 < certainty(outcome_of(1.0, edges=150.0))


def test_scales_must_agree() -> None:
    assert certainty(outcome_of(1.0)) > 0.9 > 0.5 > certainty(outcome_of(1.0, coarser=-0.01))
    assert certainty(outcome_of(1.0, held=0.9)) > 0.9 > 0.5 > certainty(outcome_of(1.0, held=0.4))


def test_little_else_than_a_pixel_is_doubtful_where_coarser_scales_see_a_larger_kernel() -> None:
    """Fine detail of a picture that is blurred much can be explained by next to nothing."""
    pixels = Candidate(on_square(pixel()[0], 7))
    nearly = attrs.evolve(outcome_of(1.0, lacking=0.02), winner=pixels, gain=0.02)
    assert nearly.little and not nearly.sharp and certainty(nearly) < 0.5
    assert attrs.evolve(nearly, lacking=0.001).sharp


@given(seed=seeds, place=shifts)
def test_a_kernel_is_moved_back_to_where_it_was(seed: int, place: tuple[int, int]) -> None:
    kernel = random_kernel(seed)
    assert torch.equal(moved(kernel.roll(place, (0, 1)), kernel), kernel)


def test_noise_shows_no_edges_and_a_step_shows_one() -> None:
    """Smoothed noise of σ has derivatives of σ/√(8π): nearly none of them is four times as large."""
    noise = 0.01 * np.random.default_rng(0).standard_normal((200, 200))
    assert steep(noise, 0.01) < 0.002 * noise.size
    step = noise + 0.5 * (np.arange(200) >= 100)
    assert 3 * 199 < steep(step, 0.01) < 12 * 199


def test_what_a_coarser_scale_refutes_is_passed_over() -> None:
    """The kernel of most evidence at the fine scale, unless a coarser one has far more for another."""
    search = module._Search(blocks(0, 48)[0, 0].float().numpy(), 0.01, 9, lambda *_: None)
    for size in (3, 5):
        search.add(Candidate(on_square(torch.ones(size, size), 9)), "drawn")
    coarse, middle, fine = search.scales
    search.judged = {
        coarse: {0: 0.0, 1: 0.01, 2: 0.1},
        middle: {0: 0.0, 1: 0.09, 2: 0.1},
        fine: {0: 0.0, 1: 0.3, 2: 0.2},
    }
    assert search.agreed([1, 2], search.judged[fine]) == 2
    held, lacking = search.coarser(1)
    assert held == pytest.approx(0.016 / 0.106) and lacking == pytest.approx(0.09)
    search.judged[coarse][1] = 0.09
    assert search.agreed([1, 2], search.judged[fine]) == 1
