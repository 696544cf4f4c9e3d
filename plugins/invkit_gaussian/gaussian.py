"""``gaussian:NAME`` — a class of images as a Gaussian: principal components and a spectrum for the rest.

    prior = invkit.prior("gaussian:celeba?rank=128")
    prior(prior.sample_latent(4, rng))             # (4, 3, 64, 64)
    prior.marginal(y)                              # its image integrated out, see invkit.contracts.marginal

As a generator it makes an image of a white latent (z, e): of r numbers for the components and one for each
pixel and channel for the remainder,

    x = μ + Q (V Λ^½ z + F⁻¹ S^½ F e),     (z, e) ~ N(0, I),

so that with the penalty ‖(z, e)‖² any solver minimises a Gaussian's negative log-density. Contrasts and
colour axes are then those typical of the class. See :mod:`invkit_gaussian.moments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.calibration import Calibration
from invkit.contracts.linear import Shape
from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import InputError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit.training.networks import require_finite
from invkit_gaussian.colour import to_axes, to_channels
from invkit_gaussian.fourier import Block
from invkit_gaussian.larger import by_patches
from invkit_gaussian.marginal import GaussianMarginal
from invkit_gaussian.moments import Moments, half_spectrum, signal_of
from invkit_gaussian.stored import moments_from

__all__ = ["Gaussian"]

#: marginals of at most so many components are of low frequencies alone, this share of the largest
_COARSE, _LOW = 16, 0.5
#: marginals of more, up to so many, leave components to the spectrum in bins where their variance is less
#: than this share of the spectrum's
_SPARSE, _LEAST = 64, 0.5


class Gaussian(IntegrableGenerator):
    """A class of images as a Gaussian.

    Args:
        moments: what is known of the class.
        card: what is known of the weights; see `invkit.files.store`.
        sha256: of the weights file, where they come from one.
        file: that file.

    Raises:
        InputError: a spectrum that is not positive.
    """

    mean: Tensor
    basis: Tensor
    amplitude: Tensor
    mix: Tensor
    typical: Tensor
    role = "image"
    can_encode = True

    def __init__(
        self,
        moments: Moments,
        card: Mapping[str, Any] | None = None,
        sha256: str | None = None,
        file: Path | None = None,
    ) -> None:
        super().__init__()
        if not bool((moments.spectrum > 0).all()):
            raise InputError("the spectrum of a Gaussian prior is not positive", hint="fit it anew")
        self.moments = moments
        self.card, self.sha256, self.file = dict(card or {}), sha256, file
        self.calibration = Calibration.of_weights(self.card, "gaussian")
        channels, height, width = moments.mean.shape
        self._size = (height, width)
        typical = _typical(moments)
        power = typical[:, None, None].square() * moments.spectrum.expand(channels, -1, -1)
        power = power.clone()
        power[:, 0, 0] += moments.level**2 * height * width
        self.register_buffer("mean", moments.mean, persistent=False)
        self.register_buffer("basis", moments.basis, persistent=False)
        self.register_buffer("amplitude", power.sqrt(), persistent=False)
        self.register_buffer("mix", moments.rotation, persistent=False)
        self.register_buffer("typical", typical, persistent=False)
        self.signal_shape = tuple(moments.mean.shape)
        #: the components' latents: r of them, or r for every axis
        self._components = moments.rank * (1 if moments.colour == "joint" else channels)
        self.latent_shape = (self._components + moments.mean.numel(),)
        self._blocks: dict[tuple[Any, ...], tuple[Moments, Block, Block]] = {}
        self._encoders: dict[tuple[Any, ...], tuple[Tensor, Tensor, Tensor]] = {}

    @classmethod
    def from_spec(cls, name: str, rank: int | None = None, *, registry: Registry) -> Gaussian:
        """Build ``gaussian:name``: a shipped prior, one in the user store, or the path of a weights file.

        Args:
            name: of the class, or a path.
            rank: principal components to keep; the spectrum takes over what the others held. None: all.
        """
        trained = store.load(registry, "gaussian", name, called="Gaussian")
        built = cls(moments_from(trained).truncated(rank), trained.card, trained.sha256, trained.path)
        require_finite(trained, built(built.sample_latent(2, torch.Generator().manual_seed(0))))
        return built

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The image of every latent; not clipped."""
        channels, (height, width) = len(self.mean), self._size
        z, e = latent[:, : self._components], latent[:, self._components :]
        white = e.reshape(-1, channels, height, width)
        rest = signal_of(half_spectrum(white) * self.amplitude.to(latent), self._size)
        return self.mean.to(latent) + to_channels(self.mix.to(latent)[None], rest + self._span(z))

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The most probable latent of each image, which makes it exactly: ``Bᵀ (B Bᵀ)⁻¹ (x − μ)``.

        By Woodbury's identity, with the spectrum's part diagonal in the DFT.
        """
        columns, whitened, small = self._normal(signal)
        g = to_axes(self.mix.to(signal)[None], signal - self.mean.to(signal))
        z = torch.cholesky_solve((g.flatten(1) @ whitened.T).double().T, small).T.to(signal)
        rest = half_spectrum(g - (z @ columns).reshape(g.shape)) / self.amplitude.to(signal)
        return torch.cat([z, signal_of(rest, self._size).flatten(1)], 1)

    def marginal(self, y: Float[Tensor, "n *y"], *, rank: int | None = None) -> GaussianMarginal:
        """The evidence of measurements; see :class:`invkit.contracts.marginal.IntegrableGenerator`.

        Where the operator is a circular convolution, an evidence of few components is made quicker, and a
        little coarser. Up to 16 components it is that of the lower half of the frequencies, a quarter of all:
        what the first stages of a search ask for is there. With 17 to 64 it leaves components to the spectrum
        in every bin where their variance is less than half of the spectrum's.
        """
        rank = rank if rank is None or rank <= _SPARSE or rank < self.moments.rank else None
        key = (rank, y.dtype, y.device)
        if key not in self._blocks:
            moments = self.moments.truncated(rank).to(y)
            block = Block(moments.basis, moments.spectrum, moments.level)
            self._blocks[key] = moments, block, _seen(block, rank)
        return GaussianMarginal(*self._blocks[key], y)

    def instead(self, signal_shape: Shape) -> str | None:
        """Larger pictures are recovered by patches."""
        return by_patches(self, signal_shape)

    def _normal(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What encoding needs of the prior alone, kept: U = V Λ^½ as rows, U S⁻¹, and in double precision the
        Cholesky factor of I + U S⁻¹ Uᵀ.
        """
        key = (like.dtype, like.device)
        if key not in self._encoders:
            units = torch.eye(self._components, dtype=like.dtype, device=like.device)
            columns = self._span(units)
            bins = half_spectrum(columns) / self.amplitude.to(like).square()
            whitened = signal_of(bins, self._size).flatten(1)
            small = (units + whitened @ columns.flatten(1).T).double()
            self._encoders[key] = columns.flatten(1), whitened, torch.linalg.cholesky((small + small.T) / 2)
        return self._encoders[key]

    def _span(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """``V Λ^½ z`` in colour coordinates, contrasts included."""
        basis = self.basis.to(z)
        if self.moments.colour == "joint":
            return (z @ basis.flatten(1)).reshape(-1, *basis.shape[1:]) * self.typical.to(z)[:, None, None]
        coefficients = z.reshape(len(z), len(self.mean), len(basis)) * self.typical.to(z)[:, None]
        return torch.einsum("nar,rhw->nahw", coefficients, basis[:, 0])


def _seen(block: Block, rank: int | None) -> Block:
    """The part of a block that an evidence of this rank takes into account."""
    if rank is None or rank > _SPARSE:
        return block
    return block.within(_LOW) if rank <= _COARSE else block.concentrated(_LEAST)


def _typical(moments: Moments) -> Float[Tensor, "c"]:
    """The typical contrast of every colour axis."""
    channels = len(moments.mean)
    if len(moments.contrasts) == channels:
        return moments.contrasts.exp()
    one = moments.contrasts.exp() if len(moments.contrasts) else moments.mean.new_ones(1)
    return one.expand(channels).clone()
