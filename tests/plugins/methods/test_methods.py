"""Methods are compositions that exist, of what is installed, and give what their stages give."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import invkit
from invkit import InputError, Solution, SpecError, Status
from invkit.configurations import load_config
from invkit.plugin.loading import default_manager
from invkit.solving import Stage, Stages

NAMES = [entry.name for entry in default_manager().registry.entries("method")]


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_composed_of_what_is_installed(name: str) -> None:
    """And is written down and read again."""
    pipeline = invkit.method(name, seed=3)
    assert pipeline.seed == 3
    written = pipeline.to_config()
    assert load_config(written).to_config() == written


def test_ours_are_there_and_one_is_the_default() -> None:
    ours = {"digits", "faces", "house-numbers", "objects", "paper", "photographs", "public", "shoes", "text"}
    assert ours <= set(NAMES)
    defaults = [entry.name for entry in default_manager().registry.entries("method") if entry.default]
    assert defaults == ["photographs"]


def solver_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = invkit.method(name).to_config()["solver"]
    return found


def test_paper_has_the_printed_values() -> None:
    """Section 4.3 of arXiv 1802.04073: 1500 steps of 0.01 exp(−t/250), λ = γ = 0.1, ten random starts."""
    expected = {
        "kind": "altgd",
        "steps": 1500,
        "restarts": 10,
        "update": "gradient",
        "order": "jacobi",
        "rate": 0.01,
        "decay": "exponential",
        "decay_steps": 250.0,
        "weight_w": 0.1,
        "weight_x": 0.1,
        "start": "random",
        "keep": [],
        "anneal": 1.0,
        "slack": 0.0,
        "chunk": 2048,
    }
    assert solver_of("paper") == expected
    weight = 0.01 / (28 * 28)  # their transform is not normalised
    public = solver_of("public")
    assert public.pop("weight_w") == public.pop("weight_x") == pytest.approx(weight, rel=1e-4)
    other = expected | {"update": "normalised", "order": "gauss-seidel"}
    assert public == {key: value for key, value in other.items() if not key.startswith("weight")}


def test_digits_are_deblurred() -> None:
    """Nine in ten of the restarts and steps are left out."""
    x = invkit.dataset("mnist-sample").take(torch.tensor([0, 1]), "test")
    y = invkit.operator("circconv")(invkit.dataset("blurA").take(torch.tensor([0, 1]), "validation"), x)
    found = invkit.method("digits", solver="altgd?steps=80,restarts=8,keep=4x1")(y)
    assert found.x.shape == (2, 1, 28, 28) and found.w.shape == (2, 1, 28, 28)
    assert (found.residual < 0.1 * y.flatten(1).square().sum(1)).all()


def test_parts_may_be_others() -> None:
    pipeline = invkit.method("digits", w="simplex?size=5", noise="robust", solver="altgd?steps=3")
    written = pipeline.to_config()
    assert written["priors"][0]["kind"] == "simplex" and written["noise"]["kind"] == "robust"
    assert written["solver"]["steps"] == 3 and written["priors"][1]["name"] == "mnist"


def test_what_is_no_method_and_no_part_is_told() -> None:
    with pytest.raises(SpecError, match="digitz"):
        invkit.method("digitz")
    with pytest.raises(InputError, match="'steps'"):
        invkit.method("digits", steps=3)


# ---------------------------------------------------------------------- kernel by evidence, image by another


FEW = {"starts": 4, "keep": (2,), "steps": 3, "rank": (8,), "finish": 0, "leaps": 0, "retries": 0}


@pytest.fixture(scope="module")
def faces() -> tuple[torch.Tensor, Solution, Solution]:
    """A blurred face: the measurement, what the method finds, and a network for the image after it."""
    made = invkit.method("faces", solver=invkit.solver("evidence", **FEW, doubt=1.0))
    rng = torch.Generator().manual_seed(0)
    kernels, images = made.priors[0].shaped((1, 28, 28)), made.priors[1]
    w, x = (prior(prior.sample_latent(1, rng)) for prior in (kernels, images))
    y = made.operator(w, x) + 0.01 * torch.randn(x.shape, generator=rng)
    stages = Stages([Stage(made.solver, x=images), Stage(invkit.solver("altgd", steps=10), hold="w")])
    return y, made(y), invkit.compose(made.operator, [made.priors[0], "vae:celeba"], stages)(y)


def test_a_network_may_follow_the_method(faces: tuple[torch.Tensor, Solution, Solution]) -> None:
    _, searched, found = faces
    assert torch.equal(found.w, searched.w) and torch.equal(found.latents[0], searched.latents[0])
    assert torch.equal(found.confidence, searched.confidence) and torch.equal(found.noise, searched.noise)
    assert searched.status == found.status == (Status.DOUBTFUL,)


def test_the_face_is_in_the_networks_range(faces: tuple[torch.Tensor, Solution, Solution]) -> None:
    _, searched, found = faces
    network = invkit.prior("vae:celeba")
    with torch.no_grad():
        torch.testing.assert_close(network(found.latents[1]), found.x, rtol=1e-4, atol=1e-4)
        encoded = network(network.encode(searched.x.clamp(0, 1)))
    assert found.restarts.residual.shape == (1, 1)  # one start: the image that was found before
    assert 1e-4 < (found.x - encoded).square().mean() < 0.05


@pytest.mark.parametrize(
    ("name", "image", "solver"),
    [("faces", "celeba", "pnp?weight=0.35,crossover=0.1"), ("house-numbers", "svhn", "pnp?weight=0.35")],
)
def test_faces_and_house_numbers_have_a_gaussian_and_then_a_denoiser(
    name: str, image: str, solver: str
) -> None:
    stages = ["evidence", f"{solver} x=denoiser:{image}"]
    composed = invkit.compose("circconv", ["trajectory", f"gaussian:{image}"], stages)
    assert invkit.method(name).to_config() == composed.to_config()
