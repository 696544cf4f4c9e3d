"""Panels: the paper's layout, an image a row."""

from __future__ import annotations

import attrs
import numpy as np

from invkit_experiments.output.panels import decoded, panels
from invkit_experiments.output.report import Report
from tests.plugins.experiments.small import SMALL


def test_original_kernel_blurry_and_each_method(small_report: Report) -> None:
    gallery = small_report.gallery
    assert gallery is not None
    made = panels(gallery)
    assert list(made) == ["straight", "mixed"]
    rows = made["straight"]
    assert len(rows) == SMALL.shown == 2  # of three images
    titles = [label.partition("\n")[0] for label, _ in rows[0]]
    assert titles == ["original", "kernel", "blurry", "halved", "its kernel"]
    first = next(cell for cell in gallery.cells if cell.method == "halved")
    np.testing.assert_array_equal(rows[0][3][1], decoded(first.pictures["found"]))
    assert rows[0][3][0] == f"halved\n{first.figures['psnr']:.1f} dB"


def test_without_the_blurry_row_the_measurement_is_drawn_all_the_same(small_report: Report) -> None:
    gallery = small_report.gallery
    assert gallery is not None
    alone = [cell for cell in gallery.cells if (cell.case, cell.method) == ("mixed", "halved")]
    row, _ = panels(attrs.evolve(gallery, cells=alone))["mixed"]
    assert [label for label, _ in row][:3] == ["original", "kernel", "blurry\n"]
