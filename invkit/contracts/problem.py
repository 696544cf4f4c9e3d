"""A problem: operator, two priors, noise and weights; an objective: a problem with its measurements.

    problem = Problem(operator, (prior_w, prior_x), weights=(1e-3, 1e-3))
    objective = problem.measured(y)
    state = objective(h, m)                      # per candidate: state.total, state.residual, state.w, .x
    state, grad_h, grad_m = objective.gradients(h, m)

For every candidate (equation (6) of arXiv 1802.04073, with general penalties as in its (5)):

    total = d(A(B(h), C(m)), y) + λ f(h, B(h)) + γ g(m, C(m)),     residual = d(A(B(h), C(m)), y)        (7)

The data term d is that of the noise model. For Gaussian noise, the default, it is ``‖y − A(w, x)‖²``.
"""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, Misfit
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.contracts.noise import Gaussian, Noise
from invkit.errors import InputError, PluginError, ShapeError

Weight = float | Float[Tensor, "_"]
"""The weight of a penalty: one for all measurements, or one for each."""


@attrs.frozen(eq=False)
class Problem:
    """What is to be minimised, up to the measurement.

    ``weights`` are λ (the penalty of ``w``) and γ (that of ``x``): a number, or a tensor with one for each
    measurement.
    """

    operator: BilinearOperator
    priors: tuple[Generator, Generator]
    weights: tuple[Weight, Weight] = (0.0, 0.0)
    noise: Noise = attrs.field(factory=Gaussian)
    #: what it was made of: operator, priors and solver of a pipeline, before they were tied to shapes
    made_of: tuple[object, ...] = attrs.field(default=(), repr=False)

    def weighted(self, weight_w: Weight, weight_x: Weight) -> Problem:
        """The same problem with other weights of the penalties."""
        return attrs.evolve(self, weights=(weight_w, weight_x))

    def shaped(self, y_shape: Shape) -> Problem:
        """The same problem with both priors tied to the shapes that a measurement of this shape asks for.

        Raises :class:`invkit.errors.ShapeError` where the priors do not fit the measurement; it says what to
        type where the prior of x knows a way.
        """
        prior_w, prior_x = self.priors
        try:
            w_shape, x_shape = self.operator.infer_shapes(y_shape, prior_w.signal_shape, prior_x.signal_shape)
        except ShapeError as error:
            raise ShapeError(error.message, hint=prior_x.instead(y_shape) or error.hint) from None
        return attrs.evolve(self, priors=(prior_w.shaped(w_shape), prior_x.shaped(x_shape)))

    def bound(self, y: Inexact[Tensor, "n *y"]) -> tuple[Problem, Inexact[Tensor, "n *y"]]:
        """The problem tied to measurements: the priors to their shapes, the noise to its weights of each.

        Also the measurements, zero where nothing was measured (:meth:`Noise.prepared`). Binding twice is
        binding once.

        Raises:
            ShapeError: the priors, or the weights, do not fit.
            InputError: the measurements have NaN or infinite values.
        """
        noise, y = self.noise.prepared(y)
        return attrs.evolve(self.shaped(tuple(y.shape[1:])), noise=noise), y

    def require_field(self, y: Inexact[Tensor, "n *y"]) -> None:
        """Refuse complex measurements where all that the operator makes of the priors is real.

        Priors tied to shapes only. The operator measures one pair to tell: a Fourier transform makes complex
        numbers of real ones.

        Raises:
            InputError: the measurements are complex, the model is real.
        """
        if not y.is_complex() or any(prior.field != "real" for prior in self.priors):
            return
        real = y.dtype.to_real()
        w, x = (y.new_zeros(1, *(prior.signal_shape or ()), dtype=real) for prior in self.priors)
        with torch.no_grad():
            made = self.operator(w, x)
        if not made.is_complex():
            raise InputError(
                f"measurements of {y.dtype}, but both priors and the operator make real numbers",
                hint="give the real part, y.real, or choose priors that make complex signals "
                "(identity?field=complex)",
            )

    def select(self, index: Tensor) -> Problem:
        """The problem of the measurements ``index``: whatever belongs to one measurement goes with it."""
        prior_w, prior_x = self.priors
        weight_w, weight_x = (each[index] if isinstance(each, Tensor) else each for each in self.weights)
        return attrs.evolve(
            self,
            operator=self.operator.select(index),
            priors=(prior_w.select(index), prior_x.select(index)),
            weights=(weight_w, weight_x),
            noise=self.noise.select(index),
        )

    def signals(
        self, h: Inexact[Tensor, "n *h"], m: Inexact[Tensor, "n *m"]
    ) -> tuple[Inexact[Tensor, "n *w"], Inexact[Tensor, "n *x"]]:
        """``w = B(h)`` and ``x = C(m)``; a prior of w that is tied to x makes it of x.

        Raises:
            PluginError: a prior makes signals of another shape than it says.
        """
        prior_w, prior_x = self.priors
        x = prior_x(m)
        w = prior_w.tied(x) if prior_w.ties else prior_w(h)
        for name, latent, signal, prior in (("w", h, w, prior_w), ("x", m, x, prior_x)):
            shape = prior.signal_shape
            if shape is not None and tuple(signal.shape) != (len(latent), *shape):
                raise PluginError(
                    f"the prior of {name}, {type(prior).__name__}, makes signals of shape "
                    f"{tuple(signal.shape)} of {len(latent)} latents, but its signal_shape is {tuple(shape)}",
                    hint="mend its forward or its signal_shape; invkit.testing.check_generator looks at it",
                )
        return w, x

    def measured(self, y: Inexact[Tensor, "n *y"]) -> Objective:
        """The objective of candidates that explain ``y``, one measurement per candidate."""
        return Objective(self, y, self.operator.misfit(y))

    def residual(self, w: Tensor, x: Tensor, y: Inexact[Tensor, "n *y"]) -> Float[Tensor, "n"]:
        """``‖y − A(w, x)‖²`` over the entries that were measured, per pair."""
        with torch.no_grad():
            return self.noise.residual(self.operator(w, x), y)

    def require_plain_noise(self, solver: str) -> None:
        """Refuse any noise but white Gaussian noise on all entries, for a solver that takes no other.

        Raises:
            InputError: another noise model, weights, or entries that were not measured.
        """
        if not self.noise.plain:
            what = "entries that count differently" if isinstance(self.noise, Gaussian) else "other noise"
            raise InputError(
                f"{solver} takes only white Gaussian noise on all entries, not {what}",
                hint="leave noise out, or choose a solver that takes any noise; see `invkit list solvers`",
            )


