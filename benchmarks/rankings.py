"""The last candidates of a search for the kernel, and orders to put them in; see `benchmarks.nonlinear`.

found = search(problem, y, solver, rng)                        # one measurement, several candidates
by_marginal(mixture)(found)                                    # nats, the least is the best
Network(invkit.prior("vae:housenumbers"), kernels).minimum(found)
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from torch import Tensor

import invkit
from invkit.contracts.marginal import IntegrableGenerator
from invkit.contracts.problem import Problem
from invkit.solving import noise_level
from invkit_evidence.evidence import Evidence
from invkit_evidence.posterior import Parameters, Posterior
from invkit_evidence.search import Schedule, Search
from invkit_gaussian.figures import probable_nuisance

__all__ = ["NOISE", "Found", "Network", "Ranking", "by_marginal", "problem_of", "search"]

NOISE = 0.01
"""The standard deviation of the measurements' noise."""

_STEPS, _RATE, _RATE_W = 60, 0.05, 0.02
_SHAPE = (3, 32, 32)


@attrs.frozen(eq=False)
class Found:
    """What a search ends with, of one measurement: one row a candidate."""

    y: Tensor
    h: Tensor
    w: Tensor
    x: Tensor
    nuisance: Tensor
    variance: Tensor
    value: Tensor

    @property
    def known(self) -> Tensor:
        """½ ‖h‖²."""
        return self.h.square().sum(1) / 2


Ranking = Callable[[Found], Tensor]
"""A value for every candidate, the least the best."""


def problem_of(prior_w: invkit.Generator, prior_x: IntegrableGenerator) -> Problem:
    """Circular blur of house numbers."""
    return Problem(invkit.operator("circconv"), (prior_w, prior_x)).shaped(_SHAPE)


def search(problem: Problem, y: Tensor, solver: Evidence, rng: torch.Generator) -> Found:
    """The search of `evidence` for one measurement, down to its last candidates."""
    (prior_w, prior_x), options = problem.priors, solver.search
    assert isinstance(prior_x, IntegrableGenerator)
    starts = 1 if 0 in (prior_w.latent_shape or ()) else options.starts
    fine, noise = prior_x.marginal(y), noise_level(y)
    coarse = [Posterior(problem, prior_x.marginal(y, rank=rank), noise) for rank in options.rank or (None,)]
    h = prior_w.sample_latent(starts, rng)
    drawn = Parameters(h, torch.zeros(starts, fine.nuisances), torch.zeros(starts, 1))
    plan = Schedule(options.keep, options.steps, options.rate, options.anneal)
    searched = Search(coarse, drawn, starts, plan)
    for _ in searched.steps():
        pass
    found = searched.finalists(Posterior(problem, fine, noise))
    last = found.candidates
    with torch.no_grad():
        w, x = found.means()
        variance = found.objective.select(found.row).variance(last)
    return Found(y.expand_as(x), last.h, w, x, last.nuisance, variance, found.value)


def by_marginal(prior: IntegrableGenerator) -> Ranking:
    """The evidence of another prior, its nuisance found anew."""

    def ranked(found: Found) -> Tensor:
        linear = invkit.operator("circconv").given(w=found.w, x_shape=_SHAPE)
        marginal = prior.marginal(found.y)
        nuisance = probable_nuisance(marginal, linear, found.variance)
        with torch.no_grad():
            evidence = marginal(linear, nuisance, found.variance)
        return evidence + nuisance.square().sum(1) / 2 + found.known

    return ranked


@attrs.frozen(eq=False)
class Network:
    """Rankings by an image prior that can only be searched."""

    prior: invkit.Generator
    prior_w: invkit.Generator

    def minimum(self, found: Found) -> Tensor:
        """f at its minimum."""
        return self._fitted(found, free=False)[2] + found.known

    def laplace(self, found: Found) -> Tensor:
        """f, and the determinant."""
        m, _, value, s2 = self._fitted(found, free=False)
        spread = torch.stack([self._spread(*each) for each in zip(m, found.w, s2, strict=True)])
        return value + spread / 2 + found.known

    def refined(self, found: Found) -> Found:
        """The candidate that is the first by :meth:`minimum`, its kernel found together with m."""
        best = int(self.minimum(found).argmin())
        one = Found(*(part[best : best + 1] for part in attrs.astuple(found, recurse=False)))
        _, h, _, _ = self._fitted(one, free=True)
        return attrs.evolve(one, h=h, w=self.prior_w(h).detach())

    def _fitted(self, found: Found, *, free: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """m, h, f and s²; h as it is, or free."""
        m = self.prior.encode(found.x.clamp(0, 1)).detach().requires_grad_()
        h = found.h.clone().requires_grad_(free)
        groups = [{"params": [m], "lr": _RATE}, *([{"params": [h], "lr": _RATE_W}] if free else [])]
        optimiser, numbers = torch.optim.Adam(groups), found.y[0].numel()
        for _ in range(_STEPS):
            w = self.prior_w(h) if free else found.w
            left = (found.y - invkit.operator("circconv")(w, self.prior(m))).flatten(1).square().mean(1)
            s2 = left.clamp(min=NOISE**2)
            value = numbers / 2 * s2.log() + m.square().sum(1) / 2
            optimiser.zero_grad()
            (value + h.square().sum(1) / 2).sum().backward()
            optimiser.step()
        return m.detach(), h.detach(), value.detach(), s2.detach()

    def _spread(self, m: Tensor, w: Tensor, s2: Tensor) -> Tensor:
        """``log det(I + JᵀJ / s²)``."""
        units = torch.eye(len(m))
        at = m.repeat(len(m), 1)
        images = torch.autograd.functional.jvp(self.prior, at, units)[1]  # type: ignore[no-untyped-call]
        columns = invkit.operator("circconv")(w.expand(len(m), *w.shape), images).flatten(1)
        spread: Tensor = torch.linalg.slogdet(units + columns @ columns.T / s2)[1]
        return spread
