"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.blurred import QUICK, write_priors


@pytest.fixture
def quick(tmp_path: Path) -> list[str | Path]:
    """The options of a quick run into ``tmp_path/out``."""
    return [*write_priors(tmp_path / "weights"), "--solver", QUICK, "--out", tmp_path / "out"]
