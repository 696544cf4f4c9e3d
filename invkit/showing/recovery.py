"""Figures of a solution beside the measurement and the truth, as far as they are known.

    pipeline.plot(solution, y=y, truth=(w, x))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from invkit.errors import InputError
from invkit.files.panels import Cell, array, kernel_cell, residual_cell
from invkit.files.solutions import pictures
from invkit.metrics import compare, psnr_modulo_shift
from invkit.showing.figures import grid_figure, solution_figure
from invkit.showing.page import rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from invkit.contracts.bilinear import BilinearOperator
    from invkit.contracts.solution import Solution

__all__ = ["recovery_figure"]


def recovery_figure(
    operator: BilinearOperator, solution: Solution, y: Any = None, truth: Any = None
) -> Figure:
    """The recovered images and kernels beside the measurement and the truth, as far as they are given.

    Args:
        operator: what measured; it moves a solution along its ambiguities to the truth.
        solution: what was found.
        y: the measurements, as they were given to the pipeline.
        truth: the true pair ``(w, x)``, in the layout of the solution. The titles then have the PSNR of the
            image and the normalised cross-correlation of the kernel, modulo the operator's ambiguities.
            Or the true ``x`` alone: the PSNR is then modulo a shift, without the borders.

    Raises:
        InputError: the signals are no images.
        ShapeError: the truth has another shape.
        MissingExtra: matplotlib is not installed.
    """
    rows = rows_of(solution)
    if not rows:
        return solution_figure(solution)
    if truth is not None:
        rows = _beside_truth(operator, solution, truth, rows)
    if y is not None:
        rows = _beside_measurement(operator, solution, y, rows)
    return grid_figure(rows)


def _beside_truth(
    operator: BilinearOperator, solution: Solution, truth: Any, rows: list[list[Cell]]
) -> list[list[Cell]]:
    if not isinstance(truth, list | tuple):
        x = torch.as_tensor(array(truth))
        psnr = _figures(psnr_modulo_shift(torch.as_tensor(array(solution.x)), x))
        true_x = [image for _, image in pictures(x, solution.axes_added)]
        return [
            [("truth", image), (f"recovered\n{figure:.1f} dB", row[0][1]), *row[1:]]
            for image, figure, row in zip(true_x, psnr, rows, strict=True)
        ]
    if solution.w is None or len(truth) != 2:
        raise InputError(
            "there is no pair (w, x) to compare",
            hint="give truth=x, the image alone, or truth=(w, x) where w was found",
        )
    w, x = (torch.as_tensor(array(each)) for each in truth)
    estimate = (torch.as_tensor(array(solution.w)), torch.as_tensor(array(solution.x)))
    aligned = compare(operator, estimate, (w, x)).aligned
    true_x = [image for _, image in pictures(x, solution.axes_added)]
    true_w = [kernel for _, kernel in pictures(w, solution.axes_added, kernels=True)]
    figures = zip(_figures(aligned.psnr), _figures(aligned.kernel_ncc), strict=True)
    return [
        [
            ("truth", image),
            (f"recovered\n{psnr:.1f} dB", row[0][1]),
            kernel_cell(kernel, "true kernel"),
            (f"kernel\nNCC {ncc:.3f}", row[1][1]),
        ]
        for image, kernel, (psnr, ncc), row in zip(true_x, true_w, figures, rows, strict=True)
    ]


def _figures(values: Any) -> npt.NDArray[Any]:
    """One figure for each measurement."""
    return np.atleast_1d(array(values))


def _beside_measurement(
    operator: BilinearOperator, solution: Solution, y: Any, rows: list[list[Cell]]
) -> list[list[Cell]]:
    """The measurement first, and the residual last where there is a kernel."""
    measured = [image for _, image in pictures(y, solution.axes_added)]
    if len(measured) != len(rows):
        raise InputError(
            f"{len(measured)} measurements that are images, and {len(rows)} recovered ones",
            hint="give y as it was given to the pipeline",
        )
    rows = [[("measured", image), *row] for image, row in zip(measured, rows, strict=True)]
    if solution.w is None:
        return rows
    with torch.no_grad():
        signals = (torch.as_tensor(array(each)) for each in (solution.w, solution.x))
        w, x = (each[(None,) * (4 - each.ndim)] for each in signals)
        again = [image for _, image in pictures(operator(w, x), 0)]
    return [
        [*row, residual_cell(image - np.reshape(second, image.shape))]
        for row, image, second in zip(rows, measured, again, strict=True)
    ]
