"""Blurry pictures that come with invkit, to try it with: a face, a photograph and a digit.

    face = invkit.example("face")
    solution = invkit.method(face.method)(face.y)

Each has its truth. `invkit examples copy DIR` writes them as PNG. `python -m benchmarks.packaged_examples`
made the files in this folder; ``examples.toml`` says from what.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from invkit.arguments import as_name
from invkit.errors import InputError

__all__ = ["Example", "example", "examples"]

FOLDER = Path(str(resources.files("invkit.packaged")))
"""The folder of the files."""


@attrs.frozen(eq=False)
class Example:
    """A blurry picture with its truth. Arrays are float32, images in [0, 1].

    Args:
        name: e.g. ``face``.
        summary: what it shows, and how it was blurred.
        method: the method that is meant for it.
        terms: under what terms it may be passed on.
        y: the blurry picture, ``(channels, height, width)``.
        x: the sharp one.
        w: the kernel, ``(1, height, width)``, of unit sum.
    """

    name: str
    summary: str
    method: str
    terms: str
    y: npt.NDArray[np.float32] = attrs.field(repr=False)
    x: npt.NDArray[np.float32] = attrs.field(repr=False)
    w: npt.NDArray[np.float32] = attrs.field(repr=False)

    @property
    def truth(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The true pair ``(w, x)``."""
        return self.w, self.x


def example(name: str) -> Example:
    """A blurry picture that comes with invkit: ``face``, ``photo`` or ``digit``.

    Raises:
        InputError: another name.
    """
    from invkit.files.images import read_image

    table = examples()
    hint = f"there are {', '.join(table)}"
    if as_name(name, "the name of an example", hint) not in table:
        raise InputError(f"no example {name!r}", hint=hint)
    w = np.load(FOLDER / f"{name}_kernel.npy", allow_pickle=False)
    blurry, sharp = (read_image(FOLDER / f"{name}_{which}.png") for which in ("blurry", "sharp"))
    return Example(name, **table[name], y=blurry, x=sharp, w=w)


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """What there is, by name: summary, method and terms."""
    return tomllib.loads((FOLDER / "examples.toml").read_text("utf-8"))
