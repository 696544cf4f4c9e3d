"""Floors go into the cards of the weights that they were measured of, and of no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import invkit
from benchmarks import cards
from invkit.errors import InputError
from invkit.files.store import read_prior
from invkit_experiments.studies.priors import digest
from tests.untrained import write_untrained


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write_untrained(tmp_path / "mine.safetensors", "paper-mnist")
    monkeypatch.setattr(cards, "find", lambda registry, kind, name: path)
    monkeypatch.setattr(cards, "digest", lambda prior: digest(invkit.prior(f"vae:{path}")))
    return path


def table(folder: Path, **changes: Any) -> Path:
    row = {"method": "vae:celeba", "images": 40, "floor": 31.234, "floor_worst": 28.0, **changes}
    path = folder / "priors.json"
    path.write_text(json.dumps({"rows": [{"method": "celeba", "to_training": 0.1}, row]}))
    return path


def test_the_card_gains_the_floor_and_loses_nothing(weights: Path, tmp_path: Path) -> None:
    before = read_prior(weights)
    told = cards.annotate(table(tmp_path, weights=digest(invkit.prior(f"vae:{weights}"))))
    after = read_prior(weights)
    assert told == ["vae:celeba: 31.23 dB"]
    assert all(torch.equal(tensor, after.tensors[name]) for name, tensor in before.tensors.items())
    assert after.card["metrics"].pop("range_floor_of").startswith("40 published")
    added = {"range_floor_psnr": 31.23, "range_floor_worst_psnr": 28.0}
    assert after.card["metrics"] == {**before.card["metrics"], **added}
    assert {**after.card, "metrics": 0} == {**before.card, "metrics": 0}


def test_floors_of_other_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    before = weights.read_bytes()
    with pytest.raises(InputError, match="other weights"):
        cards.annotate(table(tmp_path, weights="0" * 64))
    assert weights.read_bytes() == before
