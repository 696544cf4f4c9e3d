"""A VAE trained for seconds: enough to tell a trained one from an untrained one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from invkit_generative.trainer import VAETrainer

SHORT: dict[str, Any] = {
    "limit": 256,
    "batch": 8,
    "epochs": 14,
    "warmup": 100,
    "ema": 0.95,
    "likelihood": "gaussian",
    "variance": 0.003,
    "learning_rate": 1e-3,
}


@pytest.fixture(scope="session")
def trained_blur(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights file of a blur VAE trained on 256 kernels, in the folder of its run."""
    trainer = VAETrainer()
    recipe = {**trainer.recipes()["blurA"], **SHORT}
    return trainer.train("short", recipe, tmp_path_factory.mktemp("trained"), seed=1, progress=False)
