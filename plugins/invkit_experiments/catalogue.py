"""What ``invkit bench`` knows, by name; nothing is imported before it is run.

experiment_entry("table1").target        # "invkit_experiments.table1:Table1"
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from invkit.errors import SpecError
from invkit.plugin.registry import nearest

__all__ = ["EXPERIMENTS", "Entry", "experiment_entry"]


@attrs.frozen
class Entry:
    """Where an experiment is and what it is for; the class is imported when it is run."""

    target: str
    summary: str


EXPERIMENTS: Mapping[str, Entry] = {
    "digits": Entry(
        "invkit_experiments.digits:Digits",
        "blind deblurring of MNIST test digits, with oracle and range floors",
    ),
    "kernels": Entry(
        "invkit_experiments.kernels:Kernels", "how well the kernel priors make kernels of their test splits"
    ),
    "priors": Entry(
        "invkit_experiments.priors:Priors",
        "how close image priors come to the authors' test images, and whether they make copies",
    ),
    "table1": Entry("invkit_experiments.table1:Table1", "Table 1: small blurs and a large one, all methods"),
    "table2": Entry("invkit_experiments.table2:Table2", "Table 2: noise from 10 to 50 %"),
    "table3": Entry(
        "invkit_experiments.table3:Table3", "Table 3: images of the test set against images in range"
    ),
    "fig2": Entry("invkit_experiments.fig2:Fig2", "Figure 2: the closest image in range to the blurry image"),
    "fig5": Entry("invkit_experiments.fig5:Fig5", "Figure 5: digits and their kernels"),
    "fig6": Entry("invkit_experiments.fig6:Fig6", "Figure 6: house numbers, all methods"),
    "fig7": Entry("invkit_experiments.fig7:Fig7", "Figure 7: faces, all methods"),
    "fig8": Entry("invkit_experiments.fig8:Fig8", "Figure 8: faces under a large blur"),
    "fig9": Entry("invkit_experiments.fig9:Fig9", "Figure 9: growing noise, ours and the CNN"),
    "fig10": Entry("invkit_experiments.fig10:Fig10", "Figure 10: more restarts on large blurs"),
    "levin": Entry("invkit_experiments.levin:Levin", "Levin's photographs through real camera shakes"),
    "asim2020": Entry(
        "invkit_experiments.asim2020:Asim2020",
        "blind deblurring of the paper's authors' own test inputs, beside their results",
    ),
}
"""What ``invkit bench`` knows, by name."""


def experiment_entry(name: str) -> Entry:
    """The experiment of a name.

    Raises:
        SpecError: no such name; the message gives the nearest and the list.
    """
    if name not in EXPERIMENTS:
        raise SpecError(f"unknown experiment {name!r}", hint=nearest(name, EXPERIMENTS))
    return EXPERIMENTS[name]
