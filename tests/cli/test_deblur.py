"""``invkit deblur``: what it writes, what it says, and what one image's fate does to the others."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import loadmat

import invkit
from invkit.batch import Item, Recovery
from invkit.batch.recovering import failure
from invkit.cli.main import main
from invkit.files.images import read_image, write_image
from invkit.plugin.loading import default_manager
from invkit_monitors.history import History
from tests.cli.blurred import QUICK, deblur, write_blurry, write_colour, write_priors
from tests.plugin.distributions import hook, write_distribution
from tests.untrained import write_untrained_cnn

Captured = pytest.CaptureFixture[str]
WRITTEN = ["config.toml", "records.jsonl"]
SUFFIXES = ["_sharp.png", "_sharp.npy", "_kernel.png", "_kernel.npy", "_panel.png", ".json"]


def results(folder: Path, stem: str) -> dict[str, bytes]:
    return {suffix: (folder / f"{stem}{suffix}").read_bytes() for suffix in SUFFIXES if suffix != ".json"}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_of_an_image(tmp_path: Path, quick: list[str | Path], capsys: Captured) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, *quick, "--seed", "5") == 0
    out, err = capsys.readouterr()
    assert err == "" and str(image) in out and "max_iter" in out and "digit_sharp.png" in out
    folder = tmp_path / "out"
    assert names(folder) == sorted([*WRITTEN, *(f"digit{suffix}" for suffix in SUFFIXES)])
    # The same by hand gives the same numbers, to the bit.
    pipeline = invkit.load_config(folder / "config.toml")
    solution = pipeline(image)
    assert pipeline.seed == 5
    assert np.array_equal(np.load(folder / "digit_sharp.npy"), solution.x)
    assert np.array_equal(np.load(folder / "digit_kernel.npy"), solution.w)
    assert np.abs(read_image(folder / "digit_sharp.png") - solution.x).max() < 1 / 255
    assert read_image(folder / "digit_kernel.png").max() == 1.0
    with Image.open(folder / "digit_panel.png") as panel:
        assert panel.width > 5 * 128


def test_the_record(tmp_path: Path, quick: list[str | Path]) -> None:
    (image,) = write_blurry(tmp_path, "digit.npy")
    assert deblur(image, *quick, "--full") == 0
    record = json.loads((tmp_path / "out" / "digit.json").read_text())
    w, x = (torch.from_numpy(np.load(tmp_path / "out" / f"digit_{n}.npy"))[None] for n in ("kernel", "sharp"))
    left = torch.from_numpy(read_image(image))[None] - invkit.operator("circconv")(w, x)
    assert record["image"] == str(image) and record["shape"] == [1, 28, 28]
    assert record["status"] == "max_iter" and record["seconds"] > 0
    assert record["residual"] == pytest.approx(left.square().sum().item(), rel=1e-4)
    assert record["residual_rms"] == pytest.approx(left.square().mean().sqrt().item(), rel=1e-4)
    assert len(record["restarts"]["residual"]) == 2
    assert min(record["restarts"]["residual"]) == record["restarts"]["residual"][record["restarts"]["winner"]]
    assert record["config"]["seed"] == 0 and record["config"]["solver"]["steps"] == 3
    assert len(record["config"]["priors"][0]["sha256"]) == 64
    assert record["versions"]["invkit"] == invkit.__version__
    assert all((tmp_path / "out" / name).is_file() for name in record["files"].values())


def test_a_known_kernel_and_total_variation_make_real_digits_sharper(tmp_path: Path) -> None:
    # No weights at all: what it recovers is right because the operator, the solver and the files are.
    (image,) = write_blurry(tmp_path, "digit.npy")
    truth = invkit.dataset("mnist-sample").take(torch.arange(1), "test")
    kernel = invkit.dataset("blurA").take(torch.arange(1), "test")
    write_image(tmp_path / "kernel.npy", kernel[0])
    priors = ("--prior", f"known:{tmp_path}/kernel.npy", "--prior", "identity?penalty=tv")
    solver = "altgd?steps=200,restarts=1,keep=1,weight_w=0,weight_x=0.001,anneal=1,start=random"
    assert deblur(image, *priors, "--solver", solver, "--out", tmp_path / "out") == 0
    made = torch.from_numpy(np.load(tmp_path / "out" / "digit_sharp.npy"))[None]
    before = invkit.metrics.psnr(torch.from_numpy(read_image(image))[None], truth)
    assert invkit.metrics.psnr(made, truth).item() > before.item() + 4
    assert np.array_equal(np.load(tmp_path / "out" / "digit_kernel.npy"), kernel[0].numpy())


def test_an_image_does_not_depend_on_its_neighbours_or_its_format(
    tmp_path: Path, quick: list[str | Path]
) -> None:
    first, second = write_blurry(tmp_path / "photos", "a.png", "b.npy")
    with Image.open(first) as picture:
        picture.save(tmp_path / "photos" / "c.tiff")
        picture.save(tmp_path / "photos" / "d.jpg", quality=95)
    (tmp_path / "photos" / "notes.txt").write_text("no image, and passed over")
    assert deblur(tmp_path / "photos", *quick) == 0
    assert names(tmp_path / "out") == sorted([*WRITTEN, *(s + f for s in "abcd" for f in SUFFIXES)])
    alone = [*quick[:-1], tmp_path / "alone"]
    assert deblur(second, first, *alone) == 0
    for stem in "ab":
        assert results(tmp_path / "alone", stem) == results(tmp_path / "out", stem)
    assert results(tmp_path / "out", "a") == results(tmp_path / "out", "c")


def test_a_run_is_repeated_from_its_configuration(tmp_path: Path, quick: list[str | Path]) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, *quick, "--seed", "3") == 0
    config = tmp_path / "out" / "config.toml"
    assert deblur(image, "--config", config, "--out", tmp_path / "again") == 0
    assert results(tmp_path / "again", "digit") == results(tmp_path / "out", "digit")
    assert deblur(image, "--config", config, "--seed", "4", "--out", tmp_path / "other") == 0
    other = results(tmp_path / "other", "digit")
    assert other["_sharp.npy"] != results(tmp_path / "out", "digit")["_sharp.npy"]
    assert invkit.load_config(tmp_path / "other" / "config.toml").seed == 4


def test_operator_and_solver_have_defaults(
    tmp_path: Path, quick: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(invkit.Pipeline, "__call__", seeing(seen))
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, *quick[:4], "--out", tmp_path / "out") == 3
    assert (type(seen[0].operator).__name__, type(seen[0].solver).__name__) == (
        "CircularConvolution",
        "AltGD",
    )
    assert seen[0].solver == invkit.solver("altgd") and seen[0].seed == 0


needs_darkprior = pytest.mark.skipif(
    not default_manager().registry.has("solver", "darkprior"), reason="darkprior did not load"
)


@needs_darkprior
def test_without_a_prior_it_is_the_method_for_photographs(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(invkit.Pipeline, "__call__", seeing(seen))
    image = write_colour(tmp_path / "photo.png", side=40)
    chosen = default_manager().registry.default("method").name
    assert deblur(image, "--out", tmp_path / "out") == 3
    first, second, _ = capsys.readouterr().err.splitlines()
    assert seen[0].to_config() == invkit.method(chosen).to_config()
    assert f"no prior given: --method {chosen}" in first
    assert str(image) in second and re.search(r"kernel of at most (\d+)×\1 pixels", second)
    # The same, half of it named; and the options of a solver that is named.
    assert deblur(image, "--solver", "darkprior?rounds=2", "--quiet", "--out", tmp_path / "out") == 3
    assert capsys.readouterr().err == f"invkit: error: {image}: seen\n"
    assert seen[1].to_config() == invkit.method(chosen, solver="darkprior?rounds=2").to_config()
    assert deblur(image, "--operator", "circconv", "--out", tmp_path / "out") == 3
    assert seen[2].to_config() == invkit.method(chosen, operator="circconv").to_config()


@needs_darkprior
def test_a_photograph_too_small_for_a_kernel_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: Captured
) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, "--out", tmp_path / "out") == 3
    assert "28×28 pixels is too small to find its kernel in; give one of at least" in capsys.readouterr().err
    photo = write_colour(tmp_path / "photo.png", side=40)
    assert deblur(photo, "--crop", "0,0,20,40", "--out", tmp_path / "out") == 3
    assert "20×40 pixels is too small to find a kernel in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()



@needs_darkprior
def test_the_size_of_a_photographs_kernel_is_estimated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    darkprior = importlib.import_module("invkit_photographs.darkprior")
    estimate = darkprior.estimated_side
    monkeypatch.setattr(darkprior, "estimated_side", lambda *a, **k: asked.append(a) or estimate(*a, **k))
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, "--solver", "darkprior?rounds=1", "--out", tmp_path / "out") == 0
    assert len(asked) == 1


class Sized(invkit.solver("altgd").__class__):  # type: ignore[misc]
    """Estimates the size of the kernel from the measurements."""

    asked: ClassVar[list[tuple[int, ...]]] = []

    def shaped(self, problem: invkit.Problem, y: torch.Tensor) -> invkit.Problem:
        if problem.priors[0].signal_shape is None:
            self.asked.append(tuple(y.shape))
            w = problem.priors[0].shaped((1, 5, 5))
            problem = attrs.evolve(problem, priors=(w, problem.priors[1]))
        return super().shaped(problem, y)


@pytest.mark.parametrize("stages", [1, 2])
def test_what_is_worked_out_for_an_image_is_worked_out_once(
    stages: int, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sized, "asked", [])
    invkit.register("solver", "sized", Sized)
    images = write_blurry(tmp_path, "a.png", "b.png")
    solvers = [each for _ in range(stages) for each in ("--solver", QUICK.replace("altgd", "sized"))]
    priors = ("--prior", "identity", "--prior", "identity")
    assert deblur(*images, *priors, *solvers, "--out", tmp_path / "out") == 0
    assert Sized.asked == [(1, 1, 28, 28)] * 2
    said = [line for line in capsys.readouterr().err.splitlines() if "looking for" in line]
    assert said == [f"invkit: {image}: looking for a kernel of at most 5×5 pixels" for image in images]
    assert json.loads((tmp_path / "out" / "a.json").read_text())["kernel_shape"] == [1, 5, 5]


# Methods, noise, stages


def test_a_method_by_name(tmp_path: Path, capsys: Captured) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, "--method", "digits", "--solver", QUICK, "--out", tmp_path / "out") == 0
    assert capsys.readouterr().err == ""
    made = invkit.load_config(tmp_path / "out" / "config.toml")
    assert made.to_config() == invkit.method("digits", solver=QUICK).to_config()
    assert np.array_equal(np.load(tmp_path / "out" / "digit_sharp.npy"), made(image).x)
    again = tmp_path / "again"
    assert deblur(image, "--config", tmp_path / "out" / "config.toml", "--out", again) == 0
    assert results(again, "digit") == results(tmp_path / "out", "digit")


def test_a_method_of_stages_with_quicker_ones_in_their_place(tmp_path: Path) -> None:
    image = write_colour(tmp_path / "face.png", side=64)
    stages = ["evidence?starts=4,keep=2,steps=2,retries=0 x=gaussian:celeba", f"{QUICK} hold=w"]
    arguments = ("--solver", stages[0], "--solver", stages[1], "--out", tmp_path / "out")
    assert deblur(image, "--method", "faces", *arguments) == 0
    record = json.loads((tmp_path / "out" / "face.json").read_text())
    assert [stage.get("hold") for stage in record["config"]["solver"]] == [None, "w"]
    assert record["config"]["solver"][0]["x"]["name"] == "celeba" and record["noise"] > 0
    made = invkit.load_config(tmp_path / "out" / "config.toml")
    assert made.to_config() == invkit.method("faces", solver=stages).to_config()


def test_priors_and_a_method_and_noise(tmp_path: Path, quick: list[str | Path]) -> None:
    """Whatever is named stands in place of the method's own."""
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, "--method", "digits", *quick, "--noise", "robust?delta=0.1", "--quiet") == 0
    record = json.loads((tmp_path / "out" / "digit.json").read_text())
    assert record["config"]["noise"]["kind"] == "robust" and record["config"]["noise"]["delta"] == 0.1
    assert record["config"]["priors"][0]["name"].endswith("w.safetensors")
    assert deblur(image, *quick[:-1], tmp_path / "plain", "--quiet") == 0
    one, other = (results(tmp_path / folder, "digit")["_sharp.npy"] for folder in ("plain", "out"))
    assert one != other


