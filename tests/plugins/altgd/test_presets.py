"""The presets: their numbers as printed, and the two algorithms behind them, written again."""

from __future__ import annotations

import math

import attrs
import pytest
import torch
from invkit_altgd.presets import PRESETS, options_of
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit.errors import SpecError
from invkit.plugin.building import spec_of
from invkit_altgd.altgd import AltGD
from invkit_altgd.starts import draw
from tests.plugins.altgd.problems import measured, normal, residual, solve, tiny

RESTARTS, STEPS = 3, 90  # a normalised gradient hops about a minimum, where rounding errors soon grow large
PIXELS = 12  # of one channel of a measurement of `tiny`


def objective(problem: Problem, y: Tensor, h: Tensor, m: Tensor, weight: float) -> Tensor:
    return residual(problem, y, h, m).sum() + weight * (h.square().sum() + m.square().sum())


def gradient(problem: Problem, y: Tensor, h: Tensor, m: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    h, m = h.detach().requires_grad_(), m.detach().requires_grad_()
    return torch.autograd.grad(objective(problem, y, h, m, weight), (h, m))


def as_printed(problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """Algorithm 1 with the settings of Section 4.3, one measurement a candidate."""
    for t in range(STEPS):
        rate = 0.01 * math.exp(-t / 250)
        to_h, to_m = gradient(problem, y, h, m, 0.1)
        h, m = h - rate * to_h, m - rate * to_m
    return h, m


def as_published(problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """What the authors' code does: own root mean squares, h first, a data term that weighs more."""
    for t in range(STEPS):
        rate = 0.01 * math.exp(-t / 250)
        to_h, _ = gradient(problem, y, h, m, 0.01 / PIXELS)
        h = h - rate * to_h / (to_h.square().mean(1, keepdim=True).sqrt() + 1e-5)
        _, to_m = gradient(problem, y, h, m, 0.01 / PIXELS)
        m = m - rate * to_m / (to_m.square().mean(1, keepdim=True).sqrt() + 1e-5)
    return h, m


@pytest.mark.parametrize(("name", "algorithm"), [("paper", as_printed), ("public", as_published)])
def test_a_preset_is_the_algorithm(name: str, algorithm) -> None:
    problem = tiny()
    y = measured(problem, 2)
    found = solve(AltGD.from_spec(preset=name, restarts=RESTARTS, steps=STEPS), problem, y)

    starts = draw(problem, 2, RESTARTS, torch.Generator().manual_seed(5), y)
    every_y = y.repeat_interleave(RESTARTS, 0)
    h, m = algorithm(problem, every_y, *(start.flatten(0, 1) for start in starts))
    residuals = residual(problem, every_y, h, m).reshape(2, RESTARTS)
    winner = residuals.argmin(1)
    place = torch.arange(2) * RESTARTS + winner

    assert found.restarts.winner == tuple(winner.tolist())
    close = {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(found.restarts.residual, residuals, **close)
    torch.testing.assert_close(found.latents, (h[place], m[place]), **close)
    torch.testing.assert_close(found.x, problem.priors[1](m[place]), **close)
    torch.testing.assert_close(found.w, problem.priors[0](h[place]), **close)
    torch.testing.assert_close(found.residual, residuals.amin(1), **close)
    weight = 0.1 if name == "paper" else 0.01 / PIXELS
    first = objective(problem, y[:1], starts[0][0, :1], starts[1][0, :1], weight)
    torch.testing.assert_close(found.history[0, 0, 0], first, **close)


def test_the_default_is_adam_with_a_cosine_and_weights_that_fall() -> None:
    """One candidate from start to end against torch's Adam."""
    problem, steps = tiny(2), 60
    y = measured(problem, 1)
    options = {"restarts": 1, "steps": steps, "start": "random", "slack": 0.0}
    found = solve(AltGD.from_spec(**options), problem, y)

    h, m = (start[0].clone() for start in draw(problem, 1, 1, torch.Generator().manual_seed(5), y))
    optimiser = torch.optim.Adam([h.requires_grad_(), m.requires_grad_()], betas=(0.9, 0.99))
    for t in range(steps):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 + math.cos(math.pi * t / steps)) / 2
        factor = 100 ** max(0, 1 - 2 * t / steps)
        optimiser.zero_grad()
        penalty = 1e-4 * h.square().sum() + 1e-5 * m.square().sum()
        (residual(problem, y, h, m).sum() + factor * penalty).backward()
        optimiser.step()
    torch.testing.assert_close(found.latents, (h.detach(), m.detach()), rtol=1e-6, atol=1e-6)


PRINTED = {
    "steps": 1500,
    "restarts": 10,
    "update": "gradient",
    "normalise": False,
    "order": "jacobi",
    "rate": 0.01,
    "decay": "exponential",
    "decay_steps": 250.0,
    "lam": 0.1,
    "gamma": 0.1,
    "dft": "unitary",
    "start": "random",
    "keep": (),
    "anneal": 1.0,
    "slack": 0.0,
    "own_weights": False,
}
PUBLISHED = {"normalise": True, "order": "gauss-seidel", "dft": "unnormalised", "lam": 0.01, "gamma": 0.01}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("altgd?preset=paper", PRINTED),
        ("altgd?preset=public", PRINTED | PUBLISHED),
        ("altgd?preset=paper,restarts=3", PRINTED | {"restarts": 3}),
        ("altgd?preset=public,normalise=false", PRINTED | PUBLISHED | {"normalise": False}),
        ("altgd?preset=paper,keep=6+2,lam=0,order=gauss-seidel", None),
    ],
)
def test_presets_are_as_printed_and_one_option_changes_one(text: str, expected: dict | None) -> None:
    solver = invkit.solver(text)
    expected = expected or PRINTED | {"keep": (6, 2), "lam": 0.0, "order": "gauss-seidel"}
    ours = {"chunk": 2048, "hold": "nothing", "class_prior": "", "search": "evidence"}
    assert attrs.asdict(solver) == expected | ours


@pytest.mark.parametrize(
    "text", ["altgd", "altgd?preset=paper,restarts=3", "altgd?preset=public,keep=4+1", "altgd?slack=0"]
)
def test_the_config_spells_everything_out(text: str) -> None:
    pipeline = invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], text)
    spelled = pipeline.to_config()["solver"]
    assert {field.name for field in attrs.fields(AltGD)} <= set(spelled)
    assert "None" not in spelled.values()
    assert invkit.solver(spelled) == invkit.solver(text)
    # What is spelled out does not lean on the preset's numbers.
    other = {**spelled, "preset": "public" if spelled["preset"] != "public" else "paper"}
    assert invkit.solver(other) == invkit.solver(text)
    assert spec_of(invkit.solver(spelled)) == spec_of(invkit.solver(text))


