"""Configurations, which give the same numbers again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from invkit import ConfigError, Pipeline, SpecError
from tests.composing import PRIORS, SOLVER, measurements, pipeline, weights_file
from tests.untrained import write_untrained_cnn


@pytest.fixture
def composed(folder: Path) -> Pipeline:
    """With a name, options given and left at none, weights, and a seed."""
    priors = [weights_file(folder / "tiny.safetensors", seed=0), "wavelet:haar?level=2"]
    return pipeline("circconv", priors, SOLVER, seed=3)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_configuration_gives_the_same_numbers_again(composed: Pipeline, folder: Path, suffix: str) -> None:
    y = measurements(2, 1, 16, 16)
    path = composed.save_config(folder / f"run.{suffix}")
    again = invkit.load_config(path)
    assert again.to_config() == composed.to_config()
    first, second = composed(y), again(y)
    for name in ("x", "w", "residual", "history"):
        assert torch.equal(getattr(first, name).nan_to_num(), getattr(second, name).nan_to_num())
    assert first.config == second.config == composed.to_config()


def test_a_configuration_spells_everything_out(composed: Pipeline, folder: Path) -> None:
    config = tomllib.loads(composed.save_config("run.toml").read_text())
    assert config["format"] == 1 and config["seed"] == 3
    assert config["operator"] == {"kind": "circconv", "dims": 2}
    assert config["priors"][0]["name"] == "./tiny.safetensors"
    assert len(config["priors"][0]["sha256"]) == 64
    assert config["priors"][1] == {"kind": "wavelet", "name": "haar", "level": 2, "shape": "none"}
    spelled = {"steps": 6, "keep": [3], "order": "jacobi", "anneal": 100.0}
    assert config["solver"] == config["solver"] | spelled
    assert config["versions"].keys() >= {"invkit", "torch"}
    assert config == json.loads(composed.save_config("run.json").read_text()) == composed.to_config()


def test_a_configuration_may_be_a_dict_and_be_short() -> None:
    by_dict = invkit.load_config({"operator": "circconv", "priors": PRIORS, "solver": SOLVER})
    y = measurements(8, 8)
    assert by_dict.seed == 0
    assert torch.equal(by_dict(y).x, pipeline()(y).x)


def test_the_solution_carries_its_configuration(composed: Pipeline) -> None:
    solution = composed(measurements(16, 16))
    assert solution.config == composed.to_config()
    json.dumps(solution.summary())


def test_other_weights_under_the_same_name_are_refused(composed: Pipeline, folder: Path) -> None:
    composed.save_config("run.toml")
    weights_file(folder / "tiny.safetensors", seed=1)
    with pytest.raises(ConfigError, match=r"the file of prior 'vae:\./tiny\.safetensors.*is not the one"):
        invkit.load_config("run.toml")
    text = "\n".join(line for line in Path("run.toml").read_text().splitlines() if "sha256" not in line)
    Path("run.toml").write_text(text)  # as the hint says
    invkit.load_config("run.toml")


def test_a_solvers_weights_are_written_down_and_checked_too(folder: Path) -> None:
    write_untrained_cnn(folder / "cnn.safetensors")
    composed = pipeline(solver="cnn?weights=./cnn.safetensors")
    config = tomllib.loads(composed.save_config("run.toml").read_text())
    assert config["solver"]["weights"] == "./cnn.safetensors" and len(config["solver"]["sha256"]) == 64
    y = measurements(16, 16)
    assert torch.equal(invkit.load_config("run.toml")(y).x, composed(y).x)
    write_untrained_cnn(folder / "cnn.safetensors", seed=1)
    with pytest.raises(ConfigError, match=r"the file of solver 'cnn.*is not the one"):
        invkit.load_config("run.toml")


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"format": 2}, ConfigError, "newer invkit"),
        ({"format": "1"}, ConfigError, "format"),
        ({"format": 2, "status": "max_iter"}, ConfigError, "record of a result"),
        ({"operator": None}, ConfigError, "no 'operator'"),
        ({"priors": None}, ConfigError, "no 'priors'"),
        ({"solver": None}, ConfigError, "no 'solver'"),
        ({"priors": "identity"}, ConfigError, "exactly two priors"),
        ({"priors": ["identity"]}, ConfigError, "exactly two priors"),
        ({"seed": "0"}, ConfigError, "seed"),
        ({"seed": True}, ConfigError, "seed"),
        ({"seed": 10**23}, ConfigError, "the seed is 10{23}|more than 64 bits"),
        ({"seed": -1}, ConfigError, "the seed is -1"),
        ({"seed": 1.0}, ConfigError, "the seed is 1.0"),
        ({"operator": {"object": "mine:Own"}}, ConfigError, "object of class mine:Own"),
        ({"sed": 1}, ConfigError, "'sed'; did you mean 'seed'"),
        ({"operator": "circonv"}, SpecError, "did you mean 'circconv'"),
        ({"operator": {"kind": "circconv", "dim": 2}}, SpecError, "did you mean 'dims'"),
        ({"solver": {"steps": 3}}, SpecError, "kind"),
    ],
)
@pytest.mark.parametrize("how", ["dict", "file"])
def test_a_configuration_that_is_wrong_is_told(
    folder: Path, changes: dict[str, Any], error: type[Exception], says: str, how: str
) -> None:
    config = {"format": 1, "operator": "circconv", "priors": PRIORS, "solver": SOLVER, **changes}
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "run.json").write_text(json.dumps(config))
    with pytest.raises(error, match=says):
        invkit.load_config(config if how == "dict" else "run.json")