def test_one_solver_is_no_list_of_stages(tmp_path: Path, quick: list[str | Path]) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, *quick) == 0
    config = tomllib.loads((tmp_path / "out" / "config.toml").read_text())
    assert config["solver"]["kind"] == "altgd"
    assert deblur(image, *quick, "--solver", f"{QUICK} hold=w") == 0
    config = tomllib.loads((tmp_path / "out" / "config.toml").read_text())
    assert [stage.get("hold") for stage in config["solver"]] == [None, "w"]


@needs_darkprior
def test_a_photograph_of_real_things_becomes_sharper(tmp_path: Path, data_folder: Path) -> None:
    """Nothing but the picture is given: operator, priors, solver and the kernel's size are found."""
    pair = loadmat(data_folder / "levin" / "im02_ker05.mat")
    write_image(tmp_path / "photo.png", pair["y"][60:188, 60:188])
    assert deblur(tmp_path / "photo.png", "--out", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "photo.json").read_text())
    side = record["kernel_shape"][1]
    assert record["kernel_shape"] == [1, side, side] and 9 <= side <= 31
    made, truth = np.load(tmp_path / "out" / "photo_sharp.npy")[0], pair["x"][60:188, 60:188]
    before = read_image(tmp_path / "photo.png")[0]
    assert _aligned_error(made, truth) < 0.45 * _aligned_error(before, truth)
    again = tmp_path / "again"
    assert deblur(tmp_path / "photo.png", "--config", tmp_path / "out" / "config.toml", "--out", again) == 0
    assert results(again, "photo") == results(tmp_path / "out", "photo")


