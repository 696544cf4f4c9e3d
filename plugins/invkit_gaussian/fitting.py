"""From images to moments, as they stream by.

    moments = fit(batches, (3, 64, 64), rank=512, colour="joint")

``batches`` is called once for each pass and yields images (n, C, H, W); memory does not grow with their
number. The first passes find mean, colours and contrasts; then come those for the components (see
:mod:`invkit_gaussian.principal`); the last find the spectrum of what the components leave and, where asked
for, how images differ in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import InputError
from invkit_gaussian.colour import colour_axes, to_axes
from invkit_gaussian.moments import Colour, Moments, half_spectrum
from invkit_gaussian.principal import Batches, components
from invkit_gaussian.texture import texture_of

__all__ = ["fit"]

#: the least share of the largest power that a spectrum has: below it, single precision holds nothing
_FLOOR = 1e-6
#: colour axes along which an image varies less say nothing of the class's shapes: they are noise
_VISIBLE = 0.02
_SPREAD = 0.5


def fit(
    batches: Batches,
    shape: tuple[int, int, int],
    *,
    rank: int,
    colour: Colour,
    contrast: bool = False,
    texture: bool = False,
    seed: int = 0,
) -> Moments:
    """Fit the moments of a class.

    Args:
        batches: one pass over the images.
        shape: (C, H, W) of an image.
        rank: principal components, at most as many as an image has numbers (of axes: pixels).
        colour: joint or axes; see :mod:`invkit_gaussian.moments`.
        contrast: of joint: whether every image has a contrast of its own.
        texture: whether every image has a texture of its own.
        seed: of the sketch.

    Raises:
        InputError: a rank that the images cannot give; no images, or images that do not differ.
    """
    channels = shape[0] if colour == "joint" else 1
    numbers = channels * shape[1] * shape[2]
    if not 0 <= rank <= numbers:
        raise InputError(
            f"rank={rank}, but there are {numbers} components of images of {shape}",
            hint=f"choose a rank of 0 to {numbers}",
        )
    prepared = _joint(batches, shape, contrast) if colour == "joint" else _axes(batches, shape)
    images, mean, rotation, level, contrasts, spread = prepared
    directions, variances = components(images, numbers, rank, seed)
    spectrum = _remainder(images, directions, (channels, *shape[1:]))
    differing = _texture(images, directions, spectrum, shape[1:]) if texture else mean.new_zeros(2, 0)
    return Moments(
        colour=colour,
        mean=mean,
        basis=(directions * variances.sqrt()[:, None]).reshape(rank, channels, *shape[1:]),
        spectrum=spectrum,
        rotation=rotation,
        level=level,
        contrasts=contrasts,
        spread=spread,
        texture=differing,
    )


_Prepared = tuple[Batches, Tensor, Tensor, float, Tensor, float]


def _joint(batches: Batches, shape: tuple[int, int, int], contrast: bool) -> _Prepared:
    """Images beside their mean, on the principal axes of all pixels' colours about it."""
    total, count = torch.zeros(shape, dtype=torch.float64), 0
    for x in batches():
        total, count = total + x.double().sum(0), count + len(x)
    if not count:
        raise InputError("there are no images to fit", hint="choose another data set")
    mean = (total / count).float()
    scatter = torch.zeros(shape[0], shape[0], dtype=torch.float64)
    logs = []
    for x in batches():
        centred = (x - mean).flatten(2)
        scatter += torch.einsum("ncp,ndp->cd", centred, centred).double()
        logs.append(centred.flatten(1).square().mean(1).sqrt().clamp(min=1e-6).log())
    rotation = torch.linalg.eigh(scatter)[1].flip(-1).float()
    deviations = torch.cat(logs)
    typical = deviations.mean()

    def images() -> Iterator[Tensor]:
        for x in batches():
            centred = x - mean
            if contrast:
                size = centred.flatten(1).square().mean(1).sqrt().clamp(min=1e-6) / typical.exp()
                centred = centred / size[:, None, None, None]
            yield to_axes(rotation[None], centred)

    return images, mean, rotation, 0.0, mean.new_zeros(1 if contrast else 0), float(deviations.std())


def _axes(batches: Batches, shape: tuple[int, int, int]) -> _Prepared:
    """The leading colour axis of every image, its level taken out, scaled to unit variance.

    An image and its negative are equally typical, so the mean is flat.
    """
    levels, logs, scatter, count = [], [], torch.zeros(shape[0], shape[0]), 0
    for x in batches():
        axes, deviations = colour_axes(x)
        levels.append(x.mean((2, 3)))
        logs.append(deviations.clamp(min=1e-3).log())
        scatter = scatter + torch.einsum("nca,nda,na->cd", axes, axes, deviations.square())
        count += len(x)
    if not count:
        raise InputError("there are no images to fit", hint="choose another data set")
    level = torch.cat(levels)
    mean = level.mean(0)[:, None, None].expand(shape).clone()

    def images() -> Iterator[Tensor]:
        for x in batches():
            axes, deviations = colour_axes(x)
            first = torch.einsum("nc,nchw->nhw", axes[..., 0], x - x.mean((2, 3), keepdim=True))
            seen = deviations[:, 0] > _VISIBLE
            yield (first[seen] / deviations[seen, 0, None, None])[:, None]

    rotation = torch.linalg.eigh(scatter / count)[1].flip(-1)
    return images, mean, rotation, float(level.std()), torch.cat(logs).mean(0), _SPREAD


def _remainder(images: Batches, directions: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The mean squared modulus of the unitary half DFT of what the components leave."""
    total, count = torch.zeros(shape[0], shape[1], shape[2] // 2 + 1, dtype=torch.float64), 0
    for power in _left(images, directions):
        total += power.double().sum(0)
        count += len(power)
    spectrum = (total / max(count, 1)).float()
    if not float(spectrum.max()) > 0:
        raise InputError("the images are all alike: there is nothing to fit", hint="choose another data set")
    return spectrum.clamp(min=float(spectrum.max()) * _FLOOR)


def _texture(
    images: Batches, directions: Tensor, spectrum: Tensor, size: tuple[int, int]
) -> Float[Tensor, "2 3"]:
    """Mean and Cholesky factor of the covariance of the images' textures."""
    found = torch.cat([texture_of(power / spectrum, size) for power in _left(images, directions)])
    departures = found - found.mean(0)
    covariance = departures.T @ departures / len(found) + 1e-12 * torch.diag(found.new_ones(2))
    return torch.cat([found.mean(0)[:, None], torch.linalg.cholesky(covariance)], 1).float()


def _left(images: Batches, directions: Tensor) -> Iterator[Tensor]:
    """The squared modulus of the unitary half DFT of what the components leave of every image."""
    for x in images():
        rows = x.flatten(1)
        left = rows - (rows @ directions.T) @ directions
        yield half_spectrum(left.reshape(x.shape)).abs().square()
