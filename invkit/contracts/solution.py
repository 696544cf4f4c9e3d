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
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from invkit.arguments import whole
from invkit.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Status(StrEnum):
    """How the solving of one measurement (or one restart) ended."""

    #: the solver's own criterion was met
    CONVERGED = "converged"
    #: all steps were taken: the usual end of a fixed schedule
    MAX_ITER = "max_iter"
    #: all steps were taken, but by the solver's own signs the result is likely to be wrong: see
    #: ``Solution.confidence``
    DOUBTFUL = "doubtful"
    #: the measurement is as sharp as it can be told to be: not blurred, or with too little structure to tell;
    #: ``x`` is ``y``
    SHARP = "sharp"
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
    #: how each has ended
    status: tuple[tuple[Status, ...], ...]
    #: the index of the restart whose result the solution holds, per measurement
    winner: tuple[int, ...]
    #: the column by which the winner was chosen, the least wins
    criterion: Literal["residual", "objective"] = "residual"


@attrs.frozen(eq=False)
class Samples:
    """Draws from the posterior of both signals, the draws along the first axis."""

    #: (draws, measurements, *signal shape); behind the first axis, the layout of ``Solution.w``
    w: Any
    #: the same of ``Solution.x``
    x: Any


@attrs.frozen(eq=False)
class Rivals:
    """Other explanations of one measurement that a search has found, the most probable first."""

    #: latents of ``w``, (k, *latent shape)
    h: Any
    #: by how many nats each is less probable than what was found, (k,)
    nats: Any


