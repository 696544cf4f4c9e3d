"""What ``invkit bench`` knows, by name; torch is not imported before a benchmark is asked for.

benchmark("table1").methods
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import attrs

from invkit.errors import SpecError
from invkit.plugin.registry import nearest

if TYPE_CHECKING:
    from invkit_experiments.engine.benchmark import Benchmark

__all__ = ["BENCHMARKS", "Entry", "benchmark"]


@attrs.frozen
class Entry:
    """Where a benchmark is and what it is for.

    Args:
        module: module of this package.
        attribute: the benchmark in it, or a mapping of names to benchmarks.
        summary: one line for the list.
    """

    module: str
    attribute: str
    summary: str


BENCHMARKS: Mapping[str, Entry] = {
    "digits": Entry(
        "digits", "DIGITS", "blind deblurring of MNIST test digits, with oracle and range floors"
    ),
    "kernels": Entry("kernels", "KERNELS", "how well the kernel priors make kernels of their test splits"),
    "priors": Entry(
        "priors",
        "PRIORS",
        "how close image priors come to the authors' test images, and whether they make copies",
    ),
    "table1": Entry("tables", "TABLES", "Table 1: small blurs and a large one, all methods"),
    "table2": Entry("tables", "TABLES", "Table 2: noise from 10 to 50 %"),
    "table3": Entry("tables", "TABLES", "Table 3: images of the test set against images in range"),
    "fig2": Entry("figures", "FIGURES", "Figure 2: the closest image in range to the blurry image"),
    "fig5": Entry("figures", "FIGURES", "Figure 5: digits and their kernels"),
    "fig6": Entry("figures", "FIGURES", "Figure 6: house numbers, all methods"),
    "fig7": Entry("figures", "FIGURES", "Figure 7: faces, all methods"),
    "fig8": Entry("figures", "FIGURES", "Figure 8: faces under a large blur"),
    "fig9": Entry("figures", "FIGURES", "Figure 9: growing noise, ours and the CNN"),
    "fig10": Entry("figures", "FIGURES", "Figure 10: more restarts on large blurs"),
    "photographs": Entry(
        "photographs",
        "PHOTOGRAPHS",
        "photographs: shakes, defocus, straight motion, noise, JPEG, and not blurred",
    ),
    "photographs-train": Entry(
        "photographs", "PHOTOGRAPHS", "the same on training pictures and kernels, to tune on"
    ),
    "rotations": Entry("rotations", "ROTATIONS", "photographs by a camera that turned: blur that varies"),
    "rotations-train": Entry("rotations", "ROTATIONS", "the same on training pictures, to tune on"),
    "levin": Entry("levin", "LEVIN", "Levin's photographs through real camera shakes"),
    "phase": Entry(
        "phase", "PHASE", "blind deconvolution in subspaces: success over the number of measurements"
    ),
    "confidence": Entry(
        "confidence", "CONFIDENCE", "results that fell short, and those that were doubtful, by class"
    ),
    "coverage": Entry("coverage", "COVERAGE", "90 % intervals of the posterior against the truth"),
    "asim2020": Entry(
        "asim2020",
        "ASIM2020",
        "blind deblurring of the paper's authors' own test inputs, beside their results",
    ),
}
"""Name → where it is, in the order of the list."""


def benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        SpecError: no such name; the message gives the nearest and the list.
    """
    if name not in BENCHMARKS:
        raise SpecError(f"unknown experiment {name!r}", hint=nearest(name, BENCHMARKS))
    entry = BENCHMARKS[name]
    found = getattr(import_module(f"{__package__}.{entry.module}"), entry.attribute)
    made: Benchmark = found[name] if isinstance(found, Mapping) else found
    return made
