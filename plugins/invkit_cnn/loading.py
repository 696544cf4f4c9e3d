"""From a weights file to a network.

network = network_of(store.read_prior(find(registry, "celeba-shake")))
"""

from __future__ import annotations

from pathlib import Path

from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit_cnn.architectures import Network, build
from invkit_cnn.recipe import load_recipes

__all__ = ["find", "network_of"]


def find(registry: Registry, name: str) -> Path:
    """Return the weights file of a name or path; see `invkit.files.store.find`.

    Raises:
        WeightsError: there is none. Where there is a recipe of that name, the message says how to train it.
    """
    if name in load_recipes("invkit_cnn", "recipes") and name not in store.names(registry, "cnn"):
        raise WeightsError(
            f"cnn?weights={name} is a recipe; its weights do not travel with invkit",
            hint=f"train it: invkit train cnn --recipe {name} --out runs/{name} --install",
        )
    try:
        return store.find(registry, "cnn", name)
    except WeightsError as error:
        raise WeightsError(f"no deblurring network of the weights {name!r}", hint=error.hint) from error


def network_of(trained: store.TrainedPrior) -> Network:
    """Return the network of a weights file with its weights, in single precision, for use alone.

    Raises:
        WeightsError: it is of another kind, its architecture is unknown, or tensors and architecture
            disagree.
    """
    card = trained.card
    if card["kind"] != "cnn":
        raise WeightsError(
            f"{trained.path} holds a {card['kind']!r} prior, not a deblurring network",
            hint="give weights=NAME one that `invkit train cnn` made",
        )
    match card["architecture"]:
        case {"name": str(name), "options": dict(options)}:
            pass
        case other:
            raise WeightsError(
                f"the card in {trained.path} has the architecture {other!r}, expected its name and options",
                hint="train it again",
            )
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
    network.eval().requires_grad_(False)
    return network
