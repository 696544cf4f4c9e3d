"""Signals of a convex set, and the closest of them as proximal map: for factorisations and proximal solvers.

    invkit.prior("nonnegative")                     # x ≥ 0; with penalty=l1 sparse, too
    invkit.prior("fractions")                       # x ≥ 0, unit sum along an axis: a simplex a pixel
    invkit.prior("atoms")                           # columns of at most unit norm: a dictionary
    invkit.prior("signs:signs.npy")                 # signs are known: x · s ≥ 0

The latent is a signal of any values; what it makes is the closest of the set. So solvers that step latents
and solvers that use :meth:`prox` both stay in it. A set has no penalty.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError
from invkit.files.arrays import read_arrays
from invkit_classical._arrays import as_numbers, with_sha256
from invkit_classical.identity import AnyShape


class ConvexSet(AnyShape):
    """``C(m) = argmin ‖u − m‖`` over the u of a set."""

    has_prox = True
    affine = False  # a projection has bends

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *signal"]:
        """Uniform in [0, 1), not yet in the set: at its border the projection has bends."""
        if self.signal_shape is None:
            raise ShapeError(
                "this prior has no shape yet", hint="add ?shape=1x28x28, or call prior.shaped(…)"
            )
        return torch.rand(n, *self.signal_shape, generator=rng, dtype=self.latent_dtype(dtype)).to(device)

    def forward(self, latent: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        return self.closest(latent)

    @abstractmethod
    def closest(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """The Euclidean projection on the set, in memory of its own."""

    def penalty(
        self, latent: Float[Tensor, "n *signal"], signal: Float[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """Zero: every signal of the set is as good as another."""
        return 0 * signal.flatten(1)[:, :1].sum(1)

    def prox(
        self, signal: Float[Tensor, "n *signal"], t: float | Float[Tensor, "n"]
    ) -> Float[Tensor, "n *signal"]:
        """The closest signal of the set, whatever t."""
        return self.closest(signal)

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """The closest signal of the set, which makes itself."""
        return self.closest(signal)


class Nonnegative(ConvexSet):
    """Signals without negative values.

    Args:
        penalty: ``none``, or ``l1``, the sum of the values: few of them are then above zero.
        shape: ``(channels, *dims)``; None lets it follow from the operator and the measurement.

    Raises:
        InputError: another penalty.
    """

    bounds = (0.0, math.inf)

    def __init__(self, penalty: Literal["none", "l1"] = "none", shape: tuple[int, ...] | None = None) -> None:
        super().__init__(_checked(shape))
        if penalty not in ("none", "l1"):
            raise InputError(f"unknown penalty={penalty!r}", hint="write penalty=l1, or leave it out")
        self.penalty_name = penalty

    def closest(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """``max(s, 0)``."""
        return signal.clamp(min=0)

    def penalty(
        self, latent: Float[Tensor, "n *signal"], signal: Float[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """Zero, or the sum of the values."""
        return signal.flatten(1).sum(1) if self.penalty_name == "l1" else super().penalty(latent, signal)

    def prox(
        self, signal: Float[Tensor, "n *signal"], t: float | Float[Tensor, "n"]
    ) -> Float[Tensor, "n *signal"]:
        """``max(s, 0)``, or with ``l1`` ``max(s − t, 0)``."""
        if self.penalty_name == "none":
            return self.closest(signal)
        step = t if isinstance(t, float) else t.reshape(-1, *[1] * (signal.ndim - 1))
        return self.closest(signal - step)

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        return Nonnegative(self.penalty_name, shape)


class AlongAxis(ConvexSet):
    """A set whose condition is on all numbers along one axis; ``axis`` 0 is the first after the channels."""

    def __init__(self, axis: int = 0, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(_checked(shape))
        _check_axis(axis, self.signal_shape)
        self.axis = axis

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        return type(self)(self.axis, shape)


class Fractions(AlongAxis):
    """Signals without negative values whose sum along an axis is one: abundances, of every pixel.

    Args:
        axis: which axis, 0 the first after the channels. In a matrix X of ``Y = W X`` that of the rank.
        shape: ``(channels, *dims)``; None lets it follow from the operator and the measurement.

    Raises:
        InputError: an axis that the shape does not have.
    """

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *signal"]:
        """Uniform on the simplex."""
        uniform = super().sample_latent(n, rng, dtype=dtype, device=device)
        long = -uniform.clamp(1e-6).log()
        return long / long.sum(self.axis + 2, keepdim=True)

    def closest(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """``max(s − θ, 0)`` with the θ that makes the sum one (W. Wang and M. Carreira-Perpiñán,
        arXiv 1309.1541).
        """
        rows = signal.movedim(self.axis + 2, -1)
        falling = rows.sort(-1, descending=True).values
        count = torch.arange(1, rows.shape[-1] + 1, device=rows.device).to(rows)
        means = (falling.cumsum(-1) - 1) / count
        last = (falling > means).sum(-1, keepdim=True).clamp_min(1) - 1
        return (rows - means.gather(-1, last)).clamp(min=0).movedim(-1, self.axis + 2)


class Atoms(AlongAxis):
    """Signals whose norm along an axis is at most one: the columns of a dictionary.

    Args:
        axis: which axis, 0 the first after the channels: the rows of a matrix W of ``Y = W X``.
        shape: ``(channels, *dims)``; None lets it follow from the operator and the measurement.

    Raises:
        InputError: an axis that the shape does not have.
    """

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *signal"]:
        """Of norm 2, uniform directions: where the norm is 1 the projection has a bend."""
        latent = invkit.Generator.sample_latent(self, n, rng, dtype=dtype, device=device)
        return 2 * latent / latent.norm(dim=self.axis + 2, keepdim=True)

    def closest(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """``s / max(‖s‖, 1)``."""
        return signal / signal.norm(dim=self.axis + 2, keepdim=True).clamp_min(1)


class Signs(ConvexSet):
    """Signals of known signs: ``x · s ≥ 0`` entry by entry.

    Args:
        signs: ``(channels, *dims)``, positive, negative, or 0 where x is zero.
        sha256: of the file they were read from; a configuration records it.

    Raises:
        InputError: NaN, infinite, complex or no values.
        ShapeError: fewer than two axes.
    """

    signs: Tensor

    def __init__(self, signs: Any, sha256: str | None = None) -> None:
        values = as_numbers(signs, "the array of signs")
        if values.is_complex():
            raise InputError("the array of signs is complex", hint="give real numbers")
        if values.ndim < 2:
            raise ShapeError(
                f"signs of shape {tuple(values.shape)} have no channel axis", hint="give signs[None]"
            )
        super().__init__(tuple(values.shape))
        self.register_buffer("signs", values.sign())
        self.sha256 = sha256

    @classmethod
    def from_spec(cls, name: str) -> Signs:
        """The signs in an npy file, in the signal's shape ``(channels, *dims)``.

        Raises:
            InputError: an unreadable file.
        """
        arrays, sha256 = with_sha256(Path(name), read_arrays)
        if "" not in arrays:
            raise InputError(f"{name} holds several arrays", hint="save one with numpy.save(path, signs)")
        return cls(arrays[""], sha256)

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *signal"]:
        """Moduli uniform in [0, 1), with their signs."""
        size = torch.rand(n, *self.signs.shape, generator=rng, dtype=self.latent_dtype(dtype))
        return (self.signs.to(size) * size).to(device)

    def closest(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *signal"]:
        """``s · max(s · x, 0)``, s the signs."""
        signs = self.signs.to(signal)
        return signs * (signs * signal).clamp(min=0)

    def _with_shape(self, shape: tuple[int, ...]) -> AnyShape:
        raise ShapeError(f"the signs are of shape {self.signal_shape}, not {shape}")


def _checked(shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """A shape with channels and dimensions, or None."""
    if shape is not None and (len(shape) < 2 or min(shape) < 1):
        raise ShapeError(f"shape={shape} is not (channels, *dims)", hint="write e.g. shape=1x4x100")
    return shape


def _check_axis(axis: int, shape: tuple[int, ...] | None) -> None:
    if axis < 0 or (shape is not None and axis + 1 >= len(shape)):
        raise InputError(
            f"axis={axis} is none of the signal's", hint="write axis=0 for the first after the channels"
        )
