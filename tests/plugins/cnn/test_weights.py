"""The shipped networks: small, as their cards say, and better than nothing on pictures never seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import invkit
from invkit.files import store
from invkit.plugin.loading import default_manager
from invkit_cnn.trainer import CNNTrainer

NAMES = ("celeba-blurA", "celeba-shake", "housenumbers-blurA", "housenumbers-blurB", "housenumbers-shake")


def card(name: str) -> dict[str, object]:
    return store.read_card(store.find(default_manager().registry, "cnn", name))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_is_small_and_of_the_recipe_of_its_name(name: str) -> None:
    path = store.find(default_manager().registry, "cnn", name)
    assert not path.is_relative_to(store.user_store())
    assert path.stat().st_size <= 2e6
    trained = card(name)
    recipe = CNNTrainer().recipes()[name]
    assert recipe.items() <= trained["recipe"].items() and trained["recipe"]["seed"] == 0
    assert trained["architecture"]["name"] == "residual"
    assert trained["metrics"]["psnr_restored"] > trained["metrics"]["psnr_blurry"]
    assert trained["licence"] == recipe["licence"]


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_of_the_card_are_true(name: str, data_folder: Path) -> None:
    trained = card(name)
    data, blurs = invkit.dataset(trained["recipe"]["data"]), invkit.dataset(trained["blur"]["spec"])
    if data.fingerprint() != trained["data"]["fingerprint"]:
        pytest.skip("the pictures here are not those it was trained on: other fonts, or other files")
    assert blurs.fingerprint() == trained["blur"]["fingerprint"]
    figures = trained["metrics"]
    chosen = torch.arange(figures["validation_pictures"])
    truth = data.take(chosen, "validation")
    y = invkit.operator("circconv")(blurs.take(chosen, "validation"), truth)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    solution = invkit.compose("circconv", ["identity", "identity"], f"cnn?weights={name}")(y)
    restored = invkit.metrics.psnr(solution.x, truth).mean().item()
    blurry = invkit.metrics.psnr(y, truth).mean().item()
    assert restored == pytest.approx(figures["psnr_restored"], abs=0.01)
    assert blurry == pytest.approx(figures["psnr_blurry"], abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_its_configuration_can_be_written(name: str) -> None:
    config = invkit.compose("circconv", ["identity", "identity"], f"cnn?weights={name}").to_config()
    assert config["solver"]["weights"] == name and len(config["solver"]["sha256"]) == 64
    json.dumps(config)
