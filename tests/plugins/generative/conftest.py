"""A VAE trained for seconds: enough to tell a trained one from an untrained one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invkit_generative import trainer
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


@pytest.fixture(scope="session", autouse=True)
def few_signals_are_measured() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "MEASURED", 200)
        yield


@pytest.fixture(scope="session")
def trained_blur(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights file of a blur VAE trained on 256 kernels, in the folder of its run."""
    recipe = {**VAETrainer().recipes()["blurA"], **SHORT}
    return VAETrainer().train("short", recipe, tmp_path_factory.mktemp("trained"), seed=1, progress=False)
