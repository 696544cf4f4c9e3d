"""The estimate of the noise: white noise, blurry pictures, what is clipped, JPEG, pictures of few pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from invkit.solving import noise_level
from invkit.solving.noise import LEAST_NOISE


def normal(n: int, *shape: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=rng, dtype=torch.float64)


def smooth(n: int, side: int = 128) -> Tensor:
    """Waves of different lengths, nothing at the finest scale."""
    row = torch.linspace(0, 9, side, dtype=torch.float64)
    waves = [0.5 + 0.3 * torch.sin(row * (1 + k))[:, None] * torch.cos(row * 2)[None] for k in range(n)]
    return torch.stack(waves)[:, None]


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 33, 47), (1, 5001), (2, 3000), (1, 2, 4000)])
@pytest.mark.parametrize("sigma", [0.01, 0.2])
def test_the_noise_of_white_noise_is_found(shape: tuple[int, ...], sigma: float) -> None:
    found = noise_level(sigma * normal(40, *shape, seed=0))
    assert found.shape == (40,)
    assert found.mean() == pytest.approx(sigma, rel=0.02)
    assert (found / sigma - 1).abs().max() < 0.25


def test_of_a_large_picture_bands_are_enough() -> None:
    found = noise_level(0.02 * normal(1, 1, 1800, 1700, seed=1))
    assert found.tolist() == pytest.approx([0.02], rel=0.02)


def test_what_is_smooth_is_not_taken_for_noise() -> None:
    found = noise_level(smooth(3) + 0.02 * normal(3, 1, 128, 128, seed=1))
    assert found.tolist() == pytest.approx([0.02] * 3, rel=0.05)


def test_where_the_sensor_is_saturated_no_noise_is_seen() -> None:
    """Two thirds of the picture are white and clipped at 1."""
    y = 0.5 + 0.02 * normal(20, 1, 60, 60, seed=2)
    y[..., 20:] += 0.5
    found = noise_level(y.clamp(max=1))
    assert found.mean() == pytest.approx(0.02, rel=0.1)


def test_what_is_saturated_throughout_still_has_an_estimate() -> None:
    stripes = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(1, 1, 6, 3)
    assert torch.isfinite(noise_level(stripes)).all()


@pytest.mark.parametrize("quality", [50, 75, 85])
def test_jpeg_does_not_hide_the_noise(quality: int) -> None:
    """The finest scale, which JPEG removes, would say a third of it or less."""
    y = (smooth(2) + 0.02 * normal(2, 1, 128, 128, seed=3)).clamp(0, 1)
    for each in y:
        file = io.BytesIO()
        Image.fromarray((each[0] * 255).round().byte().numpy()).save(file, "JPEG", quality=quality)
        read = torch.tensor(np.asarray(Image.open(file)))[None, None] / 255
        assert 0.01 < float(noise_level(read)) < 0.03


@pytest.mark.parametrize("quality", [40, 60, 75, 90])
@pytest.mark.parametrize("sigma", [0.01, 0.02])
def test_the_error_of_a_coloured_jpeg_is_that_of_the_sum_of_its_channels(quality: int, sigma: float) -> None:
    clean = smooth(3, 256)[:, 0]
    y = (clean + sigma * normal(3, 256, 256, seed=5)).clamp(0, 1)
    file = io.BytesIO()
    Image.fromarray((y * 255).round().byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    read = torch.tensor(np.asarray(Image.open(file))).permute(2, 0, 1) / 255
    error = ((read - clean).sum(0) / 3**0.5).square().mean().sqrt()
    assert float(noise_level(read[None])) == pytest.approx(float(error), rel=0.5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1), (3, 1, 2), (1, 2, 1), (2, 2)])
def test_what_is_too_small_to_tell_has_the_least_noise(shape: tuple[int, ...]) -> None:
    assert noise_level(torch.zeros(2, *shape)).tolist() == pytest.approx([LEAST_NOISE] * 2)


def test_neighbours_do_not_matter() -> None:
    y = smooth(3) + 0.01 * normal(3, 1, 128, 128, seed=4)
    assert torch.equal(noise_level(y)[1:2], noise_level(y[1:2]))
