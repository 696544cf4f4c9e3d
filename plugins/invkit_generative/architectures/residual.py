"""`residual`: principal components, bent by convolutions.

    network = build("residual", {"size": 64, "latent": 512})
    network.prepare(lambda: signals, variance=1e-3)   # the components of the training signals

The decoder is a linear map and a correction, and so is the encoder:

    decode(z) = L(z) + R(L(z))           L(z) = μ + Σ z_i b_i
    encode(x) = D Bᵀ(x − μ) + E(x)       with one variance per latent

where R and E are small residual networks that start as zero. `prepare` sets μ and b to mean and principal
components of the data, b_i = √λ_i v_i, and D to 1/(λ_i + variance): before the first step the VAE is the
exact probabilistic PCA of its data, and training can only bend it. That makes a large latent affordable on a
CPU: the linear part has nearly all the parameters and next to none of the cost.

In colour, the components live on luminance at full size and on two chrominances averaged over ``chroma`` ×
``chroma`` pixels, an orthonormal change of basis but for what the average drops.

Source: M. Tipping and C. Bishop, "Probabilistic Principal Component Analysis", 1999, eq. 6-8, for the start;
residual blocks: K. He and others, arXiv 1512.03385. The combination is ours.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from invkit.errors import WeightsError
from invkit.training.networks import zeroed
from invkit_generative.architectures.components import at_most, principal_components
from invkit_generative.architectures.network import Signals, VAENetwork

__all__ = ["ResidualVAE"]


class ResidualVAE(VAENetwork):
    """Linear maps between latent and signal, corrected by residual networks.

    Args:
        size: pixels of a side, a multiple of 2·patch.
        channels: 1 or 3.
        latent: its dimension.
        width: channels of the correction at ``size/patch`` pixels; twice as many at half of that.
        blocks: residual blocks at ``size/patch`` pixels; half of them before the coarser level, half after.
        inner: residual blocks at the coarser level.
        patch: pixels of a side that the correction sees as one.
        chroma: pixels of a side over which chrominance is averaged.
    """

    whitening: Tensor

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 512,
        width: int = 64,
        blocks: int = 4,
        inner: int = 3,
        patch: int = 4,
        chroma: int = 2,
    ) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise WeightsError(f"residual cannot make signals of {channels} channels", hint="choose 1 or 3")
        if min(size, latent, width, patch, chroma) < 1 or size % (2 * patch) or size % chroma:
            raise WeightsError(
                f"residual cannot make signals of {size} pixels with patch {patch} and chroma {chroma}",
                hint="choose a multiple of 2·patch and of chroma",
            )
        self.latent_shape, self.signal_shape = (latent,), (channels, size, size)
        self.basis = _Basis(size, channels, latent, chroma)
        self.correction = _Correction(channels, width, blocks, inner, patch)
        self.hint = _Hint(size, channels, latent, max(8, width // 2), patch)
        self.gain = nn.Parameter(torch.ones(latent))
        self.register_buffer("whitening", torch.ones(latent))
        self.log_variance = nn.Parameter(torch.zeros(latent))

    @torch.no_grad()
    def prepare(self, signals: Signals, variance: float) -> None:
        """Become the probabilistic PCA of the training signals, or of every so many where they are many."""
        (latent,) = self.latent_shape
        rows = self.basis.coordinates(at_most(signals()))
        mean, directions, spread = principal_components(rows, latent)
        self.basis.set(mean, directions.T * spread.sqrt()[:, None])
        self.whitening.copy_(1 / (spread + variance))
        self.log_variance.copy_((variance / (spread + variance)).log())

    def encode(self, signal: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        mean = self.basis.project(signal) * (self.gain * self.whitening) + self.hint(signal)
        return mean, self.log_variance.expand_as(mean)

    def decode(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """``L(z) + R(L(z))``, clipped to [0, 1] but in training, where clipping would stop the gradient."""
        linear = self.basis(latent)
        signal = linear + self.correction(linear)
        return signal if self.training else signal.clamp(0, 1)


class _Basis(nn.Module):
    """``L(z) = μ + Σ z_i b_i`` over luminance and averaged chrominance."""

    mix: Tensor

    def __init__(self, size: int, channels: int, latent: int, chroma: int) -> None:
        super().__init__()
        self.size, self.channels, self.chroma = size, channels, chroma
        mix = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
        self.register_buffer("mix", mix / mix.norm(dim=1, keepdim=True), persistent=False)
        dimension = size * size + (channels - 1) * (size // chroma) ** 2
        # Entries of b are small; kept near 1, Adam's steps of one size suit them and the networks alike.
        self.unit = dimension**-0.5
        self.vectors = nn.Parameter(torch.randn(latent, dimension) * 0.1)
        self.mean = nn.Parameter(torch.full((dimension,), 0.5 if channels == 1 else 0.0))

    def set(self, mean: Float[Tensor, "d"], vectors: Float[Tensor, "k d"]) -> None:
        self.mean.copy_(mean)
        self.vectors.copy_(vectors / self.unit)

    def coordinates(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        if self.channels == 1:
            return signal.flatten(1)
        mixed = torch.einsum("dc,nchw->ndhw", self.mix, signal)
        colour = functional.avg_pool2d(mixed[:, 1:], self.chroma) * self.chroma
        return torch.cat([mixed[:, 0].flatten(1), colour.flatten(1)], 1)

    def signal(self, coordinates: Float[Tensor, "n d"]) -> Float[Tensor, "n c h w"]:
        if self.channels == 1:
            return coordinates.unflatten(1, (1, self.size, self.size))
        side = self.size // self.chroma
        luminance = coordinates[:, : self.size**2].unflatten(1, (1, self.size, self.size))
        colour = coordinates[:, self.size**2 :].unflatten(1, (2, side, side))
        colour = colour.repeat_interleave(self.chroma, 2).repeat_interleave(self.chroma, 3) / self.chroma
        return torch.einsum("dc,ndhw->nchw", self.mix, torch.cat([luminance, colour], 1))

    def project(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        return (self.coordinates(signal) - self.mean) @ self.vectors.T * self.unit

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        return self.signal(torch.addmm(self.mean, latent, self.vectors, alpha=self.unit))


class _Block(nn.Module):
    """``x + C(gelu(C(x)))``, the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(functional.gelu(self.first(x)))
        return result


