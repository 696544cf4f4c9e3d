"""A solver with two priors, as a row of a table.

    Solve("default", "blind, by default", solver="altgd", priors=("vae:blurA", "vae:celeba"))
    Solve("oracle", "true kernel", solver="tv", priors=(TRUE_KERNEL, "identity"))

In a spec, ``{size}`` is the side of the kernel's support, ``{extent}`` that of the square that the kernel
fills, ``{sigma}``, ``{variance}`` and ``{half}`` (of σ) are the noise's, for methods that are told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs

import invkit
from invkit_experiments.figures import uninterrupted
from invkit_experiments.known import known_signal
from invkit_experiments.methods import Found, Method, Settings
from invkit_experiments.sources import Measured, Source, prior

__all__ = ["TRUE_KERNEL", "Solve"]

TRUE_KERNEL = "known:TRUE_KERNEL"
"""In place of a kernel prior: the kernel that the measurement was made with."""


@attrs.frozen
class Solve(Method):
    """A solver with two priors.

    Args:
        solver: its spec.
        priors: of kernel and image; `TRUE_KERNEL` in place of the first makes it an oracle.
    """

    solver: str
    priors: tuple[str, str]

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        """Operator, priors with the sha256 of their weights, solver with all defaults, versions.

        Where the solver is told of each measurement, some measurement's numbers stand for all.
        """
        told, blind = _told(source), self.priors[0] != TRUE_KERNEL
        pipeline = invkit.compose(
            source.operator,
            [prior(self.priors[0].format(**told)) if blind else "identity", prior(self.priors[1])],
            self._solver(told, settings),
        )
        config = {key: value for key, value in pipeline.to_config().items() if key != "seed"}
        each = {"told": "extent"} if "{extent}" in self.solver else {}
        return {"pipeline": config, "kernel": self.priors[0], "seed": settings.seed, **each}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        """Solve this one measurement."""
        told, blind = _told(source, one), self.priors[0] != TRUE_KERNEL
        pipeline = invkit.compose(
            source.operator,
            [
                prior(self.priors[0].format(**told)) if blind else known_signal(one.w[0]),
                prior(self.priors[1]),
            ],
            self._solver(told, settings),
            settings.seed + index,
        )
        began = time.perf_counter()
        solution = uninterrupted(pipeline(one.y))
        return Found(solution.x, solution.w if blind else None, time.perf_counter() - began)

    def _solver(self, told: Mapping[str, Any], settings: Settings) -> invkit.Solver:
        """The solver, with the run's number of steps where it has that option, or at most so many rounds."""
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
    """What a spec may be told: of the noise where it is known, of the kernel's support and extent."""
    told: dict[str, Any] = {"size": 28, "extent": 27}
    if one is not None:
        told = {"size": one.kernel_size, "extent": one.kernel_extent}
    if source.sigma is not None:
        sigma = source.sigma
        told |= {"sigma": f"{sigma:g}", "variance": f"{sigma**2:g}", "half": f"{sigma / 2:g}"}
    return told