def _aligned_error(image: np.ndarray, truth: np.ndarray) -> float:
    """The least mean squared error over shifts of up to 4 pixels, 12 pixels from the border."""
    moved = (np.roll(image, (dy, dx), (0, 1)) for dy in range(-4, 5) for dx in range(-4, 5))
    return min(float(np.square(each - truth)[12:-12, 12:-12].mean()) for each in moved)


def seeing(seen: list[invkit.Pipeline]) -> Any:
    """In place of a solve: sees the pipeline, and fails."""

    def see(pipeline: invkit.Pipeline, y: torch.Tensor, **options: Any) -> invkit.Solution:
        seen.append(pipeline)
        raise invkit.InputError("seen")

    return see


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path: Path, quick: list[str | Path]) -> None:
    first, second, third = (write_blurry(tmp_path / f, "digit.png")[0] for f in ("one", "two", "three"))
    upper = write_blurry(tmp_path / "four", "Digit.npy")[0]
    assert deblur(first, tmp_path / "two", third, first, upper, *quick) == 0
    written = {path.stem: json.loads(path.read_text())["image"] for path in (tmp_path / "out").glob("*.json")}
    assert written == {
        "digit": str(first),
        "digit-2": str(second),
        "digit-3": str(third),
        "Digit-4": str(upper),
    }


