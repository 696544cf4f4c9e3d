"""The shipped denoisers: small, as their cards say, and of use on photographs never seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import invkit
from invkit.files import store
from invkit.plugin.loading import default_manager
from invkit_denoiser.trainer import DenoiserTrainer, luma

NAMES = ("faces", "photographs")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_denoiser_is_small_and_of_the_recipe_of_its_name(name: str) -> None:
    path = store.find(default_manager().registry, "denoiser", name)
    assert not path.is_relative_to(store.user_store())
    assert path.stat().st_size <= 2e6
    card = store.read_card(path)
    recipe = DenoiserTrainer().recipes()[name]
    assert recipe.items() <= card["recipe"].items() and card["recipe"]["seed"] == 0
    assert card["licence"] == recipe["licence"]


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_of_the_card_are_true(name: str, data_folder: Path) -> None:
    """Those at one level of noise: the others take as long again."""
    prior = invkit.prior(f"denoiser:{name}")
    data = invkit.dataset(prior.card["recipe"]["data"])
    if data.fingerprint() != prior.card["data"]["fingerprint"]:
        pytest.skip("the pictures here are not those it was trained on")
    count = prior.card["metrics"]["validation_pictures"]
    colour = data.take(torch.arange(count), "validation")
    kinds = {"": colour, "grey_": luma(colour)} if 1 in prior.channels else {"": colour}
    level = 25
    for kind, truth in kinds.items():
        rng = torch.Generator().manual_seed(level)
        noisy = truth + level / 255 * torch.randn(truth.shape, generator=rng)
        made = prior.denoise(noisy, torch.full((count,), level / 255)).clamp(0, 1)
        figure = invkit.metrics.psnr(made, truth).mean().item()
        assert figure == pytest.approx(prior.card["metrics"][f"{kind}psnr_{level}"], abs=0.05)
        assert figure > invkit.metrics.psnr(noisy, truth).mean().item() + 2


@pytest.mark.parametrize("grey", ["true", "false"])
def test_deblurring_with_it_is_better_than_total_variation(grey: str, data_folder: Path) -> None:
    """In the mean of four validation squares, with the true kernel."""
    x = invkit.dataset(f"bsds500?size=128,grey={grey}").take(torch.tensor([5, 105, 205, 305]), "validation")
    w = invkit.dataset("shake?size=13,shortest=9").take(torch.arange(4), "validation")
    blur = invkit.operator("linconv?boundary=unknown")
    rng, gains = torch.Generator().manual_seed(0), []
    for one, kernel in zip(x, w, strict=True):
        y = blur(kernel[None], one[None]) + 0.02 * torch.randn(1, *one.shape, generator=rng)
        found = [
            invkit.compose("linconv?boundary=unknown", [invkit.Given(kernel), prior], solver)(y).x
            for prior, solver in (("denoiser:photographs", "pnp"), ("identity", "tv"))
        ]
        inside = [each[..., 12:-12, 12:-12] for each in (*found, one[None])]
        denoised, varied = (float(invkit.metrics.psnr(each, inside[2])) for each in inside[:2])
        gains.append(denoised - varied)
    assert sum(gains) / len(gains) > 0.3


def test_samples_of_faces_are_near_the_truth_and_know_how_near(data_folder: Path) -> None:
    """Two validation faces, with the true kernel."""
    x = invkit.dataset("celeba").take(torch.arange(2), "validation")
    w = invkit.dataset("shake").take(torch.arange(2), "validation")
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    for one, kernel, blurry in zip(x, w, y, strict=True):
        known = [invkit.Given(kernel), "denoiser:faces"]
        found = invkit.compose("circconv", known, "diffusion?draws=8,steps=15,inner=4")(blurry[None])
        gain = invkit.metrics.psnr(found.x, one[None]) - invkit.metrics.psnr(blurry[None], one[None])
        error = (found.x - one).abs() / found.x_std
        assert float(gain) > 4 and float((error < 2).float().mean()) > 0.5
