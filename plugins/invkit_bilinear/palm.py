"""``palm`` — proximal alternating linearised minimisation, with inertia.

    solver = invkit.solver("palm", weight_x=0.01)
    deblur = invkit.compose("circconv", w="identity", x="identity?penalty=l1", solver=solver)

Minimises ``H(w, x) + λ f(w) + γ g(x)``, H the data term of the noise model, by a gradient step in H and the
proximal map of the penalty, in turn for w and for x:

    w ← prox_{λf/c}(w − ∇_w H(w, x)/c),        c = 1.1 · L(x),

where L(x) is the Lipschitz constant of ∇_w H at this x, found by a power iteration for each candidate. Both
gradients are taken a little ahead, by inertia: at ``w + β(w − w_before)`` with β rising towards 1. A
candidate whose objective rises begins again without inertia. Penalties need not be smooth, and a prior may be
a set: its proximal map is then the projection onto it.

A prior that has a proximal map moves as a signal. A prior that is affine in its latent and has none (a
subspace) moves as a latent; its penalty may be ‖latent‖².

The Lipschitz constant holds for Gaussian noise and for costs that are nowhere steeper, such as Huber's.

Sources: J. Bolte, S. Sabach and M. Teboulle, "Proximal alternating linearized minimization for nonconvex and
nonsmooth problems", Math. Program. 146, 2014; T. Pock and S. Sabach, SIAM J. Imaging Sci. 9(4), 2016 (the
inertia, here with the restarts of B. O'Donoghue and E. Candès, Found. Comput. Math. 15, 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import attrs
import torch
from attrs.validators import ge, in_
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.generator import Generator, squared_norm
from invkit.contracts.given import is_given
from invkit.contracts.linear import LinearOperator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Candidates, LinearPart, is_restarts, quadratic_weights, require_ridge
from invkit_bilinear.lifted import Lifted, Linear
from invkit_bilinear.searching import Searching, per_row
from invkit_bilinear.starts import searched

__all__ = ["PALM"]

#: the step is 1/(this · L); iterations of the power iteration for L, at first and from step to step
_SAFETY, _FIRST, _MORE = 1.1, 20, 1

_Maps = Callable[[Sequence[Tensor], int], tuple[Linear, Tensor]]
"""Of both unknowns, the measurement as a linear map of one of them, and the measurement they make."""


@attrs.frozen
class PALM(Solver):
    """Proximal alternating linearised minimisation.

    Args:
        steps: steps at most, each one in w and one in x.
        restarts: starts for every measurement; the least data term wins.
        start: ``spectral``, the leading singular pair of the adjoint map and randomised ones beside it, where
            both priors are affine, else as drawn; ``random``, latents drawn from the priors.
        inertia: how much of the last change is added ahead of a step, 0 (plain PALM) to 1.
        tolerance: a candidate has converged when a hundred steps lower the objective by less than this
            fraction.
        weight_w, weight_x: λ and γ, the weights of the penalties.
    """

    steps: int = attrs.field(default=3000, validator=ge(1))
    restarts: int = attrs.field(default=10, validator=is_restarts)
    start: Literal["spectral", "random"] = attrs.field(
        default="spectral", validator=in_(["spectral", "random"])
    )
    inertia: float = attrs.field(default=1.0, validator=[ge(0), attrs.validators.le(1)])
    tolerance: float = attrs.field(default=1e-6, validator=ge(0))
    weight_w: float = attrs.field(default=0.0, validator=ge(0))
    weight_x: float = attrs.field(default=0.0, validator=ge(0))

    takes_complex = True

    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: a prior that neither has a proximal map nor is affine, or a weight of a penalty whose
                proximal map is not known.
        """
        problem = problem.shaped(tuple(y.shape[1:])).weighted(self.weight_w, self.weight_x)
        for prior, name in zip(problem.priors, "wx", strict=True):
            if not (prior.affine or (prior.has_prox and prior.can_encode)):
                raise InputError(
                    f"palm needs priors that have a proximal map or are affine in their latents, "
                    f"but the prior of {name}, {type(prior).__name__}, is neither",
                    hint="choose solver=lm, which takes any prior, or another prior",
                )
            if getattr(self, f"weight_{name}") and not (prior.has_prox or is_given(prior)):
                require_ridge(prior, "palm", f"weight_{name}")
        return searched(self, _Search(self), problem, y, rng, monitors, start)


@attrs.define(eq=False)
class _Side:
    """One of both unknowns: what moves, where it was, and the power iteration for its Lipschitz constant."""

    moves_signal: bool
    now: Tensor
    before: Tensor
    vector: Tensor

    @classmethod
    def of(cls, prior: Generator, latent: Tensor) -> _Side:
        with torch.no_grad():
            now = prior(latent) if prior.has_prox else latent
        rng = torch.Generator().manual_seed(0)
        drawn = torch.randn(now.shape[1:], generator=rng, dtype=now.real.dtype).to(now)
        return cls(prior.has_prox, now, now, drawn.expand(now.shape))

    def select(self, keep: Tensor) -> None:
        """Go on with these candidates."""
        self.now, self.before, self.vector = (each[keep] for each in (self.now, self.before, self.vector))


