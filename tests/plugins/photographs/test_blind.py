"""``blind``: the whole simplex, corners included."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError, ShapeError
from invkit.testing import check_generator


def test_the_contract() -> None:
    check_generator(invkit.prior("blind?size=5"))
    check_generator(invkit.prior("blind"), signal_shape=(3, 4, 7))


def test_any_kernel_comes_back_from_its_latent() -> None:
    prior = invkit.prior("blind?size=3")
    kernels = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0.25, 0, 0.25, 0, 0]])
    kernels = kernels.reshape(2, 1, 3, 3)
    torch.testing.assert_close(prior(prior.encode(kernels)), kernels)
    assert torch.equal(prior.encode(-kernels), torch.zeros_like(kernels))


def test_kernels_are_non_negative_and_of_unit_sum() -> None:
    prior = invkit.prior("blind?size=6")
    made = prior(prior.sample_latent(20, torch.Generator().manual_seed(0)))
    assert (made >= 0).all()
    torch.testing.assert_close(made.sum((1, 2, 3)), torch.ones(20))
    assert torch.equal(prior.penalty(made, made), made.square().sum((1, 2, 3)))


def test_bad_sizes() -> None:
    with pytest.raises(InputError, match="leaves no pixel"):
        invkit.prior("blind?size=0")
    with pytest.raises(ShapeError):
        invkit.prior("blind?size=5").shaped((1, 7, 7))


def test_every_kernel_of_several_has_unit_sum() -> None:
    prior = invkit.prior("blind").shaped((4, 5, 5))
    w = prior(torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(w.sum((2, 3)), torch.ones(2, 4))
    torch.testing.assert_close(prior(prior.encode(w)), w)
