"""``invkit train``: recipes listed and changed, a prior trained, and a run that survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.files.images import write_image
from invkit.files.store import read_card, read_prior, user_store
from invkit.plugin.loading import default_manager

Captured = pytest.CaptureFixture[str]

#: 12 steps
TINY = ["--set", "limit=64", "--set", "batch=16", "--set", "epochs=3", "--set", "warmup=2"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def train(*arguments: str | Path) -> int:
    return main(["train", *map(str, arguments)])


def test_a_prior_is_trained_and_can_be_named(tmp_path: Path, capsys: Captured) -> None:
    assert train("vae", "--recipe", "blurA", "--out", tmp_path / "run", *TINY, "--seed", "3") == 0
    out, err = capsys.readouterr()
    path = tmp_path / "run" / "vae-blurA.safetensors"
    assert "reconstruction_ncc" in out and f"use it as vae:{path}" in out
    assert "step 12/12" in err
    assert invkit.prior(f"vae:{path}").signal_shape == (1, 28, 28)
    recipe = read_card(path)["recipe"]
    assert (recipe["seed"], recipe["epochs"], recipe["limit"]) == (3, 3, 64)


def test_json_and_install(tmp_path: Path, home: Path, capsys: Captured) -> None:
    arguments = ("vae", "--recipe", "blurA", *TINY, "--name", "mine", "--install", "--quiet", "--json")
    assert train(*arguments, "--out", tmp_path / "run") == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert err == "" and said["prior"] == "vae:mine"
    assert said["weights"] == str(tmp_path / "run" / "vae-mine.safetensors")
    assert said["installed"] == str(user_store() / "vae" / "mine.safetensors")
    assert said["card"]["name"] == "mine"
    assert invkit.prior("vae:mine").sha256 == said["sha256"]
    # The name is taken now, which is said before the training and not after it.
    assert train(*arguments, "--out", tmp_path / "again") == 3
    assert "vae:mine already" in capsys.readouterr().err and not (tmp_path / "again").exists()


def test_a_folder_of_images_as_data(tmp_path: Path, capsys: Captured, monkeypatch: Any) -> None:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        write_image(tmp_path / "photos" / f"{number}.png", rng.random((3, 30, 33)))
    monkeypatch.chdir(tmp_path)
    changes = ("--set", "batch=4", "--set", "epochs=1")
    assert train("vae", "--recipe", "mnist", "photos", *changes, "--out", "run") == 0
    stated = read_card(tmp_path / "run" / "vae-mnist.safetensors")["data"]["spec"]
    assert str(tmp_path / "photos").replace("/", "%2F") in stated or str(tmp_path / "photos") in stated
    assert "grey=true" in stated and "size=28" in stated


def test_another_data_set_by_its_spec(tmp_path: Path) -> None:
    spec = "motion?length=5.0"
    assert train("vae", "--recipe", "blurA", spec, *TINY, "--out", tmp_path, "--quiet") == 0
    assert read_card(tmp_path / "vae-blurA.safetensors")["data"]["spec"] == spec


VAE_A = ("vae", "--recipe", "blurA", "--out", "run")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Missing argument 'TRAINER'"),
        (("vae",), 2, "train needs --recipe"),
        (("vae", "."), 2, "cannot tell a recipe from the data"),
        (("gaussian", "."), 3, "no image in the folder"),
        ((*VAE_A, "--sett", "a=b"), 2, "--sett"),
        ((*VAE_A, "--set", "epochs"), 2, "expected KEY=VALUE"),
        ((*VAE_A, "--seed", "-1"), 2, "--seed"),
        (("vea", "--recipe", "blurA", "--out", "run"), 3, "did you mean 'vae'?"),
        (("vae?x=1", "--recipe", "blurA", "--out", "run"), 3, "has no option 'x'"),
        (("vae", "--recipe", "blurC", "--out", "run"), 3, "no recipe 'blurC'; did you mean 'blur"),
        ((*VAE_A, "--set", "epoch=3"), 3, "did you mean 'epochs'?"),
        ((*VAE_A, "--set", "epochs=many"), 3, "'many' is not a whole number"),
        ((*VAE_A, "--set", "epochs=2.5"), 3, "2.5 is not a whole number"),
        ((*VAE_A, "blurC"), 3, "unknown dataset 'blurC'"),
        ((*VAE_A, "./nowhere"), 3, "no folder of images at ./nowhere"),
        ((*VAE_A, __file__), 3, "is a file, not a folder of images; give the folder that it lies in"),
        ((*VAE_A, "motion?len=3"), 3, "no option 'len'; did you mean 'length'?"),
        ((*VAE_A, "blur30"), 3, "makes signals of shape (1, 28, 28)"),
        ((*VAE_A, "--name", "../up"), 3, "'../up' cannot name a trained prior"),
        (("vae", "--recipe", "blurA", "--out", "a-file/run"), 3, "cannot write to the folder a-file/run"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], code: int, says: str, tmp_path: Path, capsys: Captured, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("not a folder")
    assert train(*arguments) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("invkit: error: ") and says in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file"]


def test_a_loss_that_is_not_finite_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    hot = ("--set", "learning_rate=1e30", "--set", "warmup=0", "--quiet")
    assert train("vae", "--recipe", "blurA", "--out", tmp_path, *TINY, *hot) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "of step " in err and "lower learning_rate" in err
    assert not list(tmp_path.glob("*.safetensors"))


def test_an_interrupted_run_says_how_to_go_on(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = default_manager().registry.entry("trainer", "vae")

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.load(), "train", interrupted)
    assert train("vae", "--recipe", "blurA", "--out", tmp_path) == 130
    assert "--resume" in capsys.readouterr().err


def test_resume_is_refused_for_another_seed(tmp_path: Path, capsys: Captured) -> None:
    run = ("vae", "--recipe", "blurA", "--out", tmp_path, *TINY, "--quiet")
    assert train(*run) == 0
    before = (tmp_path / "vae-blurA.safetensors").read_bytes()
    assert train(*run) == 3
    assert "--resume" in capsys.readouterr().err
    assert train(*run, "--resume", "--seed", "1") == 3
    assert "another recipe, data set or seed" in capsys.readouterr().err
    assert train(*run, "--resume") == 0
    assert (tmp_path / "vae-blurA.safetensors").read_bytes() == before


#: the command, which writes a checkpoint more often
OFTEN = """
import functools, sys
from invkit.cli.main import main
from invkit.training.run import TrainingRun
TrainingRun.train = functools.partialmethod(TrainingRun.train, save_every=50)
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    # 150 steps of four signals; a checkpoint is written after every 50, and the figures follow the last.
    changes = ("--set", "limit=24", "--set", "batch=4", "--set", "epochs=25", "--quiet")
    run = ("vae", "--recipe", "blurA", *changes, "--out")
    command = [sys.executable, "-c", OFTEN, "train", *map(str, run), str(tmp_path / "killed")]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    try:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        code = process.wait(60)
    finally:
        process.kill()
    assert code == -signal.SIGKILL, "the run ended before it could be killed"
    assert not list(checkpoint.parent.glob("*.safetensors"))
    assert torch.load(checkpoint, weights_only=True)["step"] in (50, 100, 150)
    assert train(*run, tmp_path / "killed", "--resume") == 0
    assert train(*run, tmp_path / "whole") == 0
    killed, whole = (read_prior(tmp_path / name / "vae-blurA.safetensors") for name in ("killed", "whole"))
    assert killed.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(killed.tensors[name], whole.tensors[name]) for name in whole.tensors)
    assert killed.sha256 == whole.sha256
