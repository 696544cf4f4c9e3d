"""Small problems made of the contracts alone, for `check_solver`: no plugin is asked for anything.

Between them they have what a solver may not take for granted: measurements of one and two dimensions, a
signal shaped otherwise than the measurement, several channels, a latent that is no vector, an empty one, a
generator that is not linear, one with an encoder, and one that has no shape until it is given one. Between
them they also have what a specialised solver asks for: a prior that can be integrated out, a convolution that
tells its spectrum, a given kernel, free pixels.
"""

from __future__ import annotations

from math import pi, prod

import attrs
import torch
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, GivenW
from invkit.contracts.generator import Generator
from invkit.contracts.given import Given
from invkit.contracts.linear import LinearOperator, Shape
from invkit.contracts.marginal import IntegrableGenerator, Marginal
from invkit.contracts.problem import Problem
from invkit.errors import InputError, ShapeError


@attrs.frozen(eq=False)
class Example:
    """A small problem tied to shapes, with double precision measurements ``(n, *y_shape)``, n at least 2."""

    name: str
    problem: Problem
    y: Tensor


EXAMPLE_NAMES = (
    "two subspaces",
    "known w, unit-sum x",
    "unit-sum w, free x",
    "known kernel, free pixels",
    "free kernel, free pixels",
)
"""What `examples` gives, in this order."""