def test_without_a_preset_the_default_is_meant() -> None:
    assert AltGD() == AltGD.from_spec() == AltGD.from_spec(preset="default") == invkit.solver("altgd")


def test_a_preset_cannot_be_changed_from_outside() -> None:
    for name in PRESETS:
        options_of(name)["steps"] = -1
        assert options_of(name)["steps"] > 0


@pytest.mark.parametrize("option", ["preset=papr", "update=momentum", "steps=many", "step=3"])
def test_what_is_no_option_is_refused(option: str) -> None:
    with pytest.raises(SpecError):
        invkit.solver(f"altgd?{option}")


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"restarts": 0},
        {"keep": (0,)},
        {"rate": 0.0},
        {"lam": -1.0},
        {"slack": -1.0},
        {"chunk": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        AltGD(**options)


def test_the_unnormalised_dft_divides_both_weights_by_the_pixels_of_a_channel() -> None:
    problem = tiny()
    y = normal(2, 2, 3, 4, seed=1)
    options = {"preset": "paper", "steps": 20, "restarts": 2}
    heavier = solve(AltGD.from_spec(**options, dft="unnormalised", lam=0.6, gamma=1.2), problem, y)
    plain = solve(AltGD.from_spec(**options, lam=0.6 / PIXELS, gamma=1.2 / PIXELS), problem, y)
    torch.testing.assert_close(heavier.latents, plain.latents)
    torch.testing.assert_close(heavier.restarts.objective, plain.restarts.objective)
