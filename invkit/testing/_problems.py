"""Small problems made of the contracts alone, for `check_solver`: no plugin is asked for anything.

Between them they have what a solver may not take for granted: measurements of one and two dimensions, a
signal shaped otherwise than the measurement, several channels, a latent that is no vector, an empty one, a
generator that is not linear, one with an encoder, and one that has no shape until it is given one.
"""

from __future__ import annotations

from math import prod

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.generator import Generator
from invkit.contracts.given import Given
from invkit.contracts.linear import Shape
from invkit.contracts.problem import Problem
from invkit.errors import ShapeError


@attrs.frozen(eq=False)
class Example:
    """A small problem tied to shapes, with double precision measurements ``(n, *y_shape)``, n at least 2."""

    name: str
    problem: Problem
    y: Tensor


EXAMPLE_NAMES = ("two subspaces", "known w, unit-sum x", "unit-sum w, free x")
"""What `examples` gives, in this order."""


def examples(seed: int, measurements: int = 3) -> tuple[Example, ...]:
    """The problems, with measurements of signals in their generators' ranges and 1 % noise."""
    rng = torch.Generator().manual_seed(seed)
    images = ((1, 3), (1, 2, 3), (1, 4, 4))
    colour = ((1, 2, 2), (3, 2, 3), (2, 3, 3))
    signals = ((2, 6), (2, 6))
    dense, mixing = Dense(*images, rng), Dense(*colour, rng)
    made = (
        (dense, (Subspace((1, 3), 2, rng), Subspace((1, 2, 3), 3, rng)), images[2]),
        (mixing, (Given(_normal((1, 2, 2), rng)), UnitSum((3, 2, 3))), colour[2]),
        (Elementwise(), (UnitSum(signals[0]), Free()), signals[1]),
    )
    return tuple(
        _measured(name, Problem(operator, priors).shaped(y_shape), measurements, rng)
        for name, (operator, priors, y_shape) in zip(EXAMPLE_NAMES, made, strict=True)
    )


def _measured(name: str, problem: Problem, n: int, rng: torch.Generator) -> Example:
    w, x = (prior(prior.sample_latent(n, rng, dtype=torch.float64)) for prior in problem.priors)
    clean: Tensor = problem.operator(w, x)
    noise = torch.randn(clean.shape, generator=rng, dtype=clean.dtype)
    return Example(name, problem, clean + 0.01 * clean.square().mean().sqrt() * noise)


class Dense(BilinearOperator):
    """``y = T(w, x)`` for a random tensor ``T``: bilinear, and nothing else is known of it."""

    tensor: Tensor

    def __init__(self, w_shape: Shape, x_shape: Shape, y_shape: Shape, rng: torch.Generator) -> None:
        super().__init__()
        self.shapes = (w_shape, x_shape, y_shape)
        self.measurement_dims = len(y_shape) - 1
        tensor = _normal((prod(y_shape), prod(w_shape), prod(x_shape)), rng)
        self.register_buffer("tensor", tensor / (prod(w_shape) * prod(x_shape)) ** 0.5)

    def forward(self, w: Tensor, x: Tensor) -> Tensor:
        """``y_k = Σ T_kij w_i x_j``."""
        y = torch.einsum("kij,ni,nj->nk", self.tensor.to(w), w.flatten(1), x.flatten(1))
        return y.reshape(-1, *self.shapes[2])

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if (tuple(w_shape), tuple(x_shape)) != self.shapes[:2]:
            raise ShapeError(f"expected w and x of shapes {self.shapes[:2]}, got {(w_shape, x_shape)}")
        return self.shapes[2]


class Elementwise(BilinearOperator):
    """``y = w ⊙ x`` on signals."""

    measurement_dims = 1

    def forward(self, w: Tensor, x: Tensor) -> Tensor:
        """The product, entry by entry."""
        return w * x

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if tuple(w_shape) != tuple(x_shape):
            raise ShapeError(f"w of shape {w_shape} and x of shape {x_shape}, expected the same")
        return tuple(x_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        w_shape, x_shape = w_shape or y_shape, x_shape or y_shape
        self._check_output(w_shape, x_shape, y_shape)
        return tuple(w_shape), tuple(x_shape)


class Subspace(Generator):
    """``C(z) = μ + Bz``, with an encoder."""

    basis: Tensor
    mean: Tensor
    can_encode = True

    def __init__(self, signal_shape: Shape, rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.signal_shape, self.latent_shape = signal_shape, (rank,)
        self.shape = signal_shape
        self.register_buffer("basis", torch.linalg.qr(_normal((prod(signal_shape), rank), rng))[0])
        self.register_buffer("mean", _normal((prod(signal_shape),), rng))

    def forward(self, latent: Tensor) -> Tensor:
        """The point of the subspace with these coordinates."""
        signal = self.mean.to(latent) + latent @ self.basis.to(latent).T
        return signal.reshape(-1, *self.shape)

    def encode(self, signal: Tensor) -> Tensor:
        """The coordinates of the nearest point: the basis is orthonormal."""
        return (signal.flatten(1) - self.mean.to(signal)) @ self.basis.to(signal)


class UnitSum(Generator):
    """``C(z) = softmax(z)``: positive signals of unit sum, by a map that is not linear; no encoder."""

    def __init__(self, signal_shape: Shape) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        """The softmax over all entries of a latent."""
        return latent.flatten(1).softmax(1).reshape(latent.shape)


class Free(Generator):
    """``C(z) = z``, of any shape; encodes a signal as itself."""

    can_encode = True

    def __init__(self, signal_shape: Shape | None = None) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        """A copy of the latent."""
        return latent.clone()

    def encode(self, signal: Tensor) -> Tensor:
        """A copy of the signal."""
        return signal.clone()

    def shaped(self, signal_shape: Shape) -> Generator:
        return Free(tuple(signal_shape)) if self.signal_shape is None else super().shaped(signal_shape)


def _normal(shape: Shape, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=torch.float64)
