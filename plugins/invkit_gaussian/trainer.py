"""``invkit train gaussian --recipe celeba --out runs/celeba`` — Gaussian priors by recipe.

    trainer = GaussianTrainer()
    path = trainer.train("faces", trainer.recipes()["celeba"] | {"rank": 128}, Path("runs/faces"), seed=0)
    invkit.prior(f"gaussian:{path}")                       # runs/faces/gaussian-faces.safetensors

A fit is a few passes over the images (see :mod:`invkit_gaussian.fitting`), a minute at most for what is
shipped. So there are no checkpoints: what was interrupted starts anew, with ``resume`` as without, and ends
in the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

import invkit
from invkit.contracts.dataset import Dataset
from invkit.contracts.roles import check_kernels
from invkit.contracts.trainer import Trainer
from invkit.errors import ConfigError
from invkit.files import store
from invkit.files.solutions import writable_folder
from invkit.training import mixture
from invkit.training.recipes import card, check_pictures, load_recipes, structure
from invkit_gaussian.figures import gaussian_figures
from invkit_gaussian.fitting import fit
from invkit_gaussian.inferred import inferred
from invkit_gaussian.passes import Passes
from invkit_gaussian.recipe import GaussianRecipe
from invkit_gaussian.stored import moments_from, options_of, tensors_of

__all__ = ["GaussianTrainer"]


class GaussianTrainer(Trainer):
    """Fits a Gaussian prior by a `GaussianRecipe`."""

    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes: those of the shipped weights."""
        return load_recipes("invkit_gaussian", "recipes")

    def recipe_for(self, data: str) -> Mapping[str, Any]:
        return inferred(data)

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
        """Fit and export; see :meth:`invkit.contracts.trainer.Trainer.train`. ``resume`` starts anew.

        Raises:
            InputError: fewer than 20 pictures, a folder's own or what the recipe's limit leaves.
            ConfigError: a recipe that does not fit its data; or there is a prior of that name in ``out``, and
                not ``resume``.
        """
        checked = structure(recipe, GaussianRecipe)
        spec = mixture.located(checked.data, size=checked.size, grey=checked.grey)
        data = mixture.load(spec)
        check_pictures(checked.data, data, checked.limit)
        checked = attrs.evolve(checked, data=spec)
        shape = _image_shape(checked, data)
        if checked.blur and checked.operator:
            check_kernels(invkit.operator(checked.operator), invkit.dataset(checked.blur), checked.blur)
        path = writable_folder(out) / f"gaussian-{name}.safetensors"
        if path.exists() and not resume:
            raise ConfigError(f"{path} is there already", hint="choose another --out, or delete it")
        passes = Passes(data, checked.batch, checked.poses, checked.mirror, checked.limit, progress)
        moments = fit(
            passes,
            shape,
            rank=checked.rank,
            colour=checked.colour,
            contrast=checked.contrast,
            texture=checked.texture,
            seed=seed,
        )
        tensors = tensors_of(moments, checked.bits)
        architecture = {"name": "gaussian", "options": options_of(moments)}
        made_by = {**attrs.asdict(checked), "seed": seed}
        # What is measured is what is stored, its few bits included.
        stored = moments_from(store.TrainedPrior({"architecture": architecture}, tensors, "", path))
        figures = gaussian_figures(stored, data, checked.blur, checked.operator)
        figures = {"training_pictures": passes.count, **figures}
        store.write_prior(path, tensors, card("gaussian", name, architecture, made_by, data, figures))
        return path


def _image_shape(recipe: GaussianRecipe, data: Dataset) -> tuple[int, int, int]:
    """The data's shape; refuse, before anything is read, what cannot be fitted."""
    shape = tuple(data.signal_shape)
    if len(shape) != 3:
        raise ConfigError(
            f"{recipe.data} has signals of shape {shape}, not images", hint="choose a data set of images"
        )
    numbers = shape[1] * shape[2] * (shape[0] if recipe.colour == "joint" else 1)
    if recipe.rank > numbers:
        raise ConfigError(
            f"rank={recipe.rank}, but a picture of {recipe.data} has {numbers} numbers",
            hint=f"choose a rank of at most {numbers}",
        )
    if recipe.contrast and recipe.colour == "axes":
        raise ConfigError("every colour axis has a contrast already", hint="leave contrast out of the recipe")
    return shape[0], shape[1], shape[2]
