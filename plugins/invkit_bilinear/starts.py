"""Spectral starts: the leading singular pair of the measurement seen as a matrix.

    spectral(c)                    # candidates whose latents were drawn get spectral ones

A bilinear map of latents is a linear map of their outer product. Its adjoint takes the measurement to a
matrix M, near a multiple of ``h mᵀ`` where the map is nearly an isometry. ``M m̄`` and ``Mᵀ h̄`` are the
operator's own adjoints at fixed x and at fixed w. So alternating adjoints are the power iteration for M's
leading singular pair, and M itself is never made.

The first restart has the leading pair. The others have ``h = M m̄`` for an m that is drawn: directions of
large singular values come up often, but all differ.

Under another noise than Gaussian every entry of the measurement counts as the noise's slope at zero says:
under Huber's cost no entry counts for more than δ, so that gross errors do not turn the pair.

Source: X. Li, S. Ling, T. Strohmer and K. Wei, "Rapid, robust, and reliable blind deconvolution via nonconvex
optimization", Appl. Comput. Harmon. Anal. 47(3), 2019, Algorithm 1, without its projection on incoherent w.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.generator import squared_norm
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.solving import Candidates, LinearPart, cast, quadratic_weights, run
from invkit_bilinear.searching import blind, per_row

__all__ = ["Adjoints", "searched", "spectral"]

#: of the power iteration for the leading pair
_ITERATIONS = 30


@runtime_checkable
class Options(Protocol):
    """The options that all solvers of this plugin have."""

    @property
    def steps(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def start(self) -> Literal["spectral", "random"]: ...


@runtime_checkable
class Search(Protocol):
    """What moves the candidates of a solve."""

    def begin(self, c: Candidates) -> None: ...
    def step(self, c: Candidates, number: int) -> None: ...


def searched(
    options: Options,
    search: Search,
    problem: Problem,
    y: Inexact[Tensor, "n *y"],
    rng: torch.Generator,
    monitors: Sequence[Monitor],
    start: Solution | None,
) -> Solution:
    """A whole solve by a search, from the starts that the options name."""

    def begin(c: Candidates) -> None:
        if options.start == "spectral" and start is None:
            spectral(c)
        search.begin(c)

    return run(
        search.step,
        problem,
        y,
        rng,
        monitors,
        steps=options.steps,
        restarts=options.restarts if blind(problem) else 1,
        start=start,
        begin=begin,
    )


def spectral(c: Candidates) -> None:
    """Give candidates spectral starts in place of their drawn latents, where the priors allow it.

    Both priors must be affine, with something to find in each, or that of w tied to an affine one of x;
    otherwise the latents stay. So they do where nothing of a measurement can be made, of zeros, say.
    """
    prior_w, prior_x = c.problem.priors
    if not blind(c.problem) or not prior_x.affine or not (prior_w.ties or prior_w.affine):
        return
    noise, seen = c.problem.noise, c.y
    if not noise.plain:
        seen = quadratic_weights(noise, torch.zeros_like(c.y), c.y) * c.y
    adjoints = Adjoints(c.problem, seen)
    h, m = adjoints.pair(c.m, 1)
    first = torch.arange(0, len(c.y), c.restarts, device=c.y.device)
    one = adjoints.select(first)
    h[first], m[first] = one.pair(m[first], _ITERATIONS)
    h, m = adjoints.scaled(h, m, c.y)
    blank = squared_norm(m) == 0
    c.move(torch.where(per_row(blank, h), c.h, h), torch.where(per_row(blank, m), c.m, m))


class Adjoints:
    """The measurement as a matrix on the latents, by the adjoints of the operator and of both priors."""

    def __init__(self, problem: Problem, y: Tensor) -> None:
        self.problem, self.y = problem, y
        prior_w, prior_x = problem.priors
        self.of_x = LinearPart(prior_x, y)
        self.of_w = None if prior_w.ties else LinearPart(prior_w, y)

    def select(self, index: Tensor) -> Adjoints:
        """That of the candidates ``index``."""
        return Adjoints(self.problem.select(index), self.y[index])

    def pair(self, m: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Both latents, that of x of unit length, after some iterations from ``m``."""
        operator, of_w, of_x = self.problem.operator, self.of_w, self.of_x
        prior_w = self.problem.priors[0]
        h = m.new_zeros(len(m), 0, dtype=prior_w.latent_dtype(self.y.dtype))
        with torch.no_grad():
            for _ in range(iterations):
                x = of_x(m)
                if of_w is None:
                    w = prior_w.tied(x)
                else:
                    h = _unit(of_w.adjoint(operator.adjoint_w(x, self.y, of_w.output_shape)))
                    w = of_w(h)
                m = _unit(of_x.adjoint(operator.adjoint_x(w, self.y, of_x.output_shape)))
        return h, m

    def scaled(self, h: Tensor, m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The same directions, with lengths that fit ``y`` best."""
        prior_w, of_w, x = self.problem.priors[0], self.of_w, self.of_x(m)
        with torch.no_grad():
            w = prior_w.tied(x) if of_w is None else of_w(h)
            made = self.problem.operator(w, x).flatten(1)
        tiny = torch.finfo(made.dtype).tiny
        factor = (made.conj() * y.flatten(1)).sum(1) / squared_norm(made).clamp_min(tiny)
        length = factor.abs().sqrt()
        sign = length if of_w is None else factor / length.clamp_min(tiny)
        return h * per_row(length, h), m * per_row(cast(sign, m.dtype), m)


def _unit(latent: Tensor) -> Tensor:
    tiny = torch.finfo(latent.dtype).tiny
    return latent / per_row(latent.flatten(1).norm(dim=1).clamp_min(tiny), latent)
