"""The unitary discrete Fourier transform of every channel.

    F = invkit.linear("dft")                    # zero frequency first
    F = invkit.linear("dft?centred=true")       # zero frequency, and the signal's origin, at pixel size // 2

    (F x)[k] = N^{−1/2} Σ_p x[p] e^{−2πi k·p/N},        Fᴴ F = I
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit_linear.anyshape import AnyShape


class DFT(AnyShape):
    """``F``, over all axes after the channels; its output is complex.

    Args:
        centred: zero frequency and origin stand at pixel ``size // 2`` of each axis, as in k-space of MRI.
    """

    def __init__(self, centred: bool = False) -> None:
        super().__init__()
        self.centred = centred

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        x = torch.fft.ifftshift(x, axes) if self.centred else x
        made = torch.fft.fftn(x, dim=axes, norm="ortho")
        return torch.fft.fftshift(made, axes) if self.centred else made

    def adjoint(self, r: Tensor) -> Tensor:
        axes = tuple(range(2, r.ndim))
        r = torch.fft.ifftshift(r, axes) if self.centred else r
        made = torch.fft.ifftn(r, dim=axes, norm="ortho")
        return torch.fft.fftshift(made, axes) if self.centred else made

    def normal(self, x: Tensor) -> Tensor:
        """``Fᴴ F x = x``."""
        return x

    def made_of(self, input_shape: Shape) -> Shape:
        return input_shape

    def input_for(self, output_shape: Shape) -> Shape:
        return tuple(output_shape)