class _Search:
    """The steps of all candidates."""

    def __init__(self, options: PALM) -> None:
        self.options = options

    def begin(self, c: Candidates) -> None:
        """What lasts from step to step."""
        self.searching, self.rows = Searching(c), torch.arange(len(c.y), device=c.y.device)
        self.problem, self.y = c.problem, c.y
        pairs = zip(c.problem.priors, (c.h, c.m), strict=True)
        self.sides = [_Side.of(prior, latent) for prior, latent in pairs]
        moves_signal = any(side.moves_signal for side in self.sides)
        self.lifted = None if moves_signal else Lifted.of(c)
        #: steps since the inertia began, the objective, and that of a hundred steps ago
        self.age = torch.zeros_like(c.y.flatten(1)[:, 0].real)
        self.cost, self.old = (torch.full_like(self.age, torch.inf) for _ in range(2))

    def step(self, c: Candidates, number: int) -> None:
        """A step in w and one in x of every candidate that is still searching."""
        self._select(self.searching.rows(c))
        problem = self.problem
        with torch.no_grad():
            maps = self._by_products() if self.lifted is None else self._written_out
            iterations = _MORE if number else _FIRST
            for which in (0, 1):
                self._half(which, maps, iterations)
            latents = [
                prior.encode(side.now) if side.moves_signal else side.now
                for side, prior in zip(self.sides, problem.priors, strict=True)
            ]
            c.move(c.h.index_copy(0, self.rows, latents[0]), c.m.index_copy(0, self.rows, latents[1]))
            if self.lifted is None:
                cost = problem.measured(self.y)(latents[0], latents[1]).total
            else:
                cost = self.lifted.cost(latents[0], latents[1], problem.noise, self.y)
        self.age = torch.where(cost > self.cost, 0.0, self.age + 1)
        self.cost = cost
        still = torch.zeros_like(c.alive[self.rows])
        if number % 100 == 99:
            still = ~(self.old - cost > self.options.tolerance * cost)
            self.old = cost
        self.searching.end(c, self.rows, cost, still)

    def _written_out(self, values: Sequence[Tensor], which: int) -> tuple[Linear, Tensor]:
        """The measurement as a linear map of one unknown, and what both make: by products of matrices."""
        assert self.lifted is not None
        return self.lifted.given(values, which, tuple(self.y.shape[1:]))

    def _by_products(self) -> _Maps:
        """The same by the operator and the affine parts of the priors."""
        operator = self.problem.operator
        parts = [
            None if side.moves_signal else LinearPart(prior, self.y)
            for side, prior in zip(self.sides, self.problem.priors, strict=True)
        ]

        def maps(values: Sequence[Tensor], which: int) -> tuple[Linear, Tensor]:
            w, x = (
                value if part is None else part(value) + part.origin
                for value, part in zip(values, parts, strict=True)
            )
            given: LinearOperator
            if which == 0:
                given = operator.given(x=x, w_shape=tuple(w.shape[1:]))
            else:
                given = operator.given(w=w, x_shape=tuple(x.shape[1:]))
            part = parts[which]
            return (given if part is None else given @ part), operator(w, x)

        return maps

    def _half(self, which: int, maps: _Maps, iterations: int) -> None:
        """One unknown moves, the other stays."""
        side, prior = self.sides[which], self.problem.priors[which]
        if not side.now.numel():
            return
        ahead = self.options.inertia * self.age / (self.age + 3)
        at = side.now + per_row(ahead, side.now) * (side.now - side.before)
        values = [self.sides[0].now, self.sides[1].now]
        values[which] = at
        (linear, z), noise = maps(values, which), self.problem.noise
        weights = None if noise.plain else quadratic_weights(noise, z, self.y)
        left = z - self.y if weights is None else weights * (z - self.y)
        constant, side.vector = _largest(linear, weights, side.vector, iterations)
        length = 1 / (2 * _SAFETY * constant).clamp_min(torch.finfo(constant.dtype).tiny)
        moved = at - 2 * per_row(length, at) * linear.adjoint(left)
        weight = (self.options.weight_w, self.options.weight_x)[which]
        if side.moves_signal:
            least = torch.finfo(length.dtype).tiny
            moved = prior.prox(moved, (weight * length).clamp_min(least))
        elif weight:
            moved = moved / per_row(1 + 2 * weight * length, moved)
        side.before, side.now = side.now, moved

    def _select(self, rows: Tensor) -> None:
        """Go on with these candidates alone."""
        if len(rows) == len(self.rows):
            return
        keep = torch.isin(self.rows, rows).nonzero()[:, 0]
        self.rows, self.y, self.problem = rows, self.y[keep], self.problem.select(keep)
        self.lifted = self.lifted and self.lifted.select(keep)
        self.age, self.cost, self.old = self.age[keep], self.cost[keep], self.old[keep]
        for side in self.sides:
            side.select(keep)


def _largest(
    linear: Linear, weights: Tensor | None, vector: Tensor, iterations: int
) -> tuple[Float[Tensor, "n"], Tensor]:
    """The largest eigenvalue of ``Aᴴ ω A``, by a power iteration, and the vector it has come to."""
    tiny = torch.finfo(vector.dtype).tiny
    for _ in range(iterations):
        vector = vector / per_row(squared_norm(vector).sqrt().clamp_min(tiny), vector)
        image = linear(vector)
        vector = linear.adjoint(image if weights is None else weights * image)
    return squared_norm(vector).sqrt(), vector
