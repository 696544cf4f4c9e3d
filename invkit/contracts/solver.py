"""Solvers: given a problem and measurements, find both unknowns.

    solver = invkit.solver("altgd", steps=300)
    solution = solver.solve(problem, y, rng=torch.Generator().manual_seed(0))
    better = other.solve(problem, y, rng, start=solution)            # goes on from there

A solver is an attrs frozen class whose fields are its options. It knows the contracts and no plugin by name.
It takes any operator and any two generators, or refuses a problem with an
:class:`~invkit.errors.InputError` that says what it needs. Non-convergence is not an exception but the
solution's ``status``. What every solver needs besides its mathematics stands in :mod:`invkit.solving`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar

import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.errors import InputError, PluginError


class Solver(ABC):
    """Recovers both signals of a problem from a batch of measurements."""

    #: whether a solution has a ``w``; a feed-forward solver that goes from ``y`` to ``x`` alone returns None
    finds_w: ClassVar[bool] = True

    #: whether measurements and signals may be complex
    takes_complex: ClassVar[bool] = False

    #: whether ``w`` may be tied to ``x`` (:attr:`invkit.Generator.ties`)
    takes_tied: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Every solver's ``solve`` begins with :meth:`require_field`, and what it returns is looked at."""
        super().__init_subclass__()
        solve = vars(cls).get("solve")
        if solve is None:
            return
        own, former = getattr(solve, "_of", (solve, None))
        # attrs makes a class anew for its slots; a bare super() in ``solve`` has to mean the new one
        for cell in getattr(own, "__closure__", None) or ():
            if former is not None and cell.cell_contents is former:
                cell.cell_contents = cls
        type.__setattr__(cls, "solve", _checked(own, cls))

    @abstractmethod
    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement of the batch.

        Args:
            problem: operator, priors, noise.
            y: the measurements.
            rng: a CPU generator and the only source of randomness: the same seed gives the same solution, to
                the bit, on a CPU. Every measurement's random stream begins alike, so that equal measurements
                have equal solutions wherever they stand in a batch.
            monitors: told of progress.
            start: a solution to go on from, in place of starts of the solver's own. Its latents are those of
                this problem's priors (:func:`invkit.solving.restated` makes them so).

        A keyboard interrupt returns the best found so far with status ``interrupted``.

        Raises:
            InputError: the solver does not take this problem, or no ``start``.
            PluginError: a class's own ``solve`` returned something else than a solution of these
                measurements, with signals that are not finite where nothing diverged, say, or changed ``y``.
        """

    def require_field(self, priors: Iterable[Generator], y: Inexact[Tensor, "n *y"]) -> None:
        """Refuse complex numbers, of a measurement or of a prior, that the solver would misread.

        Raises:
            InputError: there are some, and the solver does not take them (``takes_complex``).
        """
        if self.takes_complex:
            return
        named = [type(each).__name__ for each in priors if each.field == "complex"]
        if y.is_complex() or named:
            what = f"measurements of {y.dtype}" if y.is_complex() else f"the complex prior {named[0]}"
            raise InputError(
                f"this solver takes only real numbers, not {what}",
                hint="choose a solver that takes complex ones; see `invkit list solvers`",
            )

    def signs(self, notes: Mapping[str, Any]) -> Mapping[str, float] | None:
        """The signs of doubt from which the confidence is computed, taken from ``Solution.notes`` of one
        measurement: numbers by name, each the larger the more doubtful. None from a solver without such.
        ``invkit calibrate`` fits the law of a class to them
        (:class:`invkit.contracts.calibration.Calibration`).
        """
        return None

    def shaped(self, problem: Problem, y: Inexact[Tensor, "n *y"]) -> Problem:
        """The problem with both priors tied to the shapes that these measurements ask for.

        By default :meth:`Problem.shaped`: what follows from the shape of ``y`` alone. A solver that can tell
        more from the measurements themselves, the extent of a kernel, say, overrides it: then a prior of w
        that has no shape gets one here.

        Raises :class:`invkit.errors.ShapeError` where priors and measurements do not fit.
        """
        return problem.shaped(tuple(y.shape[1:]))


def _checked(solve: Callable[..., Solution], owner: type[Solver]) -> Callable[..., Solution]:
    @wraps(solve)
    def checked(self: Solver, problem: Problem, y: Tensor, *args: Any, **options: Any) -> Solution:
        self.require_field(problem.priors, y)
        writes = None if y.is_inference() else y._version
        solution = solve(self, problem, y, *args, **options)
        if writes is not None and y._version != writes:
            raise PluginError(
                f"{type(self).__name__}.solve has changed the measurements that it was given",
                hint="write y = y.clone() before the first step that writes into y",
            )
        fault = _fault(solution, self, problem, len(y))
        if fault:
            raise PluginError(
                f"{type(self).__name__}.solve returned {fault}",
                hint="write return invkit.solving.run(…), or mend the Solution of your own; "
                "invkit.testing.check_solver looks at more of it",
            )
        return solution

    vars(checked)["_of"] = solve, owner
    return checked


def _fault(solution: Any, solver: Solver, problem: Problem, count: int) -> str | None:
    """What is wrong with a solver's solution of ``count`` measurements; None if nothing is."""
    if not isinstance(solution, Solution):
        return f"{solution!r}, which is no invkit.Solution"
    status = solution.status
    known = isinstance(status, tuple) and all(isinstance(each, Status) for each in status)
    if not known or len(status) != count:
        return f"the statuses {status!r} for {count} measurements; it takes a tuple of an invkit.Status each"
    sound = torch.tensor([each is not Status.DIVERGED for each in status], dtype=torch.bool)
    for name, signal, prior in zip("wx", (solution.w, solution.x), problem.priors, strict=True):
        if signal is None and name == "w" and not solver.finds_w:
            continue
        if not isinstance(signal, Tensor):
            return f"{type(signal).__name__} as {name}, which is no tensor"
        expected = (count, *(signal.shape[1:] if prior.signal_shape is None else prior.signal_shape))
        if tuple(signal.shape) != expected:
            return f"{name} of shape {tuple(signal.shape)}, expected {expected}"
        if not bool(torch.isfinite(signal[sound.to(signal.device)]).all()):
            return f"NaN or infinite values in {name} where the status is not diverged"
    for name, numbers in (("residual", solution.residual), ("confidence", solution.confidence)):
        if numbers is None and name == "confidence":
            continue
        if not isinstance(numbers, Tensor) or tuple(numbers.shape) != (count,):
            return f"the {name} {numbers!r} for {count} measurements; give a tensor of one number for each"
    return None
