"""``invkit bench fig5``: the paper's Figure 5, MNIST digits under blurs A and B, image and kernel recovered.

    Fig5(count=6).run(Kept(Path("out")))       # its panels show the kernels that were found, too

Settings as printed for MNIST: 1,500 steps of 0.01·exp(−t/250), λ = γ = 0.1, 10 restarts: the preset itself.

Source: arXiv 1802.04073, Section 4.3 and Figure 5.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.drawn import Drawn
from invkit_experiments.experiment import Column
from invkit_experiments.methods import Blurry
from invkit_experiments.paper import QUALITY
from invkit_experiments.solve import Solve
from invkit_experiments.study import Study

__all__ = ["Fig5"]


def digits(blur: str) -> Case:
    """MNIST's test digits under a blur."""
    priors = (f"vae:{blur}", "vae:mnist")
    methods = (
        Blurry(),
        Solve("paper", "Algorithm 1 as printed", "altgd?preset=paper", priors),
        Solve("default", "altgd by default", "altgd", priors),
    )
    return Case(f"mnist-{blur}", f"MNIST test digits, {blur}", Drawn("mnist", "test", blur), methods)


@attrs.frozen(kw_only=True)
class Fig5(Study):
    """Digits with their kernels."""

    name: ClassVar[str] = "fig5"
    title: ClassVar[str] = "digits and their kernels"
    usual_count: ClassVar[int] = 6
    kernels_shown: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (digits("blurA"), digits("blurB"))
