"""``caution``: a last stage that never makes a picture much worse than it was.

    solver=["kernelsearch", "tv hold=w", "caution hold=w"]

It takes the solution of the stages before and looks at its status:

- ``sharp``: x becomes the measurement, untouched.
- ``doubtful``: x is softened towards the measurement,

      x ← y + s (x − y),      s = min(share, reach / rms(x − y)),

  so that neither its share nor its rms change exceeds a bound. What it was is kept in ``Solution.x_kernel``.
- anything else: x stays.

The status remains.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import gt, le
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given

__all__ = ["Caution"]


@attrs.frozen
class Caution(Solver):
    """Softens doubtful pictures, and gives back those that are not blurred. For measurements as large as x.

    Args:
        share: of the change that a doubtful picture keeps, at most, in (0, 1].
        reach: the rms change that it keeps at most, in units of the picture.
    """

    share: float = attrs.field(default=0.3, validator=[gt(0), le(1)])
    reach: float = attrs.field(default=0.01, validator=gt(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """The solution of the stage before, with caution; nothing is drawn from ``rng``.

        Raises:
            InputError: there is no stage before, w is not held, or x has not the shape of y.
        """
        problem = problem.shaped(tuple(y.shape[1:]))
        if start is None or not is_given(problem.priors[0]):
            raise InputError(
                "caution is a last stage: it needs the result of the stages before it, with w held",
                hint='write e.g. solver=["kernelsearch", "tv hold=w", "caution hold=w"]',
            )
        if tuple(start.x.shape) != tuple(y.shape):
            raise InputError(
                f"caution mixes x of shape {tuple(start.x.shape[1:])} with y of shape {tuple(y.shape[1:])}",
                hint="use an operator that keeps the shape, e.g. linconv?boundary=unknown",
            )
        record = Record(y, monitors, steps=1, waiting=lambda: (start.w, start.x))
        w, prior_x = given_signals(problem.priors[0], y), problem.priors[1]
        x, m, residual = start.x, start.latents[1], start.residual
        if any(each in (Status.SHARP, Status.DOUBTFUL) for each in start.status):
            x = torch.stack([self.softened(*each) for each in zip(start.status, x, y, strict=True)])
            with torch.no_grad():
                m = prior_x.encode(x) if prior_x.can_encode else x
                x = torch.where(_kept(start.status, x), x, prior_x(m)) if prior_x.can_encode else x
                residual = problem.residual(w, x, y)
        with record:
            record.tell(1, residual[:, None], residual[:, None], lambda: (w, x), "caution")
        ended = [record.ended() if record.interrupted else each for each in start.status]
        record.settle(residual[:, None], residual[:, None], [[each] for each in ended])
        softened = any(each is Status.DOUBTFUL for each in start.status)
        latent = y.new_zeros(len(y), *(problem.priors[0].latent_shape or ()))
        record.end(
            Found(x=x, w=w, latents=(latent, m), residual=residual, x_kernel=start.x if softened else None)
        )
        return record.solution()

    def softened(
        self, status: Status, x: Float[Tensor, "c h w"], y: Float[Tensor, "c h w"]
    ) -> Float[Tensor, "c h w"]:
        """A picture ``x`` as it is given back: the formula of the module where its status is doubtful."""
        if status is Status.SHARP:
            return y.clone()
        if status is not Status.DOUBTFUL:
            return x
        change = x - y
        size = float(change.square().mean().sqrt())
        return y + min(self.share, self.reach / size if size else self.share) * change


def _kept(status: Sequence[Status], x: Tensor) -> Tensor:
    """Where a picture is the measurement itself, which no prior's range may change."""
    flags = torch.tensor([each is Status.SHARP for each in status], device=x.device)
    return flags.reshape(-1, *[1] * (x.ndim - 1))
