"""Figures by matplotlib: what was found, and how the objective fell.

    solution.plot().savefig("found.png")
    solution.curve()

matplotlib comes with the extra ``plot``. A figure belongs to no window and to no global state: a notebook
shows it, ``savefig`` writes it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from invkit.errors import InputError, MissingExtra
from invkit.files.images import as_image, to_picture
from invkit.files.panels import Cell, array
from invkit.showing.page import rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from invkit.contracts.solution import Solution

__all__ = ["curve_figure", "grid_figure", "solution_figure"]

_SIDE = 2.2  # inches of a picture's side
_CURVES = 4  # measurements that have curves


def solution_figure(solution: Solution) -> Figure:
    """The recovered images and kernels, a row for each measurement.

    Raises:
        InputError: the signals are no images.
        MissingExtra: matplotlib is not installed.
    """
    rows = rows_of(solution)
    if not rows:
        raise InputError(
            "the signals of this solution are no images", hint="plot solution.x and solution.w as they are"
        )
    return grid_figure(rows)


def curve_figure(solution: Solution) -> Figure:
    """The objective of every candidate over the steps, the winner's drawn strongly; a frame a measurement.

    Raises:
        InputError: the solver kept no history.
        MissingExtra: matplotlib is not installed.
    """
    history = np.array(array(solution.history), dtype=float)
    if not history.size or not np.isfinite(history).any():
        raise InputError("this solution has no history: its solver kept none", hint="choose another solver")
    shown = min(len(history), _CURVES)
    figure = _figure((5.0 * shown, 3.4))
    frames = np.atleast_1d(figure.subplots(1, shown, squeeze=True))
    for frame, curves, winner in zip(frames, history, solution.restarts.winner, strict=False):
        for number, curve in enumerate(curves):
            if number != winner:
                frame.plot(solution.history_steps, curve, color="0.7", linewidth=0.8)
        frame.plot(solution.history_steps, curves[winner], color="C0", linewidth=2.0, label="winner")
        if (curves[np.isfinite(curves)] > 0).all():
            frame.set_yscale("log")
        frame.set_xlabel("step")
        frame.set_ylabel("objective")
        frame.legend()
    return figure


def grid_figure(rows: Sequence[Sequence[Cell]]) -> Figure:
    """A grid of labelled pictures; a label may have several lines.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    columns = max(map(len, rows))
    figure = _figure((_SIDE * columns, (_SIDE + 0.5) * len(rows)))
    frames = figure.subplots(len(rows), columns, squeeze=False)
    for frame in frames.flat:
        frame.axis("off")
    for row, cells in zip(frames, rows, strict=True):
        for frame, (label, image) in zip(row, cells, strict=False):
            drawn = np.asarray(to_picture(as_image(image, "draw a figure")))
            frame.imshow(drawn, interpolation="nearest", vmin=0, vmax=255, cmap="gray")
            frame.set_title(label, fontsize=9)
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    """An empty figure that a notebook shows."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("figures", "matplotlib", "plot") from error

    class Shown(Figure):
        """A figure outside pyplot, which a notebook shows as a picture."""

        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png", dpi=100)
            return stream.getvalue()

    return Shown(figsize=size, layout="constrained")
