"""A trainer of networks: from a recipe to a weights file; see :mod:`invkit.training` for an example.

The averaged weights are exported and measured as they are stored, 16 bits included.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs
from torch import Tensor, nn

from invkit.contracts.dataset import Dataset
from invkit.contracts.trainer import Trainer
from invkit.files import store
from invkit.files.solutions import writable_folder
from invkit.training.networks import seeded
from invkit.training.processes import joined
from invkit.training.recipes import Recipe, card, check_pictures, digest, load_recipes, structure
from invkit.training.run import Optimise, TrainingRun, Turn, adamw
from invkit.training.watching import Pictures, summary_writer, watching

__all__ = ["NetworkTrainer", "Training"]

_R = TypeVar("_R", bound=Recipe)


@attrs.frozen(kw_only=True, eq=False)
class Training:
    """What a recipe trains.

    Args:
        recipe: the recipe, its ``data`` as they were loaded.
        network: the average of its weights is exported.
        data: their training split is used.
        turns: what a step does, in order.
        pictures: what TensorBoard shows.
        optimise: what moves the weights.
        determines: what determines the weights besides recipe, data and seed. A checkpoint made by something
            else is refused.
        prepare: lets the network start from the data; torch's own random stream is the seed's meanwhile.
        figures: measures the trained network, which is constant then, as it is stored, and on the CPU.
        architecture: what the card says of it besides name and options.
        card: further entries of the card.
    """

    recipe: Recipe
    network: nn.Module
    data: Dataset
    turns: Sequence[Turn]
    pictures: Pictures
    optimise: Optimise = adamw
    determines: Mapping[str, Any] = attrs.field(factory=dict)
    prepare: Callable[[TrainingRun], None] | None = None
    figures: Callable[[], Mapping[str, int | float]] = dict
    architecture: Mapping[str, Any] = attrs.field(factory=dict)
    card: Mapping[str, Any] = attrs.field(factory=dict)


class NetworkTrainer(Trainer, Generic[_R]):
    """Trains networks by the training loop, with checkpoints, progress and a card.

    Attributes:
        kind: what it is registered as.
        recipe: class of its recipes.
        shipped: where its recipes lie, ``"package:folder"``.
    """

    kind: str
    recipe: type[_R]
    shipped: str

    @abstractmethod
    def training(self, recipe: _R, seed: int) -> Training:
        """Return what a recipe trains; untrained weights are drawn from the seed alone.

        Raises:
            ConfigError: parts of the recipe do not fit together. Nothing has been written yet.
        """

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        return load_recipes(*self.shipped.split(":"))

    def train(
        self,
        name: str,
        recipe: Mapping[str, Any],
        out: Path,
        *,
        seed: int = 0,
        resume: bool = False,
        progress: bool = True,
    ) -> Path:
        summary_writer()  # before anything is done for nothing
        checked = structure(recipe, self.recipe)
        training = self.training(checked, seed)
        check_pictures(checked.data, training.data, checked.limit)
        path = out / f"{self.kind}-{name}{store.SUFFIX}"
        with joined() as processes:
            for network in (training.network, *(turn.network for turn in training.turns)):
                network.to(processes.device)
            run = TrainingRun(
                training.turns,
                training.network,
                training.data,
                training.recipe,
                out,
                seed=seed,
                limit=training.recipe.limit,
                fingerprint=digest(_description(training, seed)),
                processes=processes,
                optimise=training.optimise,
            )
            writable_folder(out)
            if not run.begin(resume=resume) and training.prepare is not None:
                with seeded(seed):
                    training.prepare(run)
                for key, tensor in training.network.state_dict().items():
                    run.average[key].copy_(tensor)
            with watching(out, training.pictures, progress=progress, processes=processes) as watch:
                weights = run.train(watch)
            if processes.first:
                _export(training, self.kind, name, run, weights, path)
            processes.wait()
        return path


def _description(training: Training, seed: int) -> dict[str, Any]:
    """All that determines the weights."""
    recipe = attrs.asdict(training.recipe, filter=lambda field, _: not field.metadata.get("use"))
    return {"recipe": recipe, "data": training.data.fingerprint(), "seed": seed, **training.determines}


def _export(
    training: Training, kind: str, name: str, run: TrainingRun, weights: Mapping[str, Tensor], path: Path
) -> None:
    recipe, network = training.recipe, training.network
    stored = {
        key: tensor.half() if recipe.half and tensor.is_floating_point() else tensor
        for key, tensor in weights.items()
    }
    network.load_state_dict({key: tensor.to(weights[key].dtype) for key, tensor in stored.items()})
    network.to("cpu").eval().requires_grad_(False)
    architecture = {"name": recipe.architecture, "options": dict(recipe.architecture_options)}
    made_by = {**attrs.asdict(recipe), "seed": run.seed, "steps": run.steps}
    described = card(
        kind, name, {**architecture, **training.architecture}, made_by, training.data, training.figures()
    )
    store.write_prior(path, stored, {**described, **training.card})
