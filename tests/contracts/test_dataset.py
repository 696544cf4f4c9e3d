"""The contract's own behaviour: fixed splits cut from a law of chance, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.contracts.dataset import Dataset, SampledDataset, data_folder
from invkit.errors import InputError


class Numbers(SampledDataset):
    """Uniform numbers; remembers how often it was asked to draw."""

    def __init__(self, name: str = "numbers", scale: float = 1.0) -> None:
        super().__init__(name, (1, 2), {"scale": scale})
        self.draws = 0

    def draw(self, n: int, rng: torch.Generator) -> torch.Tensor:
        self.draws += 1
        return torch.rand(n, 1, 2, generator=rng)


FULL = Numbers()


def test_split_sizes() -> None:
    assert dict(FULL.splits) == {"train": 60_000, "validation": 5_000, "test": 20_000}


@pytest.mark.parametrize("path", ["folder", "~/folder"])
def test_a_given_folder_comes_first(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_DATA", "/elsewhere")
    assert data_folder("digits", path) == Path(path).expanduser()
    assert data_folder("digits") == Path("/elsewhere/digits")


@given(st.lists(st.integers(0, 19_999), max_size=12))
def test_take_is_a_pure_function_of_the_index(indices: list[int]) -> None:
    """Neither order, nor company, nor what was read before changes a signal."""
    together = FULL.take(torch.tensor(indices, dtype=torch.int64), "test")
    assert together.shape == (len(indices), 1, 2) and together.dtype == torch.float32
    fresh = Numbers()
    for index, signal in reversed(list(zip(indices, together, strict=True))):
        assert torch.equal(fresh.take(torch.tensor([index]), "test")[0], signal)


def test_all_signals_differ_across_chunks_and_splits() -> None:
    train, test = (FULL.take(torch.arange(5_000), split).flatten(1) for split in ("train", "test"))
    assert len(torch.unique(torch.cat([train, test]), dim=0)) == 10_000


def test_chunks_are_drawn_once_and_only_when_needed() -> None:
    data = Numbers()
    data.take(torch.tensor([5, 999, 1_000]), "train")
    data.take(torch.tensor([1_999, 0]), "train")
    assert data.draws == 2


def test_what_is_returned_is_a_copy() -> None:
    data = Numbers()
    first = data.take(torch.tensor([0]), "train")
    kept = first.clone()
    first.zero_()
    assert torch.equal(data.take(torch.tensor([0]), "train"), kept)


def test_name_and_parameters_change_signals_and_fingerprint() -> None:
    index = torch.tensor([0])
    versions = [Numbers(), Numbers(name="others"), Numbers(scale=2.0)]
    assert len({data.fingerprint() for data in versions}) == 3
    assert len({float(data.take(index, "test").sum()) for data in versions}) == 3
    assert Numbers().fingerprint() == FULL.fingerprint()


@pytest.mark.parametrize(
    ("indices", "split", "says"),
    [
        (torch.tensor([0]), "trian", "no split 'trian'"),
        (torch.tensor([20_000]), "test", "indices 0 to 19999"),
        (torch.tensor([-1]), "test", "got indices -1"),
    ],
)
def test_bad_index_or_split(indices: torch.Tensor, split: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        FULL.take(indices, split)


@pytest.mark.parametrize("indices", [torch.tensor([0.0]), torch.tensor([True]), torch.tensor([[0]])])
def test_indices_that_are_no_row_of_integers(indices: torch.Tensor) -> None:
    with pytest.raises(InputError, match="1-D tensor of integers"):
        FULL.check(indices, "test")


@pytest.mark.wrong_types
@pytest.mark.parametrize("indices", [5, [5], np.array([5])])
def test_indices_that_are_no_tensor(indices: Any) -> None:
    with pytest.raises(InputError, match=r"write take\(torch\.tensor\(\[0, 5\]\), 'test'\)"):
        FULL.take(indices, "test")


def test_a_data_set_without_classes_says_so() -> None:
    with pytest.raises(InputError, match="has no labels"):
        FULL.labels("test")


def test_what_is_drawn_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Numbers is drawn, not downloaded"):
        Numbers.fetch(tmp_path)
    assert Numbers.terms.startswith("none")


def test_files_cannot_be_downloaded_unless_a_data_set_says_how(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        Dataset.fetch(tmp_path)
    assert str(tmp_path) in str(caught.value) and Dataset.terms == "not stated"
