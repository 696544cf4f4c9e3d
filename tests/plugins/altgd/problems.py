"""Tiny problems in double precision whose every part is simple enough to be written again in a test."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import invkit
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.solving.running import drawn
from invkit.testing._problems import Dense
from invkit_altgd.altgd import AltGD

W, X, Y = (1, 3), (1, 2, 3), (2, 3, 4)
"""The signal shapes of :func:`tiny`; a measurement has two channels of twelve pixels."""


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Squashed(Generator):
    """``C(z) = μ + B tanh(z)``: not linear; its encoder is a linear map, right or not."""

    def __init__(self, signal_shape: tuple[int, ...], rank: int, seed: int, *, encodes: bool = False) -> None:
        super().__init__()
        size = torch.Size(signal_shape).numel()
        self.signal_shape, self.latent_shape, self.can_encode = signal_shape, (rank,), encodes
        self.basis, self.mean = normal(size, rank, seed=seed), normal(size, seed=seed + 1)

    def forward(self, latent: Tensor) -> Tensor:
        signal = self.mean + latent.tanh() @ self.basis.T
        return signal.unflatten(1, self.signal_shape)

    def encode(self, signal: Tensor) -> Tensor:
        return (signal.flatten(1) - self.mean) @ self.basis


class Wrapped(Generator):
    """A generator that does something to each latent, or to each signal, of another."""

    def __init__(self, inner: Generator, through: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.through = inner, through
        self.signal_shape, self.latent_shape = inner.signal_shape, inner.latent_shape

    def forward(self, latent: Tensor) -> Tensor:
        return self.through(latent, self.inner(latent))


def tiny(seed: int = 0, *, encodes: bool = False) -> Problem:
    """``y = T(B(h), C(m))`` for a random tensor T and two squashed subspaces."""
    rng = torch.Generator().manual_seed(seed)
    priors = Squashed(W, 2, seed + 1), Squashed(X, 3, seed + 3, encodes=encodes)
    return Problem(Dense(W, X, Y, rng), priors)


def measured(problem: Problem, n: int, seed: int = 0, noise: float = 0.1) -> Tensor:
    """Measurements of signals in the range of both priors, with noise."""
    rng = torch.Generator().manual_seed(seed)
    w, x = (prior(prior.sample_latent(n, rng, dtype=torch.float64)) for prior in problem.priors)
    clean = problem.operator(w, x)
    return clean + noise * normal(*clean.shape, seed=seed + 1)


PRINTED: dict[str, object] = {
    "restarts": 10,
    "keep": (),
    "start": "random",
    "update": "gradient",
    "rate": 0.01,
    "decay": "exponential",
    "decay_steps": 250,
    "weight_w": 0.1,
    "weight_x": 0.1,
    "anneal": 1,
}
"""Options of Algorithm 1 as printed; ``PUBLISHED``: of the authors' code."""

PUBLISHED = PRINTED | {"update": "normalised", "order": "gauss-seidel"}


def altgd(**options: object) -> AltGD:
    made = invkit.solver("altgd", **options)
    assert isinstance(made, AltGD)
    return made


def solve(
    solver: AltGD,
    problem: Problem,
    y: Tensor,
    *monitors: Monitor,
    seed: int = 5,
    start: Solution | None = None,
) -> Solution:
    return solver.solve(problem, y, torch.Generator().manual_seed(seed), monitors, start=start)


def starts_of(problem: Problem, y: Tensor, restarts: int, seed: int = 5) -> tuple[Tensor, Tensor]:
    """The latents that :func:`solve` begins at, (measurements, restarts, *latent)."""
    return drawn(problem, y, restarts, torch.Generator().manual_seed(seed))


def residual(problem: Problem, y: Tensor, h: Tensor, m: Tensor) -> Tensor:
    prior_w, prior_x = problem.priors
    return (y - problem.operator(prior_w(h), prior_x(m))).flatten(1).square().sum(1)


def dense(operator: BilinearOperator, w: Tensor, x_shape: tuple[int, ...]) -> Tensor:
    """The matrix of ``x ↦ A(w, x)`` for one ``w`` (1, *w)."""
    units = torch.eye(torch.Size(x_shape).numel(), dtype=torch.float64).reshape(-1, *x_shape)
    return operator(w.expand(len(units), *w.shape[1:]).contiguous(), units).flatten(1).T


def ridge_solution(matrix: Tensor, y: Tensor, weight: float) -> Tensor:
    """``argmin ‖y − Mx‖² + weight·‖x‖²``, flat."""
    unit = torch.eye(matrix.shape[1], dtype=matrix.dtype)
    return torch.linalg.solve(matrix.T @ matrix + weight * unit, matrix.T @ y.flatten())


class Listener(Monitor):
    """Keeps what it is told, and the best pair at every step."""

    def __init__(self) -> None:
        self.told: list[Progress] = []
        self.best: list[tuple[Tensor, Tensor]] = []

    def on_step(self, progress: Progress) -> None:
        self.told.append(progress)
        self.best.append(progress.best())


class CtrlC(Monitor):
    """Interrupts at one step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.ended: Solution | None = None

    def on_step(self, progress: Progress) -> None:
        if progress.step == self.step:
            raise KeyboardInterrupt

    def on_end(self, solution: Solution) -> None:
        self.ended = solution
