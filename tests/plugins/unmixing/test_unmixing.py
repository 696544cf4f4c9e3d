"""Unmixing of synthetic scenes: what is chosen, what is found, what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import Pipeline, Solution
from invkit.errors import InputError, ShapeError
from invkit.metrics import abundance_rmse, spectral_angle
from tests.plugins.unmixing.mixed import scene

#: these mixtures are exact
ICE = "ice?weight_w=0.1"
SEEDS = st.integers(0, 1000)


def unmixing(solver: list[str], x: str = "nonnegative", rank: int = 3, **parts: str) -> Pipeline:
    return invkit.compose(f"matmul?rank={rank}", w="nonnegative", x=x, solver=solver, **parts)


def errors(found: Solution, w: Tensor, x: Tensor) -> tuple[float, float]:
    return float(spectral_angle(found.w, w)), float(abundance_rmse((found.w, found.x), (w, x)))


@pytest.mark.parametrize("spec", ["vca", "vca?projection=perspective", "purest?share=0.001"])
@settings(max_examples=3)
@given(seed=SEEDS)
def test_pure_pixels_are_found(spec: str, seed: int) -> None:
    y, w, x = scene(seed)
    y = torch.cat([y, w], 1)
    found = unmixing([spec])(y)
    angle, rmse = errors(found, w, torch.cat([x, torch.eye(3).to(x)], 1))
    assert angle < 0.02 and rmse < 0.05
    assert found.residual < 1e-3 * y.square().sum()


def test_vca_with_fractions_is_fully_constrained() -> None:
    y, w, x = scene(0)
    y = torch.cat([w @ x, w], 1)
    found = unmixing(["vca?projection=affine"], "fractions")(y)
    torch.testing.assert_close(found.x.sum(0), torch.ones(y.shape[1]).to(y))
    assert (found.x >= 0).all() and found.residual < 1e-6


@settings(max_examples=3)
@given(seed=SEEDS)
def test_endmembers_that_are_nowhere_pure_come_closer(seed: int) -> None:
    y, w, x = scene(seed, noise=0.002)
    kept = x.amax(0) < 0.9
    y, x = y[:, kept], x[:, kept]
    started, found = unmixing(["purest"])(y), unmixing(["purest", ICE])(y)
    (angle, rmse), (before, worse) = errors(found, w, x), errors(started, w, x)
    assert angle < max(before, 0.03) and rmse < max(worse, 0.04)
    assert found.residual < started.residual


def test_outliers_pull_little() -> None:
    y, w, _ = scene(1, pixels=600, noise=0.002)
    rng = torch.Generator().manual_seed(0)
    odd = torch.rand(30, 6, generator=rng).to(y)
    y = torch.cat([y, odd], 1)
    found = unmixing(["purest", ICE])(y)
    assert spectral_angle(found.w, w) < 0.1


def test_missing_entries_are_accepted() -> None:
    y, w, x = scene(2, noise=0.002)
    gaps = y.masked_fill(torch.rand(y.shape, generator=torch.Generator().manual_seed(0)) < 0.3, torch.nan)
    angle, rmse = errors(unmixing(["purest", ICE], noise="gaussian?missing=nan")(gaps), w, x)
    full = errors(unmixing(["purest", ICE])(y), w, x)
    assert angle < full[0] + 0.01 and rmse < full[1] + 0.02


@pytest.mark.parametrize("factor", [1e-6, 1e4])
def test_the_unit_does_not_matter(factor: float) -> None:
    y, _, _ = scene(3)
    one, other = (unmixing(["purest", "ice?steps=20"])(each) for each in (y, factor * y))
    torch.testing.assert_close(one.w, other.w)
    torch.testing.assert_close(factor * one.x, other.x, rtol=1e-5, atol=1e-8 * factor)
    torch.testing.assert_close(one.w.amax(0), torch.ones(3).to(y))


def test_the_spread_is_drawn_together_by_its_weight() -> None:
    y, _, _ = scene(4, noise=0.01)

    def spread(weight: float) -> float:
        w = unmixing(["purest", f"ice?weight_w={weight}"])(y).w
        w = w / w.mean(0)
        return float((w - w.mean(1, keepdim=True)).square().sum())

    assert spread(0.0) > spread(1.0) > spread(10.0)


def test_the_default_start_of_ice_is_drawn() -> None:
    y, _, _ = scene(5)
    found = [unmixing(["ice?steps=5"])(y), invkit.method("unmixing", operator="matmul?rank=3")(y)]
    assert found[0].residual > found[1].residual


@pytest.mark.parametrize("solver", ["vca", "purest", "ice"])
def test_what_is_no_matrix_product_is_refused(solver: str) -> None:
    y = torch.rand(5, 6)
    with pytest.raises(InputError, match=f"{solver} factorises a real matrix"):
        invkit.compose("pointwise", w="nonnegative", x="nonnegative", solver=solver)(y)
    with pytest.raises(InputError, match=f"{solver} minimises squared residuals"):
        unmixing([solver], noise="robust")(y)
    with pytest.raises(InputError, match="of one channel"):
        unmixing([solver])(y.expand(1, 2, 5, 6))


def test_priors_that_do_not_fit_are_refused() -> None:
    y = torch.rand(5, 6)
    with pytest.raises(InputError, match="ice needs a prior of x"):
        unmixing(["ice"], "fractions")(y)
    with pytest.raises(InputError, match="ice needs a prior of w"):
        invkit.compose("matmul?rank=2", w="identity", x="nonnegative", solver="ice")(y)
    with pytest.raises(InputError, match="proximal map"):
        unmixing(["vca"], "identity?penalty=tv")(y)
    with pytest.raises(InputError, match="takes no start"):
        unmixing(["ice?steps=1", "purest"])(y)
    with pytest.raises(ShapeError):
        invkit.compose("matmul", w="nonnegative", x="nonnegative", solver="purest")(y)


@pytest.mark.parametrize("spec", ["ice?steps=0", "ice?weight_w=-1", "purest?extra=-1", "purest?share=0"])
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(invkit.InvkitError):
        invkit.solver(spec)
