"""A flow before a decoder: it is invertible, knows its volume, and makes latents of the data's probable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.errors import ConfigError, WeightsError
from invkit.files.store import read_prior
from invkit_generative.architectures import FlowVAE, build
from invkit_generative.architectures.flow import Flow
from invkit_generative.decoder import VAE
from invkit_generative.trainer import VAETrainer
from tests.plugins.generative.conftest import SHORT

OPTIONS = {"vae": "paper-blur", "couplings": 3, "width": 16}


def recipe(of: Path | str, /, **changes: Any) -> dict[str, Any]:
    """A short training of a small flow."""
    shipped = VAETrainer().recipes()["shake-flow"]
    small = {"vae": "paper-blur", "couplings": 4, "width": 32}
    named = of if isinstance(of, str) else f"vae:{of}"
    return {**shipped, **SHORT, "data": "blurA", "of": named, "architecture_options": small, **changes}


def train(out: Path, values: dict[str, Any]) -> Path:
    return VAETrainer().train("flowing", values, out, seed=1, progress=False)


@pytest.fixture(scope="session")
def with_flow(tmp_path_factory: pytest.TempPathFactory, trained_blur: Path) -> Path:
    """The VAE of ``trained_blur``, and a flow trained for it."""
    return train(tmp_path_factory.mktemp("flow"), recipe(trained_blur, half=False))


def bent(size: int, seed: int = 0) -> Flow:
    """A flow of random weights, in double precision."""
    flow = Flow(size, 3, 8).double()
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return flow.requires_grad_(False)


def draws(n: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=15)
@given(size=st.integers(2, 9), seed=st.integers(0, 99))
def test_the_inverse_is_one_and_its_volume_that_of_the_jacobian(size: int, seed: int) -> None:
    flow, u = bent(size, seed), draws(4, size, seed)
    h = flow(u)
    again, volume = flow.inverse(h)
    torch.testing.assert_close(again, u, rtol=1e-5, atol=1e-5)
    for each, logarithm in zip(h, volume, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda one: flow.inverse(one[None])[0][0], each)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, logarithm, rtol=1e-5, atol=1e-5)


def test_an_untrained_flow_keeps_the_normal_density() -> None:
    flow, h = Flow(7, 4, 8).double(), draws(5, 7)
    u, volume = flow.inverse(h)
    torch.testing.assert_close(u.square().sum(1), h.square().sum(1), rtol=1e-5, atol=1e-5)
    assert torch.equal(volume, torch.zeros_like(volume))


def test_it_stands_between_the_latent_and_the_other_network() -> None:
    network = build("flow", OPTIONS)
    assert isinstance(network, FlowVAE) and network.latent_shape == (50,)
    u, signal = torch.randn(3, 50), torch.rand(2, 1, 28, 28)
    assert torch.equal(network.decode(u), network.vae.decode(network.flow(u)))
    mean, log_variance = network.vae.encode(signal)
    torch.testing.assert_close(network.flow(network.encode(signal)[0]), mean, rtol=1e-4, atol=1e-4)
    assert torch.equal(network.encode(signal)[1], log_variance)


def test_the_vae_stays_as_it_is_and_its_card_goes_along(with_flow: Path, trained_blur: Path) -> None:
    whole, plain = read_prior(with_flow), read_prior(trained_blur)
    assert all(torch.equal(whole.tensors[f"vae.{name}"], tensor) for name, tensor in plain.tensors.items())
    assert whole.card["of"] == plain.card


def test_a_flow_can_be_trained_anew(with_flow: Path, trained_blur: Path, tmp_path: Path) -> None:
    """For the VAE in a file that has one already; the same seed makes the same weights."""
    again = read_prior(train(tmp_path, recipe(with_flow, half=False)))
    first = read_prior(with_flow)
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in first.tensors.items())
    assert again.card["of"] == read_prior(trained_blur).card


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"of": ""}, "a flow is trained for a VAE"),
        ({"of": "trajectory"}, "trajectory is no VAE"),
        ({"of": "vae:blurA", "architecture_options": {"vae_options": {"latent": 9}}}, "not those of the"),
    ],
)
def test_no_flow_without_its_vae(changed: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        train(tmp_path / "out", recipe("vae:blurA", **changed))
    assert not (tmp_path / "out").exists()


def test_training_makes_the_latents_of_kernels_probable(with_flow: Path) -> None:
    """On kernels never seen: by a lower ½‖u‖² − log |det ∂u/∂h| than ½‖h‖², and draws that are like them."""
    prior = invkit.prior(f"vae:{with_flow}")
    assert isinstance(prior, VAE) and isinstance(prior.network, FlowVAE)
    w = invkit.dataset("blurA").take(torch.arange(200), "test")
    h = VAE(prior.network.vae, "unit-sum").encode(w)
    u, volume = prior.network.flow.inverse(h)
    assert (u.square().sum(1) / 2 - volume).mean() < (h.square().sum(1) / 2).mean() - 1
    torch.testing.assert_close(prior(prior.encode(w)), VAE(prior.network.vae, "unit-sum")(h))


def test_the_decoder_alone_is_to_be_had(with_flow: Path, trained_blur: Path) -> None:
    alone, plain = invkit.prior(f"vae:{with_flow}?flow=false"), invkit.prior(f"vae:{trained_blur}")
    h = torch.randn(3, 50)
    assert torch.equal(alone(h), plain(h))
    again = invkit.compose("circconv", [alone, "identity"], "altgd?steps=1").to_config()["priors"][0]
    assert again["flow"] is False and again["sha256"] == read_prior(with_flow).sha256
    with pytest.raises(WeightsError, match="has no flow"):
        invkit.prior("vae:blurA?flow=false")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"vae": "flow"}, "unknown architecture 'flow'"),
        ({"vae_options": {"latent": 1}}, "two numbers or more"),
        ({"couplings": 0}, "0 couplings"),
        ({"width": 0}, "width 0"),
        ({"depth": 1}, "does not take the options"),
    ],
)
def test_what_makes_no_flow_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        build("flow", {**OPTIONS, **changed})


def test_draws_of_the_shipped_shakes_are_shakes() -> None:
    """As near to some camera shake as another shake is; without the flow they are nothing like any."""
    shakes = invkit.dataset("shake").take(torch.arange(4000), "train").flatten(1)
    shakes = shakes / shakes.norm(dim=1, keepdim=True)

    def nearest(w: Tensor) -> float:
        flat = w.flatten(1) / w.flatten(1).norm(dim=1, keepdim=True)
        return float((flat @ shakes.T).amax(1).median())

    def drawn(spec: str) -> Tensor:
        prior = invkit.prior(spec)
        return prior(prior.sample_latent(200, torch.Generator().manual_seed(0)))

    invkit.testing.check_generator(invkit.prior("vae:shake"))
    others = nearest(invkit.dataset("shake").take(torch.arange(200), "test"))
    assert nearest(drawn("vae:shake")) > others - 0.05
    assert nearest(drawn("vae:shake?flow=false")) < others - 0.2
