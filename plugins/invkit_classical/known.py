"""A given signal as a prior: an empty latent, no penalty, always the same signal.

    kernel = invkit.prior("known:kernel.png?normalise=sum")
    deblur = invkit.compose(operator="circconv", priors=[kernel, "vae:mnist"], solver="altgd")

With one unknown known, the bilinear problem becomes a linear inverse problem (blind deblurring becomes
non-blind), and every solver solves it without knowing. In Python the signal may be given directly:
``Known(tensor)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError
from invkit.files.arrays import read_arrays
from invkit.files.images import read_image
from invkit_classical._arrays import as_numbers, with_sha256


class Known(invkit.Given):
    """A given signal (:class:`invkit.Given`) that is read from a file.

    Values are taken as they are; nothing is forced into [0, 1].

    Args:
        signal: ``(channels, *dims)``, a tensor, array or nested list of finite numbers, real or complex.
        sha256: of the file it was read from; a configuration records it.

    Raises:
        InputError: NaN, infinite or no values.
        ShapeError: fewer than two axes.
    """

    def __init__(self, signal: Any, sha256: str | None = None) -> None:
        values = as_numbers(signal, "the known signal")
        if values.ndim < 2:
            raise ShapeError(
                f"a known signal of shape {tuple(values.shape)} has no channel axis",
                hint="give (channels, length) or (channels, height, width), e.g. signal[None]",
            )
        super().__init__(values)
        self.sha256 = sha256

    @classmethod
    def from_spec(cls, name: str, normalise: Literal["none", "sum"] = "none", grey: bool = False) -> Known:
        """The signal of a file.

        Args:
            name: an image that `invkit deblur` reads (values in [0, 1]), or an npy array: floats are taken as
                they are (any range), integers as an image. An npy array of one axis is a 1-D signal of one
                channel, of two a grey image, of more ``(channels, *dims)``.
            normalise: ``sum`` divides each channel by its sum: an image of a kernel becomes a kernel of unit
                sum.
            grey: reduce a colour image to one channel of luma.

        Raises:
            InputError: an unreadable file, values that are not finite, or a sum that is not positive.
        """
        signal, sha256 = with_sha256(Path(name), lambda path: _read(path, grey))
        if normalise == "sum" and signal.is_complex():
            raise InputError(
                f"{name} holds complex numbers, and a kernel of unit sum has none",
                hint="give the kernel's real values, or normalise=none",
            )
        if normalise == "sum":
            total = signal.flatten(1).sum(1)
            if not (total > 0).all():
                raise InputError(
                    f"{name} has channels of sum {total.tolist()}, which cannot be normalised to unit sum",
                    hint="give a kernel with a positive sum, or normalise=none",
                )
            signal = signal / total.reshape(-1, *[1] * (signal.ndim - 1))
        return cls(signal, sha256)


def _read(path: Path, grey: bool) -> Tensor:
    """The file's signal with its channel axis."""
    if path.suffix.lower() == ".npy":
        array = read_arrays(path)[""]
        if array.dtype.kind in "fc":
            values = as_numbers(array, str(path))
            return values[None] if values.ndim in (0, 1, 2) else values
    return torch.from_numpy(read_image(path, grey=grey))
