"""``invkit calibrate``: a law into the card of a prior, and what is refused before any work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

import invkit
from invkit.cli.main import main
from invkit.contracts.calibration import CALIBRATIONS
from invkit.files import store
from invkit.files.images import write_image
from invkit.plugin.loading import default_manager
from invkit_experiments.engine.judged import Judged
from invkit_experiments.engine.methods import Found


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The shipped Gaussian of digits, as a file of the user's own."""
    shipped = store.read_prior(store.find(default_manager().registry, "gaussian", "mnist"))
    path = tmp_path / "mine.safetensors"
    card = {name: value for name, value in shipped.card.items() if name != CALIBRATIONS}
    store.write_prior(path, shipped.tensors, card)
    return path


@pytest.fixture
def judging(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every second result falls short, and strains; nothing is solved."""
    asked: list[int] = []

    def recover(self: Judged, one: object, source: object, settings: object, index: int) -> Found:
        asked.append(index)
        bad = index % 2 == 0
        names = ("disagreement", "solitude", "sensitivity", "misfit")
        signs = {f"sign_{name}": 0.1 for name in names}
        notes = {**signs, "sign_strain": 200.0 if bad else 30.0, "oracle": 99.0 if bad else -99.0}
        return Found(torch.zeros(1, 1, 28, 28), notes={**notes, "confidence": 0.5}, status="max_iter")

    monkeypatch.setattr(Judged, "recover", recover)
    return asked


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_the_card_keeps_the_law_and_results_are_judged_by_it(
    mine: Path, judging: list[int], tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (data_folder / "mnist").is_dir():
        pytest.skip(f"no mnist in {data_folder}")
    before = store.read_prior(mine)
    cells = tmp_path / "cells"
    assert run("calibrate", f"gaussian:{mine}", "--images", 8, "--cells", cells, "--quiet", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["short"], told["fitted_images"], told["fitted_short"]) == (4, 2, 8, 4)
    assert told["flagged_of_short"] == 2 and told["flagged_of_others"] == 0
    assert [told["doubt"], 2, 0] in told["curve"] and told["weights"]["strain"] > 0
    after = store.read_prior(mine)
    assert all(torch.equal(after.tensors[name], each) for name, each in before.tensors.items())
    laws = after.card.pop("calibrations")
    assert after.card == before.card and set(laws) == {"gaussian"}
    prior = invkit.prior(f"gaussian:{mine}")
    assert prior.calibration.doubt == told["doubt"] and prior.calibration.weights == told["weights"]
    assert invkit.prior(f"bounded:gaussian:{mine}").calibration is None
    assert sorted(judging) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_stages_may_follow_the_solver(
    mine: Path, judging: list[int], tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (data_folder / "mnist").is_dir():
        pytest.skip(f"no mnist in {data_folder}")
    solvers: list[object] = []
    found = Judged.recover
    monkeypatch.setattr(Judged, "recover", lambda self, *a: solvers.append(self.solver) or found(self, *a))
    last = "pnp?steps=2 x=denoiser:photographs"
    options = ("--images", 4, "--cells", tmp_path / "cells", "--quiet", "--solver", "evidence?retries=0")
    assert run("calibrate", f"gaussian:{mine}", *options, "--then", last) == 0
    assert set(solvers) == {("evidence?retries=0", last)}
    assert store.read_card(mine)["calibrations"]["gaussian"]["then"] == [last]
    wrong = ("--images", 4, "--cells", tmp_path / "other", "--quiet", "--then", "pnpp")
    assert run("calibrate", f"gaussian:{mine}", *wrong) != 0
    assert len(solvers) == 4  # nothing was solved with a stage that there is not


def test_what_travels_with_a_plugin_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrate", "gaussian:mnist") != 0
    assert "--out NAME.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spectrum"], "has no weights file"),
        (["vae:mnist"], "cannot be integrated out; calibrate a trained prior"),
        (["gaussian:mnist", "--out", "law.json"], "write --out law.json.safetensors"),
        (["gaussian:celeba", "--out", "a.safetensors", "--data", "mnist-sample"], "gaussian:celeba makes"),
        (["gaussian:nothing"], "no trained prior"),
        (["gaussian:mnist", "--out", "a.safetensors", "--data", "mnist-sample", "--kernels", "nothing"], ""),
        (
            ["gaussian:mnist", "--out", "a.safetensors", "--data", "mnist-sample"],
            "'mnist-sample' has no signals in its split validation",
        ),
        (
            ["gaussian:mnist", "--out", "a.safetensors", "--data", "mnist", "--kernels", "mnist-sample"],
            "'mnist-sample' has no signals in its split validation",
        ),
        (["gaussian:mnist", "--images", "1"], "1"),
    ],
)
def test_bad_input_says_what_to_type(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("calibrate", *arguments) != 0
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not list(tmp_path.glob("*.safetensors"))


def test_too_few_pictures_are_remarked_on(
    mine: Path, judging: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for number in range(200):
        write_image(folder / f"{number:03}.png", torch.full((28, 28), number / 200))
    assert run("calibrate", f"gaussian:{mine}", "--data", folder, "--cells", tmp_path / "cells") == 0
    said = capsys.readouterr().err
    told = re.search(r"only (\d+) pictures of \S+ were kept apart, 120 are asked for", said)
    assert told and int(told[1]) == len(judging) < 20
