"""What solvers with a denoiser ask of a problem, and what they say where it is not so."""

from __future__ import annotations

from invkit.contracts.denoiser import Denoiser
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import is_given

__all__ = ["posed"]


def posed(problem: Problem, solver: str, denoiser: str, stages: str) -> tuple[Denoiser, Gaussian]:
    """The problem's denoiser and its noise.

    Args:
        problem: operator, priors, noise.
        solver: its name, for messages.
        denoiser: spec of one that suits it.
        stages: solvers that find the kernel before, as one writes them.

    Raises:
        InputError: ``w`` is not given, the prior of ``x`` is no denoiser, or the noise is not Gaussian.
    """
    prior_w, prior_x = problem.priors
    if not is_given(prior_w):
        raise InputError(
            f"{solver} is not blind: it needs a prior of w that leaves nothing to find",
            hint="give the kernel: known:kernel.png?normalise=sum, or let a blind stage find it first: "
            f"solver={stages}",
        )
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
    return prior_x, problem.noise
