"""Calls of operators, linear maps and priors with what is no batch of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, ShapeError
from invkit.contracts.called import Called, as_tensor

pytestmark = pytest.mark.wrong_types

ARRAY = np.ones((2, 1, 8, 8), np.float32)
TENSOR = torch.from_numpy(ARRAY)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ((ARRAY, ARRAY), InputError, r"takes tensors, got ndarray; write torch\.as_tensor"),
        ((TENSOR, 5), InputError, "takes tensors, got int"),
        ((TENSOR, TENSOR[:1].expand(3, 1, 8, 8)), ShapeError, "batches of 2 and 3"),
        (
            (TENSOR.half(), TENSOR.half()),
            InputError,
            r"cannot compute with torch\.float16.*tensor\.float\(\)",
        ),
        ((TENSOR.to_sparse(), TENSOR), InputError, r"sparse.*to_dense\(\)"),
        ((TENSOR[0, 0, 0, 0], TENSOR[0, 0, 0, 0]), ShapeError, "single number|kernel"),
    ],
)
@pytest.mark.parametrize("spec", ["circconv", "linconv"])
def test_an_operator_says_what_it_takes(spec: str, given: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        invkit.operator(spec)(*given)


@pytest.mark.parametrize(
    "part", [invkit.linear("downsample?factor=2"), invkit.decoder(torch.nn.Unflatten(1, (1, 2, 2)), (4,))]
)
def test_linear_maps_and_priors_do_as_well(part: Called) -> None:
    with pytest.raises(InputError, match="takes tensors, got ndarray"):
        part(ARRAY)


def test_adjoints_and_encoders_do_as_well() -> None:
    operator, halved = invkit.operator("circconv"), invkit.linear("downsample?factor=2")
    with pytest.raises(InputError, match=r"\.adjoint_x takes tensors, got ndarray"):
        operator.adjoint_x(ARRAY, ARRAY)
    with pytest.raises(ShapeError, match=r"\.adjoint_w was called with batches of 2 and 3"):
        operator.adjoint_w(TENSOR, TENSOR[:1].expand(3, 1, 8, 8), w_shape=(1, 8, 8))
    with pytest.raises(InputError, match=r"\.adjoint takes tensors, got ndarray"):
        halved.adjoint(ARRAY)
    with pytest.raises(InputError, match=r"\.encode takes tensors, got list"):
        invkit.prior("wavelet").encode([1.0])


def test_a_prior_says_of_which_shape_latents_and_signals_are() -> None:
    prior = invkit.prior("gaussian:mnist")
    with pytest.raises(ShapeError, match=r"shape \(2, 5\); give a batch, of shape \(n, \d+\)"):
        prior(torch.ones(2, 5))
    with pytest.raises(ShapeError, match=r"shape \(2, 1, 8, 8\); give a batch, of shape \(n, 1, 28, 28\)"):
        prior.encode(TENSOR)


def test_a_part_that_breaks_its_contract_keeps_its_own_error() -> None:
    class Broken(invkit.Generator):
        encode: Any = 5

        def forward(self, latent: Tensor) -> Tensor:
            raise ZeroDivisionError

    assert Broken().encode == 5
    with pytest.raises(ZeroDivisionError):
        Broken()(TENSOR)


def test_a_fault_of_the_part_stays_what_it_is() -> None:
    class Faulty(Called):
        def forward(self, given: Tensor) -> Tensor:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Faulty()(TENSOR)
    with pytest.raises(InputError, match="got list") as refusal:
        Faulty()([1.0])
    assert isinstance(refusal.value.__cause__, ZeroDivisionError)


def test_devices_and_precisions_that_differ_are_named() -> None:
    class Strict(Called):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            raise RuntimeError

    with pytest.raises(ShapeError, match=r"tensors of torch\.float32 and torch\.float64"):
        Strict()(TENSOR, TENSOR.double())
    with pytest.raises(ShapeError, match="tensors on cpu and meta"):
        Strict()(TENSOR, b=TENSOR.to("meta"))


def test_arrays_of_numbers_become_tensors() -> None:
    assert as_tensor(TENSOR, "a signal") is TENSOR
    assert torch.equal(as_tensor(ARRAY[:, :, ::-1], "a signal"), TENSOR)
    for wrong, says in (("a.npy", "got str"), (np.array(["a"]), "array of <U1"), ([1.0], "got list")):
        with pytest.raises(InputError, match=f"a signal must be a tensor.*{says}"):
            as_tensor(wrong, "a signal")
