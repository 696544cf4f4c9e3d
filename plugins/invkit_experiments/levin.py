"""``invkit bench levin``: Levin's images 1 and 2, each through eight real camera shakes, 255 × 255 pixels.

    Levin(count=4).run(Kept(Path("out"))).rows

``known`` is the dark prior's own last step with the true kernel: what its deconvolution can do, and what
its blind result is to be measured against. The L0 variant leaves the dark channel out.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.levin_pairs import LevinPairs
from invkit_experiments.methods import Blurry
from invkit_experiments.paper import QUALITY, dark_prior, oracle
from invkit_experiments.solve import TRUE_KERNEL, Solve
from invkit_experiments.study import Study

__all__ = ["Levin"]


@attrs.frozen(kw_only=True)
class Levin(Study):
    """Real camera shakes."""

    name: ClassVar[str] = "levin"
    title: ClassVar[str] = "Levin's images 1 and 2 through eight camera shakes"
    usual_count: ClassVar[int] = 16
    quick: ClassVar[tuple[int, int]] = (1, 1)
    shown: ClassVar[int] = 8
    kernels_shown: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "levin",
            "Levin's images 1 and 2, kernels 1 to 8",
            LevinPairs(),
            (
                Blurry(),
                dark_prior(),
                Solve(
                    "l0",
                    "the same without the dark channel",
                    "darkprior?dark=false",
                    ("blind?size={size}", "identity"),
                ),
                Solve(
                    "known",
                    "the dark prior's last step with the true kernel",
                    "darkprior",
                    (TRUE_KERNEL, "identity"),
                ),
                oracle(),
            ),
        ),
    )
