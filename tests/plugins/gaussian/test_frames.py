"""Several frames of one image: the posterior is that of the Gaussian written out."""

from __future__ import annotations

import attrs
import pytest
import torch

import invkit
from invkit_gaussian.dense import Dense
from invkit_gaussian.frames import Merged
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.gaussian.classes import moments_of
from tests.plugins.linear.test_pick import frames


@attrs.frozen(eq=False)
class Case:
    """Two images, each in three frames."""

    marginal: object
    linear: invkit.LinearOperator
    nuisance: torch.Tensor
    variance: torch.Tensor

    @classmethod
    def draw(cls, colour: str, channels: int, operator: invkit.BilinearOperator) -> Case:
        rng = torch.Generator().manual_seed(0)
        prior = Gaussian(moments_of(colour, channels, (5, 6), 4, contrast=True, texture=True))
        w = torch.rand(2, 3, 3, 2, generator=rng, dtype=torch.float64)
        x = prior(prior.sample_latent(2, rng, dtype=torch.float64))
        y = operator(w, x)
        y = y + 0.1 * torch.randn(y.shape, generator=rng, dtype=torch.float64)
        marginal = prior.marginal(y)
        nuisance = torch.randn(2, marginal.nuisances, generator=rng, dtype=torch.float64)
        linear = operator.given(w=w, x_shape=tuple(x.shape[1:]))
        return cls(marginal, linear, nuisance, torch.tensor([0.01, 0.03], dtype=torch.float64))

    def both(self):  # the posterior, and that written out
        marginal = self.marginal
        scale = marginal._scale(self.nuisance)
        parts = (marginal.block, scale, marginal._rotation, marginal._mean, marginal._y)
        return (
            marginal.posterior(self.linear, self.nuisance, self.variance),
            Dense(*parts, self.linear, self.variance),
        )


CASES = [("joint", 1, "circconv"), ("axes", 1, "circconv"), ("joint", 3, "stack"), ("axes", 3, "stack")]


@pytest.mark.parametrize(("colour", "channels", "operator"), CASES)
def test_frames_are_as_written_out(colour: str, channels: int, operator: str) -> None:
    case = Case.draw(colour, channels, frames(3) if operator == "stack" else invkit.operator("circconv"))
    found, expected = case.both()
    assert not isinstance(found, Dense)
    torch.testing.assert_close(found.evidence(), expected.evidence(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.mean(), expected.mean(), rtol=1e-9, atol=1e-9)
    v = torch.randn(found.mean().shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(found.uncertainty(v), expected.uncertainty(v), rtol=1e-9, atol=1e-9)


def test_each_measurement_on_its_own() -> None:
    case, row = Case.draw("axes", 3, frames(3)), torch.tensor([1])
    both = case.marginal(case.linear, case.nuisance, case.variance)
    alone = case.marginal.select(row)(case.linear.select(row), case.nuisance[row], case.variance[row])
    torch.testing.assert_close(alone, both[row])


def test_a_sample_keeps_to_all_frames() -> None:
    case = Case.draw("joint", 3, frames(3))
    quiet = torch.full((2,), 1e-8, dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    drawn = case.marginal.sample(case.linear, case.nuisance, quiet, rng)
    mean = case.marginal.mean(case.linear, case.nuisance, quiet)
    assert (drawn - mean).abs().max() < 0.05


def test_frames_without_a_transfer_do_no_harm() -> None:
    """Where all kernels have a zero nothing is measured, and gradients are finite."""
    transfers = torch.zeros(1, 2, 1, 4, dtype=torch.complex128, requires_grad=True)
    spectra = torch.ones(1, 2, 1, 4, dtype=torch.complex128)
    merged = Merged(spectra, transfers)
    (slope,) = torch.autograd.grad(merged.observed.abs().sum() + merged.transfer.abs().sum(), transfers)
    assert torch.isfinite(merged.observed).all() and torch.isfinite(slope).all()
