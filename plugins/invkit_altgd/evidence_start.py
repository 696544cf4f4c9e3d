"""``start=evidence`` — latents from a search that integrates x out, in place of drawn ones.

    invkit.solver("altgd?start=evidence,class_prior=gaussian:housenumbers")

A solver, ``evidence`` unless ``search`` says otherwise, finds h with a prior of x that can be integrated out:
one of the same shape named by ``class_prior``, the one that the problem's own prior knows for this, or that
prior itself. m is then the latent of the problem's own prior closest to the image that goes with it. From
there m alone is refined, or with ``hold=nothing`` both: any image prior so polishes what a Gaussian found.
A kernel that is held is as sure as the search was of it.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.contracts.marginal import IntegrableGenerator
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.errors import InputError
from invkit_altgd.starts import closest

__all__ = ["as_sure", "evidence_starts"]


def evidence_starts(
    problem: Problem, y: Float[Tensor, "n *y"], prior: str, search: str, rng: torch.Generator
) -> tuple[Float[Tensor, "n 1 *h"], Float[Tensor, "n 1 *k"], Solution]:
    """One start a measurement, and the solution of the search.

    Raises:
        InputError: no prior that can be integrated out.
        ShapeError: one of another shape.
    """
    prior_w, prior_x = problem.priors
    assert prior_x.signal_shape is not None
    prior = prior or prior_x.class_prior or ""
    integrated = prior_x if not prior else invkit.prior(prior).shaped(prior_x.signal_shape)
    if not isinstance(integrated, IntegrableGenerator):
        raise InputError(
            "start=evidence needs a prior of x that can be integrated out",
            hint="name one of the same shape, e.g. altgd?start=evidence,class_prior=gaussian:celeba",
        )
    found = invkit.solver(search).solve(attrs.evolve(problem, priors=(prior_w, integrated)), y, rng)
    if prior_x is integrated:
        return found.latents[0][:, None], found.latents[1][:, None], found
    x = found.x.clamp(*prior_x.bounds) if prior_x.bounds else found.x
    if prior_x.can_encode:
        with torch.no_grad():
            m = prior_x.encode(x)
    else:
        m = closest(prior_x, x, prior_x.sample_latent(len(y), rng, dtype=y.dtype, device=y.device))
    return found.latents[0][:, None], m[:, None], found


def as_sure(solution: Solution, search: Solution) -> Solution:
    """The solution with the search's confidence, and doubtful where that was."""
    if search.confidence is None:
        return solution
    status = tuple(
        Status.DOUBTFUL if before is Status.DOUBTFUL and own is Status.MAX_ITER else own
        for own, before in zip(solution.status, search.status, strict=True)
    )
    return attrs.evolve(solution, status=status, confidence=search.confidence)
