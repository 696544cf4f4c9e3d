"""What solvers share that choose pixels as endmembers: the bookkeeping, and the abundances that follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.errors import InputError
from invkit.solving import Found, Record, encoded
from invkit_unmixing.scenes import Scene, abundances, scenes

__all__ = ["chosen"]


def chosen(
    solver: str,
    choose: Callable[[Scene, torch.Generator], Float[Tensor, "bands rank"]],
    problem: Problem,
    y: Float[Tensor, "n *y"],
    rng: torch.Generator,
    monitors: Sequence[Monitor],
    start: Solution | None,
) -> Solution:
    """The solution whose W is chosen, measurement by measurement, from the same random stream each.

    X follows from W by least squares under the prior of x.

    Raises:
        InputError: as :func:`scenes`; the prior of x has no proximal map; or there is a ``start``.
    """
    if start is not None:
        raise InputError(f"{solver} takes no start", hint=f"let {solver} be the first stage")
    problem, y = problem.bound(y)
    prior_w, prior_x = problem.priors
    if not prior_x.has_prox:
        raise InputError(
            f"{solver} needs a prior of x with a proximal map",
            hint="see `invkit describe` of the priors: one that is a set, as non-negative signals are",
        )
    state = rng.get_state()
    w, x = (torch.zeros(len(y), *(prior.signal_shape or ())).to(y) for prior in problem.priors)
    record = Record(y, monitors, steps=len(y))
    unknown = y.new_full((len(y), 1), torch.nan)
    with torch.no_grad():
        with record:
            for row, scene in enumerate(scenes(problem, y, solver)):
                rng.set_state(state)
                found = choose(scene, rng)
                mixed = abundances(found.T @ found, found.T @ scene.values, prior_x)
                w[row, 0], x[row, 0] = found * scene.size, mixed
                if record.due(row + 1):
                    record.tell(row + 1, unknown, unknown, lambda: (w, x), solver)
        h, m = (encoded(prior, signal, rng) for prior, signal in zip(problem.priors, (w, x), strict=True))
        w, x = prior_w(h), prior_x(m)
        residual = problem.residual(w, x, y)
        ended = Status.INTERRUPTED if record.interrupted else Status.CONVERGED
        record.settle(residual[:, None], residual[:, None], [[ended]] * len(y))
        record.end(Found(x=x, w=w, latents=(h, m), residual=residual))
    return record.solution()
