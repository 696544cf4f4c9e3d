"""A solver with two priors, as a row of a table.

    Solve("default", "blind, by default", solver="altgd", priors=("vae:blurA", "vae:celeba"))
    Solve("oracle", "true kernel", solver="tv", priors=(TRUE_KERNEL, "identity"))

A spec may have placeholders. ``{size}`` is the side of the kernel's support, and ``{extent}`` the side of the
square that the kernel fills. ``{sigma}``, ``{variance}`` and ``{half}`` are σ, σ² and σ/2 of the noise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs
import torch

import invkit
from invkit.plugin.building import spec_of
from invkit.records import versions, written
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.inputs.sources import Measured, Source, prior

__all__ = ["TRUE_KERNEL", "Solve", "uninterrupted"]

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
        blind = self.priors[0] != TRUE_KERNEL
        made = {
            "operator": written("operator", pipeline.operator, strict=True),
            "priors": [written("prior", each, strict=True) for each in pipeline.priors[not blind :]],
            "solver": written("solver", pipeline.solver, strict=True),
            "versions": versions(),
        }
        each = {"told": "extent"} if "{extent}" in str(self.solver) else {}
        return {"pipeline": made, "kernel": self.priors[0], "seed": settings.seed, **each}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        pipeline = self._pipeline(source, settings, one, settings.seed + index)
        began = time.perf_counter()
        solution = uninterrupted(pipeline(one.y))
        w = None if self.priors[0] == TRUE_KERNEL else solution.w
        return Found(solution.x, w, time.perf_counter() - began)

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
        return made if settings.steps is None else hurried(made, settings.steps, self.hurried_by)


def hurried(solver: invkit.Solver, steps: int, option: str = "steps") -> invkit.Solver:
    """The solver, or each of its stages, with an option set to ``steps`` where it has that option."""
    if isinstance(solver, invkit.solving.Stages):
        stages = [attrs.evolve(each, solver=hurried(each.solver, steps)) for each in solver.stages]
        return invkit.solving.Stages(stages)
    spec = spec_of(solver)
    if spec is None or option not in spec.options:
        return solver
    count = steps if option == "steps" else min(steps, int(spec.options[option]))  # rounds are dear
    return invkit.solver(invkit.Spec(spec.kind, spec.name, {**spec.options, option: str(count)}))


def _told(source: Source, one: Measured | None = None) -> dict[str, Any]:
    """Values of a spec's placeholders; those of the noise are there only if it is known."""
    size, extent = (28, 27) if one is None else (one.kernel_size, one.kernel_extent)
    told: dict[str, Any] = {"size": size, "extent": extent}
    if source.sigma is not None:
        sigma = source.sigma
        told |= {"sigma": f"{sigma:g}", "variance": f"{sigma**2:g}", "half": f"{sigma / 2:g}"}
    return told
