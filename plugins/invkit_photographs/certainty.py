"""How sure a kernel is: the probability that deconvolving with it does not make the picture worse.

    certainty(outcome)                # in (0, 1)
"""

from __future__ import annotations

from math import exp

from invkit_photographs.searching import Outcome

__all__ = ["SHARP", "certainty"]

#: nats a derivative: with less gain over the single pixel a picture counts as not blurred
SHARP = 0.01


def certainty(outcome: Outcome) -> float:
    """See the module."""
    return 1 / (1 + exp(-(outcome.margin - 0.01) * 200))
