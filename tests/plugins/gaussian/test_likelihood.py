"""The evidence in closed form has the value and gradient of the one that is differentiated automatically."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit_gaussian import likelihood as module
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.gaussian.classes import Case, moments_of


def slopes(
    operator: invkit.BilinearOperator, parts: list[Tensor], evidence: Callable[..., Tensor]
) -> list[Tensor]:
    """The evidence of kernels and its gradient in kernels, nuisance and variance, rows weighted apart."""
    w, *rest = (part.clone().requires_grad_() for part in parts)
    value = evidence(operator.given(w=w, x_shape=(3, 4, 5)), *rest)
    weighted = (value * torch.arange(1, len(value) + 1)).sum()
    gradients = torch.autograd.grad(weighted, (w, *rest), allow_unused=True, materialize_grads=True)
    return [value.detach(), *gradients]


CLASSES = [("joint", True), ("joint", False), ("axes", True)]


@pytest.mark.parametrize("cached", [0, 1 << 19])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("colour", "varied"), CLASSES)
def test_value_and_gradient_are_those_of_the_posterior(
    colour: str, varied: bool, shared: bool, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel for all or one for each, all candidates at once or two at a time."""
    monkeypatch.setattr(module, "_CACHED", cached)
    case = Case.draw(moments_of(colour, 3, (4, 5), 2, contrast=varied, texture=varied), "circconv")
    marginal, parts = case.marginal, [case.w[:1] if shared else case.w, case.nuisance, case.variance]
    found = slopes(case.operator, parts, marginal)
    torch.testing.assert_close(
        found, slopes(case.operator, parts, lambda *given: marginal.posterior(*given).evidence())
    )


def test_without_components_large_candidates_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.draw(moments_of("joint", 3, (4, 5), 0, contrast=True, texture=True), "circconv")
    parts = [case.w, case.nuisance, case.variance]
    found = slopes(case.operator, parts, case.marginal)
    monkeypatch.setattr(module, "_CACHED", 0)
    torch.testing.assert_close(slopes(case.operator, parts, case.marginal), found)


def test_a_table_that_would_be_too_large_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.draw(moments_of("joint", 3, (4, 5), 3, contrast=True, texture=True), "circconv")
    parts = [case.w, case.nuisance, case.variance]
    found = slopes(case.operator, parts, case.marginal)
    monkeypatch.setattr("invkit_gaussian.fourier._TABLE_LIMIT", 0)
    torch.testing.assert_close(slopes(case.operator, parts, case.marginal), found)


def test_of_frames_the_gradient_is_that_of_the_posterior_too() -> None:
    rng = torch.Generator().manual_seed(0)
    moments = moments_of("joint", 1, (4, 5), 3, contrast=True, texture=True)
    y, w = (torch.rand(2, 3, *size, generator=rng, dtype=torch.float64) for size in ((4, 5), (3, 2)))
    marginal, operator = Gaussian(moments).marginal(y), invkit.operator("circconv")
    values = []
    for evidence in (marginal, lambda *given: marginal.posterior(*given).evidence()):
        kernels = w.clone().requires_grad_()
        linear = operator.given(w=kernels, x_shape=(1, 4, 5))
        value = evidence(linear, y.new_zeros(2, marginal.nuisances), y.new_full((2,), 0.02))
        values.append((value.detach(), *torch.autograd.grad(value.sum(), kernels)))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("size", [(6, 7), (8, 6), (1, 5)])
@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_of_few_components_it_is_the_evidence_of_the_low_frequencies(
    colour: str, size: tuple[int, int]
) -> None:
    """Written out: the density of those bins of the measurement, as real numbers."""
    whole = Case.draw(moments_of(colour, 1, size, 4, contrast=True, texture=True), "circconv")
    marginal = Gaussian(whole.moments).marginal(whole.y, rank=2)
    a, mean, covariance = attrs.evolve(whole, moments=whole.moments.truncated(2)).written_out()
    units = torch.eye(math.prod(size), dtype=torch.float64).reshape(-1, 1, *size)
    bins = marginal.seen.cut(marginal.block.spectra(units))
    parts = torch.view_as_real(bins).flatten(1)
    shares, axes = torch.linalg.eigh(parts @ parts.T)  # a projection: what the bins hold of an image
    rows = axes[:, shares > 0.5].T
    torch.testing.assert_close(shares, shares.round())
    assert len(rows) == marginal.seen.numbers < math.prod(size)
    noise = whole.variance[:, None, None] * torch.eye(math.prod(size), dtype=torch.float64)
    density = torch.distributions.MultivariateNormal(
        ((a @ mean[..., None])[..., 0]) @ rows.T, rows @ (a @ covariance @ a.mT + noise) @ rows.T
    )
    found = marginal(whole.linear, whole.nuisance, whole.variance)
    torch.testing.assert_close(found, -density.log_prob(whole.y.flatten(1) @ rows.T))


def test_what_has_no_factor_is_not_a_number_and_its_neighbours_are() -> None:
    case = Case.draw(moments_of("joint", 3, (4, 5), 3), "circconv")
    variance = case.variance.clone()
    variance[1] = torch.nan
    w = case.w.clone().requires_grad_()
    value = case.marginal(case.operator.given(w=w, x_shape=(3, 4, 5)), case.nuisance, variance)
    (slope,) = torch.autograd.grad(value.sum(), w)
    assert value.isnan().tolist() == slope.isnan().flatten(1).all(1).tolist() == [False, True, False]
