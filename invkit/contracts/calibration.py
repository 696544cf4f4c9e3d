"""How sure a solver may be of a class of signals: a logistic law of its signs of doubt, fitted to cases.

    law = Calibration.fitted(signs, short)                 # of solved cases whose truth is known
    law.confidence({"strain": 4.2, "misfit": 0.3})         # how probable it is that this has not
    card["calibrations"] = {"gaussian": law.card()}
    Calibration.of_weights(card, "gaussian")               # the same

The probability that a result has *not* fallen short is

    confidence = 1 / (1 + exp(b + Σ_i a_i s_i)),     a_i ≥ 0,

with the signs s that a solver finds (:meth:`invkit.contracts.solver.Solver.signs`). The less it is, the more
doubtful the result, and below ``doubt`` it is called so: there lie nine of ten of those that are to be
expected to fall short, by the law itself, which is steadier than the few that did. Classes differ in how far
signs can be trusted, so every class has a law of its own, kept in the card of its prior by
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
FLAGGED = 0.9
"""The share of those expected to fall short that are to be called doubtful."""
_RIDGE = 0.005
"""Weight of the penalty on the slopes, in standard deviations of the signs; the loss is a mean."""
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
    ) -> Calibration:
        """The most probable law, by Newton's method; slopes that would be negative are zero.

        Args:
            signs: of every case, all of the same names.
            short: whether it fell short.
            figures: more for the card.

        Raises:
            InputError: all cases fell short, or none, as far as their signs are finite.
        """
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
        law = cls(float(constant - (a * centre[kept]).sum()), weights)
        sure = np.sort([law.confidence(each) for each in signs])
        expected = np.cumsum(1 - sure)
        last = float(sure[np.searchsorted(expected, FLAGGED * expected[-1])])
        doubt = min(max(math.nextafter(last, 2.0), _UNSURE), _SURE)
        flagged = [law.confidence(each) < doubt for each in signs]
        told = {
            "images": len(short),
            "short": sum(map(bool, short)),
            "flagged_of_short": sum(f and bool(b) for f, b in zip(flagged, short, strict=True)),
            "flagged_of_others": sum(f and not b for f, b in zip(flagged, short, strict=True)),
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
                f"the calibration in a card lacks something: {error}", hint="calibrate the prior again"
            ) from error


def _logistic(values: np.ndarray, failed: np.ndarray) -> tuple[float, np.ndarray]:
    """Constant and slopes of the penalised logistic regression of ``failed`` on standardised columns."""
    design = np.concatenate([np.ones((len(values), 1)), values], 1)
    weights = np.zeros(design.shape[1])
    ridge = np.full_like(weights, 2 * _RIDGE * len(values))
    ridge[0] = 1e-9
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        slope = design.T @ (p - failed) + ridge * weights
        hessian = design.T @ ((p * (1 - p))[:, None] * design) + np.diag(ridge)
        weights = weights - np.linalg.solve(hessian, slope)
    return float(weights[0]), weights[1:]
