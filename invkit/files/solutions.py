"""Solutions on disk: a record, the exact signals, and pictures of them.

    write_solution("out", {"x": x, "w": w}, record, axes_added=0)      # out/solution.json, x.npy, x.png, …
    arrays, record = read_solution("out")                              # the same, with numpy arrays

A batch gives one picture per measurement: ``x-0.png``, ``x-1.png``, … Signals that are no images have no
pictures, and a solver that finds no w leaves no files of it. Each file appears whole or not at all. The
record is first a list of the files to come. At the end it is written in full and names every array with its
sha256, so a solution is read as it was written or refused. Files that the record does not list are somebody
else's: none is replaced or removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from invkit.arguments import as_path
from invkit.errors import InputError, OutputError
from invkit.files.arrays import load_npy
from invkit.files.atomic import atomic_write
from invkit.files.images import write_image
from invkit.files.panels import kernel_cell
from invkit.files.plain import parse_json

__all__ = ["pictures", "read_solution", "writable_folder", "write_kernel", "write_record", "write_solution"]


RECORD = "solution.json"
"""The record of a solution in its folder."""

_LONGEST = 50_000_000  # characters of a record; the history of a long solve has some million

_PICTURED = ("x", "w", "x_kernel")
_FILES = "files"


def write_solution(
    folder: str | os.PathLike[str],
    arrays: Mapping[str, Any],
    record: Mapping[str, Any],
    *,
    axes_added: int,
) -> Path:
    """Write a solution to a folder, in place of one that stands there.

    Pictures are 8-bit: ``x`` and ``x_kernel`` clipped to [0, 1], ``w`` scaled to its maximum; of complex
    numbers the modulus. An array that is None has no file.

    Args:
        folder: made where it is missing.
        arrays: tensors or arrays by name, in the layout of the solution.
        record: the rest, ready for JSON.
        axes_added: how many leading axes ``x`` and ``w`` lack of (batch, channels).

    Returns:
        The folder.

    Raises:
        OutputError: the folder cannot be written, or has a file of a name that is needed, which no solution
            in it has.
    """
    folder = writable_folder(folder)
    exact = {name: _exact(values) for name, values in arrays.items() if values is not None}
    drawn = {
        f"{name}{suffix}.png": (write_kernel if name == "w" else write_image, picture)
        for name in _PICTURED
        if name in exact
        for suffix, picture in pictures(exact[name], axes_added, kernels=name == "w")
    }
    before, files = _files(folder), [RECORD, *(f"{name}.npy" for name in exact), *drawn]
    for name in files:
        if name not in before and (folder / name).exists():
            raise OutputError(
                f"{folder / name} would be replaced, and it is of no solution",
                hint="save into another folder, or move the file away",
            )
    write_record(folder / RECORD, {_FILES: sorted({*before, *files})})
    for name in before.difference(files):
        (folder / name).unlink(missing_ok=True)
    for name, values in exact.items():
        with atomic_write(folder / f"{name}.npy") as stream:
            np.save(stream, values, allow_pickle=False)
    for name, (write, picture) in drawn.items():
        write(folder / name, picture)
    digests = {name: _digest(values) for name, values in exact.items()}
    write_record(folder / RECORD, {**record, "arrays": digests, _FILES: sorted(files)})
    return folder


def _files(folder: Path) -> set[str]:
    """The files of the solution in a folder, its record's among them; none where there is no solution."""
    try:
        files = parse_json((folder / RECORD).read_text(encoding="utf-8"), _LONGEST)[_FILES]
        return {name for name in files if name == Path(name).name}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def read_solution(folder: str | os.PathLike[str]) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read what :func:`write_solution` wrote: the arrays and the record.

    Raises:
        InputError: no solution in the folder, or a file that is missing, damaged or from another solution.
    """
    folder = as_path(folder, "the folder of a solution")
    try:
        record: dict[str, Any] = parse_json((folder / RECORD).read_text(encoding="utf-8"), _LONGEST)
        if record.keys() == {_FILES}:
            raise InputError(
                f"the solution in {folder} is not whole: save() was cut short",
                hint="save it again, or solve again",
            )
        found = {name: _read(folder / f"{name}.npy", digest) for name, digest in record["arrays"].items()}
    except OSError as error:
        raise InputError(
            f"no solution in {folder}: cannot read {error.filename}: {error.strerror}",
            hint="give a folder that save() wrote",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / RECORD} is no record of a solution: {error}", hint="give a folder that save() wrote"
        ) from error
    return found, record


def _digest(values: npt.NDArray[Any]) -> str:
    head = f"{values.dtype.str}{values.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(values).tobytes()).hexdigest()


def _read(path: Path, digest: str) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as stream:
            values = load_npy(stream, os.fstat(stream.fileno()).st_size)
        sound = _digest(values) == digest
    except OSError:
        raise
    except Exception:  # a damaged header may raise nearly anything while numpy parses it
        sound = False
    if not sound:
        raise InputError(
            f"{path} is not the array that the record names", hint="restore the file, or solve again"
        )
    return values


def write_kernel(path: str | os.PathLike[str], kernel: Any) -> None:
    """Write a kernel as an 8-bit PNG, scaled to its maximum: with unit sum it would look black.

    Args:
        path: the file to write, ending in ``.png``.
        kernel: ``(height, width)`` or ``(kernels, height, width)``; negative values become black. More
            than 3 become a grid, unless all are equal.

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
    folder = as_path(folder, "the folder to write to")
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


def pictures(
    signal: Any, axes_added: int, *, kernels: bool = False
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The images in a signal, each with what tells its file name from the others'.

    Args:
        signal: a solution's, as a tensor or an array; of complex numbers the modulus is given.
        axes_added: how many leading axes it lacks of (batch, channels).
        kernels: any number of channels can be drawn: see :func:`invkit.files.panels.kernel_cell`.
    """
    values = _exact(signal)
    values = np.abs(values) if np.iscomplexobj(values) else values
    if axes_added:
        yield from (("", image) for image in [values] if _is_image(image, axes_added == 1, kernels))
        return
    for index, image in enumerate(values):
        if _is_image(image, True, kernels):
            yield "" if len(values) == 1 else f"-{index}", image


def _is_image(values: npt.NDArray[Any], channels: bool, kernels: bool) -> bool:
    """Whether it can be drawn; ``channels``: the first axis is that of the channels, of ``kernels`` any."""
    # A signal in one dimension that has channels has two axes as well, but is no image.
    known = kernels or values.shape[0] in (1, 3)
    shaped = (values.ndim == 3 and known) or (values.ndim == 2 and not channels)
    return shaped and bool(np.isfinite(values).all())


def _exact(signal: Any) -> npt.NDArray[Any]:
    """The numbers themselves in a type that numpy has."""
    if hasattr(signal, "detach"):
        tensor = signal.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor)
    return np.asarray(signal)
