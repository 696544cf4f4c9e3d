"""A solver with two priors, or a whole method, as a row of a table.

    Solve("default", "blind, by default", solver="altgd", priors=("vae:blurA", "vae:celeba"))
    Solve("oracle", "true kernel", solver="tv", priors=(TRUE_KERNEL, "identity"))
    Named("photographs", "the method of that name", "photographs")

A spec may have placeholders. ``{size}`` is the side of the kernel's support, and ``{extent}`` the side of the
square that the kernel fills. ``{sigma}``, ``{variance}`` and ``{half}`` are σ, σ² and σ/2 of the noise.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any

import attrs
import torch

import invkit
from invkit.errors import InvkitWarning
from invkit.plugin.building import spec_of
from invkit.records import versions, written
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.inputs.sources import Measured, Source, prior

__all__ = ["TRUE_KERNEL", "Named", "Solve", "uninterrupted"]

TRUE_KERNEL = "the true kernel"
"""In place of a kernel prior: the kernel that the measurement was made with."""


def uninterrupted(solution: invkit.Solution) -> invkit.Solution:
    """The solution; raises KeyboardInterrupt if Ctrl-C cut it short, since its figures mean nothing then."""
    if invkit.Status.INTERRUPTED in solution.status:
        raise KeyboardInterrupt
    return solution


@attrs.frozen
class Solve(Method):
    """A solver with two priors.

    Args:
        solver: spec of the solver, or of its stages.
        priors: specs of the priors of kernel and image; `TRUE_KERNEL` as the first makes it an oracle.
        method: name of a method (`invkit.method`) whose solver is meant, in place of ``solver``.
        hurried_by: the solver's option that a run's number of steps stands for.
    """

    solver: str | tuple[str, ...]
    priors: tuple[str, str]
    method: str = ""
    hurried_by: str = "steps"

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        """Operator, priors with the sha256 of their weights, solver with all defaults, versions.

        Placeholders that depend on the measurement get fixed numbers here.
        """
        pipeline = self._pipeline(source, settings, None)
        made = _written(pipeline, blind=self.priors[0] != TRUE_KERNEL)
        each = {"told": "extent"} if "{extent}" in str(self.solver) else {}
        return {"pipeline": made, "kernel": self.priors[0], "seed": settings.seed, **each}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        pipeline = self._pipeline(source, settings, one, settings.seed + index)
        return _found(pipeline, one, blind=self.priors[0] != TRUE_KERNEL)

    def _pipeline(
        self, source: Source, settings: Settings, one: Measured | None, seed: int = 0
    ) -> invkit.Pipeline:
        """The pipeline for a measurement, or, without one, for identification only."""
        told = _told(source, one)
        if self.priors[0] != TRUE_KERNEL:
            kernel: Any = prior(self.priors[0].format(**told))
        else:
            kernel = invkit.Given(torch.ones(1, 1, 1) if one is None else one.w[0])
        solver = self._solver(told, settings)
        return invkit.compose(source.operator, [kernel, prior(self.priors[1])], solver, seed)

    def _solver(self, told: Mapping[str, Any], settings: Settings) -> invkit.Solver:
        """The solver, with the run's number of steps if there is one."""
        if self.method:
            made = invkit.method(self.method).solver
        elif isinstance(self.solver, str):
            made = invkit.solver(self.solver.format(**told))
        else:
            made = invkit.solver([stage.format(**told) for stage in self.solver])
        return hurried(made, settings, self.hurried_by)


