"""Each part against invkit's contracts, in a line each; then all three together, by name."""

# ruff: noqa: D103 - the names say it

from __future__ import annotations

import torch
from invkit_example.barzilai_borwein import BarzilaiBorwein
from invkit_example.blob import GaussianBlob
from invkit_example.crosscorr import CrossCorrelation

import invkit
from invkit.testing import check_generator, check_operator, check_plugin, check_solver


def test_operator() -> None:
    check_operator(CrossCorrelation())


def test_prior() -> None:
    check_generator(GaussianBlob())


def test_solver() -> None:
    check_solver(BarzilaiBorwein(steps=30))


def test_plugin() -> None:
    check_plugin("invkit_example.plugin")


def test_crosscorr_is_its_definition() -> None:
    w, x = torch.randn(1, 1, 2, 3), torch.randn(1, 1, 4, 5)
    expected = sum(
        w[0, 0, j, k] * x.roll((-j, -k), (2, 3)) for j in range(w.shape[2]) for k in range(w.shape[3])
    )
    torch.testing.assert_close(CrossCorrelation()(w, x), expected)


def test_blob_has_the_width_it_says() -> None:
    kernel = GaussianBlob(size=31, width=2.0, spread=0.5)(torch.tensor([[0.0], [1.0]]))[:, 0]
    axis = torch.arange(31.0) - 15
    sigma = (kernel.sum(2) * axis**2).sum(1).sqrt()
    torch.testing.assert_close(sigma, torch.tensor([2.0, 2.0 * 2.718281828**0.5]), rtol=1e-3, atol=0)


def test_composed_by_name() -> None:
    truth = invkit.prior("gaussian-blob?size=5,width=0.8"), invkit.prior("gaussian-blob?size=16,width=2")
    y = invkit.operator("crosscorr")(*(prior(torch.zeros(1, 1)) for prior in truth))
    priors = ["gaussian-blob?size=5", "gaussian-blob?size=16"]
    solution = invkit.compose("crosscorr", priors, "barzilai-borwein?steps=100", seed=0)(y)
    assert solution.residual.item() < 1e-4 * y.square().sum().item()
    assert solution.x.shape == (1, 1, 16, 16) and solution.w.shape == (1, 1, 5, 5)


def test_a_solve_goes_on_from_a_solution() -> None:
    w, x = GaussianBlob(size=5, width=0.8), GaussianBlob(size=16, width=2)
    y = CrossCorrelation()(w(torch.zeros(1, 1)), x(torch.zeros(1, 1)))
    problem = invkit.Problem(CrossCorrelation(), (GaussianBlob(size=5), GaussianBlob(size=16)))
    few, rng = BarzilaiBorwein(steps=10), torch.Generator().manual_seed(0)
    first = few.solve(problem, y, rng)
    second = few.solve(problem, y, rng, start=first)
    assert second.residual < first.residual
    assert second.restarts.residual.shape == (1, 1)
