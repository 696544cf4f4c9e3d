"""Fitting: the moments of Gaussian data come back, and a sketch finds what a whole covariance holds."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
import torch
from torch import Tensor

from invkit.errors import InputError
from invkit_gaussian import principal
from invkit_gaussian.dense import covariance
from invkit_gaussian.fitting import fit
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.moments import Moments, half_spectrum, signal_of
from invkit_gaussian.texture import regressors, texture_power
from tests.plugins.gaussian.classes import moments_of

SHAPE = (3, 5, 4)
ONE = torch.ones((), dtype=torch.float64)


def single(moments: Moments) -> Moments:
    return moments.to(torch.zeros(1))


def batches(images: Tensor, size: int = 1_000) -> principal.Batches:
    def passes() -> Iterator[Tensor]:
        return iter(images.split(size))

    return passes


def drawn(moments: Moments, n: int = 20_000) -> Tensor:
    prior = Gaussian(single(moments))
    return prior(prior.sample_latent(n, torch.Generator().manual_seed(0)))


def pixel_covariance(moments: Moments) -> Tensor:
    """Σ in pixels and channels."""
    _, height, width = moments.mean.shape
    turn = torch.kron(moments.rotation.double().contiguous(), torch.eye(height * width, dtype=torch.float64))
    return turn @ covariance(moments.basis.double(), moments.spectrum.double(), ONE) @ turn.T


def test_joint_moments_come_back() -> None:
    truth = attrs.evolve(moments_of("joint", 3, (5, 4), 3), spectrum=torch.full((3, 5, 3), 0.05).double())
    x = drawn(truth)
    found = fit(batches(x), SHAPE, rank=3, colour="joint")
    assert found.colour == "joint" and found.rank == 3 and found.level == 0
    expected = pixel_covariance(truth)
    assert (found.mean - truth.mean).abs().max() < 5 * expected.diagonal().max().sqrt() / 20_000**0.5
    error = (pixel_covariance(found) - expected).norm() / expected.norm()
    assert error < 0.03


@pytest.mark.parametrize("rank", [0, 4, 60])
def test_every_variance_is_kept_whatever_the_rank(rank: int) -> None:
    x = drawn(moments_of("joint", 3, (5, 4), 6), 4_000)
    found = fit(batches(x), SHAPE, rank=rank, colour="joint")
    total = (x - x.mean(0)).square().flatten(1).sum(1).mean()
    assert float(pixel_covariance(found).trace()) == pytest.approx(float(total), rel=1e-3)


def test_batches_of_any_size_give_the_same() -> None:
    x = drawn(moments_of(), 300)
    one, other = (
        fit(batches(x, size), (3, 4, 5), rank=4, colour="joint", contrast=True) for size in (300, 7)
    )
    torch.testing.assert_close(pixel_covariance(one), pixel_covariance(other), rtol=1e-4, atol=1e-5)
    assert one.spread == pytest.approx(other.spread, rel=1e-5)


def test_contrasts_are_found() -> None:
    rng = torch.Generator().manual_seed(1)
    plain = drawn(moments_of("joint", 1, (8, 8), 0), 5_000)
    mean = plain.mean(0)
    factors = (0.6 * torch.randn(5_000, 1, 1, 1, generator=rng)).exp()
    found = fit(batches(mean + factors * (plain - mean)), (1, 8, 8), rank=0, colour="joint", contrast=True)
    assert len(found.contrasts) == 1 and found.spread == pytest.approx(0.6, abs=0.08)


def test_textures_are_found() -> None:
    """Level and tilt of images of one spectrum, each with a texture of its own."""
    rng, size = torch.Generator().manual_seed(1), (16, 15)
    theta = torch.tensor([0.1, -0.2]) + torch.randn(3_000, 2, generator=rng) * torch.tensor([0.4, 0.2])
    power = (2 * theta @ regressors(size, theta).T).exp().reshape(-1, 1, 16, 8)
    white = half_spectrum(torch.randn(3_000, 1, *size, generator=rng))
    x = signal_of(white * power.sqrt(), size)
    found = fit(batches(x), (1, *size), rank=0, colour="joint", texture=True)
    factor = found.texture[:, 1:]
    expected = torch.cov(theta.T)
    torch.testing.assert_close(factor @ factor.T, expected, rtol=0.1, atol=0.01)
    # what is the same for all is in the spectrum: together they are the typical image's
    typical = found.spectrum[0].flatten() * texture_power(
        found.texture, torch.zeros(1, 2), regressors(size, x)
    )
    truth = (2 * regressors(size, x) @ theta.mean(0)).exp()
    assert (typical[0] / truth).log().std() < 0.1 and abs((typical[0] / truth).log().mean()) < 0.05
    plain = fit(batches(x), (1, *size), rank=0, colour="joint")
    assert plain.texture.shape == (2, 0) and torch.equal(plain.spectrum, found.spectrum)


def test_axes_are_of_one_channel_and_of_unit_variance() -> None:
    rng = torch.Generator().manual_seed(1)
    shapes = drawn(moments_of("joint", 1, (6, 6), 2, seed=3), 4_000)
    colours = torch.nn.functional.normalize(torch.randn(4_000, 3, 1, 1, generator=rng), dim=1)
    x = 0.5 + 0.2 * (shapes - shapes.mean(0)) * colours + 0.1 * torch.randn(4_000, 3, 1, 1, generator=rng)
    found = fit(batches(x), (3, 6, 6), rank=5, colour="axes")
    assert found.basis.shape == (5, 1, 6, 6) and found.spectrum.shape == (1, 6, 4)
    assert float(pixel_variance(found)) == pytest.approx(1.0, rel=0.02)
    assert found.level == pytest.approx(0.1, rel=0.3) and len(found.contrasts) == 3
    assert float(found.mean.std((1, 2)).max()) < 1e-6  # flat


def pixel_variance(moments: Moments) -> Tensor:
    return covariance(moments.basis.double(), moments.spectrum.double(), ONE).diagonal().mean()


def test_a_sketch_is_close_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn(moments_of("joint", 3, (8, 8), 6), 3_000)
    whole = fit(batches(x), (3, 8, 8), rank=6, colour="joint")
    monkeypatch.setattr(principal, "DIRECT", 0)
    sketch = fit(batches(x), (3, 8, 8), rank=6, colour="joint", seed=5)
    error = (pixel_covariance(sketch) - pixel_covariance(whole)).norm() / pixel_covariance(whole).norm()
    assert error < 1e-3
    again = fit(batches(x), (3, 8, 8), rank=6, colour="joint", seed=5)
    assert torch.equal(sketch.basis, again.basis) and torch.equal(sketch.spectrum, again.spectrum)


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_no_images_are_refused(colour: str) -> None:
    with pytest.raises(InputError, match="no images"):
        fit(batches(torch.zeros(0, 3, 4, 4)), (3, 4, 4), rank=2, colour=colour)  # type: ignore[arg-type]


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_images_that_are_all_one_colour_are_refused(colour: str) -> None:
    with pytest.raises(InputError, match="alike"):
        fit(batches(torch.ones(5, 3, 4, 4)), (3, 4, 4), rank=2, colour=colour)  # type: ignore[arg-type]


@pytest.mark.parametrize(("colour", "rank"), [("joint", 49), ("axes", 17), ("joint", -1)])
def test_ranks_that_images_cannot_give_are_refused(colour: str, rank: int) -> None:
    with pytest.raises(InputError, match=f"rank={rank}"):
        fit(batches(torch.rand(5, 3, 4, 4)), (3, 4, 4), rank=rank, colour=colour)  # type: ignore[arg-type]
