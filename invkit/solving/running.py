"""A whole solve from one step of it: restarts, halving, chunks, Ctrl-C, monitors, the solution.

    def step(c, number):                                   # c: Candidates, all restarts in one batch
        gradient_h, gradient_m = c.gradients()
        c.move(c.h - 0.1 * gradient_h, c.m - 0.1 * gradient_m)

    solution = run(step, problem, y, rng, monitors, steps=200, restarts=8, start=start)

With ``keep=(12, 4, 1)`` the best 12 starts of each measurement are followed, of these the best 4 for longer,
and the best of them to the end: every stage costs about the same, so its length is inversely proportional to
its number of candidates (successive halving; Jamieson and Talwalkar, AISTATS 2016). The candidate with the
least data term wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.solving.candidates import Candidates
from invkit.solving.closest import start_latents
from invkit.solving.record import Found, Record

__all__ = ["drawn", "halving", "is_restarts", "run"]

is_restarts = attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(100_000))
"""Validates a solver's option ``restarts``: all are drawn at once, and a million would fill the memory."""


def run(
    step: Callable[[Candidates, int], None],
    problem: Problem,
    y: Inexact[Tensor, "n *y"],
    rng: torch.Generator,
    monitors: Sequence[Monitor] = (),
    *,
    steps: int,
    restarts: int = 1,
    keep: Sequence[int] = (),
    chunk: int = 2048,
    start: Solution | None = None,
    begin: Callable[[Candidates], None] | None = None,
    finish: Callable[[Problem, Tensor, Tensor, Tensor], Tensor] | None = None,
    factor: Callable[[int], float] | None = None,
) -> Solution:
    """Take every restart of every measurement through ``steps`` steps; the best of each is the solution.

    Args:
        step: moves all candidates once; told the number of the step, from 0. It may end the search of some by
            :meth:`Candidates.finish`; the solve is over when no candidate searches any more.
        problem: priors, operator, noise and weights; bound to ``y`` here where it is not.
        y: the measurements.
        rng: draws the starts. All measurements have the same ones, so that equal measurements end equal.
        monitors: told of progress.
        steps: steps of a winning candidate, in all.
        restarts: starts for every measurement; one where there is a ``start`` or nothing to draw.
        keep: candidates per measurement in each stage of the halving; empty: all restarts to the end.
        chunk: candidates at a time, for memory alone.
        start: a solution whose latents are the only start of each measurement.
        begin: prepares the candidates before the first step, e.g. their ``memory``.
        finish: the last word on x: (problem, y, w, x) of the winners ↦ x. What is not finite is not taken.
        factor: what multiplies the weights of the penalties at a step; 1 by default.

    Raises:
        ShapeError: priors and measurement do not fit.
    """
    problem, y = problem.bound(y)
    if start is not None:
        h, m = (start_latents(start, problem, which, rng)[:, None] for which in (0, 1))
    else:
        h, m = drawn(problem, y, restarts, rng)
    restarts = h.shape[1]
    parts = torch.split(torch.arange(len(y), device=y.device), max(1, chunk // restarts))

    def waiting() -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return problem.signals(h[:, 0], m[:, 0])

    record = Record(y, monitors, steps=steps, restarts=restarts, passes=len(parts), waiting=waiting)
    for rows in parts:
        record.begin(rows)
        c = Candidates(problem.select(rows), y[rows], h[rows], m[rows])
        with record:
            if not record.interrupted:
                if begin:
                    begin(c)
                done = 0
                for count, length in halving(keep, restarts, steps):
                    c.factor = factor(done) if factor else 1.0
                    c.keep(count)
                    for number in range(done, done + length):
                        c.factor, c.state = factor(number) if factor else 1.0, None
                        step(c, number)
                        told = steps if c.over else number + 1
                        if record.due(told):
                            record.tell(told, *c.tables(c.state or c.evaluate()), lambda: c.best()[2:])  # noqa: B023
                        if c.over:
                            break
                    if c.over:
                        break
                    done += length
        c.settle(record.ended())
        own_h, own_m, w, x = c.best()
        these = problem.select(rows)
        if finish:
            moved = finish(these, y[rows], w, x)
            sound = torch.isfinite(moved).flatten(1).all(1)
            x = torch.where(sound.reshape(-1, *[1] * (x.ndim - 1)), moved, x)
        record.settle(*c.ends())
        residual = these.residual(w, x, y[rows])
        winner = c.winners().tolist()
        record.end(Found(x=x, w=w, latents=(own_h, own_m), residual=residual, winner=winner))
    return record.solution()


def halving(keep: Sequence[int], restarts: int, steps: int) -> list[tuple[int, int]]:
    """(candidates per measurement, steps) of every stage: steps inversely proportional to candidates."""
    kept = [min(count, restarts) for count in keep] or [restarts]
    share = sum(1 / count for count in kept)
    ends = [round(steps * sum(1 / count for count in kept[: i + 1]) / share) for i in range(len(kept))]
    return [(count, end - begin) for count, begin, end in zip(kept, [0, *ends[:-1]], ends, strict=True)]


def drawn(
    problem: Problem, y: Inexact[Tensor, "n *y"], restarts: int, rng: torch.Generator
) -> tuple[Inexact[Tensor, "n r *h"], Inexact[Tensor, "n r *m"]]:
    """Latents drawn from both priors, the same for all measurements; one where there is nothing to draw."""
    if all(0 in (prior.latent_shape or ()) for prior in problem.priors):
        restarts = 1
    h, m = (prior.sample_latent(restarts, rng, dtype=y.dtype, device=y.device) for prior in problem.priors)
    return h.expand(len(y), *h.shape), m.expand(len(y), *m.shape)