def examples(seed: int, measurements: int = 3) -> tuple[Example, ...]:
    """The problems, with measurements of signals in their generators' ranges and 1 % noise."""
    rng = torch.Generator().manual_seed(seed)
    images = ((1, 3), (1, 2, 3), (1, 4, 4))
    colour = ((1, 2, 2), (3, 2, 3), (2, 3, 3))
    signals, picture, kernel = (2, 6), (2, 7, 6), (1, 3, 4)
    dense, mixing = Dense(*images, rng), Dense(*colour, rng)
    made = (
        (dense, (Subspace((1, 3), 2, rng), Subspace((1, 2, 3), 3, rng)), images[2]),
        (mixing, (Given(_normal((1, 2, 2), rng)), UnitSum((3, 2, 3))), colour[2]),
        (Elementwise(), (UnitSum(signals), Free()), signals),
        (Circle(), (Given(_normal(kernel, rng).flatten().softmax(0).reshape(kernel)), Pixels()), picture),
        (Circle(), (Kernels(kernel), Pixels()), picture),
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
        return w * x

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if tuple(w_shape) != tuple(x_shape):
            raise ShapeError(f"w of shape {w_shape} and x of shape {x_shape}, expected the same")
        return tuple(x_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        return super().infer_shapes(y_shape, w_shape or y_shape, x_shape or y_shape)


class Circle(BilinearOperator):
    """``y = w * x``, circular: kernels of one channel with their origin at pixel ``size // 2``."""

    def forward(self, w: Tensor, x: Tensor) -> Tensor:
        if w.is_complex() or x.is_complex():
            raise InputError(f"real signals only, got {w.dtype} and {x.dtype}")
        size = tuple(x.shape[2:])
        y: Tensor = torch.fft.irfft2(_transferred(w, size) * torch.fft.rfft2(x), size)
        return y

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        if w_shape[0] != 1 or any(a > b for a, b in zip(w_shape[1:], x_shape[1:], strict=True)):
            raise ShapeError(f"a kernel of shape {w_shape} for an image of shape {x_shape}")
        return tuple(x_shape)

    def infer_shapes(
        self, y_shape: Shape, w_shape: Shape | None = None, x_shape: Shape | None = None
    ) -> tuple[Shape, Shape]:
        return super().infer_shapes(y_shape, w_shape, x_shape or y_shape)

    def given(
        self,
        *,
        w: Tensor | None = None,
        x: Tensor | None = None,
        w_shape: Shape | None = None,
        x_shape: Shape | None = None,
    ) -> LinearOperator:
        view = super().given(w=w, x=x, w_shape=w_shape, x_shape=x_shape)
        return GivenCircle(self, view.w, view.input_shape) if isinstance(view, GivenW) else view


class GivenCircle(GivenW):
    """A circular convolution with a kernel; it tells its spectrum."""

    def spectrum(self) -> Tensor:
        return _transferred(self.w, self.input_shape[1:])


class Subspace(IntegrableGenerator):
    """``C(z) = μ + Bz``, with an encoder: a Gaussian, since ``z`` is ``N(0, I)``."""

    basis: Tensor
    mean: Tensor
    can_encode = True
    affine = True

    def __init__(self, signal_shape: Shape, rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.signal_shape, self.latent_shape = signal_shape, (rank,)
        self.shape = signal_shape
        self.register_buffer("basis", torch.linalg.qr(_normal((prod(signal_shape), rank), rng))[0])
        self.register_buffer("mean", _normal((prod(signal_shape),), rng))

    def forward(self, latent: Tensor) -> Tensor:
        signal = self.mean.to(latent) + latent @ self.basis.to(latent).T
        return signal.reshape(-1, *self.shape)

    def encode(self, signal: Tensor) -> Tensor:
        """The coordinates of the nearest point: the basis is orthonormal."""
        return (signal.flatten(1) - self.mean.to(signal)) @ self.basis.to(signal)

    def marginal(self, y: Tensor, *, rank: int | None = None) -> Marginal:
        """The Gaussian ``y ~ N(Aμ, A B Bᵀ Aᵀ + σ²I)``, written out."""
        return SubspaceMarginal(y, self.mean.to(y), self.basis.to(y)[:, :rank], self.shape)


class SubspaceMarginal(Marginal):
    """The marginal likelihood of a :class:`Subspace`, by dense matrices."""

    def __init__(self, y: Tensor, mean: Tensor, basis: Tensor, shape: Shape) -> None:
        self.y, self.centre, self.basis, self.shape = y, mean, basis, shape

    def __call__(self, linear: LinearOperator, nuisance: Tensor, variance: Tensor) -> Tensor:
        """``−log N(y; Aμ, A B Bᵀ Aᵀ + σ²I)``, by the identities of Woodbury and Sylvester."""
        residual, gathered, factor = self._parts(linear, variance)
        white = torch.linalg.solve_triangular(factor, gathered, upper=False)
        energy = residual.square().sum((1, 2)) - variance * white.square().sum((1, 2))
        logs = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
        value: Tensor = 0.5 * (energy / variance + logs + residual.shape[1] * (2 * pi * variance).log())
        return value

    def mean(self, linear: LinearOperator, nuisance: Tensor, variance: Tensor) -> Tensor:
        """``μ + B (I + CᵀC/σ²)⁻¹ Cᵀ (y − Aμ)/σ²`` with ``C = AB``."""
        _, gathered, factor = self._parts(linear, variance)
        return self._signal(torch.cholesky_solve(gathered, factor))

    def sample(
        self, linear: LinearOperator, nuisance: Tensor, variance: Tensor, rng: torch.Generator
    ) -> Tensor:
        """A draw of the coordinates from their posterior, as a signal."""
        _, gathered, factor = self._parts(linear, variance)
        drawn = torch.randn(gathered.shape, generator=rng, dtype=torch.float64).to(gathered)
        spread = torch.linalg.solve_triangular(factor.mT, drawn, upper=True)
        return self._signal(torch.cholesky_solve(gathered, factor) + spread)

    def select(self, index: Tensor) -> Marginal:
        return SubspaceMarginal(self.y[index], self.centre, self.basis, self.shape)

    def _parts(self, linear: LinearOperator, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``y − Aμ``, ``Cᵀ(y − Aμ)/σ²`` and the Cholesky factor of ``I + CᵀC/σ²``, with ``C = AB``."""
        matrix = linear.matrix(len(self.y), self.y)
        seen, residual = matrix @ self.basis, self.y.flatten(1)[:, :, None] - matrix @ self.centre[:, None]
        scaled = seen.mT / variance[:, None, None]
        precision = torch.eye(seen.shape[2]).to(seen) + scaled @ seen
        return residual, scaled @ residual, torch.linalg.cholesky_ex(precision).L

    def _signal(self, latent: Tensor) -> Tensor:
        return (self.centre + latent[:, :, 0] @ self.basis.T).reshape(-1, *self.shape)


class UnitSum(Generator):
    """``C(z) = softmax(z)``: positive signals of unit sum, by a map that is not linear; no encoder."""

    def __init__(self, signal_shape: Shape) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        return latent.flatten(1).softmax(1).reshape(latent.shape)


class Kernels(UnitSum):
    """The same with an encoder: the logarithm."""

    can_encode = True

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clamp_min(torch.finfo(signal.dtype).tiny).log()


class Free(Generator):
    """``C(z) = z``, of any shape; encodes a signal as itself."""

    can_encode = True
    affine = True

    def __init__(self, signal_shape: Shape | None = None) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clone()

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clone()

    def shaped(self, signal_shape: Shape) -> Generator:
        return type(self)(tuple(signal_shape)) if self.signal_shape is None else super().shaped(signal_shape)


class Pixels(Free):
    """The same within [0, 1]; drawn uniformly."""

    bounds = (0.0, 1.0)

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        assert self.latent_shape is not None
        return torch.rand(n, *self.latent_shape, generator=rng, dtype=dtype).to(device)


def _transferred(w: Tensor, size: Shape) -> Tensor:
    """The half spectrum of kernels with their origin at pixel ``size // 2``."""
    height, width = w.shape[2:]
    padded = torch.nn.functional.pad(w, (0, size[1] - width, 0, size[0] - height))
    spectrum: Tensor = torch.fft.rfft2(padded.roll((-(height // 2), -(width // 2)), (2, 3)))
    return spectrum


def _normal(shape: Shape, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=torch.float64)
