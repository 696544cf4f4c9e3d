"""What solvers with a denoiser ask of a problem, and what they say where it is not so."""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.denoiser import Denoiser
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import is_given

__all__ = ["posed", "require_w"]


def posed(
    problem: Problem, y: Float[Tensor, "n *y"], solver: str, denoiser: str
) -> tuple[Problem, Denoiser, Gaussian]:
    """The problem, its denoiser and its noise, whose median weight is 1.

    An entry of weight ω has noise of variance σ²/ω. So weights 100 ω with 10 σ are the same as ω with σ. The
    network is told the level of the noise: it has to be that of the picture. Where σ is not known, what is
    measured on the whole picture is taken for the noise of entries of the median weight.

    Args:
        problem: operator, priors, noise.
        y: the measurements.
        solver: its name, for messages.
        denoiser: spec of one that suits it.

    Raises:
        InputError: the prior of ``x`` is no denoiser, or the noise is not Gaussian.
    """
    prior_x = problem.priors[1]
    if not isinstance(prior_x, Denoiser):
        raise InputError(
            f"{solver} needs a prior of x that removes noise",
            hint=f"choose {denoiser}, or wrap a network of yours: invkit.denoiser(network)",
        )
    if not isinstance(problem.noise, Gaussian):
        raise InputError(
            f"{solver} takes Gaussian noise, the noise is {type(problem.noise).__name__}",
            hint="use Gaussian noise, with weights or without, or a solver that takes any, e.g. altgd",
        )
    if problem.noise.weights is not None:
        weights, sigma = problem.noise.weights.to(y).expand(y.shape), problem.noise.sigma
        unit = torch.stack([own[own > 0].median() if bool((own > 0).any()) else own.max() for own in weights])
        unit = torch.where(unit > 0, unit, 1.0)
        sigma = None if sigma is None else sigma.to(y).expand(len(y)) / unit.sqrt()
        bound, _ = Gaussian(weights / unit.reshape(-1, *[1] * (y.ndim - 1)), sigma).prepared(y)
        problem = attrs.evolve(problem, noise=bound)
    noise = problem.noise
    assert isinstance(noise, Gaussian)
    return problem, prior_x, noise


def require_w(problem: Problem, solver: str, stages: str) -> None:
    """Refuse a kernel that is to be found from nothing.

    Args:
        problem: operator, priors, noise.
        solver: its name, for messages.
        stages: solvers that find the kernel before, as one writes them.

    Raises:
        InputError: the prior of ``w`` leaves something to find.
    """
    if not is_given(problem.priors[0]):
        raise InputError(
            f"{solver} is not blind: it needs a kernel to begin with",
            hint="give it: known:kernel.png?normalise=sum, or let a blind stage find it first: "
            f"solver={stages}",
        )
