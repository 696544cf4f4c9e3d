"""Given signals: a prior that leaves nothing to find, one signal for all measurements or one for each."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import invkit
from invkit import Given, InputError, ShapeError
from invkit.contracts.given import given_signals, is_given
from invkit.testing import check_generator

ONE = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0))
EACH = torch.rand(3, 2, 3, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("given", [Given(ONE), Given(EACH[:1], each=True)], ids=["one", "each"])
def test_it_keeps_the_contract(given: Given) -> None:
    check_generator(given)


def test_one_signal_is_everyones() -> None:
    given, latent = Given(ONE), torch.zeros(5, 0)
    assert given.signal_shape == (2, 3, 4) and given.latent_shape == (0,)
    made = given(latent)
    assert torch.equal(made, ONE.expand(5, 2, 3, 4))
    made[0] = 7  # every candidate has memory of its own
    assert torch.equal(given(latent)[0], ONE) and torch.equal(made[1], ONE)
    assert given.select(torch.tensor([4, 0])) is given
    assert not given.penalty(latent, made).any()


def test_every_measurement_has_its_own() -> None:
    given = Given(EACH, each=True)
    assert given.signal_shape == (2, 3, 4)
    assert torch.equal(given(torch.zeros(3, 0)), EACH)
    rows = torch.tensor([2, 2, 0, 1])
    assert torch.equal(given.select(rows)(torch.zeros(4, 0)), EACH[rows])
    assert torch.equal(given.select(rows).select(torch.tensor([2]))(torch.zeros(1, 0)), EACH[:1])


def test_another_number_of_measurements_is_refused() -> None:
    with pytest.raises(ShapeError, match="3 given signals for 4 measurements"):
        Given(EACH, each=True)(torch.zeros(4, 0))


def test_the_shape_is_fixed() -> None:
    given = Given(ONE)
    assert given.shaped((2, 3, 4)) is given
    with pytest.raises(ShapeError, match=r"has shape \(2, 3, 4\), but shape \(1, 3, 4\).*grey=true"):
        given.shaped((1, 3, 4))


def test_precision_follows_the_latent_and_gradients_pass() -> None:
    latent = torch.zeros(2, 0, dtype=torch.float64, requires_grad=True)
    made = Given(ONE)(latent)
    assert made.dtype == torch.float64
    (gradient,) = torch.autograd.grad(made.sum(), latent)
    assert gradient.shape == (2, 0)


def test_encoding_leaves_nothing() -> None:
    assert Given(ONE).encode(EACH).shape == (3, 0)


def test_who_is_given() -> None:
    assert is_given(Given(ONE)) and not is_given(invkit.prior("vae:blurA"))
    assert not is_given(invkit.prior("identity"))  # which has no shape yet
    like = torch.zeros(3, 1, 8, 8, dtype=torch.float64)
    signals = given_signals(Given(EACH, each=True), like)
    assert signals.dtype == torch.float64 and torch.equal(signals.float(), EACH)
    assert torch.equal(given_signals(Given(ONE), like).float(), ONE.expand(3, 2, 3, 4))


def test_with_the_kernel_given_the_problem_is_linear() -> None:
    """Measurements of one batch with a kernel each are solved as each alone."""
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    kernels = EACH[:, :1].softmax(2)
    y = invkit.operator("circconv")(kernels, x)

    def solved(w: Any, measured: torch.Tensor) -> torch.Tensor:
        solution = invkit.compose("circconv", w=w, x="identity", solver="altgd?steps=5,restarts=1")(measured)
        found: torch.Tensor = solution.x
        return found

    together = solved(Given(kernels, each=True), y)
    for row in range(3):
        torch.testing.assert_close(together[row], solved(Given(kernels[row]), y[row]))


def test_a_numpy_array_is_taken() -> None:
    assert torch.equal(Given(ONE.numpy())(torch.zeros(1, 0))[0], ONE)
    assert torch.equal(Given(EACH.numpy(), each=True).signal, EACH)
    operator = invkit.operator("pointwise")
    x = torch.ones(1, 2, 3, 4)
    assert torch.equal(operator.given(w=ONE[None].numpy(), x_shape=(2, 3, 4))(x), operator(ONE[None], x))
    assert torch.equal(operator.given(x=ONE[None].numpy(), w_shape=(2, 3, 4))(x), operator(x, ONE[None]))


@pytest.mark.wrong_types
def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(InputError, match="a given signal must be a tensor or an array of numbers, got str"):
        Given("kernel.npy")  # type: ignore[arg-type]
