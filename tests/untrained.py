"""Weights files without the training: networks as they are drawn, with sound cards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from invkit.files.store import write_prior
from invkit_cnn.architectures import build as build_cnn
from invkit_generative.architectures import build

OUTPUTS = {"paper-blur": "unit-sum", "paper-mnist": "image"}


def write_untrained(path: Path, network_name: str, *, seed: int = 0, **changes: Any) -> Path:
    """Write the weights of an untrained VAE; ``changes`` replace entries of its card."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(network_name)
    write_prior(path, network.state_dict(), card(network_name) | changes)
    return path


def write_untrained_cnn(path: Path, *, seed: int = 0, noise: float = 0.0, **options: int) -> Path:
    """Write the weights of a small network that restores nothing: the identity, but for noise on its weights.

    ``options`` are those of the architecture ``residual``.
    """
    options = {"channels": 1, "patch": 2, "width": 4, "blocks": 1, **options}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_cnn("residual", options)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(noise * torch.randn(parameter.shape))
    described = {"kind": "cnn", "architecture": {"name": "residual", "options": options}}
    write_prior(path, network.state_dict(), card("paper-mnist") | described)
    return path


def card(architecture: str) -> dict[str, Any]:
    """A card with all that a card needs."""
    described: Mapping[str, Any] = {
        "name": architecture,
        "options": {},
        "output": OUTPUTS[architecture],
    }
    return {
        "format": 1,
        "kind": "vae",
        "name": "untrained",
        "architecture": dict(described),
        "recipe": {},
        "data": {"fingerprint": ""},
        "metrics": {},
        "licence": "MIT",
        "versions": {},
    }
