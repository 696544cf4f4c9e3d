"""The descent of a batch of candidates, all restarts of all its measurements at once.

    batch = Batch(objective, h, m, owner=restart numbers)
    descend(batch, schedule, first=0, last=50, told=...)

A candidate whose objective or gradient stops being finite keeps its last finite latents and drops out
alone. Nothing in the loop waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from invkit.contracts.problem import Evaluation, Objective
from invkit_altgd.updates import Adam, Plain, Update

UpdateName = Literal["adam", "gradient"]
Order = Literal["jacobi", "gauss-seidel"]
Decay = Literal["constant", "exponential", "cosine"]
Hold = Literal["nothing", "w"]
"""Which latent does not move."""


@attrs.frozen
class Schedule:
    """Step sizes, and how much larger the weights are, as functions of the step."""

    steps: int
    rate: float
    decay: Decay
    decay_steps: float
    anneal: float

    def rate_at(self, step: int) -> float:
        """η of step 0, 1, …"""
        if self.decay == "exponential":
            return self.rate * math.exp(-step / self.decay_steps)
        return self.rate * (
            0.5 * (1 + math.cos(math.pi * step / self.steps)) if self.decay == "cosine" else 1.0
        )

    def heaviness_at(self, step: int) -> float:
        """How many times larger λ and γ are: ``anneal`` times at first, falling geometrically to 1 over the
        first half.
        """
        return self.anneal ** max(0.0, 1 - 2 * step / self.steps)


class Batch:
    """Candidates under way: latents, the updates' memory, and who is still alive."""

    def __init__(
        self,
        objective: Objective,
        h: Float[Tensor, "n *h"],
        m: Float[Tensor, "n *k"],
        number: Int[Tensor, "n"],
        update: UpdateName,
        normalise: bool,
    ) -> None:
        self.objective, self.h, self.m, self.number = objective, h, m, number
        #: the latents of each candidate's last finite objective
        self.finite = (h, m)
        self.alive: Bool[Tensor, "n"] = torch.ones(h.shape[0], dtype=torch.bool, device=h.device)
        self.updates: tuple[Update, Update] = (
            (Adam(h), Adam(m)) if update == "adam" else (Plain(normalise), Plain(normalise))
        )

    def evaluate(self, heaviness: float = 1.0) -> Evaluation:
        """The objective at the current latents, its weights so many times as large."""
        with torch.no_grad():
            return self.objective.scaled(heaviness)(self.h, self.m)

    def select(self, keep: Int[Tensor, "k"]) -> None:
        """Go on with these candidates only, in this order."""
        self.objective = self.objective.select(keep)
        self.finite = (self.finite[0][keep], self.finite[1][keep])
        self.h, self.m, self.number, self.alive = (
            self.h[keep],
            self.m[keep],
            self.number[keep],
            self.alive[keep],
        )
        for update in self.updates:
            update.select(keep)

    def settle(self) -> Evaluation:
        """The objective where the descent ended; what is not finite there goes back to where it last was."""
        state = self.evaluate()
        self._keep_finite(state)
        self.h, self.m = self.finite
        return self.evaluate() if not self.alive.all() else state

    def step(self, rate: float, heaviness: float, order: Order, hold: Hold = "nothing") -> Evaluation:
        """One step of both latents, or of m alone; returns the objective where the step began."""
        objective = self.objective.scaled(heaviness)
        if hold == "w":
            state, _, gradient_m = objective.gradients(self.h, self.m, wrt="x")
            self._keep_finite(state)
            self.m = self._moved(1, self.m, gradient_m, rate)
            return state
        if order == "jacobi":
            state, gradient_h, gradient_m = objective.gradients(self.h, self.m)
            self._keep_finite(state)
            self.h = self._moved(0, self.h, gradient_h, rate)
            self.m = self._moved(1, self.m, gradient_m, rate)
            return state
        state, gradient_h, _ = objective.gradients(self.h, self.m, wrt="w")
        self._keep_finite(state)
        self.h = self._moved(0, self.h, gradient_h, rate)
        between, _, gradient_m = objective.gradients(self.h, self.m, wrt="x")
        self._keep_finite(between)
        self.m = self._moved(1, self.m, gradient_m, rate)
        return state

    def _keep_finite(self, state: Evaluation) -> None:
        """Remember latents of a finite objective; a candidate whose objective is not finite drops out."""
        good = torch.isfinite(state.total)
        self.alive = self.alive & good
        self.finite = (
            torch.where(_each(good, self.h), self.h, self.finite[0]),
            torch.where(_each(good, self.m), self.m, self.finite[1]),
        )

    def _moved(self, which: int, latent: Tensor, gradient: Tensor, rate: float) -> Tensor:
        self.alive = self.alive & torch.isfinite(gradient.flatten(1).sum(1))
        mask = _each(self.alive, latent)
        direction = self.updates[which](torch.where(mask, gradient, 0.0))
        return torch.where(mask, latent - rate * direction, self.finite[which])


def _each(mask: Bool[Tensor, "n"], latent: Tensor) -> Tensor:
    """One truth value per candidate, shaped to choose among latents."""
    return mask.reshape(-1, *[1] * (latent.ndim - 1))


#: hears of every step: its number, the candidates after it, the objective where it began
Told = Callable[[int, Batch, Evaluation], None]


def descend(
    batch: Batch,
    schedule: Schedule,
    first: int,
    last: int,
    order: Order,
    told: Told,
    hold: Hold = "nothing",
) -> None:
    """Steps ``first`` … ``last − 1`` of the schedule; ``told`` hears of the step's number and where it
    began.
    """
    for step in range(first, last):
        told(step, batch, batch.step(schedule.rate_at(step), schedule.heaviness_at(step), order, hold))
