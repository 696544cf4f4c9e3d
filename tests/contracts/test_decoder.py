"""Networks as priors: a decoder of the user's, and one whose weights are the latent."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import invkit
from invkit import InputError, ShapeError
from invkit.testing import check_generator
from tests.strategies import seeds

SHAPE = (1, 4, 6)


def small() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Unflatten(1, SHAPE))


def image_network(norm: nn.Module | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        norm or nn.Identity(),
        nn.Tanh(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(5, 1, 3, padding=1),
        nn.Sigmoid(),
    )


def draw(prior: invkit.Generator, n: int = 3, seed: int = 0) -> Tensor:
    return prior.sample_latent(n, torch.Generator().manual_seed(seed))


def test_a_decoder_is_a_prior() -> None:
    net = small()
    prior = invkit.decoder(net, latent=(10,), role="image", bounds=(-1.0, 1.0))
    check_generator(prior)
    assert (prior.latent_shape, prior.signal_shape) == ((10,), SHAPE)
    assert (prior.role, prior.bounds, prior.can_encode) == ("image", (-1.0, 1.0), False)
    latent = draw(prior)
    torch.testing.assert_close(prior(latent), net(latent))
    torch.testing.assert_close(prior.penalty(latent, prior(latent)), latent.square().sum(1))


def test_a_decoder_with_its_encoder() -> None:
    net = nn.Sequential(nn.Linear(24, 24), nn.Unflatten(1, SHAPE))
    back = nn.Sequential(nn.Flatten(), nn.Linear(24, 24))
    with torch.no_grad():
        back[1].weight.copy_(torch.linalg.inv(net[0].weight))
        back[1].bias.copy_(-back[1].weight @ net[0].bias)
    prior = invkit.decoder(net, latent=(24,), encoder=back)
    check_generator(prior)
    latent = draw(prior)
    torch.testing.assert_close(prior.encode(prior(latent)), latent, atol=1e-3, rtol=1e-3)


def test_the_callers_network_is_not_touched() -> None:
    net = nn.Sequential(nn.Linear(10, 24), nn.BatchNorm1d(24), nn.Dropout(), nn.Unflatten(1, SHAPE)).train()
    before = copy.deepcopy(net.state_dict())
    prior = invkit.decoder(net, latent=(10,))
    check_generator(prior)
    assert net.training and all(weight.requires_grad for weight in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    signal = prior(draw(prior))
    with torch.no_grad():
        net[0].weight.zero_()
    assert torch.equal(prior(draw(prior)), signal)


def test_a_penalty_of_ones_own() -> None:
    prior = invkit.decoder(small(), latent=(10,), penalty=lambda _, signal: signal.abs().flatten(1).sum(1))
    check_generator(prior)
    latent = draw(prior)
    torch.testing.assert_close(prior.penalty(latent, prior(latent)), prior(latent).abs().sum((1, 2, 3)))


class Pair(nn.Module):
    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        return latent, latent


class Whole(nn.Module):
    def forward(self, latent: Tensor) -> Tensor:
        return latent.long().reshape(-1, 1, 2, 5)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Linear(3, 4), r"Linear does not take a batch of shape \(1, 10\)"),
        (nn.Linear(10, 4), r"makes \(1, 4\) of a batch of one.*Unflatten"),
        (nn.Flatten(0), r"makes \(10,\) of a batch of one"),
        (Pair(), "makes tuple"),
        (Whole(), r"makes torch\.int64"),
        (
            nn.Sequential(nn.Linear(10, 24), nn.BatchNorm1d(24, track_running_stats=False)),
            "no running statistics.*mixes candidates",
        ),
    ],
    ids=["input", "flat", "no batch", "tuple", "integers", "batch norm"],
)
def test_a_network_that_is_no_decoder_is_refused(net: nn.Module, message: str) -> None:
    with pytest.raises((InputError, ShapeError), match=message):
        invkit.decoder(net, latent=(10,))


def test_an_encoder_of_other_latents_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"the encoder makes \(1, 9\) of one signal, expected \(1, 10\)"):
        invkit.decoder(small(), latent=(10,), encoder=nn.Sequential(nn.Flatten(), nn.Linear(24, 9)))


@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d(5), nn.GroupNorm(1, 5)])
def test_an_untrained_network_is_a_prior(norm: nn.Module | None) -> None:
    net = image_network(norm)
    prior = invkit.untrained(net, torch.rand(1, 3, 4, 3), bounds=(0.0, 1.0))
    check_generator(prior)
    assert prior.latent_shape == (sum(weight.numel() for weight in net.parameters()),)
    assert prior.signal_shape == (1, 8, 6)
    latent = draw(prior)
    assert torch.equal(prior.penalty(latent, prior(latent)), torch.zeros(3))


def test_the_latent_is_the_weights_and_batch_norm_that_of_the_one_input() -> None:
    net, z = image_network(nn.BatchNorm2d(5)), torch.rand(1, 3, 4, 3)
    weights = torch.cat([weight.detach().flatten() for weight in net.parameters()])[None]
    prior = invkit.untrained(net, z)
    torch.testing.assert_close(prior(weights), net.train()(z).detach())


@settings(max_examples=5)
@given(seed=seeds, n=st.integers(1, 3))
def test_latents_are_drawn_as_the_network_is_initialised(seed: int, n: int) -> None:
    net = image_network(nn.BatchNorm2d(5))
    prior, everyone = invkit.untrained(net, torch.rand(1, 3, 4, 3)), torch.random.get_rng_state()
    drawn = draw(prior, n, seed)
    assert torch.equal(everyone, torch.random.get_rng_state())
    assert torch.equal(drawn[:1], draw(prior, 1, seed))  # each from a seed of its own
    first, bias, gain = drawn.split([135, 5, drawn.shape[1] - 140], 1)
    bound = 27**-0.5  # of torch's uniform initialisation
    assert first.abs().max() <= bound and bias.abs().max() <= bound and first.std() > bound / 3
    assert torch.equal(gain[:, :10], torch.cat([torch.ones(n, 5), torch.zeros(n, 5)], 1))


def test_networks_survive_copies() -> None:
    whole = invkit.untrained(image_network(), torch.rand(1, 3, 4, 3))
    for prior in (invkit.decoder(small(), latent=(10,)), whole):
        for other in (copy.deepcopy(prior), pickle.loads(pickle.dumps(prior))):
            assert torch.equal(other(draw(prior)), prior(draw(prior)))


class Gain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return self.gain * z


@pytest.mark.parametrize(
    ("net", "z", "message"),
    [
        (image_network(), torch.rand(3, 4, 3), "expected a batch of one.*input"),
        (image_network(), torch.rand(1, 2, 4, 3), "does not take a batch of shape"),
        (nn.Sequential(nn.Identity(), Gain()), torch.rand(1, 3, 4, 3), "module '1' has no reset_parameters"),
        (nn.Identity(), torch.rand(1, 3, 4, 3), "no weights"),
    ],
    ids=["no batch axis", "channels", "no reset", "no weights"],
)
def test_what_cannot_be_drawn_or_run_is_refused(net: nn.Module, z: Tensor, message: str) -> None:
    with pytest.raises((InputError, ShapeError), match=message):
        invkit.untrained(net, z)


def test_an_unknown_role_is_refused() -> None:
    # An InputError; or, where types are checked at run time, theirs.
    with pytest.raises((InputError, TypeError), match="role"):
        invkit.decoder(small(), latent=(10,), role="picture")  # type: ignore[arg-type]


def test_an_untrained_network_takes_a_numpy_array() -> None:
    noise = torch.rand(1, 3, 4, 4, dtype=torch.float64)
    prior, same = (invkit.untrained(image_network(), z) for z in (noise.numpy(), noise.float()))
    assert torch.equal(prior.input, same.input)


@pytest.mark.wrong_types
def test_an_input_that_is_no_array_is_refused() -> None:
    with pytest.raises(InputError, match=r"the input of an untrained network must be a tensor.*got int"):
        invkit.untrained(image_network(), 8)  # type: ignore[arg-type]
