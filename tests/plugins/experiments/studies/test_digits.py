"""``invkit bench digits`` on a few real digits and short schedules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from invkit.cli.main import main
from invkit.metrics import psnr
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.studies import digits as digits_module
from invkit_experiments.studies.digits import DIGITS, _inputs

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def forget_inputs() -> Iterator[None]:
    """Inputs are kept for the life of a process, and tests move the data folder."""
    yield
    _inputs.cache_clear()
    digits_module._fingerprints.cache_clear()


@pytest.fixture
def data(mnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(mnist_folder.parent))


@pytest.mark.usefixtures("data")
def test_every_method_on_the_same_three_digits(tmp_path: Path, capsys: Captured) -> None:
    command = ["bench", "digits", "--images", "3", "--steps", "6", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    rows = {row["method"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows) == list(DIGITS.methods)
    inputs = _inputs(3, 0)
    assert rows["blurry"]["psnr"] == pytest.approx(psnr(inputs.y, inputs.x).mean().item(), abs=1e-5)
    assert rows["blurry"]["each"]["psnr"] == pytest.approx(psnr(inputs.y, inputs.x).tolist(), abs=1e-5)
    for method, row in rows.items():
        blind = method in ("paper", "public", "default", "slack")
        assert ("ncc" in row) == blind and ("psnr_aligned" in row) == blind
        assert ("latent_norm" in row) == (method != "blurry")
        assert row["psnr_worst"] <= row["psnr_median"] and 0 <= row["failed"] <= 3
    # six steps: what is not searched for is already near, what is searched for blind is not
    assert rows["floor-encoder"]["psnr"] > rows["paper"]["psnr"]


@pytest.mark.usefixtures("data")
def test_it_resumes_after_an_interruption(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invkit_altgd import descent

    def interrupted(self: descent.Step, *arguments: object) -> object:
        raise KeyboardInterrupt

    command = ["bench", "digits", "--images", "2", "--steps", "3", "--out", str(tmp_path)]
    command += ["--methods", "blurry,default"]
    with monkeypatch.context() as patch:
        patch.setattr(descent.Step, "__call__", interrupted)
        assert main(command) == 130
    assert [path.name.partition("-")[0] for path in (tmp_path / "digits").iterdir()] == ["blurry"]
    assert not (tmp_path / "digits.json").exists()
    capsys.readouterr()
    assert main(command) == 0
    told = capsys.readouterr().err.splitlines()
    assert "kept" in told[0] and "kept" not in told[1]


@pytest.mark.usefixtures("data")
def test_the_free_floor_is_the_closest_and_goes_the_farthest() -> None:
    methods = ("floor-same", "floor-typical", "floor-free")
    found = {method: DIGITS.figures(method, Settings(3, steps=150)) for method in methods}
    decibels, norms = ([found[method][key] for method in methods] for key in ("psnr", "latent_norm"))
    assert decibels[1] < decibels[0] <= decibels[2]
    assert norms[1] < norms[0] <= norms[2]
    assert norms[1] < 10.5  # the norm that N(0, I) has in 100 dimensions


@pytest.mark.usefixtures("data")
def test_the_true_kernel_beats_the_blurry_image() -> None:
    known, blurry = (DIGITS.figures(name, Settings(2, steps=60)) for name in ("known", "blurry"))
    assert known["psnr"] > blurry["psnr"] + 3


@pytest.mark.usefixtures("data")
def test_identity_knows_weights_data_and_solver() -> None:
    identity = DIGITS.identity("paper", Settings(2))
    json.dumps(identity)
    assert {len(each["sha256"]) for each in identity["pipeline"]["priors"]} == {64}
    solver = identity["pipeline"]["solver"]
    assert solver["update"] == "gradient" and solver["steps"] == 1500
    assert set(identity["data"]) == {"mnist", "blurA"}
    others = [DIGITS.identity("paper", other) for other in (Settings(2, steps=4), Settings(2, seed=1))]
    assert identity not in others


@pytest.mark.usefixtures("data")
def test_the_first_digits_do_not_depend_on_how_many_follow() -> None:
    few, many = _inputs(2, 0), _inputs(4, 0)
    assert all(torch.equal(getattr(few, key), getattr(many, key)[:2]) for key in "wxy")


@pytest.mark.usefixtures("data")
def test_more_digits_than_there_are(tmp_path: Path, capsys: Captured) -> None:
    assert main(["bench", "digits", "--images", "10001", "--methods", "blurry", "--out", str(tmp_path)]) == 3
    assert "indices 0 to 9999" in capsys.readouterr().err


def test_without_the_data_the_error_says_where_it_belongs(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    assert main(["bench", "digits", "--images", "2", "--out", str(tmp_path / "out")]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("invkit: error: the data set 'mnist' lacks") and "INVKIT_DATA" in line
    assert not (tmp_path / "out").exists()
