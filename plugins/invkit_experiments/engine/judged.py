"""Does a solver know when it has failed? A blind result beside the same with the true kernel.

    method = Judged("evidence", "…", "evidence", ("trajectory", "gaussian:celeba"))
    judged_scores(one, method.recover(one, source, settings, 0), "circconv")
    # {"short": 1.0, "flagged": 1.0, "lacks": 4.2, "confidence": 0.31, "sign_strain": 140.2, …}

A result has fallen *short* where its image is more than 3 dB below the one that the same solver gives with
the same image prior and the true kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import torch

import invkit
from invkit.contracts.calibration import Calibration
from invkit.errors import InputError
from invkit.metrics import psnr
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Found
from invkit_experiments.engine.scores import finite, plain
from invkit_experiments.engine.solve import TRUE_KERNEL, Solve
from invkit_experiments.inputs.sources import Measured, Source

__all__ = ["SHORT", "Judged", "fitted", "judged_scores"]

SHORT = 3.0
"""In dB below the same with the true kernel."""
_SIGN = "sign_"


@attrs.frozen
class Judged(Solve):
    """A blind solver, its confidence and signs of doubt, and the PSNR of its oracle, in the notes."""

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        found = Solve.recover(self, one, source, settings, index)
        oracle = attrs.evolve(self, priors=(TRUE_KERNEL, self.priors[1]))
        best = Solve.recover(oracle, one, source, settings, index)
        signs = {_SIGN + name: float(value) for name, value in found.notes.items() if _is_number(value)}
        more = {"oracle": float(psnr(best.x, one.x)), "confidence": found.confidence}
        return attrs.evolve(found, notes={**signs, **more})


def judged_scores(one: Measured, found: Found, operator: str) -> dict[str, float | None]:
    """Whether it fell short, whether it was flagged, and all that it was judged by."""
    level = float(psnr(found.x, one.x))
    lacks = found.notes["oracle"] - level
    short = float(not lacks <= SHORT)
    flagged = float(found.status == invkit.Status.DOUBTFUL)
    notes = {name: None if value is None else finite(value) for name, value in found.notes.items()}
    return plain({"psnr": torch.tensor(level)}, found) | {
        "lacks": finite(lacks),
        "short": short,
        "flagged": flagged,
        "flagged_short": short * flagged,
        "flagged_other": (1 - short) * flagged,
        **notes,
    }


def fitted(
    solver: invkit.Solver,
    figures: Mapping[str, Any],
    more: Mapping[str, Any],
    meant: Sequence[bool] | None = None,
) -> Calibration:
    """The law of a class, from the figures of its images: name → one value an image.

    Args:
        solver: the solver that is meant.
        figures: of its images, and of those of other solvers.
        more: for the card.
        meant: which images are the solver's own; None: all.

    Raises:
        InputError: the solver has no signs of doubt, or nothing tells right from wrong.
    """
    names = [name for name in figures if name.startswith(_SIGN)]
    count = len(figures["short"])
    told = [
        {name.removeprefix(_SIGN): _number(figures[name][image]) for name in names} for image in range(count)
    ]
    signs = [solver.signs(each) for each in told]
    if any(each is None for each in signs):
        raise InputError(
            f"{type(solver).__name__} does not say how sure it is: there is nothing to calibrate",
            hint="calibrate evidence",
        )
    return Calibration.fitted(
        [each for each in signs if each is not None],
        [bool(each) for each in figures["short"]],
        more,
        meant=meant,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
