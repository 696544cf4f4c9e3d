"""A known signal: read from files or given, with an empty latent that gradients pass through."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.problem import Problem
from invkit.errors import InputError, ShapeError
from invkit.files.images import write_image
from invkit_classical.known import Known
from invkit_classical.subspace import Subspace


class Product(BilinearOperator):
    """w ⊙ x."""

    def forward(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return w * x

    def output_shape(self, w_shape: tuple[int, ...], x_shape: tuple[int, ...]) -> tuple[int, ...]:
        return x_shape


def test_every_candidate_gets_the_signal_in_its_own_precision() -> None:
    signal = torch.rand(2, 3, 4, dtype=torch.float64)
    prior = Known(signal)
    for dtype in (torch.float32, torch.float64):
        latent = prior.sample_latent(5, torch.Generator(), dtype=dtype)
        assert latent.shape == (5, 0)
        made = prior(latent)
        assert made.dtype == dtype
        assert torch.equal(made, signal.to(dtype).expand(5, 2, 3, 4))
        assert torch.equal(prior.penalty(latent, made), torch.zeros(5, dtype=dtype))


def test_the_signal_is_a_copy() -> None:
    signal = np.ones((1, 4))
    prior = Known(signal)
    signal[:] = 7
    assert prior(torch.zeros(1, 0)).max() == 1


@pytest.mark.parametrize("known", [(0,), (1,), (0, 1)])
def test_gradients_pass_an_empty_latent(known: tuple[int, ...]) -> None:
    basis = torch.eye(6, dtype=torch.float64).reshape(6, 1, 2, 3)
    signal = torch.rand(1, 2, 3, dtype=torch.float64)
    priors = tuple(Known(signal) if side in known else Subspace(basis) for side in (0, 1))
    rng = torch.Generator().manual_seed(0)
    latents = [prior.sample_latent(4, rng, dtype=torch.float64) for prior in priors]
    objective = Problem(Product(), priors, (0.1, 0.1)).measured(torch.rand(4, 1, 2, 3, dtype=torch.float64))
    state, *gradients = objective.gradients(*latents)
    assert state.total.shape == (4,)
    for side in (0, 1):
        assert gradients[side].shape == latents[side].shape
        assert side in known or gradients[side].abs().min() > 0


def test_images_are_read_in_the_unit_range(tmp_path: Path) -> None:
    ramp = np.arange(12, dtype=np.float32).reshape(1, 3, 4) / 255
    write_image(tmp_path / "kernel.png", ramp)
    prior = Known.from_spec(str(tmp_path / "kernel.png"))
    assert prior.signal_shape == (1, 3, 4)
    np.testing.assert_allclose(prior.signal[0].numpy(), ramp, atol=1e-7)
    kernel = Known.from_spec(str(tmp_path / "kernel.png"), normalise="sum").signal[0]
    np.testing.assert_allclose(kernel.numpy(), ramp / ramp.sum(), rtol=1e-6)


def test_colour_can_be_reduced_or_normalised_channel_by_channel(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((3, 4, 5))
    write_image(tmp_path / "colour.png", image)
    path = str(tmp_path / "colour.png")
    assert Known.from_spec(path, grey=True).signal_shape == (1, 4, 5)
    sums = Known.from_spec(path, normalise="sum").signal[0].sum((1, 2))
    torch.testing.assert_close(sums, torch.ones(3))


@pytest.mark.parametrize(
    ("shape", "signal_shape"), [((7,), (1, 7)), ((3, 4), (1, 3, 4)), ((5, 3, 4), (5, 3, 4))]
)
def test_floats_in_an_npy_are_taken_as_they_are(
    shape: tuple[int, ...], signal_shape: tuple[int, ...], tmp_path: Path
) -> None:
    values = 100 * np.random.default_rng(0).standard_normal(shape)
    np.save(tmp_path / "w.npy", values)
    prior = Known.from_spec(str(tmp_path / "w.npy"))
    assert prior.signal_shape == signal_shape
    assert prior.signal.dtype == torch.float64
    assert torch.equal(prior.signal[0], torch.from_numpy(values).reshape(signal_shape))


def test_bytes_in_an_npy_are_an_image(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((2, 3), 51, dtype=np.uint8))
    signal = Known.from_spec(str(tmp_path / "x.npy")).signal[0]
    torch.testing.assert_close(signal, torch.full((1, 2, 3), 0.2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([[1.0, value]]))
    with pytest.raises(InputError, match="1 NaN or infinite"):
        Known.from_spec(str(tmp_path / "w.npy"))


def test_misuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Known.from_spec(str(tmp_path / "none.npy"))
    with pytest.raises(InputError, match="no such file"):
        Known.from_spec(str(tmp_path / "none.png"))
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY nonsense")
    with pytest.raises(InputError, match="cannot read arrays"):
        Known.from_spec(str(tmp_path / "bad.npy"))
    np.save(tmp_path / "zero.npy", np.zeros((3, 3)))
    with pytest.raises(InputError, match="cannot be normalised"):
        Known.from_spec(str(tmp_path / "zero.npy"), normalise="sum")
    np.save(tmp_path / "complex.npy", np.full((3, 3), 1j))
    with pytest.raises(InputError, match="complex numbers, and a kernel of unit sum has none"):
        Known.from_spec(str(tmp_path / "complex.npy"), normalise="sum")
    with pytest.raises(ShapeError, match="no channel axis"):
        Known(torch.rand(4))
    with pytest.raises(InputError, match="empty"):
        Known(np.ones((1, 0)))
    with pytest.raises(InputError, match="expected numbers"):
        Known(np.array([["a"]]))
    with pytest.raises(ShapeError, match=r"has shape \(1, 2, 2\), but shape \(3, 2, 2\).*grey=true"):
        Known(torch.rand(1, 2, 2)).shaped((3, 2, 2))


def test_the_file_is_known_by_its_digest(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.ones((2, 2)))
    digest = hashlib.sha256((tmp_path / "w.npy").read_bytes()).hexdigest()
    assert Known.from_spec(str(tmp_path / "w.npy")).sha256 == digest
    assert Known(np.ones((1, 2, 2))).sha256 is None
