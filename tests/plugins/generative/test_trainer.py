"""The trainer: from a recipe to a weights file with its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit.errors import ConfigError, InputError
from invkit.files.images import write_image
from invkit.files.store import read_prior
from invkit.training.processes import Draws
from invkit.training.run import TrainingRun
from invkit_generative.architectures import build
from invkit_generative.losses import evidence_bound
from invkit_generative.trainer import VAETrainer
from tests.plugins.generative.conftest import SHORT

TINY: dict[str, Any] = {"limit": 64, "batch": 16, "epochs": 3, "warmup": 2}


def recipe(name: str, **changes: Any) -> dict[str, Any]:
    return {**VAETrainer().recipes()[name], **TINY, **changes}


def train(out: Path, values: Mapping[str, Any], **options: Any) -> Path:
    return VAETrainer().train("mine", values, out, progress=False, **options)


def tensors(path: Path) -> dict[str, Tensor]:
    return read_prior(path).tensors


def same(a: Path, b: Path) -> bool:
    first, second = tensors(a), tensors(b)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_the_card_tells_where_the_weights_come_from(trained_blur: Path) -> None:
    card = read_prior(trained_blur).card
    assert trained_blur.name == "vae-short.safetensors"
    assert (card["kind"], card["name"]) == ("vae", "short")
    assert card["architecture"] == {"name": "paper-blur", "options": {}, "output": "unit-sum"}
    assert card["recipe"]["seed"] == 1 and card["recipe"]["steps"] == 14 * 256 // 8
    assert {key: card["recipe"][key] for key in SHORT} == SHORT
    blurs = invkit.dataset("blurA")
    assert card["data"] == {"spec": "blurA", "fingerprint": blurs.fingerprint(), "terms": blurs.terms}
    assert card["metrics"]["test_signals"] == 200
    assert card["versions"]["torch"] == torch.__version__
    json.dumps(card, allow_nan=False)


def test_training_helps_on_kernels_never_seen(trained_blur: Path, tmp_path: Path) -> None:
    longer = read_prior(trained_blur).card["metrics"]["reconstruction_ncc"]
    shorter = read_prior(train(tmp_path, recipe("blurA"))).card["metrics"]["reconstruction_ncc"]
    assert longer > 0.9 > 0.5 > shorter


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_loss_falls_on_real_digits(
    likelihood: str, mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = recipe("mnist", limit=512, batch=16, epochs=1, likelihood=likelihood)
    log = losses(monkeypatch, tmp_path, values, data=f"mnist?path={mnist_folder}")
    assert len(log) == 32
    assert sum(log[-5:]) < 0.8 * sum(log[:5])


def losses(
    monkeypatch: pytest.MonkeyPatch, out: Path, values: Mapping[str, Any], **changes: Any
) -> list[float]:
    """Train, and return the loss of every step."""
    seen: list[float] = []
    take_step = TrainingRun._take_step

    def noted(self: TrainingRun, *given: Any) -> dict[str, Tensor]:
        log = take_step(self, *given)
        seen.append(log["loss"].item())
        return log

    monkeypatch.setattr(TrainingRun, "_take_step", noted)
    train(out, {**values, **changes})
    return seen


def test_the_loss_is_the_negative_evidence_lower_bound() -> None:
    network = build("paper-mnist")
    signal = (torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    bound = evidence_bound(network, "bernoulli", 0.01, "image")
    loss, log = bound(signal, Draws(torch.Generator().manual_seed(2)))
    mean, log_variance = network.encode(signal)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    latent = mean + posterior.scale * torch.randn(mean.shape, generator=torch.Generator().manual_seed(2))
    likelihood = torch.distributions.Bernoulli(network.decode(latent)).log_prob(signal).sum((1, 2, 3))
    standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    divergence = torch.distributions.kl_divergence(posterior, standard).sum(1)
    torch.testing.assert_close(loss, (divergence - likelihood).mean())
    torch.testing.assert_close(log["kl"], divergence.mean())


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    first, second, other = (
        train(tmp_path / name, recipe("blurA"), seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first.read_bytes() == second.read_bytes()
    assert not same(first, other)


def test_resuming_ends_in_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(tmp_path / "whole", recipe("blurA"))
    take_step, save = TrainingRun._take_step, TrainingRun.save

    def interrupted(self: TrainingRun, *given: Any) -> dict[str, Tensor]:
        if self.step == 5:
            raise KeyboardInterrupt
        log = take_step(self, *given)
        self.step += 1  # a checkpoint after every step
        save(self)
        self.step -= 1
        return log

    monkeypatch.setattr(TrainingRun, "_take_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", recipe("blurA"))
    monkeypatch.undo()
    assert not list((tmp_path / "cut").glob("*.safetensors"))
    assert train(tmp_path / "cut", recipe("blurA"), resume=True).read_bytes() == whole.read_bytes()


def test_a_run_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    path = train(tmp_path, recipe("blurA"))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="--resume"):
        train(tmp_path, recipe("blurA"))
    for other in (recipe("blurA", epochs=4), recipe("blurB")):
        with pytest.raises(ConfigError, match="another recipe, data set or seed"):
            train(tmp_path, other, resume=True)
    with pytest.raises(ConfigError, match="another recipe, data set or seed"):
        train(tmp_path, recipe("blurA"), resume=True, seed=1)
    assert path.read_bytes() == before


def test_a_rate_that_is_far_too_high_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"of step \d+ is (nan|inf).*lower learning_rate"):
        train(tmp_path, recipe("blurA", learning_rate=1e30, warmup=0))
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": "blur30"}, "makes signals of shape (1, 28, 28), blur30 has (1, 32, 32)"),
        ({"batch": 65}, "set batch=64"),
    ],
)
def test_recipes_that_do_not_fit_together(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        train(tmp_path, recipe("blurA", **changes))
    assert says in str(caught.value)


def test_a_folder_of_images_is_brought_to_the_networks_size(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):  # colour, and of another size
        write_image(tmp_path / "photos" / f"{number}.png", rng.random((3, 40, 31)))
    path = train(tmp_path / "out", recipe("mnist", data=str(tmp_path / "photos"), batch=4, epochs=1))
    card = read_prior(path).card
    assert card["data"]["spec"].startswith("images?path=") and "size=28,grey=true" in card["data"]["spec"]
    assert card["data"]["fingerprint"] == invkit.dataset(card["data"]["spec"]).fingerprint()
    assert invkit.prior(f"vae:{path}").signal_shape == (1, 28, 28)


def test_what_tensorboard_is_given(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, recipe("blurA"))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    scalars = {"loss", "mse", "kl", "gradient_norm", "learning_rate"}
    assert scalars <= set(events.Tags()["scalars"])
    assert events.Tags()["images"]


def test_progress_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    VAETrainer().train("mine", recipe("blurA"), tmp_path)
    shown = capsys.readouterr()
    assert shown.out == "" and "step 12/12  loss" in shown.err


def test_images_are_refused_where_kernels_are_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mnist-sample holds no kernels"):
        VAETrainer().train("mine", recipe("blurA", data="mnist-sample"), tmp_path / "run", progress=False)
    assert not list(tmp_path.iterdir())
