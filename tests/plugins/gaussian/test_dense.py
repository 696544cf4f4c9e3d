"""The dense posterior serves every operator, and refuses what is too large for it."""

from __future__ import annotations

import attrs
import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_gaussian.dense import Dense
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.gaussian.classes import Case, moments_of


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_a_kernel_for_each_channel_mixes_the_colour_axes(colour: str) -> None:
    case = Case.draw(moments_of(colour, contrast=True, texture=True), "circconv")
    w = torch.rand(3, 3, 3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    case = attrs.evolve(case, w=w)
    posterior = case.marginal.posterior(case.linear, case.nuisance, case.variance)
    assert isinstance(posterior, Dense)
    torch.testing.assert_close(posterior.evidence(), case.density())
    torch.testing.assert_close(posterior.mean(), case.posterior()[0])


@pytest.mark.parametrize("operator", ["linconv", "pointwise"])
def test_too_many_numbers_for_a_dense_covariance_are_refused(operator: str) -> None:
    prior = Gaussian(moments_of("joint", 1, (48, 48), 1))
    built = invkit.operator(operator)
    w = torch.ones(1, 1, 48, 48, dtype=torch.float64)
    linear = built.given(w=w, x_shape=(1, 48, 48))
    marginal = prior.marginal(torch.zeros(1, *linear.output_shape, dtype=torch.float64))
    with pytest.raises(InputError, match="2304 numbers are too many"):
        marginal(linear, torch.zeros(1, 0).double(), torch.ones(1).double())
