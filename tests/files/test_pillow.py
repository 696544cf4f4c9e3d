"""Pictures that Pillow has opened already are what their files are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import invkit

PIPELINE = invkit.compose("circconv", [invkit.Given(np.ones((1, 1, 1))), "identity"], "tv?steps=3")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_an_open_picture_is_its_file(mode: str, tmp_path: Path) -> None:
    levels = np.arange(32 * 32).reshape(32, 32)
    if mode == "I;16":
        picture = Image.fromarray((levels * 60).astype(np.uint16))
    else:
        picture = Image.fromarray((levels % 256).astype(np.uint8)).convert(mode)
    assert picture.mode == mode
    picture.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(PIPELINE(opened).x, PIPELINE(tmp_path / "a.png").x)
