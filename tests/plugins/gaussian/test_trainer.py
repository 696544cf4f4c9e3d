"""From a recipe to weights: fitted to real digits, the same every time, as stored; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.errors import ConfigError, InputError
from invkit.files import store
from invkit.files.images import write_image
from invkit.plugin.loading import default_manager
from invkit.training.recipes import structure
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.recipe import GaussianRecipe
from invkit_gaussian.stored import moments_from
from invkit_gaussian.trainer import GaussianTrainer

NAMES = ("celeba", "housenumbers", "mnist", "objects", "shoes", "svhn")

#: a few pictures that are always there
TINY: dict[str, Any] = {"data": "shake", "rank": 4, "limit": 30, "bits": 32}


def train(out: Path, recipe: dict[str, Any], **options: Any) -> Path:
    return GaussianTrainer().train("mine", recipe, out, progress=False, **options)


@pytest.fixture(scope="module")
def digits(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior fitted to 4,000 real digits."""
    recipe = {"data": f"mnist?path={mnist_folder}", "rank": 64, "limit": 4000}
    recipe |= {"blur": "shake", "operator": "circconv"}
    return train(tmp_path_factory.mktemp("digits"), recipe)


def test_digits_are_learnt(digits: Path) -> None:
    figures = store.read_card(digits)["metrics"]
    assert figures["training_pictures"] == 4000 and figures["validation_pictures"] == 100
    assert 0.8 < figures["explained_variance"] < 0.95
    assert figures["range_floor_psnr"] > 19
    assert figures["psnr_true_kernel"] > figures["psnr_blurry"] + 9
    prior = invkit.prior(f"gaussian:{digits}?rank=32")
    assert prior.signal_shape == (1, 28, 28) and prior.moments.rank == 32 and prior.sha256
    digit = invkit.dataset("mnist-sample").take(torch.arange(12), "test")
    torch.testing.assert_close(prior(prior.encode(digit)), digit, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_come_from_their_recipes(name: str) -> None:
    path = store.find(default_manager().registry, "gaussian", name)
    made_by = store.read_card(path)["recipe"]
    recipe = GaussianTrainer().recipes()[name]
    fitted_by = {key: value for key, value in recipe.items() if key not in ("blur", "operator")}
    assert fitted_by.items() <= made_by.items() and made_by["seed"] == 0
    prior = invkit.prior(f"gaussian:{name}")
    assert prior.moments.rank == made_by["rank"] and path.stat().st_size < 7_000_000


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    first, second = (train(tmp_path / out, TINY).read_bytes() for out in ("a", "b"))
    assert first == second


def test_resuming_starts_anew_and_ends_the_same(tmp_path: Path) -> None:
    path = train(tmp_path, TINY)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        train(tmp_path, TINY)
    assert train(tmp_path, TINY, resume=True).read_bytes() == before


def test_progress_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    GaussianTrainer().train("mine", TINY, tmp_path, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("pass 1: 30 images in ")
    assert len(shown.err.splitlines()) == 4


def test_no_components_can_be_stored(tmp_path: Path) -> None:
    prior = Gaussian(moments_from(store.read_prior(train(tmp_path, TINY | {"rank": 0, "bits": 8}))))
    assert prior.moments.rank == 0 and prior.latent_shape == (28 * 28,)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    (tmp_path / "photos").mkdir()
    for number in range(20):
        write_image(tmp_path / "photos" / f"{number}.png", torch.rand(3, 20, 24, generator=rng).numpy())
    recipe = {"data": str(tmp_path / "photos"), "rank": 2, "size": 12, "colour": "axes"}
    prior = invkit.prior(f"gaussian:{train(tmp_path / 'out', recipe)}")
    assert prior.signal_shape == (3, 12, 12) and prior.moments.basis.shape == (2, 1, 12, 12)


def test_the_command_takes_a_recipe_and_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "gaussian", "--recipe", "mnist", "shake", "--set", "rank=3"]
    assert main([*arguments, "--set", "limit=40", "--name", "mine", "--out", str(tmp_path), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "psnr_true_kernel" in out and "use it as gaussian:" in out
    assert invkit.prior(f"gaussian:{tmp_path}/gaussian-mine.safetensors").moments.rank == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 785}, "rank=785"),
        ({"rank": -1}, "rank"),
        ({"rank": 2.5}, "whole number"),
        ({"colour": "blue"}, "colour"),
        ({"bits": 4}, "bits"),
        ({"colour": "axes", "contrast": True}, "contrast"),
        ({"epochs": 3}, "no key 'epochs'"),
        ({"batch": 0}, "batch"),
    ],
)
def test_bad_recipes_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(tmp_path, TINY | changes)
    assert not list(tmp_path.iterdir())


def test_pictures_that_are_no_kernels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="objects holds no kernels"):
        train(tmp_path, TINY | {"blur": "objects", "operator": "circconv"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [1, 19])
def test_too_few_pictures_are_refused(limit: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{limit} pictures? in shake with limit={limit}: too few to learn"):
        train(tmp_path, TINY | {"limit": limit})
    write_image(tmp_path / "one.png", torch.rand(3, 20, 24).numpy())
    with pytest.raises(InputError, match=r"1 picture in .*: too few to learn a class from; give at least 20"):
        train(tmp_path / "out", {"data": str(tmp_path), "rank": 0, "size": 12})
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]


@pytest.mark.parametrize("name", NAMES)
def test_recipes_are_sound(name: str) -> None:
    recipe = structure(GaussianTrainer().recipes()[name], GaussianRecipe)
    assert recipe.bits == 8
    assert (recipe.licence == "MIT") == (name == "objects")  # no one else's pictures are in it


def test_house_numbers_are_mixed_as_their_recipe_says(data_folder: Path) -> None:
    if not ((data_folder / "svhn").is_dir() and (data_folder / "chars74k").is_dir()):
        pytest.skip(f"no SVHN and Chars74K at {data_folder}")
    recipe = GaussianTrainer().recipes()["housenumbers"]
    names, limit = recipe["data"].removeprefix("10 ").split(" + "), recipe["limit"]
    svhn, chars74k, drawn = (invkit.dataset(name).splits["train"] for name in names)
    assert limit == 10 * svhn + chars74k + 20_000 and drawn >= 20_000


def test_shoes_are_mixed_with_things_as_their_recipe_says(data_folder: Path) -> None:
    if not (data_folder / "shoes").is_dir():
        pytest.skip(f"no shoes at {data_folder}")
    recipe = GaussianTrainer().recipes()["shoes"]
    assert recipe["data"] == "shoes + objects" and recipe["poses"] == 1
    assert recipe["limit"] == invkit.dataset("shoes").splits["train"] + 1_500
