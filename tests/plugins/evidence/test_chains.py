"""Chains of draws, on densities that are known."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.problem import Problem
from invkit_evidence import chains
from invkit_evidence.newton import hessian
from invkit_evidence.posterior import Parameters, Posterior


@attrs.frozen(eq=False)
class Bowl(Posterior):
    """½ hᵀAh, rugged or not: as much of an objective as chains ask for."""

    problem: Any = None
    marginal: Any = None
    noise: Any = None
    matrix: Tensor = attrs.field(factory=lambda: torch.eye(1))
    rugged: float = 0.0

    def __call__(self, candidates: Parameters, tempering: Tensor | float = 1.0) -> Tensor:
        h = candidates.h
        waves = self.rugged * (3 * h).cos().sum(1)
        return (h @ self.matrix * h).sum(1) / 2 + waves

    def select(self, index: Tensor) -> Bowl:
        return attrs.evolve(self, noise=torch.ones(len(index)))


def bowl(matrix: Tensor, rugged: float = 0.0) -> Bowl:
    return Bowl(noise=torch.ones(1), matrix=matrix, rugged=rugged)


def parameters(h: Tensor) -> Parameters:
    return Parameters(h, h.new_zeros(len(h), 0), h.new_zeros(len(h), 0))


def draw(of: Bowl, starts: Tensor, curvature: Tensor, count: int = 2000, seed: int = 0) -> Tensor:
    found = parameters(starts)
    rng = torch.Generator().manual_seed(seed)
    return chains.kernels(of, found, of(found), curvature, count=count, rng=rng).h


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_draws_have_the_covariance_of_a_gaussian(scale: float) -> None:
    """Curvatures from 1 to 10,000, and a preconditioner that is right, or wrong by a factor."""
    rng = torch.Generator().manual_seed(1)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=rng))[0]
    matrix = turn @ torch.diag(torch.tensor([1.0, 10.0, 300.0, 10_000.0], dtype=torch.float64)) @ turn.T
    found = draw(bowl(matrix), torch.zeros(1, 4, dtype=torch.float64), scale * matrix)
    white = found @ torch.linalg.cholesky(matrix)
    torch.testing.assert_close(white.T @ white / len(white), torch.eye(4).double(), atol=0.25, rtol=0)


def test_a_curvature_that_is_wrong_changes_no_density() -> None:
    """Of a rugged density with the second derivatives of its bottom, some negative: moments by quadrature."""
    rugged = bowl(torch.eye(1, dtype=torch.float64), rugged=1.5)
    grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)[:, None]
    weight = torch.softmax(-rugged(parameters(grid)), 0)
    expected = float((weight * grid[:, 0].square()).sum())
    curvature = torch.tensor([[-12.5]], dtype=torch.float64)
    found = draw(rugged, torch.zeros(1, 1, dtype=torch.float64), curvature, 4000)
    assert float(found.square().mean()) == pytest.approx(expected, rel=0.2)


def test_chains_begin_at_candidates_as_often_as_these_are_probable() -> None:
    """Wells so deep that no chain leaves its own: two alike, one improbable, one that is no number."""
    wells = torch.tensor([[-50.0], [50.0], [0.0], [9.0]], dtype=torch.float64)

    class Wells(Bowl):
        def __call__(self, candidates: Parameters, tempering: Tensor | float = 1.0) -> Tensor:
            return 50 * (candidates.h - wells.T).square().amin(1)

    value = torch.tensor([1.0, 1.0, 200.0, math.inf], dtype=torch.float64)
    seen = [
        chains.kernels(
            Wells(noise=torch.ones(1)),
            parameters(wells),
            value,
            torch.tensor([[100.0]], dtype=torch.float64),
            count=16,
            rng=torch.Generator().manual_seed(seed),
        ).h
        for seed in range(12)
    ]
    nearest = (torch.cat(seen) - wells.T).abs().argmin(1)
    assert not (nearest >= 2).any()
    assert 0.35 < float((nearest == 0).double().mean()) < 0.65


def test_draws_are_of_the_kernels_posterior() -> None:
    """One number of a kernel, against its posterior on a grid; with half of the likelihood's power, wider."""
    operator, prior_w = invkit.operator("circconv"), invkit.prior("gaussian-blur?size=13")
    prior_x = invkit.prior("spectrum?shape=1x20x20")
    rng = torch.Generator().manual_seed(3)
    x = prior_x(prior_x.sample_latent(1, rng, dtype=torch.float64))
    w = prior_w(torch.zeros(1, *prior_w.latent_shape, dtype=torch.float64))
    y = operator(w, x) + 0.05 * torch.randn(x.shape, generator=rng, dtype=x.dtype)
    problem, y = Problem(operator, (prior_w, prior_x), noise=invkit.noise("gaussian?sigma=0.05")).bound(y)
    objective = Posterior(problem, prior_x.marginal(y), y.new_tensor([0.05]))
    count = objective.marginal.nuisances
    assert prior_w.latent_shape == (1,)

    def at(h: Tensor) -> Parameters:
        return Parameters(h, h.new_zeros(len(h), count), h.new_zeros(len(h), 0))

    spreads = []
    for power in (1.0, 0.25):
        posterior = Posterior(problem, objective.marginal, objective.noise, power)
        grid = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
        rows = torch.zeros(len(grid), dtype=torch.long)
        with torch.no_grad():
            value = posterior.select(rows)(at(grid))
        best = grid[value.argmin()][None]
        weight = torch.softmax(-value, 0)
        mean = float((weight * grid[:, 0]).sum())
        deviation = float((weight * (grid[:, 0] - mean).square()).sum().sqrt())
        drawn = chains.kernels(
            posterior,
            at(best),
            value.amin()[None],
            hessian(posterior, at(best)),
            count=400,
            rng=torch.Generator().manual_seed(0),
        )
        if not count:
            assert float(drawn.h.mean()) == pytest.approx(mean, abs=0.3 * deviation)
            assert float(drawn.h.std()) == pytest.approx(deviation, rel=0.2)
        spreads.append(float(drawn.h.std()))
    assert spreads[1] > 1.4 * spreads[0]


def test_a_known_kernel_is_drawn_as_it_is() -> None:
    found = parameters(torch.zeros(3, 0))
    drawn = chains.kernels(
        bowl(torch.zeros(0, 0)),
        found,
        torch.tensor([2.0, 1.0, 3.0]),
        torch.zeros(0, 0, dtype=torch.float64),
        count=5,
        rng=torch.Generator(),
    )
    assert drawn.h.shape == (5, 0)
