"""``tv``: non-blind deconvolution with a total-variation penalty, by the ADMM.

    deblur = invkit.compose("circconv", ["known:kernel.png?normalise=sum", "identity"], "tv")
    solution = deblur(y)                                 # solution.x; solution.w is the kernel given

For the ``w`` of a prior that leaves nothing to find (``known:``) it minimises, for every measurement,

    ½‖y − A(w, x)‖² + γ·TV(x)        over all x, within the bounds of the prior of x where it has any,

with sums over pixels and channels: γ is in units of the signal and does not depend on the picture's size.
Entries of y have the weights of the noise model. TV is isotropic, not smoothed and not taken over the border;
see :mod:`invkit_baselines.differences`. The iteration is that of :mod:`invkit_baselines.admm`, a division in
the DFT where the operator is a circular convolution and all entries of y count alike, and conjugate gradients
elsewhere.

The default γ is for pictures in [0, 1] with noise of σ = 0.01. It was chosen for the mean PSNR of training
pictures (CelebA faces, Chars74K letters) under kernels of the camera-shake family; γ should grow with σ.

The prior of ``x`` says which values there can be (its bounds) and nothing else: its penalty has no part,
since the total variation stands in its place. So a prior that restricts the picture to a range is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt, in_
from jaxtyping import Bool, Float, Int
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given, weighted
from invkit_baselines.admm import State, splitting_step
from invkit_baselines.differences import total_variation
from invkit_baselines.normal import quadratic_step
from invkit_baselines.pixels import require_free_pixels

__all__ = ["TV"]


@attrs.frozen
class TV(Solver):
    """Total-variation deconvolution with a given ``w``. The objective told is ``½‖y − A(w, x)‖² + γ·TV(x)``.

    Args:
        weight_x: γ, the weight of the total variation, in units of the signal, above 0.
        colour: joint, one norm over all channels of a pixel, so that edges of all colours are at one place;
            separate, a norm for each channel.
        steps: iterations at most.
        tolerance: a measurement has converged where an iteration moves x by less than this times its norm; 0:
            all steps are taken.
        jump: the jump, in units of the signal, by which an iteration shrinks differences, ``γ/β``. It changes
            how fast the iteration converges, not where to.
        inner: steps of conjugate gradients in an iteration.
    """

    weight_x: float = attrs.field(default=1.7e-3, validator=gt(0))
    colour: Literal["joint", "separate"] = attrs.field(default="joint", validator=in_(["joint", "separate"]))
    steps: int = attrs.field(default=200, validator=ge(1))
    tolerance: float = attrs.field(default=1e-4, validator=ge(0))
    jump: float = attrs.field(default=0.2, validator=gt(0))
    inner: int = attrs.field(default=5, validator=ge(1))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover every measurement's ``x``; nothing is drawn from ``rng``. Starts from ``start``'s ``x``.

        Raises:
            InputError: ``w`` is not given, the prior of ``x`` restricts it to a range, or the noise is not
                Gaussian.
        """
        problem, y = problem.bound(y)
        prior_w, prior_x = problem.priors
        if not is_given(prior_w):
            raise InputError(
                "tv is not blind: it needs a prior of w that leaves nothing to find",
                hint="give the kernel: known:kernel.png?normalise=sum, or use a blind solver, e.g. altgd",
            )
        if not isinstance(problem.noise, Gaussian):
            raise InputError(
                f"tv minimises a squared residual, the noise is {type(problem.noise).__name__}",
                hint="use Gaussian noise, with weights or without, or a solver that takes any, e.g. altgd",
            )
        require_free_pixels("x", prior_x, y, "use the prior identity, or another solver, e.g. altgd")
        record = Record(y, monitors, steps=self.steps, points=25)
        with torch.no_grad():
            descent = Descent(self, problem, y, start)
            with record:
                descent.go(record)
            objective, data = descent.values()
            record.settle(objective, data, descent.ends(record))
            record.end(
                Found(
                    x=descent.x,
                    w=descent.w,
                    latents=(y.new_zeros(len(y), *(prior_w.latent_shape or ())), prior_x.encode(descent.x)),
                    residual=problem.residual(descent.w, descent.x, y),
                )
            )
        return record.solution()


class Descent:
    """The measurements of a solve, of which those that have not converged are under way."""

    x: Float[Tensor, "n c *dims"]

    def __init__(self, options: TV, problem: Problem, y: Tensor, start: Solution | None) -> None:
        self.options, self.problem, self.y = options, problem, y
        self.w = given_signals(problem.priors[0], y)
        self.bounds = bounds = problem.priors[1].bounds
        self.x_shape = tuple(problem.priors[1].signal_shape or ())
        linear, seen = weighted(problem.operator.given(w=self.w, x_shape=self.x_shape), y, problem.noise)
        #: what is found so far, of all measurements
        self.x = linear.adjoint(seen) if start is None else start.x
        self.x = self.x.clamp(*bounds) if bounds else self.x
        self.converged: Bool[Tensor, "n"] = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        #: the numbers of those under way, where they stand, and what takes them on
        self.active: Int[Tensor, "k"] = torch.arange(len(y), device=y.device)
        self.state = State.at(self.x, boxed=bounds is not None)
        self.advance = self._advance()

    def go(self, record: Record) -> None:
        """Iterate until all have converged, or to the last step."""
        for step in range(1, self.options.steps + 1):
            self._iterate()
            done = len(self.active) == 0
            if done or record.due(step):
                told = self.options.steps if done else step  # what is left to do is done at once
                record.tell(told, *self.values(), lambda: (self.w, self.x))
            if done:
                break

    def values(self) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
        """Objective and data term of every measurement; NaN where they are not finite."""
        data = self.problem.noise(self.problem.operator(self.w, self.x), self.y)
        objective = data / 2 + self.options.weight_x * total_variation(self.x, self.options.colour)
        sound = torch.isfinite(objective)
        return objective.where(sound, torch.nan)[:, None], data.where(sound, torch.nan)[:, None]

    def ends(self, record: Record) -> list[list[Status]]:
        """How every measurement ended."""
        sound = torch.isfinite(self.values()[0][:, 0]).tolist()
        return [
            [Status.CONVERGED if done and fine else record.ended(fine)]
            for done, fine in zip(self.converged.tolist(), sound, strict=True)
        ]

    def _iterate(self) -> None:
        """One iteration of those under way; the converged, and those that are no longer finite, are left."""
        before, after = self.state, self.advance(self.state)
        moved = (after.x - before.x).flatten(1).norm(dim=1)
        lost = ~torch.isfinite(moved)
        done = moved <= self.options.tolerance * after.x.flatten(1).norm(dim=1)
        keep = ~lost
        self.x = self.x.index_copy(0, self.active[keep], after.signal[keep])
        self.state = after
        if bool((done | lost).any()):
            self.converged[self.active[done & keep]] = True
            going = (~(done | lost)).nonzero()[:, 0]
            self.active, self.state = self.active[going], after.select(going)
            if len(going):
                self.advance = self._advance()

    def _advance(self) -> Callable[[State], State]:
        options, beta = self.options, self.options.weight_x / self.options.jump
        rho = beta if self.bounds else 0.0
        these, y = self.problem.select(self.active), self.y[self.active]
        w = given_signals(these.priors[0], y)
        linear, seen = weighted(these.operator.given(w=w, x_shape=self.x_shape), y, these.noise)
        return splitting_step(
            quadratic_step(linear, seen, beta, rho, options.inner),
            weight=options.weight_x,
            beta=beta,
            rho=rho,
            colour=options.colour,
            bounds=self.bounds,
        )
