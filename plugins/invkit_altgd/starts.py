"""Where the latents of every restart begin.

``random``   h and m drawn from their priors (the paper's experiments).
``image``    m₀ = argmin ‖y − C(m)‖², h₀ drawn: the initialisation printed in Algorithm 1.
``encoder``  h₀ drawn; m₀ = E(z), the encoder's latent of the regularised inverse
             z = argmin ‖y − A(B(h₀), z)‖² + ρ‖z‖². Each drawn kernel so gets the image that goes with it. A
             wrong kernel shows at once: its z is no signal of the class, and the residual says so.
``auto``     ``encoder`` where the prior of x can encode, else ``random``.
"""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from attrs.validators import deep_iterable, ge, in_

from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import Candidates, admissible, closest, is_given, is_restarts, ridge_inverse, weighted

Start = Literal["auto", "random", "image", "encoder"]

#: the ridge of the regularised inverse
RIDGE = 1e-2


@attrs.frozen
class Starts:
    """Where candidates begin, and how many are followed for how long.

    Args:
        start: auto, random, image or encoder; see :mod:`invkit_altgd.starts`.
        restarts: starts for every measurement.
        keep: candidates per measurement in each stage of the halving; empty: all restarts to the end.
        chunk: candidates at a time, for memory alone: results change by rounding at most.
    """

    start: Start = attrs.field(default="auto", validator=in_(["auto", "random", "image", "encoder"]))
    restarts: int = attrs.field(default=64, validator=is_restarts)
    keep: tuple[int, ...] = attrs.field(default=(12, 4, 1), converter=tuple, validator=deep_iterable(ge(1)))
    chunk: int = attrs.field(default=2048, validator=ge(1))

    def kind(self, problem: Problem, y_shape: tuple[int, ...]) -> str:
        """The kind of start, ``auto`` resolved.

        Raises:
            InputError: the priors, or the shapes, do not allow the start asked for.
        """
        prior_w, prior_x = problem.priors
        if self.start == "auto":
            return "encoder" if prior_x.can_encode and not prior_w.ties else "random"
        if self.start == "encoder" and not prior_x.can_encode:
            raise InputError(
                "start=encoder, but the prior of x has no encoder",
                hint="use start=auto, start=image or start=random",
            )
        if self.start == "encoder" and prior_w.ties:
            raise InputError("start=encoder, but w is tied to x", hint="use start=auto or start=random")
        if self.start == "image" and y_shape != tuple(prior_x.signal_shape or ()):
            raise InputError(
                f"start=image compares y with C(m), of shapes {y_shape} and {prior_x.signal_shape}",
                hint="use start=auto or start=random",
            )
        return self.start

    def distinct(self, problem: Problem, kind: str) -> int:
        """How many starts differ: one where a given w makes all encoder starts the same."""
        return 1 if kind == "encoder" and is_given(problem.priors[0]) else self.restarts


def improve(kind: str, c: Candidates) -> None:
    """Give candidates whose latents were drawn the ``m`` that belongs to their kind of start."""
    prior_x = c.problem.priors[1]
    if kind == "encoder":
        assert prior_x.signal_shape is not None
        with torch.no_grad():
            given = c.problem.operator.given(w=c.w, x_shape=prior_x.signal_shape)
            inverse = ridge_inverse(*weighted(given, c.y, c.problem.noise), RIDGE)
            c.move(m=prior_x.encode(admissible(prior_x, inverse)))
    elif kind == "image":
        c.move(m=closest(prior_x, c.y, c.m))
