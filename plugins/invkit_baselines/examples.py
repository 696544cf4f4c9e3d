"""Small problems that the solvers of this plugin take, for `invkit.testing.check_solver`.

    known_w(seed)        # a known w, free pixels: a circular convolution, and a product entry by entry
    positive(seed)       # both free and non-negative, and the first again with its w known
    pictures(seed)       # a measurement shaped as x is, which has a small latent

Made of the contracts alone: no other plugin is asked for anything.
"""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, GivenW
from invkit.contracts.generator import Generator
from invkit.contracts.linear import LinearOperator, Shape
from invkit.contracts.problem import Problem
from invkit.contracts.solver import Example

_MEASUREMENTS, _NOISE = 3, 0.01


def known_w(seed: int) -> tuple[Example, ...]:
    """``w`` known, the pixels of ``x`` free, once with bounds."""
    rng = torch.Generator().manual_seed(seed)
    circle, image = _unit_sum((1, 6, 5), rng), (2, 6, 5)
    gains = 0.5 + torch.rand(1, 8, generator=rng, dtype=torch.float64)
    return (
        _example("known circle", Circle(), (Given(circle), Pixels(image, (0.0, 1.0))), rng),
        _example("known gains", Gains(), (Given(gains), Pixels((1, 8))), rng),
    )


def positive(seed: int) -> tuple[Example, ...]:
    """``w`` and ``x`` free, both non-negative; and ``w`` known."""
    rng = torch.Generator().manual_seed(seed)
    image = (2, 6, 5)
    return (
        _example("free circle", Circle(), (Kernels((1, 6, 5)), Pixels(image)), rng),
        _example("free gains", Gains(), (Kernels((1, 8)), Pixels((1, 8))), rng),
        _example("known circle", Circle(), (Given(_unit_sum((1, 6, 5), rng)), Pixels(image)), rng),
    )


def pictures(seed: int) -> tuple[Example, ...]:
    """``x`` from a latent of three numbers, with an encoder and without."""
    rng = torch.Generator().manual_seed(seed)
    kernel = Given(_unit_sum((1, 6, 5), rng))
    return (
        _example("waves", Circle(), (kernel, Waves((2, 6, 5), 3, rng)), rng),
        _example("free pixels", Gains(), (Kernels((1, 8)), Pixels((1, 8))), rng),
    )


class Circle(BilinearOperator):
    """``y = w * x``, circular, kernels as large as the image and of one channel, the origin at pixel 0."""

    def forward(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *y"]:
        return torch.fft.irfft2(torch.fft.rfft2(w) * torch.fft.rfft2(x), x.shape[2:])

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        return tuple(x_shape)

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
    """With its spectrum."""

    def spectrum(self) -> Complex[Tensor, "n c *half"]:
        return torch.fft.rfft2(self.w)


class Gains(BilinearOperator):
    """``y = w ⊙ x`` on signals of one axis."""

    measurement_dims = 1

    def forward(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"]) -> Float[Tensor, "n *y"]:
        return w * x

    def output_shape(self, w_shape: Shape, x_shape: Shape) -> Shape:
        return tuple(x_shape)


class Given(Generator):
    """A known signal."""

    signal: Tensor

    def __init__(self, signal: Tensor) -> None:
        super().__init__()
        self.signal_shape, self.latent_shape = tuple(signal.shape), (0,)
        self.register_buffer("signal", signal)

    def forward(self, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *signal"]:
        return self.signal.to(latent).expand(len(latent), *self.signal.shape).clone()


class Pixels(Generator):
    """``C(m) = m``, drawn uniform in [0, 1)."""

    can_encode = True

    def __init__(self, shape: Shape, bounds: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = self.shape = shape
        self.bounds = bounds

    def forward(self, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *signal"]:
        return latent.clone()

    def encode(self, signal: Float[Tensor, "n *signal"]) -> Float[Tensor, "n *latent"]:
        return signal.clone()

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *latent"]:
        return torch.rand(n, *self.shape, generator=rng, dtype=dtype).to(device)


class Kernels(Pixels):
    """Free pixels, drawn with unit sum."""

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n *latent"]:
        drawn = torch.rand(n, *self.shape, generator=rng, dtype=dtype)
        return (drawn / drawn.flatten(1).sum(1).reshape(-1, *[1] * len(self.shape))).to(device)


class Waves(Generator):
    """``C(m) = ½ + ½ tanh(B m)``: a map that is not linear, without an encoder."""

    basis: Tensor
    bounds = (0.0, 1.0)

    def __init__(self, shape: Shape, rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.signal_shape = self.shape = shape
        self.latent_shape = (rank,)
        self.register_buffer("basis", torch.randn(rank, *shape, generator=rng, dtype=torch.float64))

    def forward(self, latent: Float[Tensor, "n *latent"]) -> Float[Tensor, "n *signal"]:
        mixed = latent @ self.basis.to(latent).flatten(1)
        return (0.5 + 0.5 * torch.tanh(mixed)).reshape(-1, *self.shape)


def _example(
    name: str, operator: BilinearOperator, priors: tuple[Generator, Generator], rng: torch.Generator
) -> Example:
    """Measurements of what the priors draw, with noise."""
    w, x = (prior(prior.sample_latent(_MEASUREMENTS, rng, dtype=torch.float64)) for prior in priors)
    clean: Tensor = operator(w, x)
    noise = torch.randn(clean.shape, generator=rng, dtype=clean.dtype)
    return Example(name, Problem(operator, priors), clean + _NOISE * clean.square().mean().sqrt() * noise)


def _unit_sum(shape: Shape, rng: torch.Generator) -> Tensor:
    drawn = torch.rand(shape, generator=rng, dtype=torch.float64)
    return drawn / drawn.sum()
