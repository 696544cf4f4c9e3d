"""The digest of an object's state: what counts, and what does not."""

from __future__ import annotations

import copy
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from invkit.fingerprint import fingerprint, tensors_sha256


@attrs.frozen(eq=False)
class Record:
    values: torch.Tensor


class Thing:
    """No module and no attrs class."""

    def __init__(self) -> None:
        self.rate, self.name, self.shape, self.on = 0.5, "a", (1, 2), True
        self.kernel, self.table = torch.arange(4.0), {"a": [1, 2]}
        self.array, self.folder, self.none = np.ones(3), Path("a"), None
        self.record, self.inner = Record(torch.ones(2)), nn.Linear(2, 2, bias=False)
        self.inner.owner = self.record  # reached twice
        self._size = 3
        self._cache: dict[str, Any] = {}

    @cached_property
    def worked_out(self) -> int:
        return 3


def same_thing() -> Thing:
    torch.manual_seed(0)
    return Thing()


def set_item(values: Any, index: int = 0) -> None:
    values[index] = 7.0


@pytest.mark.parametrize(
    "change",
    [
        lambda t: setattr(t, "rate", 0.25),
        lambda t: setattr(t, "name", "b"),
        lambda t: setattr(t, "shape", (1, 3)),
        lambda t: setattr(t, "on", 1),
        lambda t: setattr(t, "none", 0),
        lambda t: setattr(t, "_size", 4),
        lambda t: setattr(t, "folder", Path("b")),
        lambda t: setattr(t, "more", 1),
        lambda t: t.table["a"].append(3),
        lambda t: set_item(t.array),
        lambda t: set_item(t.kernel),
        lambda t: set_item(t.record.values),
        lambda t: set_item(t.inner.weight.data),
        lambda t: t.inner.eval(),
        lambda t: t.inner.half(),
        lambda t: setattr(t, "kernel", t.kernel.reshape(2, 2)),
    ],
)
def test_a_change_shows(change: Any) -> None:
    thing = same_thing()
    change(thing)
    assert fingerprint(thing) != fingerprint(same_thing())


@pytest.mark.parametrize(
    "change",
    [
        copy.copy,
        copy.deepcopy,
        lambda t: pickle.loads(pickle.dumps(t)),
        lambda t: t.worked_out,
        lambda t: t._cache.update(a=torch.ones(3)),
        lambda t: t.inner.double(),
        lambda t: t.inner.requires_grad_(False),
        lambda t: t.inner.register_forward_hook(print),
        lambda t: setattr(t, "function", print),
    ],
)
def test_what_is_no_change(change: Any) -> None:
    thing = same_thing()
    made = change(thing)
    assert fingerprint(thing) == fingerprint(same_thing())
    if isinstance(made, Thing):
        assert fingerprint(made) == fingerprint(thing)


def test_double_precision_that_single_cannot_hold_counts() -> None:
    one, other = Record(torch.tensor([1 / 3], dtype=torch.float64)), Record(torch.tensor([1 / 3]))
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    "values",
    [
        torch.zeros(0),
        torch.tensor(1.0),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([True]),
        torch.arange(6).reshape(2, 3).T,
        torch.ones(2, device="meta"),
    ],
    ids=str,
)
def test_tensors_of_every_kind(values: torch.Tensor) -> None:
    assert fingerprint(Record(values)) == fingerprint(Record(values.clone()))
    assert len(tensors_sha256(Record(values)) or "") == 64


def test_arrays_that_share_memory_in_turn_are_told_apart() -> None:
    thing, other = same_thing(), same_thing()
    thing.table = {"a": [np.zeros(9), np.zeros(9)]}  # type: ignore[dict-item]
    other.table = {"a": [np.zeros(9), np.ones(9)]}  # type: ignore[dict-item]
    assert fingerprint(thing) != fingerprint(other)


def test_an_object_without_tensors_has_no_digest_of_them() -> None:
    assert tensors_sha256(Thing.__new__(Thing)) is None
    assert tensors_sha256(nn.ReLU()) is None


def test_things_that_hold_each_other_come_to_an_end() -> None:
    thing = same_thing()
    thing.inner.owner = thing.inner
    thing.table["self"] = thing.table  # type: ignore[assignment]
    assert fingerprint(thing) == fingerprint(copy.deepcopy(thing))
