"""GANs: their losses, and a small one trained on real digits that learns, resumes and is a prior."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import invkit
from invkit.errors import ConfigError, WeightsError
from invkit.files.store import read_prior
from invkit.training.processes import Draws
from invkit_generative.architectures import build
from invkit_generative.decoder import GAN
from invkit_generative.losses import Autoencoder, discriminator_loss, evidence_bound, generator_loss
from invkit_generative.trainer import GANTrainer

SMALL: dict[str, Any] = {
    "architecture": "dcgan",
    "architecture_options": {"latent": 20, "width": 8, "size": 16, "channels": 1},
    "discriminator_width": 8,
    "discriminator_norm": "none",
    "encoder_width": 8,
    "r1": 1.0,
    "reconstruction": 20.0,
    "autoencode_first": 0.5,
    "epochs": 6,
    "batch": 32,
    "limit": 2048,
    "warmup": 20,
    "ema": 0.95,
}


@pytest.fixture(scope="session")
def digits(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a data set of digits of 16 × 16 pixels, as a spec."""
    folder = tmp_path_factory.mktemp("digits")
    images = invkit.dataset(f"mnist?path={mnist_folder}").take(torch.arange(2400), "train")
    small = nn.functional.interpolate(images, (16, 16), mode="area")
    for number, image in enumerate(small):
        invkit.files.images.write_image(folder / f"{number}.png", image.numpy())
    return f"images?path={folder},size=16,grey=true"


