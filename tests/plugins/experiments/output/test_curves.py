"""Curves: a picture with every line in it, and none is no error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from invkit_experiments.output.curves import Curves, write_curves


def test_each_line_is_drawn_in_a_colour_of_its_own(tmp_path: Path) -> None:
    lines = {"lm": [(1.1, 0.5), (1.5, 1.0)], "als": [(1.1, 0.0), (1.5, 0.2)], "one": [(1.1, 0.7)]}
    write_curves(tmp_path / "a.png", Curves("ratio", lines, "rate"))
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    few = {"lm": lines["lm"]}
    write_curves(tmp_path / "b.png", Curves("ratio", few, "rate"))
    fewer = np.asarray(Image.open(tmp_path / "b.png"))
    colours = [len(np.unique(each.reshape(-1, 3), axis=0)) for each in (picture, fewer)]
    assert picture.shape == fewer.shape and colours[0] > colours[1]


def test_no_lines(tmp_path: Path) -> None:
    write_curves(tmp_path / "empty.png", Curves("ratio", {}, "rate"))
    assert (tmp_path / "empty.png").exists()
