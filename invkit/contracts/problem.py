"""A problem: operator, two priors, weights of their penalties; an objective: a problem with its measurement.

    problem = Problem(operator, (prior_w, prior_x), weights=(1e-3, 1e-3))
    objective = problem.measured(y)
    state = objective(h, m)                      # per candidate: state.total, state.residual, state.w, .x
    state, grad_h, grad_m = objective.gradients(h, m)

For every candidate (equation (6) of arXiv 1802.04073, with general penalties as in its (5)):

    total = ‖y − A(B(h), C(m))‖² + λ f(h, B(h)) + γ g(m, C(m)),     residual = ‖y − A(B(h), C(m))‖²        (7)
"""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, Misfit
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape

Weight = float | Float[Tensor, "_"]
"""Of a penalty: one for all candidates, or one for each."""


@attrs.frozen(eq=False)
class Problem:
    """What is to be minimised, up to the measurement.

    ``weights`` are λ (``w``'s penalty) and γ (``x``'s): a number, or a tensor of one per candidate measured.
    """

    operator: BilinearOperator
    priors: tuple[Generator, Generator]
    weights: tuple[Weight, Weight] = (0.0, 0.0)

    def weighted(self, weight_w: Weight, weight_x: Weight) -> Problem:
        """The same problem with other weights of the penalties."""
        return attrs.evolve(self, weights=(weight_w, weight_x))

    def shaped(self, y_shape: Shape) -> Problem:
        """The same problem with both priors tied to the shapes that a measurement of this shape asks for.

        Raises :class:`invkit.errors.ShapeError` where the priors do not fit the measurement.
        """
        prior_w, prior_x = self.priors
        w_shape, x_shape = self.operator.infer_shapes(y_shape, prior_w.signal_shape, prior_x.signal_shape)
        return attrs.evolve(self, priors=(prior_w.shaped(w_shape), prior_x.shaped(x_shape)))

    def measured(self, y: Float[Tensor, "n *y"]) -> Objective:
        """The objective of candidates that explain ``y``, one measurement per candidate."""
        return Objective(self, self.operator.misfit(y))


@attrs.frozen(eq=False)
class Evaluation:
    """The objective at a batch of candidates."""

    #: the objective (6), per candidate
    total: Float[Tensor, "n"]
    #: the squared residual (7), per candidate
    residual: Float[Tensor, "n"]
    #: the signals B(h) and C(m)
    w: Tensor
    x: Tensor

    def detach(self) -> Evaluation:
        """The same numbers, cut off from the graph that made them."""
        return Evaluation(self.total.detach(), self.residual.detach(), self.w.detach(), self.x.detach())


@attrs.frozen(eq=False)
class Objective:
    """A problem with its measurements bound, evaluated on batches of candidates ``(h, m)``."""

    problem: Problem
    misfit: Misfit

    def __call__(self, h: Float[Tensor, "n *h"], m: Float[Tensor, "n *m"]) -> Evaluation:
        """The objective at every candidate; differentiable in ``h`` and ``m``."""
        (prior_w, prior_x), (weight_w, weight_x) = self.problem.priors, self.problem.weights
        w, x = prior_w(h), prior_x(m)
        residual = self.misfit(w, x)
        total = residual
        if _counts(weight_w):
            total = total + weight_w * prior_w.penalty(h, w)
        if _counts(weight_x):
            total = total + weight_x * prior_x.penalty(m, x)
        return Evaluation(total, residual, w, x)

    def weighted(self, weight_w: Weight, weight_x: Weight) -> Objective:
        """The same measurements with other weights of the penalties."""
        return Objective(self.problem.weighted(weight_w, weight_x), self.misfit)

    def scaled(self, factor: float) -> Objective:
        """The same with both weights so many times as large."""
        weight_w, weight_x = self.problem.weights
        return self.weighted(weight_w * factor, weight_x * factor)

    def gradients(
        self,
        h: Float[Tensor, "n *h"],
        m: Float[Tensor, "n *m"],
        wrt: Literal["both", "w", "x"] = "both",
    ) -> tuple[Evaluation, Float[Tensor, "n *h"], Float[Tensor, "n *m"]]:
        """The objective and its gradients in ``h`` and ``m`` by one forward and one backward pass.

        With ``wrt="w"`` or ``"x"`` nothing goes back to the other latent, whose gradient is then zero.
        Candidates do not mix: the gradient of the sum over candidates is each candidate's own gradient.
        """
        with torch.enable_grad():
            h = h.detach().requires_grad_(wrt != "x")
            m = m.detach().requires_grad_(wrt != "w")
            wanted = [latent for latent in (h, m) if latent.requires_grad]
            state = self(h, m)
            found = torch.autograd.grad(state.total.sum(), wanted, allow_unused=True, materialize_grads=True)
        gradients = iter(found)
        gradient_h = next(gradients) if h.requires_grad else torch.zeros_like(h)
        gradient_m = next(gradients) if m.requires_grad else torch.zeros_like(m)
        return state.detach(), gradient_h, gradient_m

    def select(self, index: Tensor) -> Objective:
        """The objective of the candidates ``index`` alone."""
        weights = (each[index] if isinstance(each, Tensor) else each for each in self.problem.weights)
        return Objective(self.problem.weighted(*weights), self.misfit.select(index))


def _counts(weight: Weight) -> bool:
    """Whether a penalty is to be worked out."""
    return isinstance(weight, Tensor) or weight != 0
