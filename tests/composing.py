"""Small pipelines and measurements for the tests of composing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import invkit
from invkit import Pipeline
from invkit.files.store import write_prior
from invkit_generative.architectures import build as build_network

SOLVER = "altgd?steps=6,restarts=3,keep=3,start=random"
PRIORS = ["identity?shape=1x3x3", "identity?penalty=tv"]


def measurements(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pipeline(operator: Any = "circconv", priors: Any = PRIORS, solver: Any = SOLVER, **more: Any) -> Pipeline:
    return invkit.compose(operator, priors, solver, **more)


def weights_file(path: Path, seed: int) -> str:
    """An untrained kernel VAE of 12×12 pixels, written as a trained one would be; its spec."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network("paper-blur", {"size": 12, "latent": 3})
    architecture = {"name": "paper-blur", "options": {"size": 12, "latent": 3}, "output": "unit-sum"}
    card = {"format": 1, "kind": "vae", "name": "tiny", "architecture": architecture, "recipe": {}}
    card |= {"data": {}, "metrics": {}, "licence": "MIT", "versions": {}}
    write_prior(path, network.state_dict(), card)
    return f"vae:./{path.name}"