def test_one_bad_image_does_not_stop_the_others(
    tmp_path: Path, quick: list[str | Path], capsys: Captured
) -> None:
    good, also = write_blurry(tmp_path, "good.png", "also.png")
    np.save(tmp_path / "nan.npy", np.full((28, 28), np.nan))
    bad = [tmp_path / "nan.npy", tmp_path / "missing.png", write_colour(tmp_path / "colour.png")]
    assert deblur(bad[0], good, *bad[1:], also, *quick, "--json") == 1
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert [record["image"] for record in said["images"]] == [str(good), str(also)]
    assert {failed["image"] for failed in said["failed"]} == set(map(str, bad))
    for path, reason in zip(bad, ("784 NaN", "no such file", "add --grey"), strict=True):
        (line,) = [line for line in err.splitlines() if str(path) in line]
        assert line.startswith("invkit: error: ") and reason in line
    assert (tmp_path / "out" / "also.json").exists() and not list((tmp_path / "out").glob("nan*"))


@pytest.mark.parametrize("error", [invkit.InputError("gone; alas"), RuntimeError("out of memory")])
def test_one_image_that_fails_in_the_middle_does_not_stop_the_others(
    error: Exception, tmp_path: Path, quick: list[str | Path], capsys: Captured, monkeypatch: Any
) -> None:
    images = write_blurry(tmp_path, "a.png", "b.png", "c.png")
    recover = Recovery.__call__

    def failing(self: Recovery, items: list[Item], say: Any) -> Any:
        (item,) = items
        return [failure(str(item), error)] if item.path == images[1] else recover(self, items, say)

    monkeypatch.setattr(Recovery, "__call__", failing)
    assert deblur(*images, *quick) == 1
    out, err = capsys.readouterr()
    assert f"{images[1]}: " in err and str(error) in err
    assert [line.split()[1] for line in out.splitlines()[1:4]] == ["max_iter", "max_iter", "failed"]


