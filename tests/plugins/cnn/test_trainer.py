"""From a recipe to weights: it learns on real digits, resumes to the bit, and refuses what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import invkit
from invkit.cli.main import main
from invkit.errors import ConfigError, InputError
from invkit.files.images import write_image
from invkit.files.store import read_prior
from invkit.training.recipes import structure
from invkit.training.run import TrainingRun
from invkit_cnn import trainer
from invkit_cnn.architectures import build
from invkit_cnn.trainer import CNNRecipe, CNNTrainer

SMALL = {"channels": 1, "patch": 2, "width": 24, "blocks": 2}

#: a few batches of small pictures that are always there; nothing is learnt from so few
TINY: dict[str, Any] = {
    "data": "shake",
    "blur": "blurA",
    "operator": "circconv",
    "architecture": "residual",
    "architecture_options": SMALL | {"width": 4, "blocks": 1},
    "batch": 4,
    "epochs": 3,
    "limit": 20,
    "warmup": 1,
}


def train(out: Path, recipe: dict[str, Any], **options: Any) -> Path:
    return CNNTrainer().train("mine", recipe, out, progress=False, **options)


@pytest.fixture(scope="module")
def digits(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a network trained for seconds, on 2,000 real digits."""
    recipe = TINY | {"data": f"mnist?path={mnist_folder}", "architecture_options": SMALL, "limit": 2000}
    recipe |= {"batch": 16, "epochs": 2, "learning_rate": 4e-3, "warmup": 10, "ema": 0.9, "half": True}
    return train(tmp_path_factory.mktemp("digits"), recipe, seed=3)


def test_it_learns_to_deblur_digits_never_seen(digits: Path) -> None:
    figures = read_prior(digits).card["metrics"]
    assert figures["validation_pictures"] == 500
    assert figures["psnr_restored"] > figures["psnr_blurry"] + 1
    assert figures["made_worse"] < 100


def test_the_card_tells_what_the_network_is_and_what_it_learnt_from(digits: Path) -> None:
    card = read_prior(digits).card
    blurs = invkit.dataset("blurA")
    assert (card["kind"], card["name"]) == ("cnn", "mine")
    assert card["architecture"] == {"name": "residual", "options": SMALL}
    assert card["blur"] == {"spec": "blurA", "fingerprint": blurs.fingerprint(), "noise": 0.01}
    assert card["recipe"]["seed"] == 3 and card["recipe"]["steps"] == 250
    assert digits.name == "cnn-mine.safetensors"


def test_the_figures_are_those_of_the_stored_weights_in_the_solver(digits: Path, mnist_folder: Path) -> None:
    card = read_prior(digits).card
    truth = invkit.dataset(f"mnist?path={mnist_folder}").take(torch.arange(500), "validation")
    kernels = invkit.dataset("blurA").take(torch.arange(500), "validation")
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    y = invkit.operator("circconv")(kernels, truth) + 0.01 * noise
    solution = invkit.compose("circconv", ["identity", "identity"], f"cnn?weights={digits}")(y)
    psnr = invkit.metrics.psnr(solution.x, truth).mean().item()
    assert psnr == pytest.approx(card["metrics"]["psnr_restored"], abs=2e-3)
    assert invkit.metrics.psnr(y, truth).mean().item() == pytest.approx(
        card["metrics"]["psnr_blurry"], abs=2e-3
    )


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_an_interrupted_training_ends_in_the_same_file(
    optimiser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = TINY | {"optimiser": optimiser}
    whole = train(tmp_path / "whole", recipe)
    batch, train_on = TrainingRun.batch, TrainingRun.train

    def failing(run: TrainingRun, step: int) -> torch.Tensor:
        if step == 9:
            raise RuntimeError("pulled the plug")
        return batch(run, step)

    def often(run: TrainingRun, watch: Any) -> dict[str, torch.Tensor]:
        return train_on(run, watch, save_every=2, log_every=5)

    monkeypatch.setattr(TrainingRun, "train", often)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "batch", failing)
        with pytest.raises(RuntimeError, match="pulled the plug"):
            train(tmp_path / "cut", recipe)
    assert not (tmp_path / "cut" / "cnn-mine.safetensors").exists()
    assert train(tmp_path / "cut", recipe, resume=True).read_bytes() == whole.read_bytes()


