"""From a recipe to a denoiser: it learns on real digits, resumes to the bit, refuses what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from invkit.errors import ConfigError, InputError, ShapeError, WeightsError
from invkit.files.images import write_image
from invkit.files.store import read_prior
from invkit.training.run import TrainingRun
from invkit_denoiser.trainer import LEVELS, DenoiserTrainer
from tests.untrained import write_untrained

TINY: dict[str, Any] = {
    "data": "shake",
    "architecture": "plain",
    "architecture_options": {"channels": 1, "patch": 2, "width": 8, "blocks": 1},
    "batch": 4,
    "epochs": 3,
    "limit": 20,
    "warmup": 1,
}


def train(out: Path, recipe: dict[str, Any], **options: Any) -> Path:
    return DenoiserTrainer().train("mine", recipe, out, progress=False, **options)


@pytest.mark.parametrize("limit", [1, 19])
def test_too_few_pictures_are_refused_before_anything_is_written(limit: int, tmp_path: Path) -> None:
    """As by the trainer of every network."""
    with pytest.raises(InputError, match=rf"{limit} pictures? in shake with limit={limit}: too few to learn"):
        train(tmp_path / "run", TINY | {"limit": limit})
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def digits(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a network trained for seconds, on 4,000 real digits."""
    recipe = TINY | {"data": f"mnist?path={mnist_folder}", "limit": 4000, "batch": 32, "epochs": 2}
    recipe |= {"learning_rate": 4e-3, "warmup": 10, "ema": 0.9, "half": True}
    return train(tmp_path_factory.mktemp("digits"), recipe, seed=3)


def test_it_learns_to_take_noise_off(digits: Path, mnist_folder: Path) -> None:
    card = read_prior(digits).card
    assert card["kind"] == "denoiser" and card["noisiest"] == pytest.approx(50 / 255)
    assert set(card["metrics"]) == {"validation_pictures", *(f"psnr_{level}" for level in LEVELS)}
    prior = invkit.prior(f"denoiser:{digits}")
    x = invkit.dataset(f"mnist?path={mnist_folder}").take(torch.arange(50), "test")
    for sigma in (0.05, 0.15):
        noisy = x + sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        made = prior.denoise(noisy, torch.full((50,), sigma))
        gain = invkit.metrics.psnr(made, x).mean() - invkit.metrics.psnr(noisy, x).mean()
        assert float(gain) > 2


def test_its_configuration_can_be_written_and_loaded(digits: Path) -> None:
    deblur = invkit.compose("circconv", ["simplex?size=5", f"denoiser:{digits}"], "pnp?steps=2")
    config = deblur.to_config()
    assert len(config["priors"][1]["sha256"]) == 64
    assert invkit.load_config(config).to_config() == config


def test_a_training_that_was_interrupted_ends_in_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_prior(train(tmp_path / "whole", TINY))
    original = TrainingRun.save

    def saved(run: TrainingRun) -> None:
        original(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingRun, "save", saved)
    monkeypatch.setattr(TrainingRun.train, "__kwdefaults__", {"save_every": 5, "log_every": 50})
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", TINY)
    monkeypatch.undo()
    resumed = read_prior(train(tmp_path / "cut", TINY, resume=True))
    assert all(torch.equal(whole.tensors[key], each) for key, each in resumed.tensors.items())


def colours(folder: Path) -> dict[str, Any]:
    """A recipe for a few pictures of stripes in colour."""
    folder.mkdir()
    for number in range(40):
        stripes = torch.zeros(3, 16, 16)
        stripes[number % 3, :: 2 + number % 5] = 1
        write_image(folder / f"{number}.png", stripes)
    options = {"channels": 3, "grey": True, "width": 8, "blocks": 1}
    return TINY | {"data": str(folder), "size": 16, "architecture_options": options}


def test_one_network_learns_colour_and_grey(tmp_path: Path) -> None:
    recipe = colours(tmp_path / "stripes") | {"turn": True, "epochs": 60, "learning_rate": 4e-3, "ema": 0.9}
    path = train(tmp_path / "out", recipe)
    figures = read_prior(path).card["metrics"]
    prior = invkit.prior(f"denoiser:{path}")
    assert prior.channels == (1, 3)
    if figures["validation_pictures"]:
        assert {f"{kind}psnr_{level}" for kind in ("", "grey_") for level in LEVELS} < set(figures)
    for channels in (1, 3):
        x = torch.full((1, channels, 16, 16), 0.5)
        noisy = x + 0.15 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        made = prior.denoise(noisy, torch.tensor([0.15]))
        assert float((made - x).square().mean()) < float((noisy - x).square().mean())
    with pytest.raises(ShapeError, match="1 or 3"):
        prior.shaped((2, 16, 16))


def test_a_network_for_diffusion_sees_levels_of_all_scales(tmp_path: Path) -> None:
    recipe = TINY | {"diffusion": True, "noisiest": 1.0}
    path = train(tmp_path / "out", recipe)
    prior = invkit.prior(f"denoiser:{path}")
    assert prior.noisiest == 1.0 and prior.card["recipe"]["diffusion"]
    assert torch.isfinite(prior.denoise(torch.randn(2, 1, 28, 28), torch.tensor([0.001, 1.0]))).all()


def test_double_precision_stays_double(tmp_path: Path) -> None:
    prior = invkit.prior(f"denoiser:{train(tmp_path, TINY)}")
    assert prior.denoise(torch.rand(1, 1, 8, 8).double(), torch.tensor([0.1]).double()).dtype == torch.float64


def test_other_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 channels"):
        train(tmp_path, TINY | {"architecture_options": {"channels": 3}})


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = write_untrained(tmp_path / "vae-x.safetensors", "paper-mnist")
    with pytest.raises(WeightsError, match="denoiser"):
        invkit.prior(f"denoiser:{path}")
