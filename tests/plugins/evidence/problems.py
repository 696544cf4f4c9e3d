"""Small problems: one whose evidence is a parabola in w, and one of images drawn from a prior."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

import invkit
from invkit.contracts.generator import Generator
from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.noise import Gaussian as White
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit_evidence.evidence import Evidence
from invkit_evidence.posterior import Parameters, Posterior
from invkit_gaussian.gaussian import Gaussian
from tests.plugins.gaussian.classes import moments_of

SIZE = 3


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Unpenalised(Generator):
    """The latent is the signal, all signals alike: what is minimised is the evidence alone."""

    def __init__(self) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = (1, SIZE)

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clone()

    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return latent.new_zeros(len(latent))


class Parabola(Marginal):
    """``Σ c (w − t)² / σ² + log σ²`` of every measurement's own t; NaN beyond ``edge``."""

    def __init__(self, targets: Tensor, edge: float = float("inf")) -> None:
        self.targets, self.edge = targets, edge

    def __call__(self, linear: LinearOperator, nuisance: Tensor, variance: Tensor) -> Tensor:
        scale = torch.arange(1, SIZE + 1, dtype=linear.w.dtype)
        value = (scale * (linear.w[:, 0] - self.targets).square()).sum(1) / variance + variance.log()
        return torch.where(linear.w[:, 0, 0] > self.edge, torch.nan, value)

    def mean(self, linear: LinearOperator, nuisance: Tensor, variance: Tensor) -> Tensor:
        raise NotImplementedError

    def sample(
        self, linear: LinearOperator, nuisance: Tensor, variance: Tensor, rng: torch.Generator
    ) -> Tensor:
        raise NotImplementedError

    def select(self, index: Tensor) -> Parabola:
        return Parabola(self.targets[index], self.edge)


def parabola(targets: Tensor, edge: float = float("inf"), noise: float = 1.0) -> Posterior:
    """The objective of a measurement for every target."""
    problem = Problem(invkit.operator("pointwise?dims=1"), (Unpenalised(), Unpenalised()))
    return Posterior(problem, Parabola(targets, edge), torch.full((len(targets),), noise).double())


def candidates(h: Tensor, *, estimated: bool = False) -> Parameters:
    """Parameters of these latents."""
    h = h.reshape(-1, 1, SIZE)
    return Parameters(h, h.new_zeros(len(h), 0), h.new_zeros(len(h), int(estimated)))


def images(n: int = 2, *, noise: float = 0.05, seed: int = 0) -> tuple[Problem, Tensor, Tensor, Tensor]:
    """A blur problem with a Gaussian class of 6 × 7 pixels: the problem, w, x and the measurements."""
    moments = moments_of("joint", 1, (6, 7), 4, seed=seed)
    problem = Problem(invkit.operator("circconv"), (invkit.prior("simplex?size=3"), Gaussian(moments)))
    rng = torch.Generator().manual_seed(seed)
    w, x = (prior(prior.sample_latent(n, rng, dtype=torch.float64)) for prior in problem.priors)
    clean = problem.operator(w, x)
    return problem, w, x, clean + noise * normal(*clean.shape, seed=seed + 1)


def evidence(**options: object) -> Evidence:
    """One short search of few, unless told otherwise."""
    few = {"starts": 12, "keep": (4, 2), "steps": 12, "rank": None, "finish": 2}
    few |= {"leaps": 0, "retries": 0, "doubt": 0}
    made = invkit.solver("evidence", **(few | options))
    assert isinstance(made, Evidence)
    return made


def solve(
    problem: Problem,
    y: Tensor,
    *monitors: Monitor,
    seed: int = 0,
    noise: float | Tensor | None = 0.05,
    start: Solution | None = None,
    **options: object,
) -> Solution:
    """With :func:`evidence`, and noise that is known."""
    problem = attrs.evolve(problem, noise=White(sigma=noise))
    rng = torch.Generator().manual_seed(seed)
    return evidence(**options).solve(problem, y, rng, monitors, start=start)


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
