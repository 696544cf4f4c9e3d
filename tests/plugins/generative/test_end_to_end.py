"""A VAE from real digits to a deblurred digit: it learns, resumes, is exported, read again, and used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.metrics import psnr
from invkit.training.run import TrainingRun

# Small numbers for a test: 20 seconds of one core.
RECIPE: dict[str, Any] = {
    "architecture": "residual",
    "architecture_options": {
        "size": 28, "channels": 1, "latent": 60, "width": 16, "blocks": 2, "inner": 1, "patch": 2
    },
    "likelihood": "gaussian",
    "variance": 0.01,
    "limit": 3000,
    "epochs": 4,
    "batch": 32,
    "learning_rate": 1e-3,
    "warmup": 30,
    "ema": 0.98,
    "half": True,
}  # fmt: skip


def _command(out: Path, mnist_folder: Path, *more: str) -> list[str]:
    settings = [f"--set={key}={_text(value)}" for key, value in RECIPE.items()]
    return [
        "train",
        "vae",
        "--recipe",
        "mnist",
        f"mnist?path={mnist_folder}",
        "--name",
        "small",
        "--out",
        str(out),
        *settings,
        *more,
    ]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_text(inner)}" for key, inner in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture(scope="module")
def weights(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a run that was stopped on its way and resumed, by the command line."""
    out = tmp_path_factory.mktemp("end-to-end")
    with pytest.MonkeyPatch.context() as patch:
        take_step = TrainingRun._take_step

        def stopped(run: TrainingRun, *arguments: Any) -> dict[str, torch.Tensor]:
            if run.step == 200:
                run.save()
                raise KeyboardInterrupt
            return take_step(run, *arguments)

        patch.setattr(TrainingRun, "_take_step", stopped)
        assert main(_command(out, mnist_folder)) == 130
    assert not list(out.glob("*.safetensors"))
    assert main(_command(out, mnist_folder, "--resume")) == 0
    return out / "vae-small.safetensors"


def test_it_learns(weights: Path, mnist_folder: Path) -> None:
    digits = invkit.dataset(f"mnist?path={mnist_folder}")
    truth, seen = digits.take(torch.arange(100), "test"), digits.take(torch.arange(3000), "train")
    prior = invkit.prior(f"vae:{weights}")
    made = psnr(prior(prior.encode(truth)), truth).mean()
    mean = psnr(seen.mean(0, keepdim=True).expand_as(truth), truth).mean()
    centre = seen.flatten(1).mean(0)
    axes = torch.linalg.svd(seen.flatten(1) - centre, full_matrices=False)[2][:60]
    linear = (centre + (truth.flatten(1) - centre) @ axes.T @ axes).clamp(0, 1).view_as(truth)
    assert made > mean + 8
    assert made > psnr(linear, truth).mean()  # bent by training, it beats what it began as


def test_it_deblurs(weights: Path, mnist_folder: Path) -> None:
    truth = invkit.dataset(f"mnist?path={mnist_folder}").take(torch.arange(3), "test")
    kernels = invkit.dataset("blurA").take(torch.arange(3), "test")
    y = invkit.operator("circconv")(kernels, truth)
    solver = "altgd?steps=240,restarts=48,keep=6+2+1"
    solution = invkit.compose("circconv", ["vae:blurA", f"vae:{weights}"], solver, seed=0)(y)
    assert psnr(solution.x, truth).mean() > psnr(y, truth).mean() + 6
