"""Several solvers one after another, each starting from the solution of the one before.

    compose("circconv", ["trajectory", "vae:celeba"],
            solver=["evidence x=gaussian:celeba",        # the kernel, with another prior of the image
                    "altgd hold=w"])                     # the image in the network's range, the kernel held

A stage has its own solver and, where it wants, its own prior of ``w`` or ``x``. ``hold=w`` gives it the
kernel found so far as it is (:class:`~invkit.contracts.given.Given`), so that its solver solves a linear
problem. What one stage knows of the noise is handed on to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs
import torch
from jaxtyping import Inexact
from torch import Tensor

from invkit.contracts.ambient import following
from invkit.contracts.generator import Generator
from invkit.contracts.given import Given
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving.closest import encoded, restated

__all__ = ["Stage", "Stages", "stage_table", "with_w_given"]

_KEYS = ("w", "x", "hold")
_MARK = re.compile(r"\s+(w|x|hold)=")


@attrs.frozen(eq=False)
class Stage:
    """One solver of several.

    Args:
        solver: what solves.
        w, x: priors in place of the pipeline's, in this stage alone.
        hold: ``w`` or ``x``: that signal is given as the stage before has found it.
    """

    solver: Solver
    w: Generator | None = None
    x: Generator | None = None
    hold: Literal["w", "x"] | None = None

    def __attrs_post_init__(self) -> None:
        if self.hold not in (None, "w", "x"):
            raise InputError(f"a stage has hold={self.hold!r}", hint="write hold=w or hold=x")
        if self.hold and getattr(self, self.hold) is not None:
            raise InputError(
                f"a stage holds {self.hold} and names a prior of it",
                hint=f"leave hold={self.hold} out, or the prior",
            )
        if isinstance(self.solver, Stages):
            raise InputError("a stage is a list of stages", hint="write all stages in one list")


def _in_order(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    return tuple(stages)


@attrs.frozen(eq=False)
class Stages(Solver):
    """Solvers that follow each other.

    The latents of the solution are those of the pipeline's own priors: where the last stage had another
    prior, the encoder's of its signal. Confidence stays with a kernel that is held, and so do doubt,
    sharpness and notes.
    """

    stages: tuple[Stage, ...] = attrs.field(converter=_in_order)

    def __attrs_post_init__(self) -> None:
        if not self.stages:
            raise InputError("an empty list of stages", hint='write e.g. solver=["evidence", "tv hold=w"]')
        if self.stages[0].hold is not None:
            raise InputError(
                f"the first stage holds {self.stages[0].hold}, but nothing has been found before it",
                hint="hold from the second stage on, or give the signal as a prior: known:FILE",
            )

    @property
    def finds_w(self) -> bool:  # type: ignore[override]
        """Whether the last stage finds a ``w``."""
        return self.stages[-1].solver.finds_w

    @property
    def takes_complex(self) -> bool:  # type: ignore[override]
        """Whether every stage takes complex signals."""
        return all(stage.solver.takes_complex for stage in self.stages)

    @property
    def takes_tied(self) -> bool:  # type: ignore[override]
        """Whether every stage takes a ``w`` that is tied to ``x``."""
        return all(stage.solver.takes_tied for stage in self.stages)

    def require_field(self, priors: Iterable[Generator], y: Inexact[Tensor, "n *y"]) -> None:
        """Refuse complex numbers where a stage does not take them, in the stages' own priors, too."""
        own = (each for stage in self.stages for each in (stage.w, stage.x) if each is not None)
        Solver.require_field(self, [*priors, *own], y)

    def shaped(self, problem: Problem, y: Inexact[Tensor, "n *y"]) -> Problem:
        """The problem as the first stage shapes it."""
        first = self.stages[0]
        shaped = first.solver.shaped(_with_priors(problem, first, y), y)
        kept = zip((first.w, first.x), problem.priors, shaped.priors, strict=True)
        made = [now if own is None else before.shaped(now.signal_shape or ()) for own, before, now in kept]
        return attrs.evolve(problem, priors=(made[0], made[1]))

    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Solve stage after stage; see :meth:`invkit.contracts.solver.Solver.solve`."""
        problem = own = self.shaped(problem, y)
        found, latents = start, (None, None) if start is None else start.latents
        relays = [_Relay(monitor, len(self.stages)) for monitor in monitors]
        seconds = 0.0
        for number, stage in enumerate(self.stages):
            for relay in relays:
                relay.number = number
            staged = _with_priors(own, stage, y, found)
            kept = [prior is mine for prior, mine in zip(staged.priors, own.priors, strict=True)]
            before = found
            if found is not None:
                found = restated(attrs.evolve(found, latents=latents), staged, rng, kept=kept)
            made = stage.solver.solve(staged, y, rng, relays, start=found)
            seconds += made.seconds
            latents = tuple(  # those of the pipeline's own priors, as far as stages have had them
                new if mine else old for new, old, mine in zip(made.latents, latents, kept, strict=True)
            )
            found = made if before is None or number == 0 else _continued(made, before, stage)
            own = attrs.evolve(own, noise=own.noise if found.noise is None else own.noise.known(found.noise))
            if Status.INTERRUPTED in found.status:
                break
        assert found is not None
        solution = attrs.evolve(
            found, latents=_own_latents(found, latents, problem, stage, rng), seconds=seconds
        )
        for monitor in monitors:
            monitor.on_end(solution)
        return solution


def _with_priors(problem: Problem, stage: Stage, y: Tensor, found: Solution | None = None) -> Problem:
    """The problem with a stage's priors, which follow ``y``, and with the signal that it holds."""
    priors = list(problem.priors)
    for place, own in enumerate((stage.w, stage.x)):
        if own is not None:
            shape = priors[place].signal_shape
            own = following(own, y)
            priors[place] = own if shape is None else own.shaped(shape)
    if found is not None and stage.hold:
        place = "wx".index(stage.hold)
        signal = (found.w, found.x)[place]
        if signal is None:
            raise InputError(f"a stage holds {stage.hold}, which the stage before does not find")
        # A measurement that diverged may have NaN here. Zeros in its place let the others be solved.
        priors[place] = Given(torch.where(signal.isfinite(), signal, 0.0), each=True)
    return attrs.evolve(problem, priors=(priors[0], priors[1]))


