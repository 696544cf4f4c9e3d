"""What a run leaves behind: a card that the store takes."""

from __future__ import annotations

from pathlib import Path

from invkit.files.store import read_prior, write_prior
from invkit.training.exporting import card
from tests.training.test_run import STEPS, make_run, quiet


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
