"""``mixture:A+B`` — an image is of one of several classes, and which is not known.

    prior = invkit.prior("mixture:gaussian:celeba+spectrum")            # a face, or any image of its size
    prior = invkit.prior("mixture:gaussian:celeba+spectrum?weights=0.9x0.1")
    prior.marginal(y).responsibilities(linear, nuisance, variance)      # which class is it?

    p(x) = Σ_k π_k p_k(x)

of priors that can be integrated out, joined by ``+`` and written as usual (the ``?`` of a component's own
options as %3F). They must make images of one shape; those that fit any take that of the others. As a
generator, the first number of the latent chooses the component: u = Φ(latent₀) is uniform, and lies in
the k-th of intervals of lengths π_k. The rest is the latent of that component, whose length may be less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.contracts.marginal import IntegrableGenerator
from invkit.errors import InputError, ShapeError, SpecError
from invkit.plugin.building import build
from invkit.plugin.registry import Registry
from invkit.plugin.specs import Spec
from invkit_gaussian.mixture_marginal import MixtureMarginal

__all__ = ["Mixture"]


class Mixture(IntegrableGenerator):
    """One of several priors, by chance.

    Args:
        components: of flat latents, N(0, I) a priori, and of one shape or any.
        weights: π, above 0; scaled to sum 1. None: equal.

    Raises:
        InputError: no components, or weights that are not one positive number each.
        ShapeError: components of different shapes.
    """

    shares: Tensor

    def __init__(
        self, components: Sequence[IntegrableGenerator], weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        if not components:
            raise InputError("the mixture names no prior", hint="write mixture:gaussian:celeba+spectrum")
        given = [1.0] * len(components) if weights is None else list(weights)
        if len(given) != len(components) or not all(0 < weight < float("inf") for weight in given):
            raise InputError(
                f"weights {given} for {len(components)} components",
                hint="give one positive number each, e.g. weights=0.9x0.1",
            )
        self.components = nn.ModuleList(_of_one_shape(components))
        self.signal_shape = self._parts()[0].signal_shape
        self.latent_shape = None if self.signal_shape is None else (1 + max(map(_length, self._parts())),)
        self.can_encode = all(part.can_encode for part in self._parts())
        roles = {part.role for part in self._parts()}
        self.role = roles.pop() if len(roles) == 1 else "any"
        total = torch.tensor(given, dtype=torch.float64, device="cpu")
        #: of the components' weights together, for configurations; none where none has any
        digests = [getattr(part, "sha256", None) or "" for part in self._parts()]
        self.sha256 = hashlib.sha256("+".join(digests).encode()).hexdigest() if any(digests) else None
        self.register_buffer("shares", total / total.sum(), persistent=False)

    @classmethod
    def from_spec(cls, name: str, weights: tuple[float, ...] | None = None, *, registry: Registry) -> Mixture:
        """Build ``mixture:A+B``.

        Args:
            name: the components' specs, joined by ``+``.
            weights: π, one number a component; none: equal.

        Raises:
            SpecError: a component is missing, or cannot be integrated out.
        """
        components = []
        for text in name.split("+"):
            part = build(registry, "prior", Spec.parse(text))
            if not isinstance(part, IntegrableGenerator):
                raise SpecError(
                    f"the prior {text!r} cannot be integrated out", hint="mix gaussian:NAME and spectrum"
                )
            components.append(part)
        return cls(components, weights)

    def forward(self, latent: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """The image that the chosen component makes of every latent."""
        if self.signal_shape is None:
            raise ShapeError("this prior has no shape yet", hint="call prior.shaped(…)")
        chosen = self._chosen(latent[:, 0]).reshape(-1, *[1] * len(self.signal_shape))
        made = latent.new_zeros(len(latent), *self.signal_shape)
        for number, part in enumerate(self._parts()):
            # Whole batches, so that the last bits of an image do not depend on what its neighbours choose.
            made = torch.where(chosen == number, part(latent[:, 1 : 1 + _length(part)]), made)
        return made

    def encode(self, signal: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The latent of the component that has the least penalty for each image.

        That is which component finds the image the least unusual among its own, not the most probable one,
        for which see :meth:`MixtureMarginal.responsibilities`.
        """
        if not self.can_encode or self.latent_shape is None:
            return super().encode(signal)
        codes = []
        ends = self.shares.cumsum(0)
        for number, part in enumerate(self._parts()):
            code = part.encode(signal)
            middle = torch.special.ndtri(ends[number] - self.shares[number] / 2).to(signal)
            free = signal.new_zeros(len(signal), self.latent_shape[0] - 1 - code.shape[1])
            codes.append(torch.cat([middle.expand(len(signal), 1), code, free], 1))
        every = torch.stack(codes, 1)
        least = every[:, :, 1:].square().sum(2).argmin(1)
        return every[torch.arange(len(signal), device=least.device), least]

    def marginal(self, y: Float[Tensor, "n *y"], *, rank: int | None = None) -> MixtureMarginal:
        """The marginal likelihood of measurements; ``rank`` is of every component."""
        return MixtureMarginal([part.marginal(y, rank=rank) for part in self._parts()], self.shares.to(y))

    def select(self, index: Tensor) -> Generator:
        parts = [cast("IntegrableGenerator", part.select(index)) for part in self._parts()]
        alike = all(part is own for part, own in zip(parts, self._parts(), strict=True))
        return self if alike else Mixture(parts, self.shares.tolist())

    def shaped(self, signal_shape: Shape) -> Generator:
        if self.signal_shape is None:
            parts = [cast("IntegrableGenerator", part.shaped(signal_shape)) for part in self._parts()]
            return Mixture(parts, self.shares.tolist())
        return super().shaped(signal_shape)

    def _parts(self) -> list[IntegrableGenerator]:
        return [cast("IntegrableGenerator", part) for part in self.components]

    def _chosen(self, normal: Float[Tensor, "n"]) -> Int[Tensor, "n"]:
        """The component whose interval Φ(normal) lies in."""
        ends = self.shares.cumsum(0)[:-1].to(normal.device)
        return torch.searchsorted(ends, torch.special.ndtr(normal.detach().double()))


def _of_one_shape(components: Sequence[IntegrableGenerator]) -> list[Generator]:
    """The components, those of any shape brought to that of the others."""
    shapes = {tuple(part.signal_shape) for part in components if part.signal_shape is not None}
    if len(shapes) > 1:
        raise ShapeError(
            f"a mixture of priors of the shapes {', '.join(map(str, sorted(shapes)))}",
            hint="mix priors of one shape",
        )
    return [part.shaped(shape) for shape in shapes for part in components] or list(components)


def _length(part: Generator) -> int:
    (length,) = part.latent_shape or (0,)
    return length
