"""Principal components and the encoder made of them, against dense linear algebra."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import WeightsError
from invkit_generative.architectures.components import ComponentEncoder, at_most, principal_components


@pytest.fixture(scope="module")
def signals() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -2, 48)
    axes, _ = torch.linalg.qr(torch.randn(48, 48, generator=rng))
    return (0.5 + 0.1 * torch.randn(400, 48, generator=rng) * scales @ axes).view(400, 3, 4, 4)


def test_components_are_those_of_the_covariance(signals: torch.Tensor) -> None:
    torch.manual_seed(0)
    mean, directions, spread = principal_components(signals.flatten(1), 6)
    covariance = signals.flatten(1).T.cov(correction=0)
    values, vectors = torch.linalg.eigh(covariance)
    torch.testing.assert_close(mean, signals.flatten(1).mean(0))
    torch.testing.assert_close(spread, values.flip(0)[:6], rtol=1e-3, atol=0)
    overlap = (directions * vectors.flip(1)[:, :6]).sum(0).abs()
    torch.testing.assert_close(overlap, torch.ones(6), atol=1e-3, rtol=0)


@given(st.floats(1e-5, 1.0))
def test_the_encoder_is_the_posterior_of_probabilistic_pca(variance: float) -> None:
    """q(z | x) for x = μ + W z + noise, W = V√Λ: mean (WᵀW + s²)⁻¹ Wᵀ(x − μ), covariance s² (WᵀW + s²)⁻¹."""
    torch.manual_seed(0)
    signals = 0.5 + 0.1 * torch.randn(300, 1, 3, 4) * torch.linspace(2, 0.1, 12).view(3, 4)
    encoder = ComponentEncoder((1, 3, 4), 4)
    encoder.prepare(lambda: signals, variance)
    torch.manual_seed(0)
    mean, log_variance = encoder(signals[:7]).chunk(2, 1)
    loading = encoder.vectors.T * encoder.unit * (variance / encoder.log_variance.exp() - variance).sqrt()
    inner = torch.linalg.inv(loading.T @ loading + variance * torch.eye(4))
    expected = (signals[:7].flatten(1) - signals.flatten(1).mean(0)) @ loading @ inner
    torch.testing.assert_close(mean, expected, rtol=2e-3, atol=1e-4)
    torch.testing.assert_close(log_variance[0].exp().diag(), variance * inner, rtol=2e-3, atol=1e-4)


def test_codes_of_the_data_are_white(signals: torch.Tensor) -> None:
    encoder = ComponentEncoder((3, 4, 4), 5)
    encoder.prepare(lambda: signals, 1e-8)
    mean, _ = encoder(signals).chunk(2, 1)
    torch.testing.assert_close(mean.T.cov(correction=0), torch.eye(5), atol=1e-2, rtol=0)


def test_too_few_signals() -> None:
    with pytest.raises(WeightsError, match="smaller latent"):
        principal_components(torch.randn(70, 20), 8)


@pytest.mark.parametrize("count", [1, 5, 6, 7, 100])
def test_at_most(count: int) -> None:
    kept = at_most(torch.arange(count), 6)
    assert len(kept) <= 6 and kept[0] == 0 and (count > 6 or len(kept) == count)