@attrs.frozen(eq=False, repr=False)
class Solution:
    """The result for a batch of measurements. Five lines and remarks as text; a notebook shows pictures."""

    #: the recovered signals of the winning restarts, (measurements, *signal shape)
    x: Any
    #: as ``x``; None from a solver that finds none (``Solver.finds_w``)
    w: Any
    #: the latents (h, m) they were made from, each None where there is none
    latents: tuple[Any, Any]
    #: ‖y − A(w, x)‖² per measurement, over the entries that were measured; NaN without a ``w``
    residual: Any
    #: how each measurement's solve ended
    status: tuple[Status, ...]
    #: every restart of every measurement at its end
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
    #: for draws; NaN where Ctrl-C came before them
    x_std: Any = None
    #: draws from the posterior, from a solver that was asked for them: see :meth:`samples`
    drawn: Samples | None = None
    #: the standard deviation of the noise, per measurement, in the measurement's units: what a solver that
    #: estimates it has found, or was told; None from the others
    noise: Any = None
    #: how probable it is that the solving of each measurement succeeded, in [0, 1], by a solver that can tell
    #: (its documentation says what success is); NaN where it could not this time, None from the others
    confidence: Any = None
    #: the signals by the kernel alone, in the layout of ``x``, where a solver has softened ``x`` towards a
    #: measurement because the result is doubtful; equal to ``x`` where it has not; None from the others
    x_kernel: Any = None
    #: what else a solver can say, a mapping of words and numbers per measurement, e.g. ``{"gain": 0.8,
    #: "family": "disk", "radius": 4.1}``; its documentation says what they mean. ``"remark"`` is for the
    #: user: the command line and ``print(solution)`` show it. None from the others
    notes: tuple[Mapping[str, Any], ...] | None = None
    #: what else each measurement's ``w`` could be, by a solver that has compared several; a later stage may
    #: choose otherwise. None from the others
    rivals: tuple[Rivals, ...] | None = None

    def __repr__(self) -> str:
        from invkit.showing.text import solution_text

        return solution_text(self)

    def _repr_html_(self) -> str:
        from invkit.showing.page import solution_html

        return solution_html(self)

    def plot(self) -> Figure:
        """A figure of the recovered images and kernels, a row for each measurement.

        With the measurement and the truth beside them: :meth:`invkit.Pipeline.plot`.

        Raises:
            InputError: the signals are no images.
            MissingExtra: matplotlib, the extra ``plot``, is not installed.
        """
        from invkit.showing.figures import solution_figure

        return solution_figure(self)

    def curve(self) -> Figure:
        """A figure of the objective of every candidate over the steps, for up to four measurements.

        Raises:
            InputError: the solver kept no history.
            MissingExtra: matplotlib, the extra ``plot``, is not installed.
        """
        from invkit.showing.figures import curve_figure

        return curve_figure(self)

    def samples(self, count: int | None = None) -> Samples:
        """Draws from the posterior p(w, x | y): pairs of signals, each as often as it is probable.

        Args:
            count: how many, a whole number: the first of those that were made; None: all.

        Raises:
            InputError: no draws were made, or fewer; or `count` is no whole number.
        """
        if self.drawn is None:
            raise InputError(
                "this solution has no draws from the posterior",
                hint='ask the last stage for them: solver="evidence?draws=50"',
            )
        made = len(self.drawn.x)
        asked = made if count is None else whole(count)
        if asked is None or not 1 <= asked <= made:
            raise InputError(
                f"{count!r} draws are asked for, {made} were made",
                hint=f"give a number from 1 to {made}, or solve again and ask the solver for more draws",
            )
        return Samples(self.drawn.w[:asked], self.drawn.x[:asked])

    def summary(self) -> dict[str, Any]:
        """The record as JSON-ready numbers and words: residuals, statuses, restarts, time, configuration.

        ``"w": None`` is in it where no ``w`` was found, and nowhere else; ``"confidence"``,
        ``"noise"`` and ``"notes"`` where there are some.
        """
        return {
            **({"w": None} if self.w is None else {}),
            "residual": _numbers(self.residual),
            "status": [str(status) for status in self.status],
            **({} if self.confidence is None else {"confidence": _numbers(self.confidence)}),
            **({} if self.noise is None else {"noise": _numbers(self.noise)}),
            **({} if self.notes is None else {"notes": [_noted(each) for each in self.notes]}),
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

        Arrays are exact: ``x``, ``w``, the latents ``h`` and ``m``, ``history``, ``x_std``, ``x_kernel``,
        the draws, ``w_samples`` and ``x_samples``, and the rivals of all measurements one after another,
        ``rivals`` and ``rivals_nats``, of which measurement in ``rivals_row``.
        Every file is written under a temporary name first and then renamed. Returns the folder.

        Raises:
            OutputError: the folder cannot be written.
        """
        from invkit.files.solutions import write_solution

        h, m = self.latents
        more = {"history": self.history, "x_std": self.x_std, "x_kernel": self.x_kernel}
        if self.drawn is not None:
            more |= {"w_samples": self.drawn.w, "x_samples": self.drawn.x}
        if self.rivals is not None:
            counts = [len(each.nats) for each in self.rivals]
            more |= {
                "rivals": np.concatenate([_plain(each.h) for each in self.rivals]),
                "rivals_nats": np.concatenate([_plain(each.nats) for each in self.rivals]),
                "rivals_row": np.repeat(np.arange(len(counts)), counts),
            }
        arrays = {"x": self.x, "w": self.w, "h": h, "m": m, **more}
        record = {
            **self.summary(),
            "history_steps": list(self.history_steps),
            "axes_added": self.axes_added,
        }
        return write_solution(folder, arrays, record, axes_added=self.axes_added)

    @classmethod
    def load(cls, folder: str | Path) -> Solution:
        """The solution that :meth:`save` wrote to a folder, with numpy arrays.

        Raises:
            InputError: no solution there, or a file that is missing, damaged or from another solution.
        """
        from invkit.files.solutions import read_solution

        arrays, record = read_solution(folder)
        try:
            table = record["restarts"]
            return cls(
                x=arrays["x"],
                w=arrays.get("w"),
                latents=(arrays.get("h"), arrays.get("m")),
                residual=_array(record["residual"]),
                status=tuple(Status(each) for each in record["status"]),
                restarts=Restarts(
                    objective=_array(table["objective"]),
                    residual=_array(table["residual"]),
                    status=tuple(tuple(Status(each) for each in row) for row in table["status"]),
                    winner=tuple(table["winner"]),
                    criterion=table["criterion"],
                ),
                history=arrays["history"],
                history_steps=tuple(record["history_steps"]),
                seconds=record["seconds"],
                config=record["config"],
                axes_added=record["axes_added"],
                x_std=arrays.get("x_std"),
                drawn=Samples(arrays["w_samples"], arrays["x_samples"]) if "x_samples" in arrays else None,
                noise=_array(record.get("noise")),
                confidence=_array(record.get("confidence")),
                x_kernel=arrays.get("x_kernel"),
                notes=None if record.get("notes") is None else tuple(map(_read_notes, record["notes"])),
                rivals=_read_rivals(arrays, len(record["status"])) if "rivals" in arrays else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the record in {folder} is incomplete: {error}",
                hint="give a folder that this version's save() wrote",
            ) from error


def _read_rivals(arrays: Mapping[str, Any], measurements: int) -> tuple[Rivals, ...]:
    """The rivals of each measurement, of arrays that have those of all."""
    own = [arrays["rivals_row"] == row for row in range(measurements)]
    return tuple(Rivals(arrays["rivals"][each], arrays["rivals_nats"][each]) for each in own)


def _plain(array: Any) -> Any:
    """As a numpy array."""
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def _numbers(array: Any) -> Any:
    """An array as nested lists, with None for what is not finite (JSON has no NaN)."""
    values = array.tolist() if hasattr(array, "tolist") else array
    return _finite(values)


def _noted(notes: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement's notes for JSON; numbers may be those of numpy or torch."""
    return {key: value if isinstance(value, str) else _finite(float(value)) for key, value in notes.items()}


def _read_notes(notes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if value is None else value for key, value in notes.items()}


def _array(numbers: Any) -> Any:
    """Numbers of a record as an array, its nulls as NaN."""
    return None if numbers is None else np.array(numbers, dtype=float)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if value == value and abs(value) != float("inf") else None
