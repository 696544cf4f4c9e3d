"""Every script in examples/ runs, is short, and prints a figure that means that it works."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import invkit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a script as ``python examples/NAME ARGUMENTS`` in a scratch folder; give what it printed."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def figure(text: str, label: str) -> float:
    """Return the first number on the first line that begins with ``label``."""
    (line, *_) = [line for line in text.splitlines() if line.startswith(label)]
    found = re.search(r"[-+]?\d+\.?\d*(e[-+]?\d+)?", line.removeprefix(label))
    assert found, line
    return float(found[0])


def test_blind_deblur(printed, tmp_path: Path) -> None:
    text = printed("blind_deblur.py", "solution", "altgd?steps=160,restarts=24")
    assert figure(text, "PSNR recovered") > figure(text, "PSNR blurry") + 7
    assert figure(text, "kernel NCC") > 0.9
    assert {"x.png", "w.png", "solution.json"} <= {path.name for path in (tmp_path / "solution").iterdir()}


def test_nonblind_known_kernel(printed) -> None:
    text = printed("nonblind_known_kernel.py")
    assert figure(text, "PSNR recovered") > figure(text, "PSNR blurry") + 10


def test_stages(printed) -> None:
    text = printed("stages.py")
    assert figure(text, "PSNR one stage") > figure(text, "PSNR blurry") + 6
    assert figure(text, "PSNR two stages") > figure(text, "PSNR one stage") + 1
    assert figure(text, "kernel NCC") > 0.9
    assert figure(text, "noise found") < 0.02


def test_blind_deconvolution_subspaces(printed) -> None:
    text = printed("blind_deconvolution_subspaces.py")
    assert figure(text, "50 measurements of 40 unknowns: relative error") < 1e-6
    assert figure(text, "120 measurements, 30 of them wrong, noise=gaussian:") > 0.1
    assert figure(text, "120 measurements, 30 of them wrong, noise=robust?delta=0.03,power=0.5:") < 0.01


def test_self_calibration(printed) -> None:
    text = printed("self_calibration.py")
    assert figure(text, "gain error uncalibrated") > 0.2
    assert figure(text, "gain error without noise") < 1e-8
    assert figure(text, "signal error without noise") < 1e-8
    assert figure(text, "gain error with 1 % noise") < 0.02


def test_channel_estimation(printed) -> None:
    text = printed("channel_estimation.py")
    assert figure(text, "channel error, coded") < 1e-8
    assert figure(text, "message error, coded") < 1e-8
    assert figure(text, "channel error, three receivers at 20 dB") < 0.15


def test_demixing(printed) -> None:
    text = printed("demixing.py")
    assert figure(text, "largest error of a user") < 1e-8
    assert figure(text, "residual") < 1e-8


def test_flat_field(printed) -> None:
    text = printed("flat_field.py")
    assert figure(text, "field error recovered") < figure(text, "field error mean, smoothed") / 1.5


def test_dictionary_learning(printed) -> None:
    text = printed("dictionary_learning.py")
    assert figure(text, "atoms found") > 0.95
    assert figure(text, "entries not zero") < 0.2


def test_matrix_factorisation(printed) -> None:
    text = printed("matrix_factorisation.py")
    assert figure(text, "largest difference to the closed form") < 1e-3
    assert figure(text, "rank found") == 3


def test_why_evidence(printed, tmp_path: Path) -> None:
    text = printed("why_evidence.py", "curves.png")
    assert (
        figure(text, "angle 30, found by joint")
        == figure(text, "angle 30, found by joint 30, evidence")
        == 30
    )
    assert figure(text, "length 10, found by joint") < 3
    assert re.search(r"^length 10, found by joint \S+, evidence 10$", text, re.MULTILINE)
    with Image.open(tmp_path / "curves.png") as picture:
        assert min(picture.size) > 250


def test_photograph(printed, tmp_path: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 255, (12, 15, 3), dtype=np.uint8)
    Image.fromarray(np.kron(squares, np.ones((12, 12, 1), np.uint8))).save(tmp_path / "squares.png")
    text = printed("photograph.py", "squares.png", "shown.jpg", "120")
    assert figure(text, "PSNR before") > 5 and figure(text, "PSNR after") > 5
    assert re.search(r"^status +(max_iter|converged|doubtful|sharp), confidence", text, re.MULTILINE)
    with Image.open(tmp_path / "shown.jpg") as picture:
        assert picture.width > 2 * picture.height


def test_own_class(
    printed, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (data_folder / "mnist" / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"no MNIST at {data_folder}")
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    printed("own_class.py", "make", "100", "2")
    trained = invkit.train("gaussian", "own/pictures", name="own", install=True, progress=False)
    assert trained.prior == "gaussian:own"
    solver = "evidence?starts=24,keep=8x2,steps=60,retries=0,leaps=0"
    deblur = invkit.compose("circconv", w="trajectory", x=trained.prior, solver=solver)
    invkit.map(deblur, "own/blurry", "own/results", jobs=1)
    text = printed("own_class.py", "table", "own/results")
    gained = re.search(r"^all 2: (\S+) → (\S+) dB", text, re.MULTILINE)
    assert gained and float(gained[2]) > float(gained[1]) + 4
    with Image.open("own/panels.png") as picture:
        assert picture.height > 2 * 100


def test_own_patches(printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    printed("own_patches.py", "make", "100", "1", "64", "80")
    trained = invkit.train("gaussian", "own/patches", name="patch", install=True, progress=False)
    deblur = invkit.compose(
        "linconv?boundary=unknown",
        w="trajectory?size=15,longest=15",
        x=f"patches:bounded:{trained.prior}",
        solver="evidence?starts=16,keep=4x2,steps=20,rank=8,retries=0,leaps=0,finish=1,doubt=0",
    )
    invkit.map(deblur, "own/large", "own/large-results", jobs=1)
    text = printed("own_patches.py", "table", "own/large-results")
    assert re.search(r"^0000: \S+ → \S+ dB, max_iter$", text, re.MULTILINE)


def test_every_script_has_a_test() -> None:
    tested = {name.removeprefix("test_") + ".py" for name in globals() if name.startswith("test_")}
    assert set(SCRIPTS) <= tested


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_short_and_say_what_they_do(name: str) -> None:
    text = (EXAMPLES / name).read_text("utf-8")
    assert text.startswith('"""') and len(text.splitlines()) <= 65


def test_first_result(printed, tmp_path: Path) -> None:
    text = printed("first_result.py", "digit.png", "digit")
    assert figure(text, "digit PSNR after") > figure(text, "digit PSNR before") + 10
    with Image.open(tmp_path / "digit.png") as picture:
        assert picture.width > 5 * 100
