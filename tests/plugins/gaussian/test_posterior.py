"""Both posteriors, diagonal and dense: the Gaussian conditional written out."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_gaussian.moments import Moments
from invkit_gaussian.posterior import cholesky
from tests.plugins.gaussian.classes import OPERATORS, Case, classes

operators = st.sampled_from(OPERATORS)


@given(classes(), operators, st.integers(0, 99))
def test_the_posterior_is_the_gaussian_conditional(moments: Moments, operator: str, seed: int) -> None:
    case = Case.draw(moments, operator, seed=seed)
    arguments = (case.linear, case.nuisance, case.variance)
    posterior, (mean, covariance) = case.marginal.posterior(*arguments), case.posterior()
    torch.testing.assert_close(posterior.evidence(), case.density(), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(posterior.mean(), mean, rtol=1e-8, atol=1e-8)
    v = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = torch.einsum("np,npq,nq->n", v.flatten(1), covariance, v.flatten(1))
    torch.testing.assert_close(posterior.uncertainty(v), expected, rtol=1e-7, atol=1e-9)


def test_a_matrix_without_a_factor_stays_alone() -> None:
    matrices = torch.tensor([[[4.0, 2.0], [2.0, 5.0]], [[1.0, 2.0], [2.0, 1.0]]])
    factors = cholesky(matrices)
    torch.testing.assert_close(factors[0], torch.tensor([[2.0, 0.0], [1.0, 2.0]]))
    assert factors[1].isnan().all()