def test_kernels_and_noise_are_the_seeds(tmp_path: Path) -> None:
    files = [train(tmp_path / str(n), TINY, seed=seed) for n, seed in enumerate((0, 0, 1))]
    weights = [read_prior(path).tensors for path in files]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


def test_l15_is_trained_by_its_recipe_if_only_for_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "restoration_figures", lambda *_: {"validation_pictures": 0})  # slow
    recipe = dict(CNNTrainer().recipes()["celeba-shake-l15"])
    assert (recipe["optimiser"], recipe["momentum"]) == ("sgd", 0.9)
    assert (recipe["weight_decay"], recipe["batch"]) == (5e-4, 96)
    recipe |= {"data": "shake", "architecture_options": {"channels": 1}, "epochs": 1, "limit": 20}
    path = train(tmp_path, recipe | {"batch": 20})
    card = read_prior(path).card
    assert card["architecture"] == {"name": "l15", "options": {"channels": 1}}
    assert card["recipe"]["steps"] == 1 and path.stat().st_size < 4.6e6


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for number in range(20):
        write_image(tmp_path / "photos" / f"{number}.png", np.random.default_rng(number).random((3, 40, 30)))
    recipe = TINY | {"data": str(tmp_path / "photos"), "size": 32, "batch": 2, "epochs": 1}
    card = read_prior(train(tmp_path / "run", recipe)).card
    assert "size=32" in card["data"]["spec"] and "grey=true" in card["data"]["spec"]


def test_several_data_sets_at_once(tmp_path: Path) -> None:
    card = read_prior(train(tmp_path, TINY | {"data": "shake + blurA"})).card
    assert card["data"]["spec"] == "shake + blurA"


def test_tensorboard_shows_sharp_blurry_and_restored(tmp_path: Path) -> None:
    train(tmp_path, TINY)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"loss", "psnr", "gradient_norm"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["pictures"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"architecture_options": {}},
            "takes pictures of 3 channels, shake has (1, 28, 28); set arch",
        ),
        ({"architecture_options": SMALL | {"patch": 3}}, "multiples of 3, shake has (1, 28, 28)"),
        ({"blur": "mnist-sample"}, "choose a law of kernels"),
        ({"operator": "linconv?mode=full"}, "choose operator=circconv"),
        ({"nose": 0.1}, "no key 'nose'; did you mean 'noise'?"),
        ({"optimiser": "adam"}, "optimiser = 'adam'"),
        ({"noise": -1.0}, "'noise' must be >= 0"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(tmp_path / "run", TINY | change)
    assert says in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_law_of_pictures_is_no_blur(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="objects holds no kernels"):
        train(tmp_path / "run", TINY | {"blur": "objects"})
    assert not (tmp_path / "run").exists()


def test_a_recipe_without_a_blur(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the recipe has no 'blur'"):
        train(tmp_path, {key: value for key, value in TINY.items() if key != "blur"})


def test_shipped_recipes_are_sound(data_folder: Path) -> None:
    recipes = CNNTrainer().recipes()
    wanted = {"celeba-blurA", "celeba-shake", "housenumbers-blurB", "housenumbers-shake"}
    assert wanted < set(recipes)
    shapes = {name: tuple(invkit.dataset(name).signal_shape) for name in ("celeba", "housenumbers")}
    for values in recipes.values():
        recipe = structure(values, CNNRecipe)
        network = build(recipe.architecture, recipe.architecture_options)
        shape = shapes[recipe.data]
        assert shape[0] == network.channels and shape[1] % network.multiple == 0


def test_the_command_line_says_how_to_use_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [f"--set={key}={value}" for key, value in (("limit", 20), ("batch", 10), ("epochs", 1))]
    options = "--set=architecture_options={channels=1,patch=2,width=4,blocks=1}"
    command = ["train", "cnn", "--recipe", "housenumbers-blurA", "shake", *changes, options]
    assert main([*command, "--out", str(tmp_path), "--quiet"]) == 0
    usage = capsys.readouterr().out.splitlines()[-1].removeprefix("use it as ")
    assert invkit.solver(usage).card["recipe"]["blur"] == "blurA"
