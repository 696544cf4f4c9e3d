"""A record tells the truth of a part as it is: after copies, in another process, with weights changed."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import invkit
from invkit import ConfigError, Pipeline
from invkit.fingerprint import tensors_sha256
from invkit.records import files_sha256, written
from tests.untrained import write_untrained_cnn

SOLVER = "altgd?steps=2,restarts=2,keep=1"
COPIES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda part: part,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda part: pickle.loads(pickle.dumps(part)),
    "evolve": lambda part: attrs.evolve(part) if attrs.has(type(part)) else copy.copy(part),
    "double": lambda part: copy.deepcopy(part).double() if hasattr(part, "double") else part,
}


def pipeline(w: Any = "vae:blurA", x: Any = "identity", solver: Any = SOLVER) -> Pipeline:
    return invkit.compose("circconv", [w, x], solver)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("kernel.npy", np.full((1, 3, 3), 1 / 9, "float32"))
    np.save("basis.npy", np.eye(9, dtype="float32")[:4].reshape(4, 1, 3, 3))
    write_untrained_cnn(tmp_path / "cnn.safetensors")
    return tmp_path


PARTS = {
    "operator": ["circconv", "linconv?mode=valid"],
    "prior": ["vae:blurA", "known:kernel.npy", "subspace:basis.npy", "wavelet", "gaussian:celeba?rank=4"],
    "solver": ["altgd?steps=7", "evidence", "tv", "cnn?weights=./cnn.safetensors"],
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(("kind", "spec"), [(kind, spec) for kind in PARTS for spec in PARTS[kind]])
@pytest.mark.usefixtures("folder")
def test_a_copy_is_the_same_part(kind: str, spec: str, how: str) -> None:
    part = getattr(invkit, kind)(spec)
    if how == "evolve" and spec.startswith("cnn"):
        assert "object" in written(kind, attrs.evolve(part), strict=False)  # its network may be another
        return
    table = written(kind, part, strict=True)
    assert written(kind, COPIES[how](part), strict=True) == table
    assert "object" not in table
    again = getattr(invkit, kind)({key: value for key, value in table.items() if key != "sha256"})
    assert written(kind, again, strict=True) == table


def test_another_process_says_the_same(folder: Path) -> None:
    made = pipeline(w="known:kernel.npy")
    Path("pipeline.pickle").write_bytes(pickle.dumps(made))
    code = "import pickle, json; print(json.dumps(pickle.load(open('pickle', 'rb')).to_config()))"
    code = code.replace("'pickle', 'rb'", "'pipeline.pickle', 'rb'")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == made.to_config()


def test_fields_changed_by_evolve_are_recorded() -> None:
    faster, expected = invkit.solver("altgd"), invkit.solver("altgd?steps=3")
    faster = attrs.evolve(faster, descent=attrs.evolve(faster.descent, steps=3))
    assert written("solver", faster, strict=True) == written("solver", expected, strict=True)


def change_weights(prior: Any) -> None:
    with torch.no_grad():
        next(iter(prior.parameters())).mul_(2)


def change_the_mode(prior: Any) -> None:
    prior.network.train()


def change_an_attribute(prior: Any) -> None:
    prior.output = "image"


@pytest.mark.parametrize("change", [change_weights, change_the_mode, change_an_attribute])
@pytest.mark.parametrize("how", ["itself", "copy", "deepcopy", "pickle"])
def test_what_was_changed_in_memory_is_not_claimed(change: Any, how: str) -> None:
    prior = COPIES[how](invkit.prior("vae:blurA"))
    change(prior)
    composed = pipeline(w=COPIES[how](prior))
    assert composed(torch.rand(28, 28)).config["priors"][0] == {  # type: ignore[index]
        "object": "invkit_generative.decoder:VAE",
        "changed from": "vae:blurA?flow=true",
        "sha256": tensors_sha256(prior),
    }
    with pytest.raises(ConfigError, match=r"options of prior 'vae:blurA\?flow=true' were changed in memory"):
        composed.to_config()


def test_a_change_that_is_undone_is_none() -> None:
    prior = invkit.prior("vae:blurA")
    kept = copy.deepcopy(prior.state_dict())
    change_weights(prior)
    prior.load_state_dict(kept)
    assert pipeline(w=prior).to_config() == pipeline().to_config()


def test_using_a_part_does_not_change_it() -> None:
    """What a prior or an operator keeps to save work is not its state."""
    composed = invkit.compose(
        "circconv", ["motion?size=5", "gaussian:celeba?rank=4"], "evidence?starts=4,keep=2,steps=2,rank=none"
    )
    before = composed.to_config()
    y = torch.rand(3, 64, 64)
    composed.priors[1].encode(y[None])
    assert composed(y).config == composed.to_config() == before


class Own(invkit.prior("identity").__class__):  # type: ignore[misc]
    """A prior that no spec made."""


def test_an_object_of_ones_own_solves_but_cannot_be_written_down() -> None:
    composed = pipeline("identity?shape=1x3x3", Own())
    assert composed(torch.rand(8, 8)).config["priors"][1] == {"object": f"{__name__}:Own"}  # type: ignore[index]
    with pytest.raises(ConfigError, match=r"the prior Own.*no spec made.*invkit\.prior"):
        composed.to_config()
    with pytest.raises(ConfigError, match=f"was an object of class {__name__}:Own"):
        invkit.load_config(composed(torch.rand(8, 8)).config)


# Files


@pytest.mark.parametrize(
    ("w", "file"),
    [
        ("known:kernel.npy", "kernel.npy"),
        ("known:kernel.npy?normalise=sum", "kernel.npy"),
        ("subspace:basis.npy", "basis.npy"),
    ],
)
def test_another_content_of_a_file_is_refused(folder: Path, w: str, file: str) -> None:
    made = pipeline(w=w)
    table = made.to_config()["priors"][0]
    assert table["sha256"] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    made.save_config("run.toml")
    np.save(file, np.load(file) * 2)
    with pytest.raises(ConfigError, match=rf"the file of prior '{w[:10]}.*is not the one.*delete its sha256"):
        invkit.load_config("run.toml")
    assert made.to_config()["priors"][0] == table  # that of the file as it was read


def test_parts_within_parts_are_recorded() -> None:
    celeba = invkit.prior("gaussian:celeba").sha256
    assert files_sha256(invkit.prior("bounded:gaussian:celeba")) == celeba
    inner = torch.nn.Sequential(torch.nn.Sequential(invkit.prior("gaussian:celeba")), torch.nn.ReLU())
    assert files_sha256(inner) == celeba
    several = files_sha256(torch.nn.Sequential(inner, invkit.prior("vae:blurA")))
    assert several is not None and several not in (celeba, invkit.prior("vae:blurA").sha256)
    assert files_sha256(invkit.solver("altgd")) is None
