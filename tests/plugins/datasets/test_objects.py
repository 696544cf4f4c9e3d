"""Synthetic things: seeded, of 8 bits, whole in the frame, mostly on white, of many colours."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_datasets.objects import Objects


@pytest.fixture(scope="module")
def drawn() -> torch.Tensor:
    return Objects().draw(60, torch.Generator().manual_seed(0))


def test_a_seed_is_a_picture(drawn: torch.Tensor) -> None:
    again = Objects().draw(7, torch.Generator().manual_seed(0))
    assert torch.equal(again, drawn[:7])  # and the first do not depend on how many follow
    assert not torch.equal(Objects().draw(3, torch.Generator().manual_seed(1)), drawn[:3])


def test_they_are_pictures_of_8_bits(drawn: torch.Tensor) -> None:
    assert drawn.shape == (60, 3, 64, 64) and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal((drawn * 255).round() / 255, drawn)
    assert Objects().draw(0, torch.Generator()).shape == (0, 3, 64, 64)


def test_splits_differ_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "chunk", 2)
    data, places = invkit.dataset("objects"), torch.tensor([1, 2, 1])
    first = {split: data.take(places, split) for split in ("train", "validation", "test")}
    assert torch.equal(first["train"][0], first["train"][2])
    assert torch.equal(first["test"], Objects().take(places, "test"))
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not torch.equal(first[one], first[other])
    assert data.fingerprint() == Objects().fingerprint()


def test_a_split_ends(drawn: torch.Tensor) -> None:
    with pytest.raises(InputError, match="0 to 4999"):
        Objects().take(torch.tensor([5000]), "validation")


def test_the_background_is_mostly_white_and_plain(drawn: torch.Tensor) -> None:
    corners = torch.stack([drawn[:, :, row, column] for row in (0, -1) for column in (0, -1)])
    white = (corners > 0.995).all(2).all(0)
    assert 0.4 < white.float().mean() < 0.95
    # corners of one picture are alike: there are things in few of them
    assert (corners.amax(0) - corners.amin(0)).amax(1).median() < 0.02


def test_a_thing_fills_most_of_the_frame(drawn: torch.Tensor) -> None:
    ground = drawn[:, :, :1, :1]
    there = ((drawn - ground).abs().amax(1) > 0.1)[(drawn[:, :, 0, 0] > 0.995).all(1)]
    covered = there.flatten(1).float().mean(1)
    wide, high = there.any(1).sum(1), there.any(2).sum(1)
    assert (covered > 0.01).all() and 0.1 < covered.median() < 0.6
    assert torch.maximum(wide, high).float().median() > 40


def test_colours_and_brightness_vary(drawn: torch.Tensor) -> None:
    darkest = drawn.mean(1).flatten(1).amin(1)
    assert (darkest < 0.15).any() and (darkest > 0.3).any()
    colour = (drawn - drawn.mean(1, keepdim=True)).abs().flatten(1).amax(1)
    assert (colour < 0.05).any() and (colour > 0.3).any()
    assert torch.pdist(drawn.flatten(1)).min() > 1
