"""Entries times the numbers of a file: what was measured, known gains, a sampling pattern.

    M = invkit.linear("mask:sampled.npy")       # (height, width) or (channels, height, width)
    M = invkit.diagonal(mask)                   # the same of an array at hand
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import invkit
from invkit.contracts.matrices import Diagonal
from invkit.files.arrays import read_array


class Mask(Diagonal):
    """``x ↦ f ⊙ x``, f of an npy file: boolean, real or complex."""

    sha256: str | None = None

    @classmethod
    def from_spec(cls, name: str) -> Mask:
        """The numbers of a file; an array of one axis or two stands for one channel.

        Raises:
            InputError: an unreadable file, or values that are no finite numbers.
        """
        values, sha256 = read_array(Path(name), "a mask")
        made = cls(_checked(values[None] if values.ndim <= 2 else values))
        made.sha256 = sha256
        return made


def _checked(values: Any) -> Any:
    """The factors as :func:`invkit.diagonal` has them, for all measurements alike."""
    held = invkit.diagonal(values)
    return held.factors
