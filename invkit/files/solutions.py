"""Solutions on disk: a record, the exact signals, and pictures of them.

    solution = pipeline(y)
    save_solution(solution, "out")        # out/solution.json, x.npy, w.npy, x.png, w.png

A batch gives one picture a measurement: ``x-0.png``, ``x-1.png``, … Signals that are no images have no
pictures, and a solver that finds no w leaves no files of it. Each file appears whole or not at all; the
record comes last, so where it is, the rest is too.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from invkit.errors import OutputError
from invkit.files.atomic import atomic_write
from invkit.files.images import write_image
from invkit.files.panels import kernel_cell

__all__ = ["save_solution", "writable_folder", "write_kernel", "write_record"]


@runtime_checkable
class Savable(Protocol):
    """What of a solution is written."""

    @property
    def x(self) -> Any:
        """The recovered second signal."""

    @property
    def w(self) -> Any:
        """The recovered first signal, None where none was."""

    @property
    def x_std(self) -> Any:
        """The deviation of every pixel of the second signal; None where nobody asked for it."""

    @property
    def axes_added(self) -> int:
        """How many leading axes the signals lack of (batch, channels)."""

    def summary(self) -> dict[str, Any]:
        """The record, ready for JSON."""


def save_solution(solution: Savable, folder: str | os.PathLike[str]) -> Path:
    """Write a solution to a folder; files of the same names are replaced.

    ``x.npy`` and ``w.npy`` hold the signals exactly, in the layout of the solution, and ``x_std.npy`` the
    deviations where there are some. Pictures are 8-bit: ``x`` clipped to [0, 1], ``w`` scaled to its maximum.
    Without a ``w`` there is neither: the record then says ``"w": null``, and what an earlier solution left of
    its own is not touched.

    Args:
        solution: tensors or arrays, with or without a batch axis.
        folder: made where it is missing.

    Returns:
        The folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = writable_folder(folder)
    if solution.x_std is not None:
        with atomic_write(folder / "x_std.npy") as stream:
            np.save(stream, _exact(solution.x_std), allow_pickle=False)
    found = [("x", solution.x), ("w", solution.w)]
    for name, signal in ((name, _exact(signal)) for name, signal in found if signal is not None):
        with atomic_write(folder / f"{name}.npy") as stream:
            np.save(stream, signal, allow_pickle=False)
        write = write_image if name == "x" else write_kernel
        for suffix, picture in _pictures(signal, solution.axes_added):
            write(folder / f"{name}{suffix}.png", picture)
    write_record(folder / "solution.json", solution.summary())
    return folder


def write_kernel(path: str | os.PathLike[str], kernel: Any) -> None:
    """Write a kernel as an 8-bit PNG, scaled to its maximum: with unit sum it would look black.

    Args:
        path: the file to write, ending in ``.png``.
        kernel: ``(height, width)`` or ``(1 or 3, height, width)``; negative values become black.

    Raises:
        OutputError: another shape, values that are not finite, or a file that cannot be written.
    """
    _, picture = kernel_cell(kernel)
    write_image(path, picture)


def write_record(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Write a JSON-ready record atomically.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold.
        OutputError: the file cannot be written.
    """
    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(record, indent=2, allow_nan=False) + "\n")


def writable_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the folder, made where it is missing, once a file could be created in it.

    Ask before hours of work, not after them.

    Raises:
        OutputError: it cannot be made or written, or is a file.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise OutputError(
            f"cannot write to the folder {folder}: {reason}",
            hint="choose a folder that you may write to",
        ) from error
    return folder


def _pictures(values: npt.NDArray[Any], axes_added: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The images in a signal, each with what tells its file name from the others'."""
    if axes_added:
        yield from (("", image) for image in [values] if _is_image(image, channels=axes_added == 1))
        return
    for index, image in enumerate(values):
        if _is_image(image, channels=True):
            yield "" if len(values) == 1 else f"-{index}", image


def _is_image(values: npt.NDArray[Any], *, channels: bool) -> bool:
    """Whether it can be drawn; ``channels``: the first axis is that of the channels."""
    # A signal in one dimension that has channels has two axes as well, but is no image.
    shaped = (values.ndim == 3 and values.shape[0] in (1, 3)) or (values.ndim == 2 and not channels)
    return shaped and bool(np.isfinite(values).all())


def _exact(signal: Any) -> npt.NDArray[Any]:
    """The numbers themselves in a type that numpy has."""
    if hasattr(signal, "detach"):
        tensor = signal.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor)
    return np.asarray(signal)
