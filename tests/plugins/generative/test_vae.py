"""The prior: what it makes, and which files it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from invkit.errors import WeightsError
from invkit.files.store import read_prior, write_prior
from invkit_generative.architectures import build
from invkit_generative.decoder import VAE, to_network
from tests.untrained import card, write_untrained


@pytest.fixture(scope="session")
def trained(trained_blur: Path) -> VAE:
    prior = invkit.prior(f"vae:{trained_blur}")
    assert isinstance(prior, VAE)
    return prior


@pytest.mark.parametrize("name", ["blurA", "mnist"])
def test_shipped_priors_keep_the_contract(name: str) -> None:
    invkit.testing.check_generator(invkit.prior(f"vae:{name}"))


def test_kernels_are_non_negative_with_unit_sum(trained: VAE) -> None:
    w = trained(trained.sample_latent(8, torch.Generator().manual_seed(0)))
    assert w.shape == (8, 1, 28, 28) and (w >= 0).all()
    torch.testing.assert_close(w.sum((1, 2, 3)), torch.ones(8))


def test_images_are_the_decoders_output() -> None:
    network = build("paper-mnist")
    prior = VAE(network)
    m = prior.sample_latent(3, torch.Generator().manual_seed(0))
    x = prior(m)
    assert x.shape == (3, 1, 28, 28) and torch.equal(x, network.decode(m))
    torch.testing.assert_close(prior.penalty(m, x), m.square().sum(1))


def test_encoding_a_kernel_finds_it_again_whatever_its_scale(trained: VAE) -> None:
    w = invkit.dataset("blurA").take(torch.arange(20), "test")
    ncc = invkit.metrics.kernel_ncc(trained(trained.encode(w)), w)
    assert ncc.mean() > 0.9
    torch.testing.assert_close(trained.encode(w), trained.encode(7 * w))


def test_kernels_enter_the_network_with_maximum_one() -> None:
    w = torch.rand(4, 1, 5, 5) + 0.1
    torch.testing.assert_close(to_network(w, "unit-sum").amax((1, 2, 3)), torch.ones(4))
    assert torch.equal(to_network(w, "image"), w)
    assert torch.equal(to_network(torch.zeros(1, 1, 5, 5), "unit-sum"), torch.zeros(1, 1, 5, 5))


def test_it_knows_its_file(trained: VAE, trained_blur: Path) -> None:
    read = read_prior(trained_blur)
    assert trained.sha256 == read.sha256 and trained.card == read.card
    pipeline = invkit.compose("circconv", [trained, "identity"], "altgd?steps=1")
    assert pipeline.to_config()["priors"][0]["sha256"] == read.sha256


def test_a_relative_path_is_a_name(trained_blur: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained_blur.parent)
    for name in (f"./{trained_blur.name}", trained_blur.name):
        assert invkit.prior(f"vae:{name}").latent_shape == (50,)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "paper-mnist"},
        {"options": {"size": 32}},
        {"options": {"latent": 49}},
        {"options": {"latent": "50"}},
        {"options": {"latent": -1}},
        {"options": {"depth": 3}},
        {"options": ["size", 28]},
        {"name": "paper-svhn"},
        {"name": 3},
        {"output": "video"},
        {"output": None},
    ],
)
def test_an_altered_architecture_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    stated = {**card("paper-blur")["architecture"], **change}
    path = write_untrained(tmp_path / "altered.safetensors", "paper-blur", architecture=stated)
    with pytest.raises(WeightsError, match=r"altered\.safetensors"):
        invkit.prior(f"vae:{path}")


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({}, "expected its name, options and output"),
        ({"name": "paper-blur"}, "expected its name, options and output"),
        (None, "architecture is None, expected a dict"),
        ("paper-blur", "architecture is 'paper-blur', expected a dict"),
    ],
)
def test_an_incomplete_architecture_is_refused(stated: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    with pytest.raises(WeightsError, match=message):
        invkit.prior(f"vae:{write_untrained(path, 'paper-blur', architecture=stated)}")


def test_missing_and_surplus_tensors_are_refused(tmp_path: Path) -> None:
    tensors = build("paper-blur").state_dict()
    fewer = {name: tensor for name, tensor in tensors.items() if name != "decoder.0.bias"}
    for number, wrong in enumerate((fewer, {**tensors, "extra": torch.zeros(1)})):
        path = tmp_path / f"{number}.safetensors"
        write_prior(path, wrong, card("paper-blur"))
        with pytest.raises(WeightsError, match="not those of the architecture paper-blur"):
            invkit.prior(f"vae:{path}")


def test_what_a_card_says_of_its_use(tmp_path: Path) -> None:
    # class_prior is in cards of weights that were trained when recipes could name one
    recipe = {"penalty_weight": 1e-3, "class_prior": "gaussian:celeba"}
    path = write_untrained(tmp_path / "a.safetensors", "paper-blur", recipe=recipe)
    assert invkit.prior(f"vae:{path}").penalty_weight == 1e-3
    assert invkit.prior("vae:blurA").penalty_weight is None


def test_another_kind_of_prior_is_refused(tmp_path: Path) -> None:
    path = write_untrained(tmp_path / "gan.safetensors", "paper-blur", kind="gan")
    with pytest.raises(WeightsError, match=f"write gan:{path}"):
        invkit.prior(f"vae:{path}")


def test_a_recipe_without_weights_says_how_to_train_it() -> None:
    command = "invkit train vae --recipe svhn-paper --out runs/svhn-paper --install"
    with pytest.raises(WeightsError, match=command):
        invkit.prior("vae:svhn-paper")
