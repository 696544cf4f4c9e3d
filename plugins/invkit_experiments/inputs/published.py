"""The test inputs that the paper's authors published with the journal version, and their own results.

    faces = published("celeba")                 # INVKIT_DATA/asim2020/celeba_*.npz
    faces.x, faces.w, faces.y                   # sharp, kernels, blurry
    faces.theirs("x_hat_alg1")                  # their recoveries
    Dev("celeba").one(3, seed=0)                # one of them, as an experiment takes it

Model: circular convolution with a 28 × 28 kernel of unit sum, zero-padded about its pixel 14; their noise,
σ = 0.01; rounded to 8 bits. Set ``INVKIT_ASIM2020`` to read another half, or a copy, of the files.

Source: M. Asim, F. Shamshad and A. Ahmed, "Blind Image Deconvolution using Deep Generative Priors", IEEE
Transactions on Computational Imaging 6, 2020 (arXiv 1802.04073).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from invkit.errors import InputError
from invkit.files.arrays import read_arrays
from invkit_experiments.inputs.sources import Measured, Source, data_folder

__all__ = ["Dev", "Published", "files_here", "published"]


@attrs.frozen(eq=False)
class Published:
    """One class of the published inputs, values in [0, 1].

    Args:
        path: the file.
        sha256: of the file.
        x: sharp images.
        w: the true kernels, of unit sum.
        y: blurry images.
        results: the authors' recoveries and closest images in range, by name.
    """

    path: Path
    sha256: str
    x: Float32[Tensor, "n 3 height width"]
    w: Float32[Tensor, "n 1 28 28"]
    y: Float32[Tensor, "n 3 height width"]
    results: Mapping[str, Tensor]

    def theirs(self, name: str) -> Tensor:
        """Return a result of the authors: ``x_range``, ``x_hat_alg1``, ``w_hat_alg1``, ``x_hat_alg2``.

        Raises:
            InputError: the file has none of that name.
        """
        if name not in self.results:
            raise InputError(f"{self.path} has no {name!r}", hint=f"it has {', '.join(self.results)}")
        return self.results[name]


@attrs.frozen
class Dev(Source):
    """The published inputs of a class, by number; the seed chooses nothing."""

    kind: str
    operator: str = "circconv"
    sigma: float | None = 0.01

    def size(self) -> int:
        return len(published(self.kind).x)

    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        return {"published": self.kind, "sha256": published(self.kind).sha256, "index": index}

    def one(self, index: int, seed: int) -> Measured:
        data, shown = published(self.kind), slice(index, index + 1)
        theirs = {name: found[shown] for name, found in data.results.items() if "_hat_" in name}
        return Measured(data.y[shown], data.x[shown], data.w[shown], theirs)


def files_here() -> dict[str, Path]:
    """Return class → file, for the classes whose file is in the folder.

    Raises:
        InputError: several files of one class.
    """
    found: dict[str, Path] = {}
    for path in sorted(_folder().glob("*_*.npz")):
        kind = path.name.partition("_")[0]
        if kind in found:
            raise InputError(
                f"{path.parent} has two files of {kind}: {found[kind].name} and {path.name}",
                hint="set INVKIT_ASIM2020 to a folder with one file of each class",
            )
        found[kind] = path
    return found


def published(kind: str) -> Published:
    """Read the published inputs of a class: ``svhn``, ``celeba`` or ``shoes``.

    Raises:
        InputError: there is no such file, or it is not one of these.
    """
    path = files_here().get(kind)
    if path is None:
        raise InputError(
            f"the published {kind} inputs are not in {_folder()}",
            hint=f"set INVKIT_DATA to a folder that holds asim2020/{kind}_dev.npz",
        )
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@cache
def _read(path: Path, *stamp: int) -> Published:
    """The file, read once as long as it is the same file."""
    try:
        arrays = read_arrays(path)
        made = {name: (_kernels if name[:1] == "w" else _images)(arrays[name]) for name in arrays}
        x, w, y = (made.pop(name) for name in ("x", "w", "y"))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", hint="expected an npz with x, w, y; fetch it again"
        ) from error
    return Published(path, hashlib.sha256(path.read_bytes()).hexdigest(), x, w, y, made)


def _folder() -> Path:
    """``INVKIT_ASIM2020``, by default among the data sets."""
    if folder := os.environ.get("INVKIT_ASIM2020"):
        return Path(folder).expanduser()
    return data_folder("asim2020")


def _images(values: np.ndarray) -> Float32[Tensor, "n 3 height width"]:
    scaled = values.astype(np.float32) / (255 if values.dtype == np.uint8 else 1)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).contiguous()


def _kernels(values: np.ndarray) -> Float32[Tensor, "n 1 28 28"]:
    kernels = torch.from_numpy(values.astype(np.float32))[:, None]
    return kernels / kernels.sum((1, 2, 3), keepdim=True)
