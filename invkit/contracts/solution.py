"""Solutions: what a solver found, how it went, and with what.

    solution = pipeline(y)
    solution.x, solution.w                  # the recovered signals
    solution.residual                       # ‖y − A(w, x)‖², per measurement
    solution.status                         # e.g. (Status.MAX_ITER,), one per measurement
    solution.restarts.residual              # (measurements, restarts)
    solution.save("out/")                   # solution.json, all arrays as .npy, images as .png
    Solution.load("out/")                   # the same again

A solver that goes from ``y`` to ``x`` alone finds no ``w``: it is None, and so are both latents.

Plain frozen data: nothing in it can be run, everything can be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import attrs


class Status(StrEnum):
    """How the solving of one measurement (or one restart) ended."""

    #: the solver's own criterion was met
    CONVERGED = "converged"
    #: all steps were taken: the usual end of a fixed schedule
    MAX_ITER = "max_iter"
    #: all steps were taken, but by the solver's own signs the result is likely to be wrong: see
    #: ``Solution.confidence``
    DOUBTFUL = "doubtful"
    #: the objective became infinite or NaN; the result is the last finite one
    DIVERGED = "diverged"
    #: stopped early by the solver because others did better
    DROPPED = "dropped"
    #: stopped by Ctrl-C; the result is the best so far
    INTERRUPTED = "interrupted"


@attrs.frozen(eq=False)
class Restarts:
    """Every restart of every measurement at its end: arrays of shape (measurements, restarts)."""

    #: the objective (6), or what the solver minimises in its place; NaN where the restart diverged
    objective: Any
    #: the data term (7): the squared residual, unless another noise model stands in its place
    residual: Any
    status: tuple[tuple[Status, ...], ...]
    #: the index of the restart whose result the solution holds, per measurement
    winner: tuple[int, ...]
    #: the column by which the winner was chosen, the least wins
    criterion: Literal["residual", "objective"] = "residual"


@attrs.frozen(eq=False)
class Solution:
    """The result for a batch of measurements."""

    #: the recovered signals of the winning restarts, (measurements, *signal shape); ``w`` is None from a
    #: solver that finds none (``Solver.finds_w``)
    x: Any
    w: Any
    #: the latents (h, m) they were made from, each None where there is none
    latents: tuple[Any, Any]
    #: ‖y − A(w, x)‖² per measurement, over the entries that were measured; NaN without a ``w``
    residual: Any
    status: tuple[Status, ...]
    restarts: Restarts
    #: the objective of every restart at the recorded steps: ``history_steps`` (k,), ``history``
    #: (measurements, restarts, k)
    history: Any
    history_steps: tuple[int, ...]
    #: wall time of the solve in seconds
    seconds: float
    #: the configuration that made it (see Pipeline.to_config), where a pipeline did
    config: Mapping[str, Any] | None = None
    #: how many leading axes (batch, then channels) the measurement lacked, and ``x`` and ``w`` lack with it
    axes_added: int = 0
    #: the posterior standard deviation of every pixel of ``x``, in its layout, from a solver that was asked
    #: for it
    x_std: Any = None
    #: the standard deviation of the noise, per measurement, in the measurement's units: what a solver that
    #: estimates it has found, or was told; None from the others
    noise: Any = None
    #: how probable it is that the solving of each measurement succeeded, in [0, 1], by a solver that can tell
    #: (its documentation says what success is); NaN where it could not this time, None from the others
    confidence: Any = None

    def summary(self) -> dict[str, Any]:
        """The record as JSON-ready numbers and words: residuals, statuses, restarts, time, configuration.

        ``"w": None`` is in it where no ``w`` was found, and nowhere else; ``"confidence"`` and ``"noise"``
        where there are some.
        """
        return {
            **({"w": None} if self.w is None else {}),
            "residual": _numbers(self.residual),
            "status": [str(status) for status in self.status],
            **({} if self.confidence is None else {"confidence": _numbers(self.confidence)}),
            **({} if self.noise is None else {"noise": _numbers(self.noise)}),
            "restarts": {
                "objective": _numbers(self.restarts.objective),
                "residual": _numbers(self.restarts.residual),
                "status": [[str(status) for status in row] for row in self.restarts.status],
                "winner": list(self.restarts.winner),
                "criterion": self.restarts.criterion,
            },
            "seconds": self.seconds,
            "config": dict(self.config) if self.config is not None else None,
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``solution.json``, every array as ``.npy``, and pictures of images; no file of what is None.

        Every file is written under a temporary name first and then renamed. Returns the folder.
        """
        from invkit.files.solutions import save_solution

        return save_solution(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Solution:
        """The solution that :meth:`save` wrote to a folder, with numpy arrays.

        Raises:
            InputError: a file is missing, damaged, or from another solution.
        """
        from invkit.files.solutions import load_solution

        return load_solution(Path(folder))


def _numbers(array: Any) -> Any:
    """An array as nested lists, with None for what is not finite (JSON has no NaN)."""
    values = array.tolist() if hasattr(array, "tolist") else array
    return _finite(values)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if value == value and abs(value) != float("inf") else None
