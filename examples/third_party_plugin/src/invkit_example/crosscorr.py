"""Circular cross-correlation: ``y[i] = Σ_j w[j] x[i + j]``, the map behind template matching.

    op = invkit.operator("crosscorr")
    y = op(w, x)                    # w (n, c, h, w) no larger than x (n, c, H, W); y is as large as x

With the discrete Fourier transform ``F`` and ``w`` filled up with zeros, ``F y = conj(F w) · F x``:
convolution with the template turned round. Only the forward map is written; both adjoints follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit import BilinearOperator, InputError, ShapeError

Shape = tuple[int, ...]


class CrossCorrelation(BilinearOperator):
    """Circular cross-correlation of images, channel by channel; its ambiguity is the scaling."""

    def forward(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *y"]:
        """Return ``y[i] = Σ_j w[j] x[i + j]`` for every pair, indices modulo the size of ``x``."""
        self.output_shape(tuple(w.shape[1:]), tuple(x.shape[1:]))
        if w.is_complex() or x.is_complex():
            raise InputError(f"crosscorr takes real signals, got {w.dtype} and {x.dtype}")
        dims = tuple(x.shape[-2:])
        spectrum = torch.fft.rfft2(w, s=dims).conj() * torch.fft.rfft2(x)
        y: Tensor = torch.fft.irfft2(spectrum, s=dims)
        return y

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        """Return ``x_shape``.

        Raises:
            ShapeError: other numbers of channels, or a template larger than the image.
        """
        fits = w_shape[0] == x_shape[0] and all(a <= b for a, b in zip(w_shape[1:], x_shape[1:], strict=True))
        if not fits:
            raise ShapeError(
                f"a template of shape {w_shape} and an image of shape {x_shape}",
                hint="give both the same channels, and a template no larger than the image",
            )
        return x_shape

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        """Return both shapes: ``x`` is as large as ``y``, and so is ``w`` where nothing else is known."""
        return super().infer_shapes(y_shape, w_shape or y_shape, x_shape or y_shape)

    def example_shapes(self) -> Sequence[tuple[Shape, Shape]]:
        """Return shapes for invkit's checks: equal, smaller, odd, several channels."""
        return [((1, 6, 6), (1, 6, 6)), ((1, 3, 2), (1, 5, 7)), ((3, 2, 2), (3, 4, 5))]
