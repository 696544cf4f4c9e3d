"""The card of a training: where the weights come from, and their figures, measured as they are stored.

    store.write_prior(path, tensors, card("vae", "mine", architecture, made_by, data, figures))
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import torch

import invkit
from invkit.contracts.dataset import Dataset

__all__ = ["card"]


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
