"""``palm``: recovery, the minimum of a penalised objective, constraints, and what it refuses."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Problem
from invkit.testing._problems import Elementwise
from tests.plugins.bilinear.problems import deconvolution, outer_error


def solved(spec: str, problem: Problem, y: Tensor, **more) -> invkit.Solution:
    return invkit.solver(spec).solve(problem, y, torch.Generator().manual_seed(0), **more)


@pytest.mark.parametrize("inertia", [0, 1])
def test_noise_free_subspaces_are_recovered(inertia: int) -> None:
    problem, y, w, x = deconvolution(length=40, size=3)
    solution = solved(f"palm?inertia={inertia},restarts=2", problem, y)
    assert outer_error(solution, w, x) < 1e-6
    assert solution.residual < 1e-16 * y.square().sum()


def test_the_objective_never_rises_for_long() -> None:
    problem, y, _, _ = deconvolution(length=20, size=6)
    history = solved("palm?steps=40,inertia=0,restarts=2", problem, y + 0.1).history
    assert (history.diff(dim=2) <= 1e-9 * history[:, :, :-1]).all()


def test_a_sparse_signal_by_its_proximal_map() -> None:
    """With w given the minimum of ‖y − wx‖² + γ Σ|x| is known entry by entry."""
    w = torch.tensor([[[1.0, 2.0, -0.5, 3.0]]], dtype=torch.float64)
    y = torch.tensor([[[2.0, 0.1, -1.0, -6.0]]], dtype=torch.float64)
    problem = Problem(Elementwise(), (invkit.Given(w[0]), invkit.prior("identity?penalty=l1")))
    gamma = 0.6
    solution = solved(f"palm?weight_x={gamma},tolerance=1e-12", problem, y)
    least = y / w
    threshold = gamma / (2 * w.square())
    expected = least.sign() * (least.abs() - threshold).clamp_min(0)
    torch.testing.assert_close(solution.x, expected, rtol=1e-6, atol=1e-6)


class NonNegative(invkit.Generator):
    """A set: its proximal map is the projection; its latents are not affine."""

    can_encode = has_prox = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_shape = self.signal_shape = shape

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clamp_min(0)

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clone()

    def prox(self, signal: Tensor, t: float | Tensor) -> Tensor:
        return signal.clamp_min(0)


def test_a_set_is_never_left() -> None:
    problem, y, _, _ = deconvolution(length=12, size=4)
    problem = attrs.evolve(problem, priors=(problem.priors[0], NonNegative((1, 12))))
    solution = solved("palm?steps=50,restarts=3", problem, y)
    assert (solution.x >= 0).all() and (solution.latents[1] >= 0).all()
    assert solution.residual < y.square().sum()


def test_what_has_no_proximal_map_is_refused() -> None:
    problem, y, _, _ = deconvolution(length=12, size=4)
    net = torch.nn.Sequential(torch.nn.Linear(3, 12), torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 12)))
    decoded = attrs.evolve(problem, priors=(problem.priors[0], invkit.decoder(net, latent=(3,))))
    with pytest.raises(InputError, match="proximal map") as refused:
        solved("palm", decoded, y)
    assert "lm" in str(refused.value)
    smooth = attrs.evolve(problem, priors=(problem.priors[0], invkit.prior("identity?penalty=tv")))
    with pytest.raises(InputError, match="weight_x=0"):
        solved("palm?weight_x=1", smooth, y)


@pytest.mark.parametrize("bad", ["steps=0", "restarts=0", "inertia=2", "inertia=-1", "weight_w=-1"])
def test_bad_options_are_refused(bad: str) -> None:
    with pytest.raises(invkit.InvkitError):
        invkit.solver(f"palm?{bad}")
