"""From a weights file to a network: what ``vae`` and ``gan`` share.

network, output = network_of(store.read_prior(find(registry, "vae", "blurA")), "vae")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import torch

from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit_generative.architectures import VAENetwork, build
from invkit_generative.recipe import USE, shipped

__all__ = ["Output", "Use", "as_constants", "find", "network_of"]

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


@attrs.frozen
class Use:
    """What is known of how a prior is best used; see the attributes of `invkit.Generator` of these names."""

    penalty_weight: float | None
    class_prior: str | None

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Use:
        """Read it from a card's recipe.

        Weights that were trained before recipes could say it have it from the shipped recipe of their name.
        """
        recipe = dict(card.get("recipe", {}))
        kind, name = card.get("kind"), card.get("name")
        named = shipped(kind).get(str(name), {}) if kind in ("vae", "gan") else {}
        known = {key: recipe.get(key, named.get(key)) for key in USE}
        weight, spec = known["penalty_weight"], known["class_prior"]
        return cls(
            float(weight) if isinstance(weight, int | float) and weight > 0 else None,
            spec if isinstance(spec, str) and spec else None,
        )


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
