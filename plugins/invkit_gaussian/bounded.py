"""``bounded:PRIOR`` — images of a Gaussian prior that keep to the range of a camera.

    prior = invkit.prior("bounded:spectrum")
    prior = invkit.prior("bounded:gaussian:objects")
    prior = invkit.prior("bounded:spectrum?upper=4095")      # of a camera of 12 bits

A Gaussian knows no bounds. Its posterior mean x̂ given a wrong kernel rings beyond them, most where a
plain background is as white as can be; so that all images keep to them says much about the kernel. How
improbable the closest image within bounds is, given y, adds to the evidence: see
:mod:`invkit_gaussian.bounded_marginal`.

The bounds are known to the evidence and to the posterior. As a generator, for any other solver, it is the
prior as it was.
"""

from __future__ import annotations

from typing import cast

from jaxtyping import Float
from torch import Tensor

from invkit.contracts.calibration import Calibration
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import InputError, SpecError
from invkit.plugin.building import build
from invkit.plugin.registry import Registry
from invkit.plugin.specs import Spec
from invkit_gaussian.bounded_marginal import BoundedMarginal
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.larger import by_patches
from invkit_gaussian.spectrum import Spectrum

__all__ = ["Bounded"]


class Bounded(IntegrableGenerator):
    """A Gaussian prior whose images have bounds.

    Args:
        inner: the prior without.
        lower: the least value of a pixel.
        upper: the largest.

    Raises:
        InputError: bounds that leave nothing in between.
    """

    def __init__(self, inner: Gaussian | Spectrum, lower: float = 0.0, upper: float = 1.0) -> None:
        super().__init__()
        if not lower < upper:
            raise InputError(f"images between {lower} and {upper}", hint="give a lower bound below the upper")
        self.inner = inner
        #: the digest of the class's weights file, which configurations name
        self.sha256 = getattr(inner, "sha256", None)
        self.file = inner.file
        self.calibration = Calibration.of_weights(getattr(inner, "card", {}), "bounded")
        self.interval = (float(lower), float(upper))
        self.latent_shape, self.signal_shape = inner.latent_shape, inner.signal_shape
        self.can_encode, self.role = inner.can_encode, inner.role

    @classmethod
    def from_spec(cls, name: str, lower: float = 0.0, upper: float = 1.0, *, registry: Registry) -> Bounded:
        """Build ``bounded:PRIOR``.

        Args:
            name: the spec of the prior, the ``?`` of its own options written %3F.
            lower: the least value of a pixel.
            upper: the largest.

        Raises:
            SpecError: the prior is neither a Gaussian class nor a spectrum.
        """
        inner = build(registry, "prior", Spec.parse(name))
        if not isinstance(inner, Gaussian | Spectrum):
            raise SpecError(
                f"the prior {name!r} is no Gaussian", hint="write bounded:gaussian:NAME or bounded:spectrum"
            )
        return cls(inner, lower, upper)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The image of every latent, by the prior without bounds; not clipped."""
        made: Tensor = self.inner(latent)
        return made

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The latent that makes each image."""
        return self.inner.encode(signal)

    def marginal(self, y: Float[Tensor, "n *y"], *, rank: int | None = None) -> BoundedMarginal:
        """The marginal likelihood of measurements, to a bound; ``rank`` is the inner prior's."""
        return BoundedMarginal(self.inner.marginal(y, rank=rank), self.interval)

    def instead(self, signal_shape: Shape) -> str | None:
        """Larger pictures are recovered by patches."""
        return by_patches(self, signal_shape)

    def select(self, index: Tensor) -> Generator:
        inner = self.inner.select(index)
        return self if inner is self.inner else Bounded(cast("Gaussian | Spectrum", inner), *self.interval)

    def shaped(self, signal_shape: Shape) -> Generator:
        if self.signal_shape is None:
            return Bounded(cast("Spectrum", self.inner.shaped(signal_shape)), *self.interval)
        return super().shaped(signal_shape)
