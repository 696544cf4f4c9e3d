"""Networks by the name that a recipe or a card calls them.

    ARCHITECTURES = {"small": Small, "large": Large}              # a plugin's classes
    network = build(ARCHITECTURES, "small", {"width": 64})
    network = untrained(ARCHITECTURES, recipe, seed=0)            # to be trained
    network = trained(ARCHITECTURES, store.read_prior(path))      # to be used

A card is text that anyone can write, so it is checked against the tensors before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from invkit.errors import WeightsError
from invkit.files.store import TrainedPrior
from invkit.training.recipes import Recipe

__all__ = ["build", "channels_last", "require_finite", "seeded", "trained", "untrained", "zeroed"]

#: modules and parameters that a network may have beside those that its tensors stand for
_SLACK = 200

_N = TypeVar("_N", bound=nn.Module)


def build(
    architectures: Mapping[str, type[_N]], name: str, options: Mapping[str, Any] | None = None
) -> _N:
    """Build a network from its class's name and arguments, with weights as torch draws them.

    Raises:
        WeightsError: an unknown name or option.
    """
    if name not in architectures:
        raise WeightsError(f"unknown architecture {name!r}", hint=f"choose one of {', '.join(architectures)}")
    try:
        return architectures[name](**(options or {}))
    except TypeError as error:
        raise WeightsError(
            f"architecture {name} does not take the options {dict(options or {})}", hint=str(error)
        ) from error


def untrained(architectures: Mapping[str, type[_N]], recipe: Recipe, seed: int) -> _N:
    """Build the network of a recipe, its weights drawn from the seed alone."""
    with seeded(seed):
        return channels_last(build(architectures, recipe.architecture, recipe.architecture_options))


def trained(architectures: Mapping[str, type[_N]], prior: TrainedPrior) -> _N:
    """Build the network of a weights file for use: single precision, constant weights, evaluation mode.

    Raises:
        WeightsError: the architecture is unknown, or tensors and architecture disagree.
    """
    match prior.card["architecture"]:
        case {"name": str(name), "options": dict(options)}:
            pass
        case other:
            raise WeightsError(
                f"the card in {prior.path} has the architecture {other!r}, expected its name and options",
                hint="train it again",
            )
    try:
        with torch.device("meta"), _at_most(_SLACK + 4 * len(prior.tensors)):
            planned = build(architectures, name, options).state_dict()
        fits = _shapes(planned) == _shapes(prior.tensors)
    except WeightsError as error:
        raise WeightsError(f"{prior.path}: {error.message}", hint=error.hint) from error
    except Exception:  # options of any value may fail anywhere in a constructor
        fits = False
    if not fits:
        raise WeightsError(
            f"the tensors in {prior.path} are not those of the architecture {name} in its card",
            hint="train it again",
        )
    with torch.random.fork_rng(devices=[]):  # the weights it starts with are drawn in vain
        network = build(architectures, name, options)
    network.load_state_dict({key: tensor.float() for key, tensor in prior.tensors.items()})
    return network.eval().requires_grad_(False)


def channels_last(network: _N) -> _N:
    """Lay out weights with channels last: convolutions of few channels are about twice as fast on a CPU."""
    result: _N = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return result


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw weights from a seed, and leave torch's own random stream as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def zeroed(layer: _N) -> _N:
    """Set all weights of a layer to zero, for a block that starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def require_finite(prior: TrainedPrior, made: torch.Tensor) -> None:
    """Refuse weights by a few of the signals that are made with them.

    Raises:
        WeightsError: not all are finite.
    """
    if not bool(torch.isfinite(made).all()):
        raise WeightsError(
            f"the weights in {prior.path} make signals with NaN or infinite values", hint="train it again"
        )


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """End the building of a network of more modules or parameters with a ValueError: a card may say a million
    layers, and each takes its time even where it takes no memory.
    """
    left = count

    def counted(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"more than {count} modules and parameters")

    hooks = (
        register_module_module_registration_hook(counted),
        register_module_parameter_registration_hook(counted),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Size, bool]]:
    """The shape of each tensor, and whether it holds floats: their precision is free."""
    return {name: (tensor.shape, tensor.is_floating_point()) for name, tensor in tensors.items()}
