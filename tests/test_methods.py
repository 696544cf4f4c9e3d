"""Methods: compositions by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import invkit
from invkit import InputError, SpecError
from invkit.plugin.loading import default_manager

QUICK = "altgd?steps=2,restarts=2,keep=2,start=random"


METHODS = [entry.name for entry in default_manager().registry.entries("method")]


def test_the_one_for_photographs_is_the_default() -> None:
    assert default_manager().registry.default("method").name == "photographs"
    ours = {"digits", "faces", "house-numbers", "objects", "paper", "photographs", "public", "shoes"}
    assert ours <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_composes_and_is_written_down(name: str) -> None:
    if name == "photographs" and not default_manager().registry.has("solver", "darkprior"):
        pytest.skip("darkprior did not load")
    config = invkit.method(name, seed=5).to_config()
    assert config["seed"] == 5
    assert invkit.load_config(config).to_config() == config


def test_it_is_what_its_file_says() -> None:
    composed = invkit.compose("circconv", ["vae:blurA", "vae:mnist"], "altgd")
    assert invkit.method("digits").to_config() == composed.to_config()
    search = "evidence?keep=96x24x6x4,steps=120,retries=1"
    stages = [search, {"solver": "pnp?weight=0.35", "x": "denoiser:photographs"}]
    composed = invkit.compose("circconv", w="trajectory", x="bounded:gaussian:objects", solver=stages)
    assert invkit.method("objects").to_config() == composed.to_config()


@pytest.mark.parametrize(
    "instead",
    [
        {"solver": QUICK},
        {"w": "identity?shape=1x5x5"},
        {"x": "identity", "noise": "robust"},
        {"operator": "linconv?mode=same"},
        {"solver": invkit.solver(QUICK), "x": invkit.prior("identity")},
        {"solver": [QUICK, f"{QUICK} hold=w"]},
    ],
    ids=lambda instead: "+".join(instead),
)
def test_parts_may_stand_in_place_of_its_own(instead: dict[str, Any]) -> None:
    own = {"operator": "circconv", "w": "vae:blurA", "x": "vae:mnist", "solver": "altgd"}
    expected = invkit.compose(**{**own, **instead})
    assert invkit.method("digits", **instead).to_config() == expected.to_config()


def test_it_solves() -> None:
    y = torch.rand(28, 28)
    found = invkit.method("digits", solver=QUICK, seed=1)(y)
    assert found.x.shape == found.w.shape == (28, 28)
    same = invkit.compose("circconv", ["vae:blurA", "vae:mnist"], QUICK, seed=1)(y)
    assert torch.equal(found.x, same.x)
    heard = invkit.monitor("history?every=1")
    invkit.method("digits", solver=QUICK, monitors=[heard])(y)
    assert invkit.method("digits", monitors=["history"]).monitors


def test_priors_that_do_not_belong_there_are_refused() -> None:
    with pytest.raises(InputError, match="the prior of w, vae:mnist, makes an image"):
        invkit.method("digits", w="vae:mnist")


@pytest.mark.parametrize(
    ("name", "instead", "error", "says"),
    [
        ("face", {}, SpecError, "unknown method 'face'; did you mean 'faces'"),
        ("", {}, SpecError, "unknown method ''"),
        ("digits", {"solvers": QUICK}, InputError, "a method has no part 'solvers'; name operator, w, x, "),
        ("digits", {"priors": ["identity"] * 2}, InputError, "a method has no part 'priors'"),
        ("digits", {"solver": "altdg"}, SpecError, "did you mean 'altgd'"),
        ("digits", {"seed": -1}, InputError, "the seed is -1"),
    ],
)
def test_what_is_no_method_is_told(
    name: str, instead: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        invkit.method(name, **instead)
