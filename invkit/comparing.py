"""Several pipelines on the same measurements: a table and a figure.

    face = invkit.example("face")
    ways = {"evidence": invkit.method("faces"), "network": invkit.compose(…)}
    comparison = invkit.compare(ways, face.y, truth=face.truth)
    print(comparison)
    comparison.plot().savefig("ways.png")
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from invkit import metrics
from invkit.arguments import as_name
from invkit.compose import Pipeline
from invkit.contracts.solution import Solution
from invkit.errors import InputError
from invkit.files.panels import Cell, array
from invkit.files.solutions import pictures
from invkit.metrics._arrays import factors
from invkit.showing.figures import grid_figure
from invkit.showing.page import rows_of
from invkit.showing.text import called

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Compared", "compare"]

_COLUMNS = ("psnr", "ssim", "kernel_ncc", "residual", "seconds")


@attrs.frozen(eq=False, repr=False)
class Compared:
    """What several pipelines have found in the same measurements; a table where it is printed.

    Args:
        solutions: what each has found, by name.
        figures: of each the means over the measurements, by name: ``psnr`` (dB) and ``ssim`` of the image and
            ``kernel_ncc`` of the kernel, modulo the ambiguities of the pipeline's operator; ``residual``,
            ``seconds``. None where there is no truth to compare with, or no kernel.
        y: the measurements.
        truth: the true pair, or None.
    """

    solutions: Mapping[str, Solution]
    figures: Mapping[str, Mapping[str, float | None]]
    y: Any
    truth: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        padded = ([cell.ljust(size) for cell, size in zip(row, widths, strict=True)] for row in rows)
        return "\n".join("  ".join(cells).rstrip() for cells in padded)

    def _repr_html_(self) -> str:
        head, *rows = self._rows()

        def line(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"

    def plot(self) -> Figure:
        """A figure of what each has found, a row for each measurement, the measurement and the truth first.

        Raises:
            InputError: the signals are no images.
            MissingExtra: matplotlib, the extra ``plot``, is not installed.
        """
        first = next(iter(self.solutions.values()))
        columns = {name: rows_of(solution) for name, solution in self.solutions.items()}
        if not all(columns.values()):
            raise InputError("the signals are no images", hint="plot the solutions' x and w as they are")
        shown = [("measured", self.y)] + ([] if self.truth is None else [("truth", self.truth[1])])
        rows: list[list[Cell]] = [[] for _ in range(len(first.status))]
        for label, signal in shown:
            for row, (_, image) in zip(rows, pictures(signal, first.axes_added), strict=True):
                row.append((label, image))
        for name, found in columns.items():
            psnr = self.figures[name]["psnr"]
            label = name if psnr is None else f"{name}\n{psnr:.1f} dB"
            for row, cells in zip(rows, found, strict=True):
                row.append((label, cells[0][1]))
        return grid_figure(rows)

    def _rows(self) -> list[tuple[str, ...]]:
        used = [key for key in _COLUMNS if any(row[key] is not None for row in self.figures.values())]
        body = [
            (name, *("–" if row[key] is None else f"{row[key]:.4g}" for key in used), _status(solution))
            for (name, row), solution in zip(self.figures.items(), self.solutions.values(), strict=True)
        ]
        return [("", *used, "status"), *body]


def compare(
    pipelines: Mapping[str, Pipeline] | Sequence[Pipeline],
    y: Any,
    truth: tuple[Any, Any] | None = None,
) -> Compared:
    """Run several pipelines on the same measurements.

    Args:
        pipelines: by name; in a list they are called by their priors and solvers.
        y: the measurements, as a pipeline takes them.
        truth: the true pair ``(w, x)``, in the layout of the solutions.

    Raises:
        InputError: no pipeline, or a truth that is no pair; or whatever a pipeline raises.
        ShapeError: the truth has another shape than what was found.
    """
    one = isinstance(pipelines, Pipeline | str) or not isinstance(pipelines, Mapping | Sequence)
    given = [pipelines] if one else [*(pipelines.values() if isinstance(pipelines, Mapping) else pipelines)]
    for each in given:
        if one or not isinstance(each, Pipeline):
            raise InputError(
                f"compare takes pipelines by name, got {type(each).__name__}",
                hint='write invkit.compare({"faces": invkit.method("faces"), "mine": pipeline}, y)',
            )
    if not isinstance(pipelines, Mapping):
        pipelines = {_called(number, each): each for number, each in enumerate(pipelines)}
    for name in pipelines:
        as_name(name, "the name of a pipeline", 'write {"mine": pipeline}')
    if not pipelines:
        raise InputError("there is no pipeline to compare", hint="give a dict of names and pipelines")
    truth = None if truth is None else factors(truth, "truth")
    solutions = {name: pipeline(y) for name, pipeline in pipelines.items()}
    figures = {
        name: _figures(pipelines[name], solution, truth) for name, solution in solutions.items()
    }
    return Compared(solutions, figures, _signal(y), truth)


def _figures(pipeline: Pipeline, found: Solution, truth: tuple[Any, Any] | None) -> dict[str, float | None]:
    figures: dict[str, float | None] = dict.fromkeys(_COLUMNS)
    figures |= {"residual": _mean(found.residual), "seconds": found.seconds}
    if truth is None:
        return figures
    w, x = (array(each) for each in truth)
    if found.w is None:
        return figures | {"psnr": _mean(metrics.psnr(array(found.x), x))}
    scores = metrics.compare(pipeline.operator, (array(found.w), array(found.x)), (w, x)).aligned
    ssim = None if scores.ssim is None else _mean(scores.ssim)
    return figures | {"psnr": _mean(scores.psnr), "ssim": ssim, "kernel_ncc": _mean(scores.kernel_ncc)}


def _mean(values: Any) -> float | None:
    mean = float(np.mean(array(values)))
    return mean if np.isfinite(mean) else None


def _status(solution: Solution) -> str:
    return ", ".join(dict.fromkeys(str(each) for each in solution.status))


def _called(number: int, pipeline: Pipeline) -> str:
    config = pipeline.to_config(strict=False)
    return f"{number + 1}: {', '.join(map(called, [*config['priors'], config['solver']]))}"


def _signal(y: Any) -> Any:
    """The measurements as an array, in the layout given."""
    if hasattr(y, "shape"):
        return y
    from invkit.measurements import as_batch

    return as_batch(y, 2)[0][0]
