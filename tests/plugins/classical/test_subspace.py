"""Signals in a subspace: synthesis is affine, encoding is the least-squares projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import InputError, ShapeError
from invkit_classical.subspace import Subspace


def _basis(r: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((r, *shape))


@given(r=st.integers(1, 12), seed=st.integers(0, 1000), shape=st.sampled_from([(1, 3, 4), (2, 6), (3, 2, 2)]))
def test_encoding_is_the_least_squares_projection(r: int, seed: int, shape: tuple[int, ...]) -> None:
    basis, mean = _basis(r, shape, seed), _basis(1, shape, seed + 1)[0]
    prior = Subspace(basis, mean)
    latent = prior.sample_latent(3, torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(prior.encode(prior(latent)), latent, atol=1e-6, rtol=1e-6)
    signal = torch.from_numpy(_basis(3, shape, seed + 2))
    expected = np.linalg.lstsq(basis.reshape(r, -1).T, (signal.numpy() - mean).reshape(3, -1).T, rcond=None)[
        0
    ].T
    np.testing.assert_allclose(prior.encode(signal).numpy(), expected, atol=1e-6, rtol=1e-6)


@given(a=st.floats(-3, 3), seed=st.integers(0, 100))
def test_synthesis_is_affine(a: float, seed: int) -> None:
    prior = Subspace(_basis(4, (1, 3, 3)), _basis(1, (1, 3, 3))[0])
    z = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(prior(a * z[0] + (1 - a) * z[1]), a * prior(z[0]) + (1 - a) * prior(z[1]))
    torch.testing.assert_close(prior(0 * z[0])[0], prior.mean)


def test_the_latent_decides_the_precision() -> None:
    prior = Subspace(_basis(2, (1, 4)))
    assert prior(torch.zeros(1, 2)).dtype == torch.float32
    assert prior.encode(torch.zeros(1, 1, 4)).dtype == torch.float32
    assert prior.basis.dtype == torch.float64


def test_files_give_basis_and_mean(tmp_path: Path) -> None:
    basis, mean = _basis(3, (1, 2, 4)), _basis(1, (1, 2, 4))[0]
    np.save(tmp_path / "basis.npy", basis)
    np.savez(tmp_path / "both.npz", basis=basis, mean=mean)
    alone, both = (Subspace.from_spec(str(tmp_path / name)) for name in ("basis.npy", "both.npz"))
    assert (alone.latent_shape, alone.signal_shape) == ((3,), (1, 2, 4))
    assert torch.equal(alone.mean, torch.zeros(1, 2, 4).double())
    assert torch.equal(both.basis, torch.from_numpy(basis))
    assert torch.equal(both.mean, torch.from_numpy(mean))


def test_misuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"expected \(r, channels"):
        Subspace(np.ones((3, 4)))
    with pytest.raises(ShapeError, match="the mean has shape"):
        Subspace(_basis(2, (1, 4)), np.ones((1, 5)))
    with pytest.raises(InputError, match="3 basis vectors span only 2"):
        Subspace(np.stack([np.eye(2, 4), np.eye(2, 4), np.ones((2, 4))]))
    with pytest.raises(InputError, match="5 basis vectors span only 4"):
        Subspace(_basis(5, (1, 4)))
    np.savez(tmp_path / "other.npz", vectors=np.ones(3))
    with pytest.raises(InputError, match="holds vectors, expected an array called basis"):
        Subspace.from_spec(str(tmp_path / "other.npz"))
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(InputError, match="cannot read arrays"):
        Subspace.from_spec(str(tmp_path / "bad.npz"))
