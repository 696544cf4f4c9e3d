"""How sure a kernel is.

    certainty(outcome)                # in (0, 1); below a half it is more likely wrong than right

Five things tell. Where a kernel that looks otherwise explains the picture nearly as well, that is where the
``margin`` is small, the evidence has not decided. A simple shape that the free searches do not agree with is
likely a compromise: the nearest straight line to a bent curve. Scales must agree: ``coarser`` is the gain at
the next coarser scale, and ``held`` the share of the best gain at the coarser ones. And where few ``edges``
are to be seen for each entry of the kernel, entries follow the noise. With σ the logistic function,

    certainty = σ(25 (min(margin, ½) − 0.12)) · σ(200 (coarser − 0.005)) · σ(30 (held − 0.7))
                · σ(3 log(edges / 65)) · s,

s being σ(40 (agreement − 0.87)) of a simple shape, else 1. Of a kernel that is little else than one pixel,
where a coarser scale asks for a larger one, it is a fifth of that.

The numbers, and :data:`~invkit_photographs.searching.SHARP`, were set by hand on 48 pictures drawn from
BSDS500's training half: shakes of 13 to 45 pixels, disks, Gaussians, straight motion, noise up to 5 %, JPEG,
not blurred; that of the edges also on a microscopy picture that shows next to nothing. So this is a rule of
thumb and no probability measured on others. That of ``held``, and what counts as sharp, were set on 45 more
pictures of that half, with three real photographs in view (`roma`, `postcard`, `summerhouse`), which are no
test of it. Blurs of real photographs are no exact convolutions, and of them it says little.
``invkit bench photographs`` counts how often it is wrong.
"""

from __future__ import annotations

from math import exp, log

from invkit_photographs.families import FREE
from invkit_photographs.searching import Outcome

__all__ = ["certainty"]

_STEEP, _UNDECIDED, _SURE = 25.0, 0.12, 0.5
_STEEP_SHAPE, _SHAPE = 40.0, 0.87
_STEEP_SCALES, _SCALES = 200.0, 0.005
_STEEP_HELD, _HELD = 30.0, 0.7
_LITTLE = 0.2
_STEEP_EDGES, _EDGES = 3.0, 65.0


def certainty(outcome: Outcome) -> float:
    """See the module."""
    sure = _logistic(_STEEP * (min(outcome.margin, _SURE) - _UNDECIDED))
    sure *= _logistic(_STEEP_SCALES * (outcome.coarser - _SCALES))
    sure *= _logistic(_STEEP_HELD * (outcome.held - _HELD))
    sure *= _logistic(_STEEP_EDGES * log(max(outcome.edges, 1e-9) / _EDGES))
    if outcome.little and not outcome.sharp:
        sure *= _LITTLE
    if outcome.winner.family != FREE and not outcome.sharp:
        sure *= _logistic(_STEEP_SHAPE * (outcome.agreement - _SHAPE))
    return sure


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-min(max(value, -500.0), 500.0)))