def _continued(made: Solution, before: Solution, stage: Stage) -> Solution:
    """A stage's solution with what is still true of the one before."""
    held = stage.hold == "w"
    ends = []
    for now, then in zip(made.status, before.status, strict=True):
        sound = now in (Status.MAX_ITER, Status.CONVERGED)
        stays = then in (Status.DOUBTFUL, Status.SHARP) and held and sound
        ends.append(then if then is Status.DIVERGED or stays else now)
    return attrs.evolve(
        made,
        status=tuple(ends),
        noise=before.noise if made.noise is None else made.noise,
        confidence=before.confidence if made.confidence is None and held else made.confidence,
        notes=before.notes if made.notes is None and held else made.notes,
    )


def _own_latents(
    found: Solution,
    latents: tuple[Any, ...],
    problem: Problem,
    last: Stage,
    rng: torch.Generator,
) -> tuple[Any, Any]:
    """Latents of the problem's own priors: the last stage's, or those of the signals found."""
    result = []
    for name, signal, latent, prior in zip(
        "wx", (found.w, found.x), latents, problem.priors, strict=True
    ):
        other = getattr(last, name) is not None or latent is None
        result.append(encoded(prior, signal, rng) if other and signal is not None else latent)
    return result[0], result[1]


class _Relay(Monitor):
    """Tells a monitor of the stages: each begins anew, and the last ends the solve."""

    def __init__(self, monitor: Monitor, stages: int) -> None:
        self.monitor, self.stages, self.every, self.number = monitor, stages, monitor.every, 0

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.monitor.on_start(steps, measurements, restarts)

    def on_step(self, progress: Progress) -> None:
        named = f"{self.number + 1}/{self.stages} {progress.stage}"
        self.monitor.on_step(attrs.evolve(progress, stage=named))


def stages_of(given: Any, build: Callable[[str, Any], Any]) -> Solver:
    """Stages from a list of objects, tables and strings; of one stage with nothing of its own, its solver.

    Args:
        given: each a :class:`Stage`, a solver, a solver's spec, ``"SOLVER w=SPEC x=SPEC hold=w"``, or a table
            ``{"solver": …, "w": …, "x": …, "hold": "w"}``.
        build: (kind, spec) ↦ the part.

    Raises:
        InputError: an unknown key, or no solver.
    """
    stages = Stages([_stage(each, build) for each in given])
    first = stages.stages[0]
    return first.solver if len(stages.stages) == 1 and first.w is None and first.x is None else stages


def with_w_given(solver: Solver) -> Solver:
    """The solver without the stages that look for ``w``, for a problem in which it is given.

    The first stage that holds ``w`` is then the first of all; where no stage does, all are kept.
    """
    stages = solver.stages if isinstance(solver, Stages) else ()
    start = next((number for number, stage in enumerate(stages) if stage.hold == "w"), None)
    if start is None:
        return solver
    kept = [
        attrs.evolve(stage, w=None, hold=None if stage.hold == "w" else stage.hold)
        for stage in stages[start:]
    ]
    return kept[0].solver if len(kept) == 1 and kept[0].x is None else Stages(kept)


def _stage(given: Any, build: Callable[[str, Any], Any]) -> Stage:
    if isinstance(given, Stage):
        return given
    table: dict[str, Any]
    if isinstance(given, str):
        spec, *rest = _MARK.split(given.strip())
        keys = rest[::2]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise InputError(f"the stage {given!r} has the key {twice[0]!r} twice", hint="give it once")
        table = {"solver": spec, **dict(zip(keys, rest[1::2], strict=True))}
    elif isinstance(given, Mapping) and "solver" in given:
        table = dict(given)
    else:
        table = {"solver": given}
    unknown = [key for key in table if key not in ("solver", *_KEYS)]
    if unknown:
        raise InputError(f"a stage has the key {unknown[0]!r}", hint="it may have solver, w, x and hold")
    priors = {key: build("prior", table[key]) for key in ("w", "x") if key in table}
    return Stage(build("solver", table["solver"]), hold=table.get("hold"), **priors)


def stage_table(stage: Stage, describe: Callable[[str, Any], Any]) -> dict[str, Any]:
    """A stage as a table, for a configuration; ``describe`` gives a part's."""
    table = {"solver": describe("solver", stage.solver)}
    table |= {key: describe("prior", getattr(stage, key)) for key in ("w", "x") if getattr(stage, key)}
    return table | ({"hold": stage.hold} if stage.hold else {})
