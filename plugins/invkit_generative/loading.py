"""From a weights file to a network: what ``vae`` and ``gan`` share.

network, output = network_of(store.read_prior(find(registry, "vae", "blurA")), "vae")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit_generative.architectures import VAENetwork, build
from invkit_generative.recipe import shipped

__all__ = ["Output", "as_constants", "find", "network_of", "penalty_weight_of"]

Output = Literal["image", "unit-sum"]
"""How the decoder's values in [0, 1] become a signal."""


def find(registry: Registry, kind: str, name: str) -> Path:
    """Return the weights file of ``kind:name``; see `invkit.files.store.find`.

    Raises:
        WeightsError: there is none. Where there is a recipe of that name, the message says how to train it.
    """
    if name in shipped(kind) and name not in store.names(registry, kind):
        raise WeightsError(
            f"{kind}:{name} is a recipe; its weights do not travel with invkit",
            hint=f"train it: invkit train {kind} --recipe {name} --out runs/{name} --install",
        )
    return store.find(registry, kind, name)


def network_of(trained: store.TrainedPrior, kind: str) -> tuple[VAENetwork, Output]:
    """Return the network of a weights file with its weights, in single precision, and its output.

    Raises:
        WeightsError: it is of another kind, its architecture is unknown, or tensors and architecture
            disagree.
    """
    card = trained.card
    if card["kind"] != kind:
        raise WeightsError(
            f"{trained.path} holds a {card['kind']!r} prior, not a {kind.upper()}",
            hint=f"write {card['kind']}:{trained.path}",
        )
    name, options, output = _architecture(trained)
    try:
        network = build(name, options)
        network.load_state_dict({key: tensor.float() for key, tensor in trained.tensors.items()})
    except WeightsError as error:
        raise WeightsError(f"{trained.path}: {error.message}", hint=error.hint) from error
    except RuntimeError as error:
        raise WeightsError(
            f"the tensors in {trained.path} are not those of the architecture {name} in its card",
            hint="train it again",
        ) from error
    return network, output


def penalty_weight_of(card: Mapping[str, Any]) -> float | None:
    """Return the weight in a card's recipe, where there is a positive number."""
    weight = card.get("recipe", {}).get("penalty_weight")
    return float(weight) if isinstance(weight, int | float) and weight > 0 else None


def as_constants(network: VAENetwork) -> VAENetwork:
    """Return the network for use: no gradients of its weights, evaluation mode, channels last.

    Convolutions of few channels run about twice as fast on a CPU with channels last.
    """
    result: VAENetwork = network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]
    return result


def _architecture(trained: store.TrainedPrior) -> tuple[str, Mapping[str, Any], Output]:
    """Name, options and output from a card, checked: a card is text that anyone can write."""
    match trained.card["architecture"]:
        case {"name": str(name), "options": dict(options), "output": ("image" | "unit-sum") as output}:
            return name, options, output
    raise WeightsError(
        f"the card in {trained.path} has the architecture {trained.card['architecture']!r}, "
        "expected its name, options and output (image or unit-sum)",
        hint="train it again",
    )
