"""Whether the blur varies: one kernel stays one, a turn is found, and what is neither is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit.metrics import psnr
from invkit.solving import Given
from invkit_experiments.inputs.rotations import Rotations
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.studies.photographs import aligned
from invkit_photographs.parts import varied

#: of the picture that is drawn
INDEX = 2
NODES = "filterflow?tiles=3x3"


def asked(data: Path, turn: float) -> tuple[Measured, Tensor, Tensor]:
    """A photograph by a camera that turned, its luma, and nodes in it."""
    if not (data / "photographs" / "bsds500_train_val.zip").exists():
        pytest.skip(f"no photographs at {data}")
    one = Rotations("train", turn).one(INDEX, 0)
    nodes = invkit.operator(NODES).nodes(tuple(one.y.shape[1:]))
    assert nodes is not None
    return one, one.y[0].mean(0), nodes


def test_one_kernel_stays_one_to_the_bit(data_folder: Path) -> None:
    one, grey, nodes = asked(data_folder, 0.0)
    found = varied(grey.numpy(), 0.01, one.w[0, 0], nodes)
    assert found.kind == "no" and found.rotation == 0 and found.wrong == 0
    assert all(torch.equal(each, one.w[0, 0]) for each in found.kernels)


def test_a_turn_is_found_and_its_kernels_are_better_than_one(data_folder: Path) -> None:
    one, grey, nodes = asked(data_folder, 6.0)
    found = varied(grey.numpy(), 0.01, one.w[0, 0], nodes)
    assert found.kind == "rotation" and found.rotation > 0.5 and found.gain > 1e-3
    torch.testing.assert_close(found.kernels.sum((1, 2)), torch.ones(9))
    alone = invkit.compose("linconv?boundary=unknown", [Given(one.w[0]), "identity"], "tv")(one.y).x
    own = invkit.compose(f"{NODES}&boundary=unknown", [Given(found.kernels), "identity"], "tv")(one.y).x
    assert shifted_psnr(own, one.x) > shifted_psnr(alone, one.x) + 0.3


def test_a_part_that_is_not_blurred_is_told(data_folder: Path) -> None:
    one, grey, nodes = asked(data_folder, 0.0)
    half = grey.shape[1] // 2
    grey = torch.cat([grey[:, :half], one.x[0].mean(0)[:, half:]], 1)
    found = varied(grey.numpy(), 0.01, one.w[0, 0], nodes)
    assert found.kind == "unclear" and found.wrong >= 2


def shifted_psnr(estimate: Tensor, truth: Tensor) -> float:
    moved = aligned(estimate, truth)
    return float(psnr(moved.estimate, moved.truth))


def test_a_picture_of_one_part_is_not_asked() -> None:
    grey = np.random.default_rng(0).uniform(size=(60, 60)).astype(np.float32)
    kernel = torch.ones(5, 5) / 25
    found = varied(grey, 0.01, kernel, torch.zeros(4, 2))
    assert found.kind == "no" and torch.equal(found.kernels, kernel.expand(4, 5, 5))


def test_drawn_rotations_are_what_they_say(data_folder: Path) -> None:
    source = Rotations("train", 6.0, side=128, kernel=31)
    if not (data_folder / "photographs").exists():
        pytest.skip(f"no photographs at {data_folder}")
    one = source.one(0, 0)
    assert one.y.shape == one.x.shape and one.w.shape == (1, 1, 31, 31)
    assert float(one.w.sum()) == pytest.approx(1)
    assert torch.equal(source.one(0, 0).y, one.y) and source.identity(0, 0) == source.identity(0, 0)
    assert not torch.equal(Rotations("train", 0.0, side=128, kernel=31).one(0, 0).y, one.y)
