"""Free pixels of an image whose shape follows from the measurement: the latent is the image itself.

    class Flat(Pixels):
        def penalty(self, latent, signal): ...
        def alike(self): return Flat()
"""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.errors import ShapeError

__all__ = ["Pixels"]


class Pixels(Generator):
    """``C(m) = m`` for images, (channels, height, width); a penalty says what they look like."""

    role = "image"
    can_encode = True

    def __init__(self) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = None

    @abstractmethod
    def alike(self) -> Pixels:
        """A prior with the same options and no shape."""

    def forward(self, latent: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return latent.clone()

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return signal.clone()

    def shaped(self, signal_shape: Shape) -> Generator:
        """The same prior with the shape given; raises :class:`invkit.ShapeError` where it has another, or the
        shape is no image's.
        """
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        if len(signal_shape) != 3 or min(signal_shape) < 1:
            raise ShapeError(
                f"{type(self).__name__} is a prior of images, got the shape {tuple(signal_shape)}",
                hint="use an operator that measures images, (channels, height, width)",
            )
        tied = self.alike()
        tied.signal_shape = tied.latent_shape = tuple(signal_shape)
        return tied