class _Correction(nn.Module):
    """R: patches as channels, residual blocks at two levels, patches again; zero at first."""

    def __init__(self, channels: int, width: int, blocks: int, inner: int, patch: int) -> None:
        super().__init__()
        inside = channels * patch**2
        self.patch = patch
        self.enter = nn.Conv2d(inside, width, 3, padding=1)
        self.before = nn.Sequential(*(_Block(width) for _ in range(blocks // 2)))
        self.coarse = nn.Sequential(
            nn.Conv2d(width, 2 * width, 2, stride=2),
            *(_Block(2 * width) for _ in range(inner)),
            nn.Conv2d(2 * width, 4 * width, 1),
            nn.PixelShuffle(2),
        )
        self.after = nn.Sequential(*(_Block(width) for _ in range(blocks - blocks // 2)))
        self.leave = zeroed(nn.Conv2d(width, inside, 3, padding=1))

    def forward(self, linear: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        patches = functional.pixel_unshuffle(linear - 0.5, self.patch)
        features = self.before(self.enter(patches))
        features = self.after(features + self.coarse(features))
        return functional.pixel_shuffle(self.leave(functional.gelu(features)), self.patch)


class _Hint(nn.Module):
    """E: what the encoder adds to the linear projection; zero at first."""

    def __init__(self, size: int, channels: int, latent: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        side = size // (2 * patch)
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels * patch**2, width, 3, padding=1), _Block(width)),
            *(nn.Conv2d(width, 2 * width, 2, stride=2), _Block(2 * width)),
            *(nn.Conv2d(2 * width, width, 1), nn.GELU(), nn.Flatten()),
            *(nn.Linear(width * side**2, 128), nn.GELU(), zeroed(nn.Linear(128, latent))),
        )

    def forward(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        result: Tensor = self.layers(functional.pixel_unshuffle(signal - 0.5, self.patch))
        return result
