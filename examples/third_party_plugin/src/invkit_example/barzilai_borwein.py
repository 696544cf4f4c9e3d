"""Gradient descent with Barzilai–Borwein steps, ``z ← z − α ∇f(z)`` with ``α = ⟨s, s⟩ / ⟨s, g⟩``.

    solver = invkit.solver("barzilai-borwein?steps=300,restarts=8")

Here ``z`` is both latents of a candidate, ``s`` the last change of ``z`` and ``g`` that of the gradient: two
gradients give a step as long as a quadratic would want it. A step that does not lower the objective is taken
back and tried again at a quarter of its length, so the objective never rises.

Source: Barzilai and Borwein, IMA J. Numer. Anal. 8 (1988), eq. (5). The taking back is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import field, frozen
from attrs.validators import ge, gt
from jaxtyping import Float
from torch import Tensor

from invkit import Monitor, Problem, Solution, Solver
from invkit.solving import Candidates, run


@frozen
class BarzilaiBorwein(Solver):
    """Gradient descent that finds its own step.

    Args:
        steps: how many, at least 1.
        restarts: random starts per measurement, solved together; the least data term wins.
        first: the first step's length in the latents, above 0.
        weight_w: λ, the weight of the penalty on ``w``, at least 0.
        weight_x: γ, the weight of the penalty on ``x``, at least 0.
    """

    steps: int = field(default=200, validator=ge(1))
    restarts: int = field(default=4, validator=ge(1))
    first: float = field(default=0.1, validator=gt(0))
    weight_w: float = field(default=0.0, validator=ge(0))
    weight_x: float = field(default=0.0, validator=ge(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement; see `invkit.Solver`."""
        problem, steps = problem.weighted(self.weight_w, self.weight_x), self.steps
        return run(self._step, problem, y, rng, monitors, steps=steps, restarts=self.restarts, start=start)

    def _step(self, c: Candidates, number: int) -> None:
        """Try one step; each candidate keeps it only where its own objective falls."""
        z = _joined(c.h, c.m)
        if number == 0:
            state, *gradients = c.objective.gradients(c.h, c.m)
            gradient = _joined(*gradients)
            length = gradient.norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
            c.memory = {"total": state.total, "gradient": gradient, "alpha": self.first / length}
        total, gradient, alpha = c.memory.values()
        trial = z - alpha[:, None] * gradient
        state, *slopes = c.objective.gradients(*_parted(c, trial))
        at, slope, s = state.total, _joined(*slopes), trial - z
        curvature = (s * (slope - gradient)).sum(1)
        fit = torch.where(curvature > 0, s.square().sum(1) / curvature, 2 * alpha).minimum(100 * alpha)
        better = at < total
        c.memory["total"] = at.where(better, total)
        c.memory["gradient"] = slope.where(better[:, None], gradient)
        c.memory["alpha"] = fit.where(better, alpha / 4)
        c.move(*_parted(c, trial.where(better[:, None], z)))


def _joined(h: Tensor, m: Tensor) -> Tensor:
    return torch.cat([h.flatten(1), m.flatten(1)], 1)


def _parted(c: Candidates, z: Tensor) -> tuple[Tensor, Tensor]:
    size = c.h[0].numel()
    return z[:, :size].reshape(c.h.shape), z[:, size:].reshape(c.m.shape)