def test_colour_becomes_grey_where_asked(tmp_path: Path, quick: list[str | Path]) -> None:
    image = write_colour(tmp_path / "colour.png")
    assert deblur(image, *quick, "--grey") == 0
    record = json.loads((tmp_path / "out" / "colour.json").read_text())
    assert record["grey"] is True and record["shape"] == [1, 28, 28]


def test_colour_with_priors_of_any_shape(tmp_path: Path) -> None:
    image = write_colour(tmp_path / "colour.png", side=16)
    kernel = np.zeros((5, 5), np.float32)
    kernel[2, 2] = 1
    np.save(tmp_path / "kernel.npy", kernel)
    priors = ("--prior", f"known:{tmp_path}/kernel.npy", "--prior", "wavelet:haar?level=1")
    assert deblur(image, *priors, "--solver", QUICK, "--out", tmp_path / "out") == 0
    assert np.load(tmp_path / "out" / "colour_sharp.npy").shape == (3, 16, 16)


def test_a_solver_that_finds_no_kernel_leaves_none(tmp_path: Path, capsys: Captured) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    weights = write_untrained_cnn(tmp_path / "cnn.safetensors")
    priors = ("--prior", "identity", "--prior", "identity")
    assert deblur(image, *priors, "--solver", f"cnn?weights={weights}", "--out", tmp_path / "out") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert "converged" in line and "–" in line and "digit_sharp.png" in line
    left = [f"digit{suffix}" for suffix in SUFFIXES if "kernel" not in suffix]
    assert names(tmp_path / "out") == sorted([*WRITTEN, *left])
    record = json.loads((tmp_path / "out" / "digit.json").read_text())
    assert record["files"]["kernel"] is None and record["files"]["kernel_exact"] is None
    assert record["residual"] is None and record["residual_rms"] is None
    # This network, untrained, is the identity.
    assert np.abs(np.load(tmp_path / "out" / "digit_sharp.npy") - read_image(image)).max() < 1e-6
    with Image.open(tmp_path / "out" / "digit_panel.png") as panel:
        assert panel.width < 3 * 144  # two cells
    assert deblur(image, "--config", tmp_path / "out" / "config.toml", "--out", tmp_path / "again") == 0


