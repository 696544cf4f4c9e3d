"""``patches:PRIOR`` — pictures larger than a class: wherever one looks, an n × n patch is of the class.

    prior = invkit.prior("patches:gaussian:mine")            # of a class of 32 × 32 pixels, say
    prior = invkit.prior("patches:bounded:gaussian:mine")    # and between black and white
    kernel = invkit.prior("trajectory?size=15,longest=15")
    deblur = invkit.compose("linconv?boundary=unknown", [kernel, prior], "evidence")
    deblur("page.png")                                       # of any size: one kernel, one image

Of a blurred picture each window tells of one patch alone, and one kernel has blurred all of them: see
:mod:`invkit_gaussian.patches_marginal`. A picture of the class's own size is as by PRIOR alone.

A Gaussian of patches that were cut anywhere is nearly stationary. Its evidence then depends on a kernel's
power spectrum alone, so a kernel and the same kernel turned by 180° have the same evidence. Bounds tell them
apart where pictures have black or white parts.

As a generator, for any other solver, it makes a picture of overlapping patches. Each has a latent of its own,
and they are blended as in :class:`invkit_gaussian.windows.Layout`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import ShapeError, SpecError
from invkit.plugin.building import build
from invkit.plugin.registry import Registry
from invkit.plugin.specs import Spec
from invkit_gaussian.bounded import Bounded
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.patches_marginal import PatchesMarginal
from invkit_gaussian.windows import Layout

__all__ = ["Patches"]

#: marginals of at most so many components are coarse
_COARSE = 16


class Patches(IntegrableGenerator):
    """Pictures whose patches are of a class.

    Args:
        inner: the class.
        shape: of the pictures, (channels, height, width); none: it follows from the measurement.

    Raises:
        ShapeError: pictures that are smaller than a patch, or of other channels.
    """

    role = "image"

    def __init__(self, inner: Gaussian | Bounded, shape: Shape | None = None) -> None:
        super().__init__()
        self.inner = inner
        #: the digest of the class's weights file, which configurations name
        self.sha256 = inner.sha256
        self.signal_shape = self.latent_shape = None
        if shape is None:
            return
        patch = inner.signal_shape or ()
        if len(shape) != 3 or shape[0] != patch[0] or min(shape[1] - patch[1], shape[2] - patch[2]) < 0:
            raise ShapeError(
                f"pictures of shape {tuple(shape)} have no patches of shape {patch}",
                hint="give pictures of as many channels that are no smaller, e.g. `--grey` for a grey class",
            )
        self._layout = Layout.over((shape[1], shape[2]), (patch[1], patch[2]), overlap=2)
        self._each = (inner.latent_shape or (0,))[0]
        self.signal_shape, self.latent_shape = tuple(shape), (len(self._layout.index) * self._each,)

    @classmethod
    def from_spec(cls, name: str, *, registry: Registry) -> Patches:
        """Build ``patches:PRIOR``.

        Args:
            name: the spec of the class, the ``?`` of its own options written %3F.

        Raises:
            SpecError: the class is neither a Gaussian nor a bounded one.
        """
        inner = build(registry, "prior", Spec.parse(name))
        if not isinstance(inner.inner if isinstance(inner, Bounded) else inner, Gaussian):
            raise SpecError(
                f"the prior {name!r} is no Gaussian class",
                hint="write patches:gaussian:NAME or patches:bounded:gaussian:NAME",
            )
        return cls(inner)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The picture of every latent, patch by patch; not clipped."""
        if self.signal_shape is None:
            raise ShapeError("this prior has no shape yet", hint="call prior.shaped(…)")
        own = latent.reshape(-1, self._each)
        patches = self.inner(own).reshape(len(latent), -1, self.signal_shape[0], self._layout.index.shape[1])
        middle = self.inner(torch.zeros_like(own[:1])).flatten(2)[:, None]
        windows = middle.expand_as(patches).transpose(1, 2)
        return self._layout.blended(windows, (patches - middle).transpose(1, 2))

    def marginal(self, y: Float[Tensor, "n c h w"], *, rank: int | None = None) -> PatchesMarginal:
        """The marginal likelihood of measurements; ``rank`` is that of the class.

        Of at most 16 components it is that of means of 2 × 2 pixels. Without a rank it is of all colour axes,
        else of the first.
        """
        gaussian = self.inner.inner if isinstance(self.inner, Bounded) else self.inner
        assert isinstance(gaussian, Gaussian)
        return PatchesMarginal(
            gaussian.moments.truncated(rank).to(y),
            y,
            coarse=rank is not None and rank <= _COARSE,
            axes=y.shape[1] if rank is None else 1,
            bounds=self.inner.interval if isinstance(self.inner, Bounded) else None,
        )

    def shaped(self, signal_shape: Shape) -> Generator:
        """The prior of pictures of a shape: the class itself where that is its own."""
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        if tuple(signal_shape) == self.inner.signal_shape:
            return self.inner
        return Patches(self.inner, tuple(signal_shape))
