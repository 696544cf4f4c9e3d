"""The derivatives of measurements, placed on a frame: the data of :func:`invkit_photographs.bound.bound`.

    data = Derivatives.of(y, margin=12)             # y (m, c, H, W); kernels of up to 25 × 25 pixels
    transfer = data.transfer(kernels)               # (n, 1, S0, S1 // 2 + 1), origin in the middle

Differences commute with a convolution: with y = k * x + noise, each derivative of y is the kernel times that
derivative of x. Both derivatives are taken at the pixels that have a right and a lower neighbour,

    y_0[i, j] = y[i + 1, j] − y[i, j],      y_1[i, j] = y[i, j + 1] − y[i, j],

so that one mask serves both. The derivative of white noise of standard deviation σ has the variance 2σ².
That neighbouring derivatives share a pixel, and their noise is thus correlated, is left out of account.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from invkit.errors import ShapeError
from invkit_photographs._fourier import fast_length

__all__ = ["Derivatives"]

Size = tuple[int, int]


@attrs.frozen(eq=False)
class Derivatives:
    """Derivatives on a frame, where convolution is circular; :meth:`of` makes them.

    Args:
        values: of m measurements, f derivative images each; zero where nothing is measured. Two a channel,
            in the order vertical, horizontal.
        mask: 1 where a derivative is measured, 0 elsewhere; the same for all f.
        margin: derivative (0, 0) of the measurement is at this pixel of the frame.
    """

    values: Float[Tensor, "m f s0 s1"]
    mask: Float[Tensor, "m_or_1 1 s0 s1"]
    margin: Size = (0, 0)
    #: half spectra of both, computed where they are not given
    spectrum: Complex[Tensor, "m f s0 half"] = attrs.field(kw_only=True, repr=False)
    mask_spectrum: Complex[Tensor, "m_or_1 1 s0 half"] = attrs.field(kw_only=True, repr=False)

    @spectrum.default
    def _spectrum(self) -> Tensor:
        return torch.fft.rfft2(self.values)

    @mask_spectrum.default
    def _mask_spectrum(self) -> Tensor:
        return torch.fft.rfft2(self.mask)

    @classmethod
    def of(
        cls,
        y: Float[Tensor, "m c h w"],
        margin: int | Size = 0,
        *,
        size: Size | None = None,
        measured: Bool[Tensor, "m_or_1 h w"] | None = None,
    ) -> Derivatives:
        """The derivatives of images.

        Args:
            y: measurements, of any range; every channel counts, two derivative images each.
            margin: how far a kernel may reach from its origin along each axis, in pixels. The frame is larger
                than the measurement by so much on every side, and unknown there.
            size: of the frame; None: the next fast one. Where it is that of y and there is no margin, the
                measurement wraps around, and so do its differences.
            measured: False where a pixel of y tells nothing, e.g. where it is saturated; None: all are True.

        Raises:
            ShapeError: y is smaller than 2 × 2 pixels, or does not fit into ``size``.
        """
        margin = (margin, margin) if isinstance(margin, int) else margin
        if y.ndim != 4 or min(y.shape[2:]) < 2:
            raise ShapeError(
                f"measurements of shape {tuple(y.shape)} have no derivatives",
                hint="give images (m, channels, height, width) of at least 2 × 2 pixels",
            )
        known = torch.ones_like(y[:1, 0], dtype=torch.bool) if measured is None else measured
        wraps = tuple(y.shape[2:]) == size and margin == (0, 0)
        if wraps:
            y, known = (torch.cat([a, a[..., :1, :]], -2) for a in (y, known))
            y, known = (torch.cat([a, a[..., :1]], -1) for a in (y, known))
        corner = (..., slice(-1), slice(-1))
        lower, right = (..., slice(1, None), slice(-1)), (..., slice(-1), slice(1, None))
        there = (known[corner] & known[lower] & known[right])[:, None]
        values = torch.stack([y[lower] - y[corner], y[right] - y[corner]], 2).flatten(1, 2) * there
        h, w = values.shape[2:]
        needed = (h + 2 * margin[0], w + 2 * margin[1])
        size = size or (fast_length(needed[0]), fast_length(needed[1]))
        if size[0] < needed[0] or size[1] < needed[1]:
            raise ShapeError(
                f"a frame of {size[0]}×{size[1]} pixels is too small for derivatives of {h}×{w} pixels "
                f"with a margin of {margin[0]}×{margin[1]}",
                hint=f"give size=({needed[0]}, {needed[1]}) or more, or leave it out",
            )
        place = (..., slice(margin[0], margin[0] + h), slice(margin[1], margin[1] + w))
        framed = values.new_zeros(*values.shape[:2], *size)
        framed[place] = values
        mask = values.new_zeros(len(there), 1, *size)
        mask[place] = there.to(values)
        return cls(framed, mask, margin)

    @property
    def size(self) -> Size:
        """The frame's lengths."""
        return tuple(self.values.shape[2:])  # type: ignore[return-value]

    @property
    def count(self) -> Float[Tensor, "m_or_1"]:
        """N, how many derivatives each measurement has: those of both directions and all channels."""
        return self.mask.flatten(1).sum(1) * self.values.shape[1]

    def select(self, index: Tensor) -> Derivatives:
        """The derivatives of the measurements ``index``."""
        own = len(self.mask) > 1
        return Derivatives(
            self.values[index],
            self.mask[index] if own else self.mask,
            self.margin,
            spectrum=self.spectrum[index],
            mask_spectrum=self.mask_spectrum[index] if own else self.mask_spectrum,
        )

    def transfer(self, kernels: Float[Tensor, "n k0 k1"]) -> Complex[Tensor, "n 1 s0 half"]:
        """The transfer functions of kernels with their origin at ``(k0 // 2, k1 // 2)``; differentiable.

        Raises:
            ShapeError: a kernel reaches further than the margin.
        """
        k0, k1 = kernels.shape[1:]
        if k0 // 2 > self.margin[0] or k1 // 2 > self.margin[1]:
            raise ShapeError(
                f"kernels of {k0}×{k1} pixels reach beyond the margin of {self.margin[0]}×{self.margin[1]}",
                hint=f"give Derivatives.of a margin of at least {max(k0, k1) // 2}",
            )
        placed = torch.nn.functional.pad(kernels, (0, self.size[1] - k1, 0, self.size[0] - k0))
        return torch.fft.rfft2(placed.roll((-(k0 // 2), -(k1 // 2)), (1, 2)))[:, None]
