"""Kernels of simple shapes, by their few numbers: fitted to free kernels, then varied by the evidence.

    for candidate in members(view, ["disk?size=31", "motion?size=31"], free, side=63, rng=rng):
        candidate.kernel, candidate.family, candidate.numbers       # e.g. "disk", {"radius": 4.1}

A free kernel of much evidence shows roughly what it is: each family's encoder gives the member of the same
moments. Of those the best is varied, more and more finely. With one to three numbers a few judgements do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import pi

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit_photographs._fourier import fast_length
from invkit_photographs.pool import on_square
from invkit_photographs.view import View

__all__ = ["FREE", "Candidate", "correlation", "family", "members", "moved"]

FREE = "free"
"""The family of kernels that have no simple shape."""

#: of a family with one number, e.g. a radius, so many members over its whole range are judged, too
_GRID = 9
#: a member is judged only where it correlates by so much with a free kernel. Every family has members that
#: are nearly a single pixel, and they would win on pictures that are a little soft by themselves
_LIKE = 0.8
#: how far variations go in each generation, in latents of N(0, I), and how many there are
_STEPS, _CHILDREN = (0.3, 0.15, 0.07), 4
#: nats a derivative: families that are behind the free kernels by more are not varied
_BEHIND = 0.04


@attrs.frozen(eq=False)
class Candidate:
    """A kernel that may be the right one.

    Args:
        kernel: (P, P), odd, of full size, unit sum.
        scale: of the picture that it was found on; 1: exact.
        family: the name of its prior; ``free`` where it has no simple shape.
        numbers: what describes it, e.g. a radius in pixels.
    """

    kernel: Float[Tensor, "p p"]
    scale: float = 1.0
    family: str = FREE
    numbers: Mapping[str, float] = attrs.field(factory=dict)


def correlation(one: Float[Tensor, "p p"], other: Float[Tensor, "p p"]) -> float:
    """The normalised correlation of two kernels at their best shift, each a little smoothed."""
    size = (fast_length(2 * one.shape[0]), fast_length(2 * one.shape[1]))
    spectra = [torch.fft.rfft2(each, s=size) for each in (one, other)]
    waves = torch.fft.fftfreq(size[0])[:, None] ** 2 + torch.fft.rfftfreq(size[1]) ** 2
    spectra = [each * torch.exp(-2 * pi**2 * waves) for each in spectra]  # σ = 1 pixel
    energy = [torch.fft.irfft2(each * each.conj(), s=size)[0, 0] for each in spectra]
    product = torch.fft.irfft2(spectra[0] * spectra[1].conj(), s=size).max()
    return float(product / (energy[0] * energy[1]).sqrt())


def moved(kernel: Float[Tensor, "p p"], to: Float[Tensor, "p p"]) -> Float[Tensor, "p p"]:
    """A kernel moved by whole pixels to where it correlates best with another; what leaves comes back on the
    other side.
    """
    size = (2 * kernel.shape[0], 2 * kernel.shape[1])
    spectra = [torch.fft.rfft2(each, s=size) for each in (to, kernel)]
    place = int(torch.fft.irfft2(spectra[0] * spectra[1].conj(), s=size).argmax())
    return kernel.roll(divmod(place, size[1]), (0, 1))


def _likeness(kernels: Float[Tensor, "n p p"], free: Float[Tensor, "k p p"]) -> Float[Tensor, "n"]:
    """The correlation of each with the free kernel that is nearest."""
    return torch.tensor([max(correlation(one, each) for each in free) for one in kernels])


def family(spec: str) -> invkit.Generator:
    """The prior of a family of kernels with a few numbers.

    Raises:
        InputError: it is none.
    """
    prior = invkit.prior(spec)
    few = prior.latent_shape is not None and len(prior.latent_shape) == 1
    if prior.role != "kernel" or not few or not prior.can_encode:
        raise InputError(
            f"{spec} is no family of kernels with a few numbers and an encoder",
            hint="name priors such as disk, gaussian-blur or motion",
        )
    return prior


def members(
    view: View,
    families: Sequence[str],
    free: Float[Tensor, "k p p"],
    best: float,
    rng: torch.Generator,
) -> Iterator[Candidate]:
    """The best member of each family.

    Args:
        view: what they are judged on.
        families: specs of priors.
        free: the best free kernels.
        best: the evidence of the best of them.
        rng: for variations.
    """
    side = free.shape[-1]
    for spec in families:
        prior = family(spec)

        def kernels(latents: Tensor, prior: invkit.Generator = prior) -> Tensor:
            return torch.stack([on_square(each[0], side) for each in prior(latents)])

        with torch.no_grad():
            own = (prior.signal_shape or ())[-1]
            latents = prior.encode(torch.stack([on_square(each, own) for each in free])[:, None])
            latents = latents.clamp(-3, 3)
            if latents.shape[1:].numel() == 1:
                latents = torch.cat([latents, torch.linspace(-2, 2, _GRID).reshape(-1, *latents.shape[1:])])
            made = kernels(latents)
            like = _likeness(made, free).nan_to_num(nan=-torch.inf)
            alike = like >= min(_LIKE, float(like.max()))
            latents, value = latents[alike], view.evidence(made[alike])
            for step in _STEPS if value.max() > best - _BEHIND else ():
                varied = latents[value.argmax()] + step * torch.randn(
                    _CHILDREN, *latents.shape[1:], generator=rng
                )
                latents = torch.cat([latents, varied])
                value = torch.cat([value, view.evidence(kernels(varied))])
            chosen = latents[value.argmax()][None]
            numbers = {name: float(each[0]) for name, each in prior.numbers(chosen).items()}
            yield Candidate(kernels(chosen)[0], 1.0, spec.partition("?")[0], numbers)
