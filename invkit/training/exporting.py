"""What a training leaves behind: weights as they are stored, and the card that says where they come from.

    tensors = as_stored(run.train(watch), half=recipe.half)
    store.write_prior(path, tensors, card("vae", "mine", architecture, made_by, data, figures))

Measure the figures of a card with the weights as they are stored, 16 bits included.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import invkit
from invkit.contracts.dataset import Dataset

__all__ = ["as_stored", "card"]


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
    recipe: Mapping[str, Any],
    data: Dataset,
    figures: Mapping[str, int | float],
) -> dict[str, Any]:
    """Return the card of `invkit.files.store` for trained weights.

    Args:
        kind: kind of the weights, e.g. ``"vae"``.
        name: their name.
        architecture: name and options of the network, and what else it takes to build it.
        recipe: the recipe, with ``data`` as loaded and ``licence``; the seed; the number of steps, if any.
        data: the training data.
        figures: measured figures by name.
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
