"""Monitors by name, with their options as text."""

from __future__ import annotations

from pathlib import Path

import pytest

import invkit
from invkit.plugin.building import build, spec_of
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec
from tests.plugins.monitors.solving import solve


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("progress", "progress?every=10,after=2.0,force=false"),
        ("history?every=5", "history?every=5"),
        (
            "tensorboard:{folder}?images_every=0",
            "tensorboard:{folder}?every=10,images_every=0,measurements=8",
        ),
    ],
)
def test_monitors_are_built_by_name_and_watch(text: str, resolved: str, tmp_path: Path) -> None:
    monitor = build(default_manager().registry, "monitor", Spec.parse(text.format(folder=tmp_path)))
    assert isinstance(monitor, invkit.Monitor)
    assert spec_of(monitor) == Spec.parse(resolved.format(folder=tmp_path))
    solve(monitor)
