"""How sure a solver may be of a class of signals: a logistic law of its signs of doubt, fitted to cases.

    law = Calibration.fitted(signs, short)                 # of solved cases whose truth is known
    law.confidence({"strain": 4.2, "misfit": 0.3})         # how probable it is that this has not
    card["calibrations"] = {"gaussian": law.card()}
    Calibration.of_weights(card, "gaussian")               # the same

The probability that a result has *not* fallen short is

    confidence = 1 / (1 + exp(b + Σ_i a_i s_i)),     a_i ≥ 0,

with the signs s that a solver finds (:meth:`invkit.contracts.solver.Solver.signs`). The less it is, the more
doubtful the result, and below ``doubt`` it is called so. That is the higher of two limits. Below the first
lie nine of ten of those that are expected to fall short, by the law itself, which is steadier than the few
that did. Below the second lies one in ten of those that did not. So false alarms are one in ten where that
finds nine of ten failures, and more where it does not: a failure that is not told is worse than a false
alarm. Both limits are those of the solver that is meant, also where a hurried one has added failures to the
fit.

The card has the trade-off as a ``curve``: for several limits, how many failures and how many others are
below. There, and for the second limit, each case is judged by a law fitted to other cases. Classes differ in
how far signs can be trusted, so every class has a law of its own, kept in the card of its prior by
``invkit calibrate``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from invkit.errors import InputError

__all__ = ["CALIBRATIONS", "Calibration"]

CALIBRATIONS = "calibrations"
"""The key of a weights file's card under which the laws are: a mapping from kinds of priors to laws."""
FLAGGED, FALSE_ALARMS = 0.9, 0.1
"""The shares that are to be called doubtful: of those expected to fall short at least the first, and of the
others the second, or more where the first asks for it."""
_PARTS = 10
"""The curve judges a tenth of the cases by a law of the other nine."""
_LIMITS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Confidences that the curve has beside ``doubt``."""
_SLOPE = 2.0
"""Standard deviation of a slope a priori, for a sign in units of its own standard deviation. A prior that
grew with the number of cases would leave a law of strong signs too unsure, and it would doubt too much."""
_SURE, _UNSURE = 0.99, 0.5
"""Between these ``doubt`` lies: what is surer than the first is never doubtful, the second always."""


@attrs.frozen
class Calibration:
    """The law of one class.

    Args:
        constant: b.
        weights: a, by the sign's name.
        doubt: the confidence below which a result is doubtful.
        figures: what it was fitted to, e.g. ``{"images": 120, "short": 31}``; words and numbers for a card.
    """

    constant: float
    weights: Mapping[str, float]
    doubt: float = 0.95
    figures: Mapping[str, Any] = attrs.field(factory=dict)

    def confidence(self, signs: Mapping[str, float]) -> float:
        """In [0, 1]; 0 where a sign is not finite.

        Raises:
            InputError: a sign that the law knows is missing.
        """
        missing = [name for name in self.weights if name not in signs]
        if missing:
            raise InputError(
                f"a calibration asks for the sign {missing[0]!r}, which the solver does not have",
                hint="calibrate the prior again: invkit calibrate PRIOR",
            )
        if not all(math.isfinite(signs[name]) for name in self.weights):
            return 0.0
        doubt = self.constant + sum(a * signs[name] for name, a in self.weights.items())
        return 1 / (1 + math.exp(min(doubt, 700.0)))

    @classmethod
    def fitted(
        cls,
        signs: Sequence[Mapping[str, float]],
        short: Sequence[bool],
        figures: Mapping[str, Any] | None = None,
        *,
        meant: Sequence[bool] | None = None,
    ) -> Calibration:
        """The most probable law, by Newton's method; slopes that would be negative are zero.

        Args:
            signs: of every case, all of the same names.
            short: whether it fell short.
            figures: more for the card.
            meant: whether a case is one of the solver that is meant. ``doubt`` and the figures are those of
                these cases; None: of all.

        Raises:
            InputError: all cases fell short, or none, as far as their signs are finite.
        """
        law = _most_probable(signs, short)
        own = [True] * len(short) if meant is None else list(meant)
        sure = [law.confidence(each) for each, counts in zip(signs, own, strict=True) if counts]
        others = np.array(_by_others(signs, short))[own]
        fell = np.array(short, dtype=bool)[own]
        doubt = min(max(_found(sure), _allowed(others[~fell]), _UNSURE), _SURE)
        flagged = others < doubt
        told = {
            "images": len(fell),
            "short": int(fell.sum()),
            "flagged_of_short": int((flagged & fell).sum()),
            "flagged_of_others": int((flagged & ~fell).sum()),
            "fitted_images": len(short),
            "fitted_short": sum(map(bool, short)),
            "curve": [
                [limit, *(int(((others < limit) & which).sum()) for which in (fell, ~fell))]
                for limit in sorted({*_LIMITS, doubt})
            ],
        }
        return attrs.evolve(law, doubt=doubt, figures={**told, **(figures or {})})

    def card(self) -> dict[str, Any]:
        """For a card of weights, ready for JSON."""
        return {
            "constant": self.constant,
            "weights": dict(self.weights),
            "doubt": self.doubt,
            **self.figures,
        }

    @classmethod
    def of_weights(cls, card: Mapping[str, Any], kind: str) -> Calibration | None:
        """The law in the card of a weights file, for the priors of a kind that are made of it, e.g.
        ``gaussian`` or ``bounded``; None where there is none.
        """
        laws = card.get(CALIBRATIONS, {})
        found = laws.get(kind) if isinstance(laws, Mapping) else laws
        return None if found is None else cls.from_card(found)

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Calibration:
        """Read the law that :meth:`card` has written down.

        Raises:
            InputError: it lacks something.
        """
        try:
            numbers = {str(name): float(a) for name, a in card["weights"].items()}
            figures = {key: card[key] for key in card if key not in ("constant", "weights", "doubt")}
            return cls(float(card["constant"]), numbers, float(card["doubt"]), figures)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"the calibration in a card is incomplete: {error}", hint="calibrate the prior again"
            ) from error


def _most_probable(signs: Sequence[Mapping[str, float]], short: Sequence[bool]) -> Calibration:
    """The law without its limit of doubt."""
    names = sorted(signs[0]) if signs else []
    sound = [all(math.isfinite(each[name]) for name in names) for each in signs]
    failed = np.array(short, dtype=float)[np.array(sound, dtype=bool)]
    if len(set(failed)) < 2:
        which = "none" if not failed.any() else "all"
        raise InputError(
            f"{which} of {len(failed)} results fell short: nothing tells right from wrong",
            hint="calibrate on more images, or on harder ones",
        )
    values = np.array([[each[name] for name in names] for each in signs])[sound]
    centre, scale = values.mean(0), np.maximum(values.std(0), 1e-12)
    kept = list(range(len(names)))
    while True:  # the most negative slope goes, until none is
        constant, slopes = _logistic((values - centre)[:, kept] / scale[kept], failed)
        if not len(slopes) or slopes.min() >= 0:
            break
        del kept[int(slopes.argmin())]
    a = slopes / scale[kept]
    weights = {name: 0.0 for name in names} | {names[k]: float(v) for k, v in zip(kept, a, strict=True)}
    return Calibration(float(constant - (a * centre[kept]).sum()), weights)


def _found(sure: Sequence[float]) -> float:
    """The confidence below which nine of ten failures lie, as the confidences themselves expect them."""
    ordered = np.sort(sure)
    short = np.cumsum(1 - ordered)
    last = float(ordered[int(np.searchsorted(short, FLAGGED * short[-1]))])
    return math.floor(1000 * last + 1) / 1000  # a limit that can be written down


def _allowed(sure: np.ndarray) -> float:
    """The confidence below which one in ten lies of those that did not fall short."""
    return math.floor(1000 * np.sort(sure)[int(FALSE_ALARMS * len(sure))]) / 1000 if len(sure) else 0.0


def _by_others(signs: Sequence[Mapping[str, float]], short: Sequence[bool]) -> list[float]:
    """The confidence of each case by a law fitted to others, or to all where the others came out alike."""
    whole, sure = _most_probable(signs, short), [0.0] * len(short)
    for part in range(min(_PARTS, len(short))):
        inside = range(part, len(short), _PARTS)
        others = [number for number in range(len(short)) if number % _PARTS != part]
        try:
            law = _most_probable([signs[k] for k in others], [short[k] for k in others])
        except InputError:
            law = whole
        for number in inside:
            sure[number] = law.confidence(signs[number])
    return sure


def _logistic(values: np.ndarray, failed: np.ndarray) -> tuple[float, np.ndarray]:
    """Constant and slopes of the logistic regression of ``failed`` on standardised columns."""
    design = np.concatenate([np.ones((len(values), 1)), values], 1)
    weights = np.zeros(design.shape[1])
    ridge = np.full_like(weights, _SLOPE**-2)
    ridge[0] = 1e-9
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        slope = design.T @ (p - failed) + ridge * weights
        hessian = design.T @ ((p * (1 - p))[:, None] * design) + np.diag(ridge)
        weights = weights - np.linalg.solve(hessian, slope)
    return float(weights[0]), weights[1:]