@pytest.fixture(scope="session")
def trained(digits: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return GANTrainer().train(
        "digits", {**SMALL, "data": digits}, tmp_path_factory.mktemp("gan"), progress=False
    )


class Judge(nn.Module):
    """``D(x) = a · Σ x``."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x.flatten(1).sum(1, keepdim=True)


def test_the_losses_are_those_of_the_formula() -> None:
    generator = build("dcgan", {"latent": 5, "width": 4, "size": 16, "channels": 1}).eval()
    signal = torch.rand(6, 1, 16, 16)
    judge = Judge(0.01)
    noise = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    real, fake = judge(signal), judge(generator.decode(noise))
    loss, _ = discriminator_loss(generator, judge, 2.0)(signal, Draws(torch.Generator().manual_seed(3)))
    penalty = 2.0 / 2 * 0.01**2 * 256  # the gradient is the slope in each of 256 pixels
    expected = -torch.sigmoid(real).log().mean() - torch.sigmoid(-fake).log().mean() + penalty
    torch.testing.assert_close(loss, expected)
    loss, _ = generator_loss(generator, judge, None)(signal, Draws(torch.Generator().manual_seed(3)))
    torch.testing.assert_close(loss, -torch.sigmoid(fake).log().mean())


def test_the_bound_is_added_where_there_is_an_encoder() -> None:
    generator = build("dcgan", {"latent": 5, "width": 4, "size": 16, "channels": 1}).eval()
    vae = Autoencoder(generator, nn.Sequential(nn.Flatten(), nn.Linear(256, 10)))
    signal, judge = torch.rand(6, 1, 16, 16), Judge(0.01)
    bound = evidence_bound(vae, "gaussian", 0.01, "image", 0.5)
    draws = Draws(torch.Generator().manual_seed(3))
    draws.normal(6, 5)  # the adversary's noise comes first
    both, parts = generator_loss(generator, judge, bound)(signal, Draws(torch.Generator().manual_seed(3)))
    torch.testing.assert_close(both, parts["adversarial"] + bound(signal, draws)[0])


def floor(prior: invkit.Generator, truth: Tensor) -> float:
    """Return the mean PSNR of the closest images in range that 150 steps of Adam find from zero."""
    latent = torch.zeros(len(truth), 20, requires_grad=True)
    optimiser = torch.optim.Adam([latent], 0.1)
    for _ in range(150):
        optimiser.zero_grad()
        (prior(latent) - truth).square().sum().backward()
        optimiser.step()
    return invkit.metrics.psnr(prior(latent).detach(), truth).mean().item()


def test_it_learns_real_digits(trained: Path, digits: str) -> None:
    truth = invkit.dataset(digits).take(torch.arange(40), "test")
    prior = invkit.prior(f"gan:{trained}")
    torch.manual_seed(0)
    untrained = GAN(build("dcgan", SMALL["architecture_options"]))
    found = floor(prior, truth)
    assert found > floor(untrained, truth) + 3
    mean = invkit.dataset(digits).take(torch.arange(2000), "train").mean(0, keepdim=True)
    assert found > invkit.metrics.psnr(mean.expand_as(truth), truth).mean() + 3


def test_it_learns_from_an_encoder_of_components(digits: str, tmp_path: Path) -> None:
    recipe = {**SMALL, "data": digits, "encoder": "components", "epochs": 4}
    path = GANTrainer().train("digits", recipe, tmp_path / "components", progress=False)
    truth = invkit.dataset(digits).take(torch.arange(40), "test")
    mean = invkit.dataset(digits).take(torch.arange(2000), "train").mean(0, keepdim=True)
    assert (
        floor(invkit.prior(f"gan:{path}"), truth)
        > invkit.metrics.psnr(mean.expand_as(truth), truth).mean() + 3
    )


def test_its_samples_differ_from_each_other(trained: Path, digits: str) -> None:
    prior = invkit.prior(f"gan:{trained}")
    samples = prior(prior.sample_latent(40, torch.Generator().manual_seed(0)))
    truth = invkit.dataset(digits).take(torch.arange(40), "test")
    assert samples.std(0).mean() > 0.3 * truth.std(0).mean()


def test_the_prior_keeps_the_contract_and_deblurs(trained: Path, digits: str) -> None:
    prior = invkit.prior(f"gan:{trained}")
    invkit.testing.check_generator(prior)
    truth = invkit.dataset(digits).take(torch.arange(3), "test")
    kernel = torch.full((1, 1, 3, 3), 1 / 9)
    blurry = invkit.operator("circconv").forward(kernel.expand(3, -1, -1, -1), truth)
    known = f"known:{_kernel_file(kernel, trained.parent)}"
    pipeline = invkit.compose("circconv", [known, prior], "altgd?restarts=4,steps=150")
    solution = pipeline(blurry)
    gain = invkit.metrics.psnr(solution.x, truth) - invkit.metrics.psnr(blurry, truth)
    assert gain.mean() > 1


def _kernel_file(kernel: Tensor, folder: Path) -> Path:
    import numpy as np

    np.save(folder / "kernel.npy", kernel[0, 0].numpy())
    return folder / "kernel.npy"


def test_resuming_ends_in_the_same_file(digits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from invkit.training.run import TrainingRun

    values = {**SMALL, "data": digits, "limit": 160, "epochs": 2}
    whole = GANTrainer().train("digits", values, tmp_path / "whole", progress=False)
    take_step = TrainingRun._take_step

    def interrupted(self: TrainingRun, *given: Any) -> dict[str, Tensor]:
        if self.step == 7:
            raise KeyboardInterrupt
        log = take_step(self, *given)
        self.step += 1
        self.save()
        self.step -= 1
        return log

    monkeypatch.setattr(TrainingRun, "_take_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        GANTrainer().train("digits", values, tmp_path / "cut", progress=False)
    monkeypatch.undo()
    again = GANTrainer().train("digits", values, tmp_path / "cut", resume=True, progress=False)
    assert again.read_bytes() == whole.read_bytes()


def test_half_precision_is_what_is_stored_and_used(digits: str, tmp_path: Path) -> None:
    values = {**SMALL, "data": digits, "limit": 64, "epochs": 1, "half": True}
    path = GANTrainer().train("digits", values, tmp_path, progress=False)
    # the numbers of batches that batch norms have seen stay whole numbers
    assert {t.dtype for t in read_prior(path).tensors.values()} == {torch.float16, torch.int64}
    prior = invkit.prior(f"gan:{path}")
    assert prior(torch.zeros(1, 20)).dtype == torch.float32


def test_an_encoder_is_needed_to_start_with_it(digits: str, tmp_path: Path) -> None:
    values = {**SMALL, "data": digits, "reconstruction": 0.0}
    with pytest.raises(ConfigError, match="set reconstruction=1"):
        GANTrainer().train("digits", values, tmp_path, progress=False)


def test_a_recipe_without_weights_says_how_to_train_it() -> None:
    with pytest.raises(WeightsError, match="invkit train gan --recipe celeba-paper --out"):
        invkit.prior("gan:celeba-paper")
