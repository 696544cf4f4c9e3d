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

import invkit
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found, Method
from invkit_experiments.inputs.known import known_signal
from invkit_experiments.inputs.sources import Measured, Source, prior

__all__ = ["TRUE_KERNEL", "Solve", "uninterrupted"]

TRUE_KERNEL = "known:TRUE_KERNEL"
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
        solver: spec of the solver.
        priors: specs of the priors of kernel and image; `TRUE_KERNEL` as the first makes it an oracle.
    """

    solver: str
    priors: tuple[str, str]

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        """Operator, priors with the sha256 of their weights, solver with all defaults, versions.

        Placeholders that depend on the measurement get fixed numbers here.
        """
        pipeline = self._pipeline(source, settings, None)
        config = {key: value for key, value in pipeline.to_config().items() if key != "seed"}
        each = {"told": "extent"} if "{extent}" in self.solver else {}
        return {"pipeline": config, "kernel": self.priors[0], "seed": settings.seed, **each}

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
            kernel = "identity" if one is None else known_signal(one.w[0])
        solver = self._solver(told, settings)
        return invkit.compose(source.operator, [kernel, prior(self.priors[1])], solver, seed)

    def _solver(self, told: Mapping[str, Any], settings: Settings) -> invkit.Solver:
        """The solver, with the run's number of steps or at most as many rounds, if it has that option."""
        spec = self.solver.format(**told)
        made: Any = invkit.solver(spec)
        if settings.steps is None:
            return made
        if hasattr(made, "steps"):
            fewer: dict[str, Any] = {"steps": settings.steps}
            if hasattr(made, "search"):  # the solver that finds its start
                fewer["search"] = str(invkit.Spec("evidence", options={"steps": str(settings.steps)}))
        elif hasattr(made, "rounds"):
            fewer = {"rounds": min(settings.steps, made.rounds)}
        else:
            return made
        return invkit.solver({**invkit.Spec.parse(spec).to_dict(), **fewer})


def _told(source: Source, one: Measured | None = None) -> dict[str, Any]:
    """Values of a spec's placeholders; those of the noise are there only if it is known."""
    size, extent = (28, 27) if one is None else (one.kernel_size, one.kernel_extent)
    told: dict[str, Any] = {"size": size, "extent": extent}
    if source.sigma is not None:
        sigma = source.sigma
        told |= {"sigma": f"{sigma:g}", "variance": f"{sigma**2:g}", "half": f"{sigma / 2:g}"}
    return told
