"""Levin's pairs as they are read: the convention of the kernel, on a made-up file and on the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from scipy.signal import convolve2d

import invkit
from invkit.errors import InputError
from invkit.metrics import (
    psnr,
    psnr_modulo_shift,
    spectral_error_ratio,
    squared_error_ratio,
    ssim_modulo_shift,
)
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.kept import Kept
from invkit_experiments.engine.methods import Found
from invkit_experiments.inputs.levin_pairs import LevinPairs
from invkit_experiments.studies.levin import KNOWN, LEVIN, against_known, failures


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    (tmp_path / "levin").mkdir()
    return tmp_path / "levin"


def test_y_is_the_linear_convolution_of_what_is_read(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x, f = rng.random((24, 21)), rng.random((5, 5))
    f /= f.sum()
    y = convolve2d(x, np.rot90(f, 2), mode="same")
    scipy.io.savemat(folder / "im01_ker01.mat", {"x": x, "y": y, "f": f})
    one = LevinPairs().one(0, seed=0)
    made = invkit.operator(LevinPairs().operator)(one.w, one.x)
    torch.testing.assert_close(made[..., 4:-4, 4:-4], one.y[..., 4:-4, 4:-4])
    assert one.kernel_size == 5 and LevinPairs().size() == 1
    (folder / "im01_ker01.mat").write_bytes(b"no archive")
    with pytest.raises(InputError, match="fetch it again"):
        LevinPairs().one(0, seed=0)
    with pytest.raises(InputError, match="not 2"):
        LevinPairs().one(1, seed=0)


def test_nothing_there(folder: Path) -> None:
    with pytest.raises(InputError, match="INVKIT_DATA"):
        LevinPairs().size()


def test_the_real_pairs_follow_the_model(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (data_folder / "levin").is_dir():
        pytest.skip("no levin in the data folder")
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    pairs = LevinPairs()
    assert pairs.size() == 16
    for index in (0, 9):
        one = pairs.one(index, seed=0)
        made = invkit.operator(pairs.operator)(one.w, one.x)
        inner = (slice(None), slice(None), slice(30, -30), slice(30, -30))
        shifts = [(i, j) for i in range(-3, 4) for j in range(-3, 4)]
        close = [psnr(made.roll(shift, (2, 3))[inner], one.y[inner]).item() for shift in shifts]
        turned = invkit.operator(pairs.operator)(one.w.flip(2, 3), one.x)
        wrong = [psnr(turned.roll(shift, (2, 3))[inner], one.y[inner]).item() for shift in shifts]
        assert max(close) > 32 and max(close) > max(wrong) + 2


def test_failures_count_what_is_no_number() -> None:
    assert failures(torch.tensor([1.0, 3.0, 3.1, float("nan")])) == 2


def test_the_known_row_is_what_others_are_measured_against(
    folder: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    x, f = np.kron(rng.random((8, 8)), np.ones((6, 6))), np.ones((3, 3)) / 9
    y = convolve2d(x, f, mode="same", boundary="symm")
    scipy.io.savemat(folder / "im01_ker01.mat", {"x": x, "y": y, "f": f})
    blurry, known = LEVIN.run(Settings(1), Kept(tmp_path / "out"), ["known", "blurry"]).rows
    assert known["ratio_spectral"] == known["ratio_squares"] == pytest.approx(1)
    assert known["failed"] == 0 and blurry["ratio_squares"] > blurry["ratio_spectral"] > 1
    assert known["psnr"] > blurry["psnr"] and known["printed_ratio_spectral"] == 1


def test_the_figures_are_those_of_the_metrics(folder: Path) -> None:
    rng = np.random.default_rng(2)
    x, f = np.kron(rng.random((12, 12)), np.ones((4, 4))), np.ones((3, 3)) / 9
    scipy.io.savemat(folder / "im01_ker01.mat", {"x": x, "y": convolve2d(x, f, mode="same"), "f": f})
    one = LevinPairs().one(0, seed=0)
    figures = against_known(one, Found(one.y.roll(1, 2)), LevinPairs().operator)
    known = KNOWN.recover(one, LevinPairs(), Settings(1), 0).x
    three = (one.y.roll(1, 2), known, one.x)
    assert figures["psnr"] == pytest.approx(psnr_modulo_shift(three[0], one.x).item(), rel=1e-5)
    assert figures["ssim"] == pytest.approx(ssim_modulo_shift(three[0], one.x).item(), rel=1e-5)
    assert figures["ratio_squares"] == pytest.approx(squared_error_ratio(*three).item(), rel=1e-4)
    assert figures["ratio_spectral"] == pytest.approx(spectral_error_ratio(*three).item(), rel=1e-4)
