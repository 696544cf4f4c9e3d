"""Where a circular convolution puts the pixels of its kernel, found without knowing the operator.

    placed = placement(operator, (1, 15, 15), (3, 64, 64), y)     # None where it does no such thing
    placed.read(spectrum)                # (n, 1, 15, 15): those pixels of the images of half spectra

An operator that tells its spectrum is a circular convolution with some image made of ``w``. Nearly always
that image is ``w`` itself, moved and surrounded by zeros, and the adjoint in ``w`` is then a correlation of
which some pixels are read off. Which ones is asked of the operator: ``w`` is given the numbers 1, 2, 3, …,
and they are looked up in the image.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.linear import Shape


@attrs.frozen(eq=False)
class Placement:
    """Pixel ``i`` of every channel of ``w`` is pixel ``index[i]`` of the image that is convolved with."""

    index: Int[Tensor, "k"]
    w_shape: Shape
    size: Shape

    def read(self, spectrum: Complex[Tensor, "n c *half"]) -> Float[Tensor, "n c *support"]:
        """The pixels at the places of ``w``'s, of images given by their half spectra."""
        if len(self.size) != 2:
            axes = tuple(range(2, spectrum.ndim))
            image, index = torch.fft.irfftn(spectrum, self.size, axes), self.index
        else:  # rows that hold none of the pixels need not be transformed back
            rows, row = self._rows
            image = torch.fft.irfft(torch.fft.ifft(spectrum, dim=-2)[:, :, rows], self.size[1])
            index = row * self.size[1] + self.index % self.size[1]
        return image.flatten(2)[:, :, index].reshape(*spectrum.shape[:2], *self.w_shape[1:])

    @cached_property
    def _rows(self) -> tuple[Int[Tensor, "r"], Int[Tensor, "k"]]:
        """The rows of the image that hold pixels, and which of them every pixel is in."""
        rows, row = torch.unique(self.index // self.size[1], return_inverse=True)
        return rows, row


def placement(operator: BilinearOperator, w_shape: Shape, x_shape: Shape, like: Tensor) -> Placement | None:
    """The placement, or None where the operator has no spectrum or does more to ``w`` than to move it."""
    pixels = torch.Size(w_shape[1:]).numel()
    numbers = torch.arange(1, pixels + 1, dtype=torch.float64, device=like.device)
    numbers = numbers.expand(w_shape[0], pixels).reshape(1, *w_shape)
    image = _convolved_with(operator, numbers, x_shape)
    if image is None or image.shape[1] != w_shape[0]:
        return None
    index = image[0, 0].flatten().argsort(descending=True, stable=True)[:pixels].flip(0)
    found = Placement(index, tuple(w_shape), tuple(x_shape[1:]))
    # Any other pattern must be moved alike, in every channel, with nothing beside it.
    pattern = torch.cos(numbers.square())
    image = _convolved_with(operator, pattern, x_shape)
    assert image is not None
    expected = torch.zeros_like(image.flatten(2))
    expected[:, :, index] = pattern.flatten(2)
    return found if torch.allclose(image.flatten(2), expected, atol=1e-9) else None


def _convolved_with(operator: BilinearOperator, w: Tensor, x_shape: Shape) -> Tensor | None:
    """The image that the operator convolves with, (1, channels, *dims)."""
    spectrum = operator.given(w=w, x_shape=tuple(x_shape)).spectrum()
    if spectrum is None:
        return None
    size = x_shape[1:]
    return torch.fft.irfftn(spectrum, size, tuple(range(2, 2 + len(size))))
