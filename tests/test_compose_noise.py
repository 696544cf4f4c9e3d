"""Noise as a part of a pipeline, and entries that were not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invkit
from invkit import ConfigError, InputError, InvkitError, ShapeError, Spec, SpecError
from invkit.contracts.noise import Gaussian
from invkit_noise.poisson import Poisson
from invkit_noise.robust import Robust
from tests.composing import PRIORS, SOLVER, measurements, pipeline


@pytest.mark.parametrize(
    ("text", "table", "made"),
    [
        ("robust?delta=0.1", {"kind": "robust", "delta": 0.1}, Robust(delta=0.1)),
        ("poisson", {"kind": "poisson"}, Poisson()),
        ("gaussian?sigma=0.1", {"kind": "gaussian", "sigma": 0.1}, Gaussian(sigma=0.1)),
    ],
)
def test_noise_is_a_part_like_the_others(text: str, table: dict[str, Any], made: Any, folder: Path) -> None:
    y = measurements(8, 8)
    by_name = pipeline(noise=text)
    expected = by_name(y)
    for other in (pipeline(noise=table), pipeline(noise=made), pipeline(noise=Spec.parse(text))):
        assert torch.equal(other(y).x, expected.x)
    config = by_name.to_config()
    assert config["noise"].items() >= table.items() and pipeline(noise=table).to_config() == config
    by_name.save_config("run.toml")
    assert invkit.load_config("run.toml").to_config() == config
    assert torch.equal(invkit.load_config("run.toml")(y).x, expected.x)
    assert not torch.equal(pipeline()(y).x, expected.x)


def test_noise_is_gaussian_where_nothing_else_is_said() -> None:
    assert pipeline().to_config()["noise"]["kind"] == "gaussian"
    config = {"operator": "circconv", "priors": PRIORS, "solver": SOLVER}
    assert invkit.load_config(config).to_config() == pipeline().to_config()


def test_nothing_but_none_stands_for_the_default_noise() -> None:
    for given in (0, 0.0, False, "", {}, []):
        with pytest.raises(InvkitError):
            pipeline(noise=given)


def test_noise_that_is_none_is_told() -> None:
    with pytest.raises(SpecError, match="unknown noise 'posson'; did you mean 'poisson'"):
        pipeline(noise="posson")
    with pytest.raises(ConfigError, match="the noise Robust was given as an object"):
        pipeline(noise=Robust()).to_config()


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "robust"])
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_what_was_not_measured_does_not_matter(kind: str, library: str) -> None:
    y = measurements(2, 1, 8, 8)
    holes = y.clone()
    holes[0, 0, 2, 3:6] = holes[1, 0, 5, 5] = torch.nan
    with pytest.raises(InputError, match="NaN or infinite") as refusal:
        pipeline(noise=kind)(holes)
    assert "missing=nan" in str(refusal.value.hint)
    given = holes if library == "torch" else holes.numpy()
    solution = pipeline(noise=f"{kind}?missing=nan")(given)
    assert np.isfinite(np.asarray(solution.x)).all() and np.isfinite(np.asarray(solution.residual)).all()
    masked = invkit.noise(kind).__class__(weights=~holes.isnan())
    for value in (-3.0, 1.0, torch.inf):
        again = pipeline(noise=masked)(holes.nan_to_num(value))
        np.testing.assert_array_equal(np.asarray(solution.x), again.x.numpy())
        np.testing.assert_array_equal(np.asarray(solution.residual), again.residual.numpy())


def test_weights_of_another_shape_are_told_before_solving() -> None:
    with pytest.raises(ShapeError, match=r"weights of shape \(3, 3\) for measurements of shape \(1, 1, 8"):
        pipeline(noise=Gaussian(torch.ones(3, 3)))(measurements(8, 8))


def test_a_solver_that_knows_gaussian_noise_alone_says_so() -> None:
    with pytest.raises(InputError, match="evidence takes only white Gaussian noise on all entries"):
        pipeline("circconv", ["simplex?size=3", "spectrum"], "evidence?starts=4", noise="robust")(
            measurements(16, 16)
        )
