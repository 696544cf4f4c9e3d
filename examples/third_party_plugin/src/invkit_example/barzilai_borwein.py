"""Gradient descent with Barzilai–Borwein steps, ``z ← z − α ∇f(z)`` with ``α = ⟨s, s⟩ / ⟨s, g⟩``.

    solver = invkit.solver("barzilai-borwein?steps=300,restarts=8")

Here ``z`` is both latents of a candidate, ``s`` the last change of ``z`` and ``g`` that of the gradient: two
gradients give a step as long as a quadratic would want it. A step that does not lower the objective is taken
back and tried again at a quarter of its length, so the objective never rises.

Source: Barzilai and Borwein, "Two-point step size gradient methods", IMA J. Numer. Anal. 8 (1988), eq. (5).
The taking back is ours; the original is not monotone. Restarts run in one batch and none sees another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit import Evaluation, Monitor, Objective, Problem, Progress, Restarts, Solution, Solver, Status

Pair = tuple[Tensor, Tensor]


@attrs.frozen
class BarzilaiBorwein(Solver):
    """Gradient descent that finds its own step.

    Args:
        steps: how many, at least 1.
        restarts: random starts per measurement, solved together; the least residual wins.
        first: the first step's length in the latents, above 0.
        weight_w: λ, the weight of the penalty on ``w``, at least 0.
        weight_x: γ, the weight of the penalty on ``x``, at least 0.
    """

    steps: int = attrs.field(default=200, validator=attrs.validators.ge(1))
    restarts: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    first: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))
    weight_w: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    weight_x: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement; see `invkit.Solver`."""
        began, count = time.perf_counter(), len(y)
        problem = problem.shaped(tuple(y.shape[1:])).weighted(self.weight_w, self.weight_x)
        objective = problem.measured(y.repeat_interleave(self.restarts, 0))
        for monitor in monitors:
            monitor.on_start(self.steps, count, self.restarts)

        point = self._start(problem, objective, count * self.restarts, y, rng)
        history, end = [point.at.total], Status.MAX_ITER
        try:
            for step in range(1, self.steps + 1):
                point = _descend(objective, point)
                history.append(point.at.total)
                for monitor in monitors:
                    if step % monitor.every == 0 or step == self.steps:
                        monitor.on_step(_progress(step, self.steps, point.at, count))
        except KeyboardInterrupt:  # the best so far is a result too
            end = Status.INTERRUPTED

        solution = _solution(point, torch.stack(history, -1), count, end, time.perf_counter() - began)
        for monitor in monitors:
            monitor.on_end(solution)
        return solution

    def _start(
        self, problem: Problem, objective: Objective, n: int, y: Tensor, rng: torch.Generator
    ) -> _Point:
        first, second = problem.priors
        h = first.sample_latent(n, rng, dtype=y.dtype, device=y.device)
        m = second.sample_latent(n, rng, dtype=y.dtype, device=y.device)
        at, grad_h, grad_m = objective.gradients(h, m)
        length = _dot((grad_h, grad_m), (grad_h, grad_m)).sqrt()
        return _Point((h, m), (grad_h, grad_m), at, self.first / length.clamp_min(torch.finfo(y.dtype).tiny))


@attrs.frozen(eq=False)
class _Point:
    """Where every candidate stands: latents, gradients, objective, and the step to try next."""

    z: Pair
    gradient: Pair
    at: Evaluation
    alpha: Tensor


def _descend(objective: Objective, old: _Point) -> _Point:
    """Try one step; each candidate keeps it only where its own objective falls."""
    trial = _minus(old.z, (_times(old.alpha, old.gradient[0]), _times(old.alpha, old.gradient[1])))
    at, *grown = objective.gradients(*trial)
    gradient = (grown[0], grown[1])
    better = at.total < old.at.total
    s, change = _minus(trial, old.z), _minus(gradient, old.gradient)
    curvature = _dot(s, change)
    longest = 100 * old.alpha  # keeps a vanishing curvature from throwing the candidate away
    fit = torch.where(curvature > 0, _dot(s, s) / curvature, 2 * old.alpha).minimum(longest)
    kept = (_pick(better, getattr(at, f), getattr(old.at, f)) for f in ("total", "residual", "w", "x"))
    return _Point(
        z=(_pick(better, trial[0], old.z[0]), _pick(better, trial[1], old.z[1])),
        gradient=(_pick(better, gradient[0], old.gradient[0]), _pick(better, gradient[1], old.gradient[1])),
        at=Evaluation(*kept),
        alpha=torch.where(better, fit, old.alpha / 4),
    )


def _solution(point: _Point, history: Tensor, count: int, end: Status, seconds: float) -> Solution:
    """Choose the least residual per measurement and write everything down."""
    at, table = point.at, (count, -1)
    finite = torch.isfinite(at.total).reshape(table)
    winner, chosen = _winners(at, count)
    ends = tuple(tuple(end if good else Status.DIVERGED for good in row) for row in finite.tolist())
    return Solution(
        x=at.x[chosen],
        w=at.w[chosen],
        latents=(point.z[0][chosen], point.z[1][chosen]),
        residual=at.residual[chosen],
        status=tuple(row[best] for row, best in zip(ends, winner.tolist(), strict=True)),
        restarts=Restarts(
            objective=at.total.reshape(table).where(finite, torch.nan),
            residual=at.residual.reshape(table),
            status=ends,
            winner=tuple(winner.tolist()),
        ),
        history=history.reshape(count, -1, history.shape[-1]),
        history_steps=tuple(range(history.shape[-1])),
        seconds=seconds,
    )


def _progress(step: int, steps: int, at: Evaluation, count: int) -> Progress:
    def best() -> Pair:
        _, chosen = _winners(at, count)
        return at.w[chosen], at.x[chosen]

    return Progress(step, steps, at.total.reshape(count, -1), at.residual.reshape(count, -1), best)


def _winners(at: Evaluation, count: int) -> Pair:
    """Return the best restart of every measurement, and its place in the batch."""
    finite = torch.isfinite(at.total)
    residual = at.residual.where(finite, torch.inf).reshape(count, -1)
    winner = residual.argmin(1)
    return winner, winner + residual.shape[1] * torch.arange(count, device=winner.device)


def _dot(a: Pair, b: Pair) -> Tensor:
    return (a[0] * b[0]).flatten(1).sum(1) + (a[1] * b[1]).flatten(1).sum(1)


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def _times(values: Tensor, signal: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (signal.ndim - 1)) * signal


def _pick(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
