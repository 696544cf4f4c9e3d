"""Moments come back from a weights file, and what is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch

import invkit
from invkit.errors import WeightsError
from invkit.files import store
from invkit.plugin.loading import default_manager
from invkit_gaussian.stored import Bits, moments_from, options_of, tensors_of
from tests.plugins.gaussian.classes import moments_of


@pytest.mark.parametrize(("bits", "error"), [(8, 0.02), (16, 1e-3), (32, 1e-6)])
def test_what_is_stored_is_close_to_what_was_fitted(bits: Bits, error: float, tmp_path: Path) -> None:
    moments = moments_of("axes", 3, (8, 8), 5, texture=True).to(torch.zeros(1))
    card = store.read_card(store.find(default_manager().registry, "gaussian", "mnist"))
    card["architecture"] = {"name": "gaussian", "options": options_of(moments)}
    store.write_prior(tmp_path / "a.safetensors", tensors_of(moments, bits), card)
    found = moments_from(store.read_prior(tmp_path / "a.safetensors"))
    for name, value in attrs.asdict(moments, recurse=False).items():
        if name == "basis":
            relative = (found.basis - value).flatten(1).norm(dim=1) / value.flatten(1).norm(dim=1)
            assert relative.max() < error
        elif isinstance(value, torch.Tensor):
            torch.testing.assert_close(getattr(found, name), value)
        else:
            assert getattr(found, name) == value


def test_weights_of_another_kind_or_without_a_part_are_refused(tmp_path: Path) -> None:
    registry = default_manager().registry
    with pytest.raises(WeightsError, match="'vae' prior, not a Gaussian"):
        invkit.prior(f"gaussian:{store.find(registry, 'vae', 'blurA')}")
    trained = store.read_prior(store.find(registry, "gaussian", "mnist"))
    for missing in ("scales", "mean"):
        tensors = {name: each for name, each in trained.tensors.items() if name != missing}
        store.write_prior(tmp_path / "bad.safetensors", tensors, trained.card)
        with pytest.raises(WeightsError, match=f"no Gaussian prior: it lacks {missing}"):
            invkit.prior(f"gaussian:{tmp_path}/bad.safetensors")
    store.write_prior(tmp_path / "bad.safetensors", trained.tensors, trained.card | {"architecture": {}})
    with pytest.raises(WeightsError, match="its colour is None"):
        invkit.prior(f"gaussian:{tmp_path}/bad.safetensors")


def changed(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a prior, one of them changed."""
    tensors = tensors_of(moments_of("joint", 1, (8, 8), 3).to(torch.zeros(1)))
    return tensors | {name: change(tensors[name])}


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("scales", lambda t: t[:, None], r"scales has shape \(3, 1\), expected \(3,\)"),
        ("rotation", lambda t: t[0, 0], r"rotation has shape \(\)"),
        ("log_spectrum", lambda t: t[..., :-1], "log_spectrum has shape"),
        ("mean", lambda t: t[0], "mean is"),
        ("directions", lambda t: t[0], "directions"),
        ("contrasts", lambda t: torch.zeros(7), "contrasts has shape"),
        ("mean", lambda t: t.to(torch.int8), r"mean has type torch\.int8"),
        ("log_spectrum", lambda t: t * 0 + 300, "NaN or infinite"),
        ("scales", lambda t: t * 0 + 3e38, "NaN or infinite"),
    ],
)
def test_other_shapes_types_and_values_are_refused(
    name: str, change: Callable[[torch.Tensor], torch.Tensor], says: str, tmp_path: Path
) -> None:
    card = store.read_card(store.find(default_manager().registry, "gaussian", "mnist"))
    card["architecture"] = {
        "name": "gaussian",
        "options": {"colour": "joint", "rank": 3, "level": 0.1, "spread": 0.1},
    }
    store.write_prior(tmp_path / "bad.safetensors", changed(name, change), card)
    with pytest.raises(WeightsError, match=says):
        invkit.prior(f"gaussian:{tmp_path}/bad.safetensors")
