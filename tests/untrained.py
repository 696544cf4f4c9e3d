"""Weights files without the training: a network as it is drawn, with a sound card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from invkit.files.store import write_prior
from invkit_generative.architectures import build

OUTPUTS = {"paper-blur": "unit-sum", "paper-mnist": "image"}


def write_untrained(path: Path, network_name: str, *, seed: int = 0, **changes: Any) -> Path:
    """Write the weights of an untrained VAE; ``changes`` replace entries of its card."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(network_name)
    write_prior(path, network.state_dict(), card(network_name) | changes)
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
