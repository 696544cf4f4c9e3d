"""Range projection: exact where the range is known, never worse than its start, clear about bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import invkit
from invkit import Spec
from invkit.errors import InputError, ShapeError


class Linear(invkit.Generator):
    """``C(m) = B m``, with the pseudo-inverse as its encoder where it has one."""

    def __init__(self, basis: Tensor, *, encodes: bool = False) -> None:
        super().__init__()
        self.basis = nn.Buffer(basis)
        self.latent_shape, self.signal_shape = (basis.shape[1],), (1, 4, 4)
        self.can_encode = encodes

    def forward(self, latent: Tensor) -> Tensor:
        return (latent @ self.basis.T).unflatten(1, (1, 4, 4))

    def encode(self, signal: Tensor) -> Tensor:
        return signal.flatten(1) @ torch.linalg.pinv(self.basis).T


def orthonormal(seed: int) -> Tensor:
    return torch.linalg.qr(torch.randn(16, 5, generator=torch.Generator().manual_seed(seed)))[0]


@given(st.integers(0, 2**32))
def test_the_projection_on_a_subspace_is_the_orthogonal_one(seed: int) -> None:
    basis = orthonormal(seed)
    x = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(seed + 1))
    found = invkit.project(Linear(basis), x, restarts=2, steps=400, seed=seed)
    expected = (x.flatten(1) @ basis @ basis.T).view_as(x)
    torch.testing.assert_close(found.signal, expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.mse, (found.signal - x).square().flatten(1).mean(1))
    torch.testing.assert_close(found.psnr, invkit.metrics.psnr(found.signal, x).to(found.psnr))


@given(st.floats(0.1, 5))
def test_the_penalty_shrinks_as_ridge_regression_does(gamma: float) -> None:
    basis, x = orthonormal(0), torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    found = invkit.project(Linear(basis), x, weight=gamma, steps=400)
    torch.testing.assert_close(found.latent, x.flatten(1) @ basis / (1 + gamma), atol=5e-3, rtol=0)


def test_no_start_ends_worse_than_it_began() -> None:
    prior = invkit.prior("vae:mnist")
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    before, after = (invkit.project(prior, x, steps=steps, restarts=3) for steps in (0, 20))
    assert (after.restarts <= before.restarts).all() and (after.mse < before.mse).all()
    # with a rate that is far too high as well
    wild = invkit.project(prior, x, steps=5, restarts=3, rate=1e3)
    assert (wild.restarts <= before.restarts).all()


def test_the_first_start_is_the_encoding() -> None:
    x = torch.rand(3, 1, 4, 4)
    prior = Linear(orthonormal(0), encodes=True)
    found = invkit.project(prior, x, steps=0)
    assert (found.chosen == 0).all()
    torch.testing.assert_close(found.latent, prior.encode(x))


def test_one_signal_alone_is_as_in_company(monkeypatch: pytest.MonkeyPatch) -> None:
    prior, x = Linear(orthonormal(0)), torch.rand(5, 1, 4, 4)
    together = invkit.project(prior, x, restarts=1, steps=300)
    monkeypatch.setattr("invkit.projection._VALUES_AT_ONCE", 32)  # two at a time
    apart = invkit.project(prior, x, restarts=1, steps=300)
    torch.testing.assert_close(together.signal, apart.signal, atol=2e-3, rtol=0)  # Adam magnifies rounding


def test_digits_come_closer_than_their_encoding(mnist_folder: Path) -> None:
    x = invkit.dataset(f"mnist?path={mnist_folder}").take(torch.arange(6), "test")
    prior = invkit.prior("vae:mnist")
    found = invkit.project(prior, x, restarts=2, steps=150)
    encoded = invkit.metrics.psnr(prior(prior.encode(x)), x)
    assert (found.psnr > encoded + 2).all()


def test_layouts_and_libraries_are_kept() -> None:
    prior, x = Linear(orthonormal(0)), np.random.default_rng(0).random((4, 4)).astype(np.float32)
    for given_shape in ((4, 4), (1, 4, 4), (1, 1, 4, 4)):
        found = invkit.project(prior, x.reshape(given_shape), steps=2)
        assert isinstance(found.signal, np.ndarray) and found.signal.shape == given_shape
    assert isinstance(invkit.project(prior, torch.from_numpy(x), steps=2).signal, Tensor)


def test_everything_is_numpys_for_numpy() -> None:
    prior, x = Linear(orthonormal(0)), torch.rand(2, 1, 4, 4)
    by_torch, by_numpy = invkit.project(prior, x, steps=3), invkit.project(prior, x.numpy(), steps=3)
    for name in ("signal", "latent", "mse", "restarts", "chosen", "psnr"):
        assert isinstance(getattr(by_numpy, name), np.ndarray)
        np.testing.assert_allclose(getattr(by_numpy, name), getattr(by_torch, name).numpy(), rtol=1e-6)


@pytest.mark.parametrize("prior", ["vae:blurA", {"kind": "vae", "name": "blurA"}, Spec("vae", "blurA")])
def test_the_prior_may_be_given_by_name(prior: Any) -> None:
    x = torch.rand(1, 1, 28, 28)
    by_object = invkit.project(invkit.prior("vae:blurA"), x, steps=2)
    assert torch.equal(invkit.project(prior, x, steps=2).signal, by_object.signal)


def test_a_known_signal_is_its_own_range(tmp_path: Path) -> None:
    truth = torch.rand(1, 1, 4, 4)
    np.save(tmp_path / "x.npy", truth[0, 0].numpy())
    found = invkit.project(invkit.prior(f"known:{tmp_path / 'x.npy'}"), truth)
    assert found.signal.shape == truth.shape and found.mse.item() < 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"restarts": 0}, "restarts is 0; give a whole number, 1 or more"),
        ({"steps": -1}, "steps is -1"),
        ({"weight": -0.5}, "weight is -0.5"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"rate": 0.0}, "rate is 0.0"),
    ],
)
def test_bad_numbers_are_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        invkit.project(Linear(orthonormal(0)), torch.rand(1, 1, 4, 4), **options)
    assert says in str(caught.value)


def test_what_does_not_fit_is_refused() -> None:
    prior = Linear(orthonormal(0))
    with pytest.raises(ShapeError):
        invkit.project(prior, torch.rand(1, 1, 5, 5))
    with pytest.raises(InputError, match="NaN"):
        invkit.project(prior, torch.full((4, 4), torch.nan))
