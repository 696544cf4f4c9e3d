"""A lens out of focus as a prior: a uniform disk of unknown radius, one number.

    kernel = invkit.prior("disk?largest=6")
    w = kernel(torch.tensor([[0.0]]))                        # of radius 3.25

With a latent h ~ N(0, 1) the radius is

    r = least + (largest − least) Φ(h)  ~ U(least, largest)

Every pixel holds its exact share of the disk (see :mod:`invkit_blurs.disk`), so the kernel has a gradient in
h at every radius.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

import invkit
from invkit_blurs.disk import check_radii, disk_kernels
from invkit_blurs.laws import normal, uniform
from invkit_blurs.moments import moments

__all__ = ["DiskPrior"]


class DiskPrior(invkit.Generator):
    """Uniform disks of unit sum, radius uniform in [least, largest].

    Args:
        size: pixels in height and width of the kernels, at least 2.
        largest: largest radius in pixels, above ``least`` and at most half of ``size``.
        least: least radius, at least 0.5. With an even size all disks of radius up to 1 are the same kernel,
            the four middle pixels.

    Raises:
        InputError: an empty or unusable range of radii.
    """

    role = "kernel"
    can_encode = True

    def __init__(self, size: int = 28, largest: float = 10.0, least: float = 0.5) -> None:
        super().__init__()
        check_radii(size, least, largest, "least < largest", apart=True)
        self.size, self.largest, self.least = size, float(largest), float(least)
        self.latent_shape, self.signal_shape = (1,), (1, size, size)

    def forward(self, latent: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1 size size"]:
        return disk_kernels(uniform(latent[:, 0], self.least, self.largest), self.size)

    def numbers(self, latent: Float[Tensor, "n 1"]) -> dict[str, Float[Tensor, "n"]]:
        """The ``radius`` in pixels."""
        return {"radius": uniform(latent[:, 0], self.least, self.largest)}

    def encode(self, signal: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n 1"]:
        """The disk of the same second moment: r² / 4 in each axis, and 1/12 that the pixels add.

        That sum is exact to some per cent at radii of a few pixels, and less so below 1.
        """
        spread, _ = moments(signal)
        return normal(2 * (spread - 1 / 12).clamp(min=0).sqrt(), self.least, self.largest)[:, None]
