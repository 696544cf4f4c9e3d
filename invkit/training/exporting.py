"""What a training run leaves behind: weights as they are stored, and the card that says where they come from.

    tensors = as_stored(run.train(watch), half=recipe.half)
    store.write_prior(path, tensors, card("vae", "mine", architecture, recipe, run, figures))

Measure the figures of a card with the weights as they are stored, 16 bits included.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import attrs
import torch
from torch import Tensor

import invkit
from invkit.contracts.dataset import Dataset
from invkit.training.recipes import Recipe
from invkit.training.run import TrainingRun

__all__ = ["as_stored", "card", "described"]


def as_stored(weights: Mapping[str, Tensor], *, half: bool) -> dict[str, Tensor]:
    """Return the weights, with floating-point numbers of 16 bits where ``half``."""
    return {
        name: tensor.half() if half and tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    }


def card(
    kind: str,
    name: str,
    architecture: Mapping[str, Any],
    recipe: Recipe,
    run: TrainingRun,
    figures: Mapping[str, int | float],
) -> dict[str, Any]:
    """Return the card of `invkit.files.store` for what a training run made.

    Args:
        kind: of the weights, e.g. ``"vae"``.
        name: theirs.
        architecture: name and options of the network, and what else it takes to build it.
        recipe: what they were trained by, its data as it was loaded.
        run: the training, for its seed, steps and data.
        figures: what was measured, in plain words.
    """
    made_by = {**attrs.asdict(recipe), "seed": run.seed, "steps": run.steps}
    return described(kind, name, architecture, made_by, run.data, figures)


def described(
    kind: str,
    name: str,
    architecture: Mapping[str, Any],
    recipe: Mapping[str, Any],
    data: Dataset,
    figures: Mapping[str, int | float],
) -> dict[str, Any]:
    """Return the card of `invkit.files.store` for what was made without the training loop.

    Args:
        kind: of the weights, their name, and how they are read: as of :func:`card`.
        name: see ``kind``.
        architecture: see ``kind``.
        recipe: what they were made by, with its ``data``, ``licence`` and seed.
        data: what they were made from.
        figures: what was measured, in plain words.
    """
    return {
        "format": 1,
        "kind": kind,
        "name": name,
        "architecture": dict(architecture),
        "recipe": dict(recipe),
        "data": {"spec": recipe["data"], "fingerprint": data.fingerprint(), "terms": data.terms},
        "metrics": dict(figures),
        "licence": recipe["licence"],
        "versions": {
            "invkit": invkit.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
