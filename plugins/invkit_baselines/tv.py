"""``tv``: non-blind deconvolution with a total-variation penalty, by the ADMM.

    deblur = invkit.compose("circconv", ["known:kernel.png?normalise=sum", "identity"], "tv")
    solution = deblur(y)                                 # solution.x; solution.w is the kernel given

For the ``w`` of a prior that leaves nothing to find (``known:``) it minimises, for every measurement,

    ½‖y − A(w, x)‖² + μ·TV(x)        over all x, within the bounds of the prior of x where it has any,

with sums over pixels and channels: ``μ`` is in units of the signal and does not depend on the picture's size.
TV is isotropic, not smoothed and not taken over the border; see :mod:`invkit_baselines.differences`. The
iteration is that of :mod:`invkit_baselines.admm`, a division in the DFT where the operator is a circular
convolution and conjugate gradients where it is any other.

The default μ is for pictures in [0, 1] with noise of σ = 0.01. It was chosen for the mean PSNR of training
pictures (CelebA faces, Chars74K letters) under kernels of the camera-shake family; μ should grow with σ.

The prior of ``x`` says which values there can be (its bounds) and nothing else: its penalty has no part,
since the total variation stands in its place. So a prior that restricts the picture to a range is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt, in_
from jaxtyping import Bool, Float, Int
from torch import Tensor

from invkit.contracts.linear import LinearOperator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Example, Solver
from invkit.errors import InputError
from invkit_baselines.admm import State, splitting_step
from invkit_baselines.differences import total_variation
from invkit_baselines.normal import quadratic_step
from invkit_baselines.pixels import empty_latents, is_known, known_signal, require_free_pixels
from invkit_baselines.record import Record

__all__ = ["TV"]


@attrs.frozen
class TV(Solver):
    """Total-variation deconvolution with a known ``w``; the objective told is ``½‖y − A(w, x)‖² + μ·TV(x)``.

    - mu: the weight μ > 0 of the total variation, in units of the signal.
    - colour: joint, one norm over all channels of a pixel, so that edges of all colours are at one place;
      separate, a norm for each channel.
    - steps: iterations at most.
    - tolerance: a measurement has converged where an iteration moves x by less than this times its norm; 0:
      all steps are taken.
    - jump: the jump, in units of the signal, by which an iteration shrinks differences, ``μ/β``. It changes
      how fast the iteration converges, not where to.
    - inner: steps of conjugate gradients an iteration, for operators that are no circular convolution.
    """

    mu: float = attrs.field(default=1.7e-3, validator=gt(0))
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
    ) -> Solution:
        """Recover every measurement's ``x``; nothing is drawn from ``rng``.

        Raises:
            InputError: ``w`` is not known, or the prior of ``x`` restricts it to a range.
        """
        began = time.perf_counter()
        problem = problem.shaped(tuple(y.shape[1:]))
        prior_w, prior_x = problem.priors
        if not is_known(prior_w):
            raise InputError(
                "tv is not blind: it needs a prior of w that leaves nothing to find",
                hint="give the kernel: known:kernel.png?normalise=sum, or use a blind solver, e.g. altgd",
            )
        require_free_pixels("x", prior_x, y, "use the prior identity, or another solver, e.g. altgd")
        with torch.no_grad():
            w = known_signal(prior_w, y)
            record = Record(monitors, self.steps, len(y))
            run = Run(self, problem, w, y)
            interrupted = run.go(record)
            values, status = run.values(), run.statuses(interrupted)
            latents = (empty_latents(prior_w, y), prior_x.encode(run.x))
        solution = record.solution(run.x, w, latents, values, status, time.perf_counter() - began)
        record.end(solution)
        return solution

    def examples(self, seed: int) -> Sequence[Example]:
        """Known ``w`` and free ``x``: a circular convolution, and a map that is none."""
        from invkit_baselines.examples import known_w

        return known_w(seed)


class Run:
    """The measurements of a solve, of which those that have not converged are under way."""

    x: Float[Tensor, "n c *dims"]

    def __init__(self, options: TV, problem: Problem, w: Tensor, y: Tensor) -> None:
        self.options, self.problem, self.w, self.y = options, problem, w, y
        bounds = problem.priors[1].bounds
        #: what is found so far, of all measurements
        self.x = self._operator(w).adjoint(y)
        self.x = self.x.clamp(*bounds) if bounds else self.x
        self.converged: Bool[Tensor, "n"] = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        #: the numbers of those under way, where they stand, and what takes them on
        self.active: Int[Tensor, "k"] = torch.arange(len(y), device=y.device)
        self.state = State.at(self.x, boxed=bounds is not None)
        self.advance = self._advance()

    def go(self, record: Record) -> bool:
        """Iterate to the end; True where Ctrl-C ended it before."""
        try:
            for step in range(1, self.options.steps + 1):
                self._iterate()
                done = len(self.active) == 0
                if done or record.due(step):
                    objective, residual = self.values()
                    told = self.options.steps if done else step  # what is left to do is done at once
                    record.tell(told, objective[:, None], residual[:, None], lambda: (self.w, self.x))
                if done:
                    break
        except KeyboardInterrupt:
            return True
        return False

    def values(self) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Objective (NaN where it is not finite) and squared residual of every measurement."""
        residual = (self.y - self._operator(self.w)(self.x)).flatten(1).square().sum(1)
        objective = residual / 2 + self.options.mu * total_variation(self.x, self.options.colour)
        return torch.where(torch.isfinite(objective), objective, torch.nan), residual

    def statuses(self, interrupted: bool) -> tuple[Status, ...]:
        """How every measurement ended."""
        ended = Status.INTERRUPTED if interrupted else Status.MAX_ITER
        finite = torch.isfinite(self.values()[0])
        return tuple(
            (Status.CONVERGED if done else ended) if sound else Status.DIVERGED
            for done, sound in zip(self.converged.tolist(), finite.tolist(), strict=True)
        )

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
        options, beta = self.options, self.options.mu / self.options.jump
        bounds = self.problem.priors[1].bounds
        rho = beta if bounds else 0.0
        operator = self._operator(self.w[self.active])
        quadratic = quadratic_step(operator, self.y[self.active], beta, rho, options.inner)
        return splitting_step(
            quadratic, mu=options.mu, beta=beta, rho=rho, colour=options.colour, bounds=bounds
        )

    def _operator(self, w: Tensor) -> LinearOperator:
        shape = self.problem.priors[1].signal_shape
        assert shape is not None
        return self.problem.operator.given(w=w, x_shape=shape)
