"""Noise: weights, masks, entries that were not measured, selection; what is no noise is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import ConfigError, InputError, ShapeError, SpecError
from invkit.contracts.noise import Gaussian
from invkit.parts import part
from tests.strategies import seeds

SHAPE = (3, 2, 4, 5)


def drawn(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=rng), torch.rand(shape, generator=rng)


@given(seed=seeds)
def test_gaussian_noise_costs_the_squared_residual(seed: int) -> None:
    z, y = drawn(seed)
    expected = (y - z).square().sum((1, 2, 3))
    torch.testing.assert_close(Gaussian()(z, y), expected)
    torch.testing.assert_close(Gaussian().residual(z, y), expected)
    torch.testing.assert_close(Gaussian().slope(z, y), 2 * (z - y))
    torch.testing.assert_close(Gaussian(sigma=0.5)(z, y), expected)  # whatever its strength


# Weights


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5), (3, 2, 4, 5)], ids=["*y", "channels", "each"])
@given(seed=seeds, boolean=st.booleans())
def test_weights_weigh_the_entries(shape: tuple[int, ...], seed: int, boolean: bool) -> None:
    z, y = drawn(seed)
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    if boolean:
        weights = weights > 0.3
    noise, filled = Gaussian(weights.numpy()).prepared(y)
    full = weights.float().expand(SHAPE)
    torch.testing.assert_close(noise(z, filled), (full * (y - z).square()).sum((1, 2, 3)))
    torch.testing.assert_close(noise.residual(z, filled), ((full > 0) * (y - z).square()).sum((1, 2, 3)))
    torch.testing.assert_close(noise.slope(z, filled), 2 * full * (z - y))
    assert not noise.plain and Gaussian().plain


def test_what_was_not_measured_may_be_anything() -> None:
    z, y = drawn()
    mask = torch.ones(SHAPE, dtype=torch.bool)
    mask[1, 0, 2, 3] = mask[2, 1, 0] = False
    expected = Gaussian(mask).prepared(y)[0](z, y)
    for value in (torch.nan, torch.inf, -7.0):
        noise, filled = Gaussian(mask).prepared(y.masked_fill(~mask, value))
        assert torch.isfinite(filled).all()
        assert torch.equal(noise(z, filled), expected)
        assert torch.equal(noise(z.masked_fill(~mask, torch.nan), filled), expected)


def test_the_caller_keeps_his_weights_and_measurements() -> None:
    _, y = drawn()
    weights, holes = torch.ones(SHAPE), y.clone()
    holes[0, 0, 0, 0] = torch.nan
    before = holes.clone()
    noise = Gaussian(weights, missing="nan")
    noise.prepared(holes)
    weights.zero_()
    assert noise.weights is not None and noise.weights.min() == 1
    assert torch.equal(holes.isnan(), before.isnan())


def test_nan_means_missing_where_that_is_said() -> None:
    z, y = drawn()
    holes = y.clone()
    holes[0, 1, 2] = holes[2, 0, 0, 0] = torch.nan
    noise, filled = Gaussian(missing="nan").prepared(holes)
    torch.testing.assert_close(noise(z, filled), ((y - z).square() * ~holes.isnan()).sum((1, 2, 3)))
    # with weights as well, and of nothing that is missing there are none to be made
    noise, filled = Gaussian(torch.full(SHAPE[1:], 2.0), missing="nan").prepared(holes)
    torch.testing.assert_close(noise(z, filled), 2 * ((y - z).square() * ~holes.isnan()).sum((1, 2, 3)))
    assert Gaussian(missing="nan").prepared(y)[0].plain


# Rows


@given(seed=seeds, index=st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_rows_keep_their_weights_and_sigma(seed: int, index: list[int]) -> None:
    z, y = drawn(seed)
    rows = torch.tensor(index)
    noise, y = Gaussian(torch.rand(SHAPE), sigma=[0.1, 0.2, 0.3]).prepared(y)
    some = noise.select(rows)
    torch.testing.assert_close(some(z[rows], y[rows]), noise(z, y)[rows])
    assert some.sigma is not None and noise.sigma is not None
    assert torch.equal(some.sigma, noise.sigma[rows])
    again = some.select(torch.arange(len(index)).flip(0))
    torch.testing.assert_close(again(z[rows].flip(0), y[rows].flip(0)), noise(z, y)[rows].flip(0))


def test_weights_that_are_bound_to_no_measurements_cannot_be_selected() -> None:
    """They could be one measurement's or everyone's."""
    with pytest.raises(InputError, match=r"bind them first: noise, y = noise\.prepared\(y\)"):
        Gaussian(torch.rand(SHAPE)).select(torch.tensor([2, 1, 0]))
    alike = Gaussian(sigma=0.1).select(torch.tensor([0]))
    assert alike.sigma is not None and alike.sigma.item() == pytest.approx(0.1)


def test_the_strength_is_handed_on_without_changing_anything_else() -> None:
    z, y = drawn()
    noise, y = Gaussian(torch.rand(SHAPE)).prepared(y)
    known = noise.known(torch.tensor([0.1, 0.2, 0.3]))
    assert noise.sigma is None and known.sigma is not None and known.sigma.tolist()[1] == pytest.approx(0.2)
    assert torch.equal(known(z, y), noise(z, y)) and known.weights is noise.weights
    assert torch.equal(known.select(torch.tensor([1]))(z[1:2], y[1:2]), noise(z, y)[1:2])
    forgotten = known.known(None)
    assert forgotten.sigma is None


# Bad input


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": [[-1.0, 1.0]]}, "weights has negative"),
        ({"weights": [[np.nan, 1.0]]}, "weights has NaN"),
        ({"weights": [[np.inf, 1.0]]}, "infinite"),
        ({"weights": np.array(["a"])}, "weights holds <U1, expected real numbers"),
        ({"weights": np.ones(2, complex)}, "weights holds complex128"),
        ({"weights": torch.ones(2, dtype=torch.complex64)}, "weights is complex"),
        ({"weights": "nothing.npy"}, "cannot read weights from nothing.npy"),
        ({"sigma": 0}, "sigma=0 is not positive"),
        ({"sigma": -1.0}, "sigma=-1.0 is not positive; give a positive number"),
        ({"sigma": np.nan}, "sigma has NaN or infinite values; give a positive number"),
        ({"sigma": [0.1, 0.0]}, "is not positive"),
        ({"sigma": "0.1"}, "sigma holds <U3"),
    ],
)
def test_what_is_no_weight_and_no_strength_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as refusal:
        Gaussian(**options)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("noise", "change", "error", "says"),
    [
        (Gaussian(torch.ones(5, 4)), None, ShapeError, r"\(5, 4\) for measurements of shape \(3, 2, 4, 5\)"),
        (Gaussian(torch.ones(2, 2, 4, 5)), None, ShapeError, r"\(3, 2, 4, 5\) for each measurement's own"),
        (Gaussian(torch.ones(1, 4, 5)), None, ShapeError, "give one weight for each entry"),
        (Gaussian(torch.ones(())), None, ShapeError, "give one weight for each entry"),
        (Gaussian(torch.zeros(4, 5)), None, InputError, "no entry that was measured"),
        (Gaussian(sigma=[0.1, 0.2]), None, ShapeError, r"sigma of shape \(2,\) for 3 measurements"),
        (Gaussian(), torch.nan, InputError, r"NaN or infinite values.*noise='gaussian\?missing=nan'"),
        (Gaussian(), torch.inf, InputError, "NaN or infinite values"),
        (Gaussian(missing="nan"), torch.inf, InputError, "NaN or infinite values"),
        (Gaussian(torch.ones(4, 5)), torch.nan, InputError, "NaN or infinite values"),
    ],
)
def test_what_does_not_fit_the_measurements_is_refused(
    noise: Gaussian, change: float | None, error: type[Exception], says: str
) -> None:
    _, y = drawn()
    if change is not None:
        y[1, 0, 0, 0] = change
    with pytest.raises(error, match=says):
        noise.prepared(y)


def test_one_measurement_without_an_entry_is_one_too_many() -> None:
    _, y = drawn()
    weights = torch.ones(SHAPE)
    weights[1] = 0
    with pytest.raises(InputError, match="no entry that was measured"):
        Gaussian(weights).prepared(y)
    y[2] = torch.nan
    with pytest.raises(InputError, match="no entry that was measured"):
        Gaussian(missing="nan").prepared(y)


# By name


@pytest.mark.parametrize("as_path", [str, Path])
def test_weights_are_read_from_a_file(as_path: Any, tmp_path: Path) -> None:
    z, y = drawn()
    weights = np.random.default_rng(0).random(SHAPE[1:])
    np.save(tmp_path / "weights.npy", weights)
    noise, y = Gaussian(as_path(tmp_path / "weights.npy")).prepared(y)
    torch.testing.assert_close(noise(z, y), Gaussian(weights).prepared(y)[0](z, y))


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "robust"])
def test_a_file_of_weights_is_recorded_and_checked(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mask.npy", np.ones((8, 8), bool))
    priors, solver = ["identity?shape=1x3x3", "identity"], "altgd?steps=2,restarts=1,keep=1"
    composed = invkit.compose("circconv", priors, solver, noise=f"{kind}?weights=mask.npy")
    table = composed.to_config()["noise"]
    assert table["weights"] == "mask.npy" and len(table["sha256"]) == 64
    composed.save_config("run.toml")
    y = torch.rand(8, 8)
    assert torch.equal(invkit.load_config("run.toml")(y).x, composed(y).x)
    np.save("mask.npy", np.eye(8))
    with pytest.raises(ConfigError, match=rf"the file of noise '{kind}.*is not the one.*delete its sha256"):
        invkit.load_config("run.toml")
    with torch.no_grad():
        composed.noise.weights[0, 0] = 0  # type: ignore[index]
    with pytest.raises(ConfigError, match="changed in memory"):
        composed.to_config()


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x93NUMPY nonsense", b"PK\x03\x04"], ids=["empty", "text", "damaged", "zip"]
)
def test_a_file_that_holds_no_array_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.npy").write_bytes(content)
    with pytest.raises(InputError, match="cannot read weights from"):
        Gaussian(tmp_path / "w.npy")


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("gauss", SpecError, "did you mean 'gaussian'"),
        ("gaussian?sigma=much", SpecError, "sigma='much'"),
        ("gaussian?missing=inf", SpecError, "one of refuse, nan"),
        ("gaussian?sigmas=1", SpecError, "did you mean 'sigma'"),
        ("gaussian?sigma=0", InputError, "not positive"),
        ("gaussian?weights=none.npy", InputError, r"cannot read weights from none\.npy"),
        (3, InputError, "3 is no noise; give a spec string, a dict with a kind, or a Noise"),
    ],
)
def test_a_bad_spec_is_told(spec: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        part("noise", spec)