@attrs.frozen(eq=False)
class Evaluation:
    """The objective at a batch of candidates."""

    #: the objective (6), per candidate
    total: Float[Tensor, "n"]
    #: the data term (7), per candidate: for Gaussian noise the squared residual
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
    y: Tensor
    misfit: Misfit

    def __call__(self, h: Inexact[Tensor, "n *h"], m: Inexact[Tensor, "n *m"]) -> Evaluation:
        """The objective at every candidate; differentiable in ``h`` and ``m``."""
        (prior_w, prior_x), (weight_w, weight_x) = self.problem.priors, self.problem.weights
        w, x = self.problem.signals(h, m)
        noise = self.problem.noise
        residual = self.misfit(w, x) if noise.plain else noise(self.problem.operator(w, x), self.y)
        total = residual
        if _counts(weight_w):
            total = total + weight_w * prior_w.penalty(h, w)
        if _counts(weight_x):
            total = total + weight_x * prior_x.penalty(m, x)
        return Evaluation(total, residual, w, x)

    def scaled(self, factor: float) -> Objective:
        """The same with both weights multiplied by ``factor``."""
        weight_w, weight_x = self.problem.weights
        weighted = self.problem.weighted(weight_w * factor, weight_x * factor)
        return Objective(weighted, self.y, self.misfit)

    def gradients(
        self,
        h: Inexact[Tensor, "n *h"],
        m: Inexact[Tensor, "n *m"],
        wrt: Literal["both", "w", "x"] = "both",
    ) -> tuple[Evaluation, Inexact[Tensor, "n *h"], Inexact[Tensor, "n *m"]]:
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
        return Objective(self.problem.select(index), self.y[index], self.misfit.select(index))


def _counts(weight: Weight) -> bool:
    """Whether a penalty is to be worked out."""
    return isinstance(weight, Tensor) or weight != 0
