"""Levin's pairs: real photographs of a sharp image through real camera shakes, with the kernels measured.

    pairs = LevinPairs()                     # INVKIT_DATA/levin/im01_ker01.mat, …
    one = pairs.one(0, seed=0)               # image 1, kernel 1; y and x (1, 1, 255, 255)

A file holds ``x`` sharp, ``y`` blurred and ``f``, with y ≈ conv2(x, rot180(f)) up to a shift of a few
pixels. The kernel here is that half-turned f: then y is A(w, x) for the linear convolution. The borders
are those of a photograph and no circle; the noise is the camera's, and nobody has told how much.

Source: A. Levin, Y. Weiss, F. Durand, W. T. Freeman, "Understanding and evaluating blind deconvolution
algorithms", CVPR 2009.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from invkit.errors import InputError
from invkit.files.mat import read_mat
from invkit_experiments.inputs.sources import Measured, Source, data_folder

__all__ = ["LevinPairs"]

_NAME = re.compile(r"im\d\d_ker\d\d\.mat")


@attrs.frozen
class LevinPairs(Source):
    """The pairs at hand, sorted by image and kernel; the seed chooses nothing."""

    operator: str = "linconv?mode=same&boundary=replicate"
    sigma: float | None = None

    def size(self) -> int:
        return len(self._files())

    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        path = self._file(index)
        return {"levin": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    def one(self, index: int, seed: int) -> Measured:
        path = self._file(index)
        return _read(path, path.stat().st_mtime_ns)

    def _file(self, index: int) -> Path:
        files = self._files()
        if index >= len(files):
            raise InputError(
                f"there are {len(files)} of Levin's pairs, not {index + 1}", hint="ask for fewer"
            )
        return files[index]

    def _files(self) -> list[Path]:
        folder = data_folder("levin")
        files = sorted(path for path in folder.glob("*.mat") if _NAME.fullmatch(path.name))
        if not files:
            raise InputError(
                f"none of Levin's pairs in {folder}",
                hint="set INVKIT_DATA to a folder that holds levin/im01_ker01.mat, …",
            )
        return files


@lru_cache(maxsize=4)
def _read(path: Path, stamp: int) -> Measured:
    """A pair, read once for the methods that stand side by side on it."""
    arrays = read_mat(path, ["x", "y", "f"])
    if missing := [name for name in "xyf" if name not in arrays]:
        raise InputError(f"{path} lacks the array {' and '.join(missing)}", hint="fetch it again")
    x, y, f = (torch.from_numpy(arrays[name].astype(np.float32)) for name in "xyf")
    w = f.flip(0, 1)
    return Measured(y[None, None], x[None, None], (w / w.sum())[None, None])