def test_a_diverged_image_is_a_failure_with_a_record(
    tmp_path: Path, quick: list[str | Path], capsys: Captured
) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    kernel = tmp_path / "kernel.npy"
    write_image(kernel, np.full((3, 3), 1 / 9))
    priors = ("--prior", f"known:{kernel}", "--prior", "identity?penalty=l2")
    solver = "altgd?update=gradient,steps=40,rate=1e30,restarts=2,keep=2,start=random"
    assert deblur(image, *priors, "--solver", solver, "--out", tmp_path / "out", "--json", "--full") == 1
    (record,) = json.loads(capsys.readouterr().out)["images"]
    assert record["status"] == "diverged"
    assert json.loads((tmp_path / "out" / "digit.json").read_text()) == record
    assert all((tmp_path / "out" / name).exists() for name in record["files"].values())


def test_monitors_watch(tmp_path: Path, quick: list[str | Path]) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    assert deblur(image, *quick, "--monitor", f"tensorboard:{tmp_path}/board?every=1") == 0
    assert list((tmp_path / "board").glob("events.out.tfevents*"))


def test_results_never_replace_an_image(tmp_path: Path, quick: list[str | Path], capsys: Captured) -> None:
    a, sharp = write_blurry(tmp_path / "photos", "a.png", "a_sharp.png")
    before = sharp.read_bytes()
    assert deblur(a, sharp, *quick[:-1], tmp_path / "photos") == 2
    assert f"would replace {sharp}" in capsys.readouterr().err
    assert deblur(tmp_path / "photos", *quick[:-1], tmp_path / "photos") == 2
    assert "is the folder of the images" in capsys.readouterr().err
    assert names(tmp_path / "photos") == ["a.png", "a_sharp.png"] and sharp.read_bytes() == before


def test_ctrl_c_keeps_what_is_done_and_the_best_so_far(
    tmp_path: Path, quick: list[str | Path], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_blurry(tmp_path, "a.png", "b.png", "c.png")
    solves = 0

    def on_step(self: History, progress: invkit.Progress) -> None:
        nonlocal solves
        solves += progress.step == 2
        if solves == 2 and progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "on_step", on_step)
    assert deblur(*images, *quick, "--monitor", "history", "--json") == 130
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert [record["status"] for record in said["images"]] == ["max_iter", "interrupted"]
    assert said["interrupted"] is True and "2 of 3 images" in err
    assert (tmp_path / "out" / "b_sharp.png").exists() and not list((tmp_path / "out").glob("c*.png"))


def test_ctrl_c_between_solves_writes_what_is_done(
    tmp_path: Path, quick: list[str | Path], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_blurry(tmp_path, "a.png", "b.png")
    recover = Recovery.__call__

    def interrupted(self: Recovery, items: list[Item], say: Any) -> Any:
        if items[0].path == images[1]:
            raise KeyboardInterrupt
        return recover(self, items, say)

    monkeypatch.setattr(Recovery, "__call__", interrupted)
    assert deblur(*images, *quick) == 130
    assert "1 of 2 images" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.json").exists() and not list((tmp_path / "out").glob("b*"))


STARTED = """
import pathlib
import attrs
import invkit

@attrs.define(slots=False)
class Touch(invkit.Monitor):
    name: str
    def on_step(self, progress):
        pathlib.Path(self.name).touch()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_a_real_ctrl_c(tmp_path: Path) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    (tmp_path / "touching.py").write_text(STARTED)
    write_distribution(tmp_path, "touch", hook("registry.monitor('touch', 'touching:Touch', summary='')"))
    solver = "altgd?steps=10000000,restarts=2,keep=2,start=random"
    arguments = [image, *write_priors(tmp_path), "--solver", solver, "--monitor", f"touch:{tmp_path}/started"]
    command = [sys.executable, "-m", "invkit", "deblur", *map(str, arguments), "--out", str(tmp_path / "out")]
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (tmp_path / "started").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted" in out and err.count("\n") == 1
    assert json.loads((tmp_path / "out" / "digit.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "out" / "digit_panel.png").exists()


def test_help_shows_a_command(capsys: Captured) -> None:
    assert main(["deblur", "--help"]) == 0
    assert "invkit deblur digit.png --prior vae:blurA --prior vae:mnist --out out" in capsys.readouterr().out
