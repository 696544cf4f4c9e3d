"""What solvers with a denoiser ask of a problem, and what they say where it is not so."""

from __future__ import annotations

from invkit.contracts.denoiser import Denoiser
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit.solving import is_given

__all__ = ["posed", "require_w"]


def posed(problem: Problem, solver: str, denoiser: str) -> tuple[Denoiser, Gaussian]:
    """The problem's denoiser and its noise.

    Args:
        problem: operator, priors, noise.
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
    return prior_x, problem.noise


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
