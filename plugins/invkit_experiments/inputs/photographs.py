"""Photographs of BSDS500, blurred by kernels drawn by seed, as a camera would save them.

    source = Photographs("validation", kernels="shake?size=21,shortest=13", noise=(0.01, 0.01))
    one = source.one(0, seed=0)              # y and x (1, 3, 301, 461)

The sharp picture is convolved where it covers the kernel (``linconv?mode=valid``), so that the border is that
of a photograph, which shows what lies beyond it in part. Then come Gaussian noise, clipping to [0, 1] and
rounding to 8 bits, and where that is asked for JPEG. The truth is the part of the sharp picture that lies
under y. Each fourth picture is made grey.

Source: P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
IEEE Trans. Pattern Analysis and Machine Intelligence 33(5), 2011, for the pictures.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit.files.bounded import open_member
from invkit.files.images import to_picture
from invkit_experiments.inputs.drawn import order, stream
from invkit_experiments.inputs.sources import Measured, Source, blur, count, data_folder, dataset, fingerprint

__all__ = ["Photographs"]

Split = Literal["train", "validation"]

_ARCHIVE = "bsds500_train_val.zip"
_FOLDERS: Mapping[Split, str] = {"train": "train/", "validation": "val/"}
#: the split of the kernels for that of the pictures
_KERNELS: Mapping[Split, str] = {"train": "train", "validation": "test"}
#: one of so many pictures is made grey
_GREY_EVERY = 4
#: side of the pictures for a quick look
_HURRIED = 128


@attrs.frozen
class Photographs(Source):
    """Pictures of a split through kernels of a data set, noisy, clipped and rounded.

    Args:
        split: ``train`` or ``validation``; kernels come from the split ``train`` or ``test``.
        kernels: spec of the kernels' data set, of an odd size; none: the picture is not blurred.
        noise: range of the noise's standard deviation, from which each picture's is drawn uniformly.
        jpeg: quality of the JPEG file that y was saved as; None for none.
        turn: index of the first picture in the order that the seed draws.
        turns: sources that share the pictures: this one takes every ``turns``-th, from ``turn`` on.
        side: only the middle of the sharp picture is taken, at most so many pixels a side; None for all.
    """

    split: Split
    kernels: str | None
    noise: tuple[float, float] = (0.01, 0.01)
    jpeg: int | None = None
    turn: int = 0
    turns: int = 1
    side: int | None = None
    operator: str = "linconv?mode=same&boundary=replicate"
    sigma: float | None = None

    def size(self) -> int:
        return len(range(self.turn, len(_names(_archive(), self.split)), self.turns))

    def identity(self, index: int, seed: int) -> Mapping[str, Any]:
        drawn = None if self.kernels is None else fingerprint(self.kernels)
        return {
            "picture": [_sha256(_archive()), self._name(index, seed), self._grey(index)],
            "kernel": [self.kernels, drawn, _KERNELS[self.split], self._kernel(index, seed)],
            "noise": [self._level(index, seed), self._stream(index, seed, 2)],
            "jpeg": self.jpeg,
            "side": self.side,
        }

    def one(self, index: int, seed: int) -> Measured:
        return _made(self, index, seed)

    def hurried(self, steps: int) -> Photographs:
        """Small pictures, for a look that takes seconds."""
        return attrs.evolve(self, side=_HURRIED)

    def _name(self, index: int, seed: int) -> str:
        if index >= self.size():
            raise InputError(
                f"there are {self.size()} pictures of this kind, not {index + 1}", hint="ask for fewer"
            )
        names = _names(_archive(), self.split)
        return names[order(len(names), stream(seed, 0, 0))[self.turn + self.turns * index]]

    def _kernel(self, index: int, seed: int) -> int | None:
        if self.kernels is None:
            return None
        return self._stream(index, seed, 1) % count(self.kernels, _KERNELS[self.split])

    def _level(self, index: int, seed: int) -> float:
        """The noise's standard deviation."""
        low, high = self.noise
        return low + (high - low) * (self._stream(index, seed, 3) / 2**63)

    def _grey(self, index: int) -> bool:
        return index % _GREY_EVERY == _GREY_EVERY - 1

    def _stream(self, index: int, seed: int, purpose: int) -> int:
        """A seed of its own for each picture of the order (1: kernel, 2: noise, 3: level of the noise)."""
        return stream(seed, self.turn + self.turns * index, purpose)


@lru_cache(maxsize=64)
def _made(source: Photographs, index: int, seed: int) -> Measured:
    """A measurement, made once for all methods."""
    picture = _picture(_archive(), source._name(index, seed), source._grey(index))
    if source.side is not None:
        rows, columns = (_middle(size, source.side) for size in picture.shape[2:])
        picture = picture[..., rows, columns]
    number, w = source._kernel(index, seed), torch.ones(1, 1, 1, 1)
    if number is not None:
        w = dataset(str(source.kernels)).take(torch.tensor([number]), _KERNELS[source.split])
    sigma, operator = source._level(index, seed), invkit.operator("linconv?mode=valid")
    measured = blur(operator, w, picture, sigma=sigma, seed=source._stream(index, seed, 2))
    top, left = (size // 2 for size in w.shape[2:])
    height, width = measured.y.shape[2:]
    truth = picture[..., top : top + height, left : left + width]
    return Measured(_saved(measured.y, source.jpeg), truth, w)


def _middle(size: int, side: int) -> slice:
    """The middle of an axis."""
    start = max(0, (size - side) // 2)
    return slice(start, start + side)


def _saved(y: Float[Tensor, "1 c h w"], jpeg: int | None) -> Float[Tensor, "1 c h w"]:
    """Clipped and rounded to 8 bits; through a JPEG file of this quality."""
    if jpeg is None:
        return (y.clamp(0, 1) * 255).round() / 255
    file = io.BytesIO()
    to_picture(y[0].numpy()).save(file, format="JPEG", quality=jpeg)
    return _values(file, grey=False)


@lru_cache(maxsize=8)
def _picture(archive: Path, name: str, grey: bool) -> Float[Tensor, "1 c h w"]:
    with zipfile.ZipFile(archive) as pictures, open_member(pictures, pictures.getinfo(name)) as member:
        return _values(io.BytesIO(member.read()), grey=grey)


def _values(file: io.BytesIO, *, grey: bool) -> Float[Tensor, "1 c h w"]:
    with Image.open(file) as picture:
        values = np.asarray(picture.convert("L") if grey else picture, dtype=np.float32) / 255
    channels = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(channels))[None]


def _archive() -> Path:
    path = data_folder("photographs") / _ARCHIVE
    if not path.is_file():
        raise InputError(
            f"the pictures of BSDS500 are not at {path}",
            hint=f"set INVKIT_DATA to a folder that holds photographs/{_ARCHIVE}, with train/ and val/ in it",
        )
    return path


@cache
def _names(archive: Path, split: Split) -> tuple[str, ...]:
    with zipfile.ZipFile(archive) as pictures:
        names = [name for name in pictures.namelist() if name.startswith(_FOLDERS[split])]
    return tuple(sorted(name for name in names if name.endswith(".jpg")))


@cache
def _sha256(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()
