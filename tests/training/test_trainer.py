"""A trainer of a plugin's own: what it has to say, and what it is given for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from attrs.validators import ge
from torch import Tensor, nn

from invkit.errors import ConfigError
from invkit.files.store import read_prior
from invkit.training.networks import trained, untrained
from invkit.training.processes import Draws
from invkit.training.recipes import Recipe
from invkit.training.run import TrainingRun, Turn, adamw
from invkit.training.trainer import NetworkTrainer, Training
from tests.training.test_run import Numbers


class Line(nn.Linear):
    """Three numbers to one."""

    def __init__(self) -> None:
        super().__init__(3, 1)


LINES: dict[str, type[Line]] = {"line": Line}


@attrs.frozen(kw_only=True)
class LineRecipe(Recipe):
    noise: float = 0.1
    momentum: float = 0.8
    prepared: bool = False
    best_weight: float = attrs.field(default=0.0, validator=ge(0), metadata={"use": True})


class LineTrainer(NetworkTrainer[LineRecipe]):
    """A noisy regression; what it starts from is drawn from torch's own stream."""

    kind, recipe, shipped = "line", LineRecipe, "nowhere:recipes"

    def training(self, recipe: LineRecipe, seed: int) -> Training:
        network = untrained(LINES, recipe, seed)

        def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
            wanted = signal.sum(1, keepdim=True) + recipe.noise * draws.normal(len(signal), 1)
            return (network(signal) - wanted).square().mean(), {}

        def prepare(run: TrainingRun) -> None:
            with torch.no_grad():
                network.weight.copy_(100 + torch.rand(1, 3))

        return Training(
            recipe=recipe,
            network=network,
            data=Numbers(),
            turns=[Turn("line", network, loss)],
            pictures=lambda batch: torch.zeros(1, 1, 2, 2),
            determines={"noise": "normal"},
            prepare=prepare if recipe.prepared else None,
            figures=lambda: {"sum": float(network.weight.sum())},
            architecture={"output": "number"},
            card={"law": "sum"},
        )


VALUES = {"data": "numbers", "architecture": "line", "batch": 4, "epochs": 2, "warmup": 1, "half": True}


def train(out: Path, changes: Mapping[str, Any] | None = None, **options: Any) -> Path:
    return LineTrainer().train("mine", {**VALUES, **(changes or {})}, out, progress=False, **options)


def test_the_file_holds_what_the_trainer_said(tmp_path: Path) -> None:
    path = train(tmp_path, {"best_weight": 0.5}, seed=7)
    assert path == tmp_path / "line-mine.safetensors"
    read = read_prior(path)
    assert read.card["architecture"] == {"name": "line", "options": {}, "output": "number"}
    assert read.card["recipe"] | {"best_weight": 0.5, "seed": 7, "steps": 10} == read.card["recipe"]
    assert read.card["law"] == "sum"
    assert read.tensors["weight"].dtype == torch.float16
    # measured as it is stored
    assert read.card["metrics"]["sum"] == pytest.approx(float(trained(LINES, read).weight.sum()))


def test_a_recipe_may_choose_the_momentum() -> None:
    moments = [
        adamw([torch.nn.Parameter(torch.zeros(1))], recipe(data="numbers", architecture="line")).defaults
        for recipe in (Recipe, LineRecipe)
    ]
    assert [each["betas"] for each in moments] == [(0.9, 0.999), (0.8, 0.999)]


@pytest.mark.parametrize("prepared", [False, True])
def test_the_same_seed_gives_the_same_file_whatever_was_drawn_before(prepared: bool, tmp_path: Path) -> None:
    files = []
    for number, seed in enumerate((3, 3, 4)):
        torch.manual_seed(number)
        files.append(train(tmp_path / str(number), {"prepared": prepared}, seed=seed))
    first, second, other = (path.read_bytes() for path in files)
    assert first == second != other
    started = float(read_prior(files[0]).card["metrics"]["sum"])
    assert (started > 200) == prepared  # a few steps lead nowhere: the average started there, too


def test_what_says_how_weights_are_used_does_not_make_another_run(tmp_path: Path) -> None:
    train(tmp_path)
    before = read_prior(train(tmp_path, {"best_weight": 2.0}, resume=True))
    assert before.card["recipe"]["best_weight"] == 2.0
    with pytest.raises(ConfigError, match="another recipe"):
        train(tmp_path, {"noise": 0.2}, resume=True)


def test_too_few_signals_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set batch=20"):
        train(tmp_path / "run", {"batch": 21})
    assert not (tmp_path / "run").exists()
