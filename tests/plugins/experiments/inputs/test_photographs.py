"""Photographs as they are drawn: the model, its 8 bits, who shares what; from made-up pictures."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from PIL import Image

import invkit
from invkit.errors import InputError
from invkit_experiments.inputs import photographs as module
from invkit_experiments.inputs.photographs import Photographs

SHAKEN = Photographs("validation", "shake?size=13,shortest=10")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five pictures to validate and two to train, of two shapes."""
    path = tmp_path / "photographs" / "bsds500_train_val.zip"
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as pictures:
        for number, folder in enumerate(["val"] * 5 + ["train"] * 2):
            shape = (6, 8, 3) if number % 2 else (8, 6, 3)
            small = rng.integers(0, 255, shape, dtype=np.uint8)
            file = BytesIO()
            Image.fromarray(np.kron(small, np.ones((8, 8, 1), np.uint8))).save(file, format="JPEG")
            pictures.writestr(f"{folder}/{number}.jpg", file.getvalue())
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    return path


def test_y_is_the_truth_blurred_with_noise_in_8_bits(archive: Path) -> None:
    """Inside, where the truth alone decides; nearer to the border y has what lies beyond it."""
    one = SHAKEN.one(0, seed=0)
    assert one.y.shape == one.x.shape and sorted(one.y.shape[2:]) == [36, 52]
    assert one.w.shape == (1, 1, 13, 13)
    assert torch.equal((one.y * 255).round() / 255, one.y) and one.y.min() >= 0 and one.y.max() <= 1
    inside = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    noise = one.y[inside] - invkit.operator("linconv?mode=valid")(one.w, one.x)
    assert float(noise.std()) == pytest.approx(0.01, rel=0.1) and abs(float(noise.mean())) < 0.001


def test_the_operator_of_the_methods_has_the_kernel_in_the_same_place(archive: Path) -> None:
    one = SHAKEN.one(0, seed=0)
    made = invkit.operator(SHAKEN.operator)(one.w, one.x)
    assert float((made - one.y)[..., 6:-6, 6:-6].std()) < 0.012


def test_the_fourth_picture_is_grey_and_the_others_are_not(archive: Path) -> None:
    assert [SHAKEN.one(index, seed=0).y.shape[1] for index in range(5)] == [3, 3, 3, 1, 3]


def test_a_picture_that_is_not_blurred_keeps_its_size(archive: Path) -> None:
    sharp = Photographs("validation", None, (0.005, 0.01))
    one = sharp.one(0, seed=0)
    assert sorted(one.y.shape[2:]) == [48, 64] and one.w.shape == (1, 1, 1, 1) and one.kernel_size == 1
    levels = [sharp.identity(index, seed=0)["noise"][0] for index in range(5)]
    assert all(0.005 <= level <= 0.01 for level in levels) and len({*levels}) == 5


def test_jpeg_is_what_a_file_of_that_quality_holds(archive: Path) -> None:
    plain, saved = SHAKEN.one(0, seed=0), attrs.evolve(SHAKEN, jpeg=75).one(0, seed=0)
    difference = float((plain.y - saved.y).abs().mean())
    assert 0.001 < difference < 0.05 and torch.equal(plain.x, saved.x)
    assert torch.equal((saved.y * 255).round() / 255, saved.y)


def test_sources_in_turns_share_no_picture(archive: Path) -> None:
    turns = [attrs.evolve(SHAKEN, turn=turn, turns=2) for turn in (0, 1)]
    assert [source.size() for source in turns] == [3, 2]
    names = [source.identity(i, 0)["picture"][1] for source in turns for i in range(source.size())]
    assert sorted(names) == [f"val/{number}.jpg" for number in range(5)]


def test_a_measurement_depends_on_index_and_seed_alone(archive: Path) -> None:
    again = attrs.evolve(SHAKEN)
    assert torch.equal(SHAKEN.one(1, seed=3).y, again.one(1, seed=3).y)
    identities = [SHAKEN.identity(index, seed) for index, seed in ((0, 0), (1, 0), (0, 1))]
    assert len({json.dumps(identity) for identity in identities}) == 3
    assert attrs.evolve(SHAKEN, split="train").size() == 2


def test_a_quick_look_takes_the_middle(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HURRIED", 40)
    whole, middle = SHAKEN.one(0, seed=0), SHAKEN.hurried(1).one(0, seed=0)
    assert middle.y.shape[2:] == (28, 28)
    top, left = ((size - 28) // 2 for size in whole.x.shape[2:])
    assert torch.equal(middle.x, whole.x[..., top : top + 28, left : left + 28])
    assert SHAKEN.hurried(1).identity(0, 0) != SHAKEN.identity(0, 0)


def test_what_is_not_there(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="not 6"):
        SHAKEN.one(5, seed=0)
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="INVKIT_DATA"):
        SHAKEN.size()
