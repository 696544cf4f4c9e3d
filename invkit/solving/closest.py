"""Latents for given signals: by the encoder, or by a search for the closest signal in range.

    m = encoded(prior, x, rng)                   # the encoder's, or the closest latent where there is none
    m = start_latents(solution, problem, 1, rng) # where a solve that starts from a solution begins
    start = restated(solution, problem, rng)     # a solution in the latents of this problem's priors
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.noise import Gaussian, Noise
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.errors import InputError
from invkit.solving.descent import Adam

__all__ = ["Descent", "closest", "descents", "encoded", "makes", "restated", "start_latents"]

#: steps and rate of the search where a prior has no encoder
_STEPS, _RATE = 200, 0.1
#: how far, relatively, a signal may be from that of its latents
_SAME = 1e-3


@attrs.frozen(eq=False)
class Descent:
    """The best of every start's path so far: its latent, its error and its objective."""

    latent: Inexact[Tensor, "n r *latent"]
    error: Float[Tensor, "n r"]
    objective: Float[Tensor, "n r"]


def descents(
    prior: Generator,
    signal: Inexact[Tensor, "n *signal"],
    starts: Inexact[Tensor, "n r *latent"],
    *,
    steps: int = _STEPS,
    rate: float = _RATE,
    weight: float = 0.0,
    noise: Noise | None = None,
) -> Iterator[Descent]:
    """Adam on ``‖C(m) − s‖² + weight·penalty(m)`` from every start; its rate falls along half a cosine.

    Gives what is best so far, at the starts and after every step.

    Args:
        prior: a generator; one that differs from signal to signal has a row for every start.
        signal: what is to be met.
        starts: where the paths begin.
        steps: steps of Adam; none where the latent has no numbers.
        rate: the step size at first.
        weight: the weight of the prior's penalty.
        noise: the cost that stands in place of the squared error, again with a row for every start.
    """
    noise = Gaussian() if noise is None else noise
    shape = tuple(starts.shape[:2])
    target, latent = signal.repeat_interleave(shape[1], 0), starts.flatten(0, 1).detach()
    steps = steps if latent.numel() else 0  # a given signal has nothing to choose
    adam, best = Adam(latent), latent
    best_objective = torch.full_like(target.flatten(1)[:, 0], math.inf)
    best_error = best_objective
    for step in range(steps + 1):
        with torch.enable_grad():
            at = latent.detach().requires_grad_()  # of its own: what is best so far has no graph
            made = prior(at)
            error = noise(made, target)
            objective = error + weight * prior.penalty(at, made) if weight else error
            gradient = torch.autograd.grad(objective.sum(), at)[0] if step < steps else at
        better = objective.detach() < best_objective
        best_objective = torch.where(better, objective.detach(), best_objective)
        best_error = torch.where(better, error.detach(), best_error)
        best = torch.where(better.reshape(-1, *[1] * (latent.ndim - 1)), latent, best)
        latents = best.reshape(*shape, *best.shape[1:])
        yield Descent(latents, best_error.view(shape), best_objective.view(shape))
        if step < steps:
            latent = latent - rate * 0.5 * (1 + math.cos(math.pi * step / steps)) * adam(gradient)


def closest(
    prior: Generator,
    signal: Inexact[Tensor, "n *signal"],
    starts: Inexact[Tensor, "n *latent"],
    *,
    steps: int = _STEPS,
) -> Inexact[Tensor, "n *latent"]:
    """Latents whose signals are close to given ones, from one start each."""
    *_, last = descents(prior, signal, starts[:, None], steps=steps)
    return last.latent[:, 0]


def admissible(prior: Generator, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *signal"]:
    """The closest signals that a prior's may equal: real where the prior is real, and within its bounds."""
    signal = signal.real if signal.is_complex() and prior.field == "real" else signal
    return signal.clamp(*prior.bounds) if prior.bounds and not signal.is_complex() else signal


def encoded(
    prior: Generator, signal: Inexact[Tensor, "n *signal"], rng: torch.Generator
) -> Inexact[Tensor, "n *latent"]:
    """The encoder's latents of signals; without an encoder, the closest found from one drawn start."""
    signal = admissible(prior, signal)
    if prior.can_encode:
        with torch.no_grad():
            return prior.encode(signal)
    start = prior.sample_latent(1, rng, dtype=signal.dtype, device=signal.device)
    return closest(prior, signal, start.expand(len(signal), *start.shape[1:]))


def restated(
    solution: Solution, problem: Problem, rng: torch.Generator, *, kept: Sequence[bool] = (False, False)
) -> Solution:
    """The same solution in latents of this problem's priors, for :meth:`Solver.solve`'s ``start``.

    Args:
        solution: signals ``(n, *signal)`` as tensors.
        problem: tied to shapes.
        rng: for priors that have no encoder.
        kept: whether each of the two latents already is one of this problem's priors, and stays.
    """
    latents = []
    for signal, latent, prior, keep in zip(
        (solution.w, solution.x), solution.latents, problem.priors, kept, strict=True
    ):
        if prior.ties and signal is not None and not _fits(prior, latent):
            latent = signal.new_zeros(len(signal), *(prior.latent_shape or ()))
        usable = (keep or prior.ties) and _fits(prior, latent)
        latents.append(latent if usable or signal is None else encoded(prior, signal, rng))
    return attrs.evolve(solution, latents=(latents[0], latents[1]))


def start_latents(
    start: Solution, problem: Problem, which: int, rng: torch.Generator
) -> Inexact[Tensor, "n *latent"]:
    """The latents that a solve goes on from: the solution's, or those of its signals where they do not fit.

    Args:
        start: what :meth:`Solver.solve` was given.
        problem: tied to shapes.
        which: 0 for the latents of ``w``, 1 for those of ``x``.
        rng: for a prior without an encoder.

    Raises:
        InputError: the solution has neither latents that fit nor the signal.
    """
    prior, latent, signal = problem.priors[which], start.latents[which], (start.w, start.x)[which]
    if _fits(prior, latent):
        found: Tensor = latent
        return found
    if signal is None:
        raise InputError("the solution to start from has no w", hint="start from one that has")
    return encoded(prior, signal, rng)


def makes(prior: Generator, latent: Tensor | None, signal: Tensor | None) -> bool:
    """Whether a prior makes these signals of these latents, but for rounding; True where it ties them."""
    if prior.ties or signal is None or not _fits(prior, latent):
        return prior.ties
    with torch.no_grad():
        made = prior(latent)
    apart, size = ((each.abs() ** 2).flatten(1).sum(1) for each in (made - signal, signal))
    return bool((apart <= _SAME**2 * size).all())


def _fits(prior: Generator, latent: Tensor | None) -> bool:
    """Whether latents have the shape and the field of a prior's."""
    return (
        latent is not None
        and tuple(latent.shape[1:]) == tuple(prior.latent_shape or ())
        and (not latent.is_complex() or prior.field != "real")
    )
