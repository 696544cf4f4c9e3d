"""Training in a line: what a folder of pictures becomes, and that the prior is then there by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import invkit
from invkit import ConfigError, InputError, SpecError, UsageError
from invkit.parts import part
from invkit.trained import plan


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    """Forty pictures of one bright blob each, 24 × 20 and grey."""
    folder = tmp_path / "my blobs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :20]
    for number in range(40):
        y, x = rng.uniform(8, 14, 2)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18)
        Image.fromarray((40 + 200 * blob).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_a_folder_is_enough(blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INVKIT_CACHE", str(tmp_path / "cache"))
    trained = invkit.train("gaussian", blobs, install=True, progress=False)
    assert trained.prior == "gaussian:my-blobs"
    assert trained.path.resolve() == tmp_path / "runs" / "gaussian-my-blobs" / "gaussian-my-blobs.safetensors"
    prior = invkit.prior(trained.prior)
    assert prior.signal_shape == (1, 20, 20)  # grey, the shorter side
    with torch.no_grad():
        mean = prior(torch.zeros(1, *prior.latent_shape))
    assert mean[0, 0, 9, 9] > mean[0, 0, 0, 0] + 0.3  # blobs are bright in the middle
    with pytest.raises(ConfigError, match="already"):
        invkit.train("gaussian", blobs, install=True)


def test_changes_replace_what_was_inferred(blobs: Path, tmp_path: Path) -> None:
    changes = {"rank": 3, "size": 16}
    out = tmp_path / "run"
    trained = invkit.train("gaussian", blobs, changes=changes, name="small", out=out, progress=False)
    assert trained.path == out / "gaussian-small.safetensors"
    assert trained.prior == f"gaussian:{trained.path}"
    assert trained.card["recipe"]["rank"] == 3
    assert invkit.prior(trained.prior).signal_shape == (1, 16, 16)


@pytest.mark.parametrize("trainer", ["vae", "gaussian", "denoiser", "cnn"])
def test_other_data_have_another_licence(trainer: str, blobs: Path) -> None:
    """A recipe's licence is that of its own data."""
    known = {"name": None, "install": False}
    for name, recipe in part("trainer", trainer).recipes().items():
        assert plan(trainer, None, recipe=name, changes={}, **known).recipe == recipe
        for data, changes in ((blobs, {}), (None, {"data": str(blobs)})):
            other = plan(trainer, data, recipe=name, changes=changes, **known).recipe
            assert other["data"] == str(blobs) and other["licence"] == "as the pictures it was fitted to"
        mine = plan(trainer, blobs, recipe=name, changes={"licence": "mine"}, **known).recipe
        assert mine["licence"] == "mine"


def test_what_cannot_be_trained_is_said(blobs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot tell a recipe"):
        invkit.train("vae", blobs)
    with pytest.raises(UsageError, match="needs --recipe, or data"):
        invkit.train("gaussian")
    with pytest.raises(SpecError, match="no recipe"):
        invkit.train("gaussian", recipe="cats")
    for path in sorted(blobs.iterdir())[19:]:
        path.unlink()
    with pytest.raises(InputError, match=r"19 pictures .* too few"):
        invkit.train("gaussian", blobs)