@attrs.frozen
class Named(Method):
    """A method by its name (`invkit.method`): its own operator, priors and solver, whatever measured.

    Args:
        method: the name.
        known: whether it is given the true kernel in place of its prior.
        prior_w: spec of another prior of the kernel than the method's; ``{size}`` in it is the kernel's side.
        hurried_by: the solver's option that a run's number of steps stands for.
        operator: spec of another operator than the method's.
    """

    method: str
    known: bool = False
    prior_w: str | None = None
    hurried_by: str = "steps"
    operator: str | None = None

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        """Operator, priors with the sha256 of their weights, solver with all defaults, versions."""
        made = _written(self._pipeline(settings, None), blind=not self.known)
        told = {"told": self.known, "w": self.prior_w}
        return {"method": self.method, "pipeline": made, "seed": settings.seed} | told

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        return _found(self._pipeline(settings, one, settings.seed + index), one, blind=not self.known)

    def _pipeline(self, settings: Settings, one: Measured | None, seed: int = 0) -> invkit.Pipeline:
        given = invkit.Given(torch.ones(1, 1, 1) if one is None else one.w[0])
        instead: dict[str, Any] = {"w": given} if self.known else {}
        if self.prior_w is not None and one is not None:
            instead["w"] = self.prior_w.format(size=one.kernel_size)
        if self.operator is not None:
            instead["operator"] = self.operator
        pipeline = invkit.method(self.method, seed=seed, **instead)
        return attrs.evolve(pipeline, solver=hurried(pipeline.solver, settings, self.hurried_by))


def _written(pipeline: invkit.Pipeline, *, blind: bool) -> dict[str, Any]:
    """A pipeline as it would be loaded again, without the prior of a kernel that is given."""
    return {
        "operator": written("operator", pipeline.operator, strict=True),
        "priors": [written("prior", each, strict=True) for each in pipeline.priors[not blind :]],
        "solver": written("solver", pipeline.solver, strict=True),
        "versions": versions(),
    }


def _found(pipeline: invkit.Pipeline, one: Measured, *, blind: bool) -> Found:
    """What a pipeline makes of a measurement, with its times; a kernel that was given is not found."""
    began, spent = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InvkitWarning)  # the figures say how good a result is
        solution = uninterrupted(pipeline(one.y, monitors=[]))  # the run has a bar of its own
    return Found(
        solution.x,
        _middle(solution.w) if blind else None,
        seconds=time.perf_counter() - began,
        cpu=time.process_time() - spent,
        status=str(solution.status[0]),
        notes=_first(getattr(solution, "notes", None)),
        confidence=None if solution.confidence is None else float(solution.confidence[0]),
        samples=solution.drawn,
    )


def _middle(w: torch.Tensor | None) -> torch.Tensor | None:
    """The kernel, of one for each of several places that in the middle: figures compare one with one."""
    if w is None or w.ndim < 4 or w.shape[1] in (1, 3):
        return w
    number = w.shape[1] // 2
    return w[:, number : number + 1]


def _first(notes: Any) -> Mapping[str, Any]:
    """The notes of the first measurement: those of a batch are a sequence of mappings, or of sequences."""
    if not isinstance(notes, Mapping):
        return dict(notes[0] or {}) if notes else {}
    many = {name: isinstance(value, list | tuple) and len(value) > 0 for name, value in notes.items()}
    return {name: value[0] if many[name] else value for name, value in notes.items()}


#: what makes a search short, besides few steps
_FEW = {"starts": "4", "restarts": "4", "keep": "2", "retries": "0", "leaps": "0", "finish": "0"}


def hurried(solver: invkit.Solver, settings: Settings, option: str = "steps") -> invkit.Solver:
    """The solver, or each of its stages, with an option set to the run's number of steps if there is one."""
    if settings.steps is None:
        return solver
    if isinstance(solver, invkit.solving.Stages):
        stages = [attrs.evolve(each, solver=hurried(each.solver, settings, option)) for each in solver.stages]
        return invkit.solving.Stages(stages)
    spec = spec_of(solver)
    if spec is None or option not in spec.options:
        return solver
    count = settings.steps
    if option != "steps":
        count = min(count, int(spec.options[option]))  # rounds are dear
    few = {key: value for key, value in _FEW.items() if settings.few and key in spec.options}
    return invkit.solver(invkit.Spec(spec.kind, spec.name, {**spec.options, **few, option: str(count)}))


def _told(source: Source, one: Measured | None = None) -> dict[str, Any]:
    """Values of a spec's placeholders; those of the noise are there only if it is known."""
    size, extent = (28, 27) if one is None else (one.kernel_size, one.kernel_extent)
    told: dict[str, Any] = {"size": size, "extent": extent}
    if source.sigma is not None:
        sigma = source.sigma
        told |= {"sigma": f"{sigma:g}", "variance": f"{sigma**2:g}", "half": f"{sigma / 2:g}"}
    return told
