"""Priors made of priors: independent parts side by side, and one unknown tied to the other.

    invkit.product([kernel, kernel, kernel])              # three kernels, along the channels
    invkit.prior("product:trajectory?count=3")            # the same by name
    invkit.prior("tied")                                  # of w: w is x
    invkit.prior("tied?conjugate=true")                   # of w: w is the conjugate of x

Several kernels or sources are one ``w`` whose parts are independent. Phase retrieval is the tied case:
``|a·x|² = (ā·x̄)(a·x)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.errors import InputError, ShapeError, counted

__all__ = ["Product", "Tied", "product"]


def product(parts: Sequence[Generator]) -> Generator:
    """Independent signals side by side along the channels; see :class:`Product`.

    Args:
        parts: the prior of each; each has a shape, or none has one.

    Raises:
        InputError: no parts, something that is no prior, or parts with shape beside parts without.
        ShapeError: parts that differ in more than their channels.
    """
    return Product(parts)


class Product(Generator):
    """Independent parts side by side along the channels: ``−log p`` is the sum of the parts'.

    The latents of the parts stand flat behind one another. Where a part is complex all are kept as complex
    numbers, of which real parts take the real part.
    """

    def __init__(self, parts: Sequence[Generator]) -> None:
        super().__init__()
        if not parts or not all(isinstance(each, Generator) and not each.ties for each in parts):
            raise InputError(
                "a product is made of one prior or more, none of them tied", hint="give a list of priors"
            )
        shapes = [each.signal_shape for each in parts]
        if None in shapes and any(shapes):
            raise InputError(
                "a product of priors with a shape and priors without",
                hint="give each a shape: prior.shaped((channels, height, width))",
            )
        self.parts: Sequence[Generator] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.can_encode = all(each.can_encode for each in parts)
        self.has_prox = all(each.has_prox for each in parts)
        self.affine = all(each.affine for each in parts)
        fields = {each.field for each in parts}
        self.field = "complex" if "complex" in fields else "any" if "any" in fields else "real"
        roles, bounds = {each.role for each in parts}, {each.bounds for each in parts}
        self.role = roles.pop() if len(roles) == 1 else "any"
        self.bounds = bounds.pop() if len(bounds) == 1 else None
        weights = {each.penalty_weight for each in parts}
        self.penalty_weight = weights.pop() if len(weights) == 1 else None
        self.latent_shape = self.signal_shape = None
        if None in shapes:
            return
        dims = {tuple(each.signal_shape or ())[1:] for each in parts}
        if len(dims) > 1:
            raise ShapeError(
                f"parts of shapes {' and '.join(map(str, shapes))} do not stand side by side",
                hint="give parts that differ in their channels alone",
            )
        self._channels = [(each.signal_shape or (0,))[0] for each in parts]
        self._lengths = [prod(each.latent_shape or ()) for each in parts]
        self.signal_shape = (sum(self._channels), *dims.pop())
        self.latent_shape = (sum(self._lengths),)

    def forward(self, latent: Inexact[Tensor, "n k"]) -> Inexact[Tensor, "n *signal"]:
        return torch.cat([part(own) for part, own in self._latents(latent)], 1)

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Inexact[Tensor, "n k"]:
        drawn = [each.sample_latent(n, rng, dtype=dtype, device=device).flatten(1) for each in self.parts]
        return torch.cat([each.to(self.latent_dtype(dtype)) for each in drawn], 1)

    def penalty(
        self, latent: Inexact[Tensor, "n k"], signal: Inexact[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """The sum of the parts' penalties."""
        pairs = zip(self._latents(latent), self._signals(signal), strict=True)
        made: Tensor = sum(part.penalty(own, its) for (part, own), (_, its) in pairs)  # type: ignore[assignment]
        return made

    def prox(
        self, signal: Inexact[Tensor, "n *signal"], t: float | Float[Tensor, "n"]
    ) -> Inexact[Tensor, "n *signal"]:
        """Each part's own."""
        if not self.has_prox:
            return super().prox(signal, t)
        return torch.cat([part.prox(its, t) for part, its in self._signals(signal)], 1)

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n k"]:
        if not self.can_encode:
            return super().encode(signal)
        latents = [part.encode(its).flatten(1) for part, its in self._signals(signal)]
        dtype = self.latent_dtype(signal.dtype)
        return torch.cat([each.to(dtype) for each in latents], 1)

    def shaped(self, signal_shape: Shape) -> Generator:
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        channels, count = signal_shape[0], len(self.parts)
        if channels % count:
            raise ShapeError(
                f"{counted(channels, 'channel')} for a product of {counted(count, 'part')}",
                hint=f"give a multiple of {count} channels, or parts with shapes",
            )
        own = (channels // count, *signal_shape[1:])
        return Product([each.shaped(own) for each in self.parts])

    def select(self, index: Tensor) -> Generator:
        chosen = [each.select(index) for each in self.parts]
        same = all(new is old for new, old in zip(chosen, self.parts, strict=True))
        return self if same else Product(chosen)

    def _signals(self, signal: Tensor) -> list[tuple[Generator, Tensor]]:
        own = zip(self.parts, torch.split(signal, self._channels, 1), strict=True)
        return [(part, its.real if part.field == "real" else its) for part, its in own]

    def _latents(self, latent: Tensor) -> list[tuple[Generator, Tensor]]:
        own = zip(self.parts, torch.split(latent, self._lengths, 1), strict=True)
        return [
            (part, (its.real if part.field == "real" else its).reshape(len(its), *(part.latent_shape or ())))
            for part, its in own
        ]


class Tied(Generator):
    """A prior of ``w`` by which ``w = x``, or ``w = x̄``; nothing of its own is left to find.

    Args:
        conjugate: whether w is the complex conjugate of x.
    """

    ties = True
    field = "any"

    def __init__(self, conjugate: bool = False) -> None:
        super().__init__()
        self.conjugate = conjugate
        self.latent_shape, self.signal_shape = (0,), None

    def forward(self, latent: Inexact[Tensor, "n 0"]) -> Inexact[Tensor, "n *signal"]:
        raise InputError(
            "a tied prior makes no signal of its latent",
            hint="use Problem.signals(h, m), which makes w of x",
        )

    def tied(self, other: Inexact[Tensor, "n *x"]) -> Inexact[Tensor, "n *x"]:
        return other.conj().resolve_conj() if self.conjugate else other.clone()

    def penalty(
        self, latent: Inexact[Tensor, "n 0"], signal: Inexact[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """Zero: x has its own."""
        return signal.real.flatten(1)[:, :1].sum(1) * 0

    def shaped(self, signal_shape: Shape) -> Generator:
        if self.signal_shape is not None:
            return super().shaped(signal_shape)
        tied = Tied(self.conjugate)
        tied.signal_shape = tuple(signal_shape)
        return tied
