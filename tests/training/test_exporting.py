"""What a run leaves behind: weights of 32 or 16 bits, and a card that the store takes."""

from __future__ import annotations

from pathlib import Path

import torch

from invkit.files.store import read_prior, write_prior
from invkit.training.exporting import as_stored, card
from tests.training.test_run import STEPS, make_run, quiet


def test_only_floating_point_numbers_lose_bits() -> None:
    weights = {"weight": torch.tensor([0.1]), "count": torch.tensor([3])}
    assert as_stored(weights, half=False) == weights
    stored = as_stored(weights, half=True)
    assert (stored["weight"].dtype, stored["count"].dtype) == (torch.float16, torch.int64)


def test_the_store_takes_the_card(tmp_path: Path) -> None:
    run = make_run(tmp_path, seed=5)
    recipe = {"data": "numbers", "licence": "none", "seed": 5, "steps": STEPS}
    made = card("net", "mine", {"name": "linear", "options": {}}, recipe, run.data, {"error": 0.5})
    write_prior(tmp_path / "mine.safetensors", run.train(quiet), made)
    found = read_prior(tmp_path / "mine.safetensors").card
    assert (found["kind"], found["name"], found["licence"]) == ("net", "mine", "none")
    assert (found["recipe"]["seed"], found["recipe"]["steps"]) == (5, STEPS)
    assert found["data"] == {"spec": "numbers", "fingerprint": "numbers", "terms": "not stated"}
    assert found["metrics"] == {"error": 0.5}
