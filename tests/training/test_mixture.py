"""Several data sets as one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import ConfigError, InputError
from invkit.files.images import write_image
from invkit.training.mixture import Mixture, load, located


@cache
def parts() -> tuple[invkit.Dataset, invkit.Dataset]:
    """Two data sets, which keep what they have drawn."""
    return invkit.dataset("motion?length=5"), invkit.dataset("blurB")


@given(st.lists(st.integers(0, 119_999), min_size=1, max_size=20))
def test_signals_are_those_of_the_parts_in_order(indices: list[int]) -> None:
    first, second = parts()
    mixed = Mixture([first, second]).take(torch.tensor(indices) % 2_000 + 59_000, "train")
    for signal, index in zip(mixed, [i % 2_000 + 59_000 for i in indices], strict=True):
        part, place = (first, index) if index < 60_000 else (second, index - 60_000)
        assert torch.equal(signal, part.take(torch.tensor([place]), "train")[0])


def test_a_set_that_comes_twice_counts_twice() -> None:
    mixed = load("blurA + blurA")
    assert mixed.splits["train"] == 120_000 and mixed.splits["test"] == 40_000
    twice = mixed.take(torch.tensor([3, 60_003]), "train")
    assert torch.equal(twice[0], twice[1])
    with pytest.raises(InputError, match="0 to 119999"):
        mixed.take(torch.tensor([120_000]), "train")


def test_fingerprints_differ_with_the_parts() -> None:
    prints = {load(spec).fingerprint() for spec in ("blurA", "blurA + blurB", "blurB + blurA")}
    assert len(prints) == 3


def test_a_number_says_how_often_a_set_counts() -> None:
    assert load("3 blurA + blurB").fingerprint() == load("blurA + blurA + blurA + blurB").fingerprint()
    assert load("1 blurA").fingerprint() == load("blurA").fingerprint()


@pytest.mark.parametrize("spec", ["blurA + ", " + blurA", ""])
def test_a_part_must_be_named(spec: str) -> None:
    with pytest.raises(ConfigError, match="missing"):
        load(spec)


def test_shapes_must_agree() -> None:
    with pytest.raises(ConfigError, match="different shapes"):
        load("blurA + blur30")


@pytest.mark.parametrize("spec", ["mnist", "svhn + chars74k", "images?path=photos"])
def test_a_spec_is_where_it_is(spec: str) -> None:
    assert located(spec, size=8, grey=True) == spec


def test_a_folder_is_read_in_the_size_asked_for(tmp_path: Path) -> None:
    write_image(tmp_path / "my photos" / "one.png", np.zeros((3, 20, 30)))
    data = load(located(str(tmp_path / "my photos"), size=12, grey=False))
    assert data.signal_shape == (3, 12, 12) and sum(data.splits.values()) == 1
