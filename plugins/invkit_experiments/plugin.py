"""Registers ``demo``, ``calibrate``, ``bench`` and the experiments; imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry

_EXPERIMENTS = {
    "digits": ("digits:DIGITS", "blind deblurring of MNIST test digits, with oracle and range floors"),
    "kernels": ("kernels:KERNELS", "how well the kernel priors make kernels of their test splits"),
    "priors": (
        "priors:PRIORS",
        "how close image priors come to the authors' test images, and whether they copy",
    ),
    "table1": ("tables:TABLE1", "Table 1: small blurs and a large one, all methods"),
    "table2": ("tables:TABLE2", "Table 2: noise from 10 to 50 %"),
    "table3": ("tables:TABLE3", "Table 3: images of the test set against images in range"),
    "fig2": ("figures:FIG2", "Figure 2: the closest image in range to the blurry image"),
    "fig5": ("figures:FIG5", "Figure 5: digits and their kernels"),
    "fig6": ("figures:FIG6", "Figure 6: house numbers, all methods"),
    "fig7": ("figures:FIG7", "Figure 7: faces, all methods"),
    "fig8": ("figures:FIG8", "Figure 8: faces under a large blur"),
    "fig9": ("figures:FIG9", "Figure 9: growing noise, ours and the CNN"),
    "fig10": ("figures:FIG10", "Figure 10: more restarts on large blurs"),
    "photographs": (
        "photographs:PHOTOGRAPHS",
        "photographs: shakes, defocus, straight motion, noise, JPEG, and not blurred",
    ),
    "photographs-train": (
        "photographs:PHOTOGRAPHS_TRAIN",
        "the same on training pictures and kernels, to tune on",
    ),
    "rotations": ("rotations:ROTATIONS", "photographs by a camera that turned: blur that varies"),
    "rotations-train": ("rotations:ROTATIONS_TRAIN", "the same on training pictures, to tune on"),
    "text": ("text:TEXT", "pages of text through camera shakes"),
    "levin": ("levin:LEVIN", "Levin's photographs through real camera shakes"),
    "phase": ("phase:PHASE", "blind deconvolution in subspaces: success over the number of measurements"),
    "confidence": (
        "confidence:CONFIDENCE",
        "are wrong results called doubtful, and right ones not?",
    ),
    "coverage": ("coverage:COVERAGE", "90 % intervals of the posterior against the truth"),
    "asim2020": (
        "asim2020:ASIM2020",
        "blind deblurring of the paper's authors' own test inputs, beside their results",
    ),
}
"""Name → where it is among the studies, and what it is for."""


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Register ``invkit demo``, ``invkit calibrate``, ``invkit bench`` and what it measures."""
    registry.command(
        "demo",
        "invkit_experiments.demo:demo",
        summary="Deblur packaged MNIST digits blind and show the result.",
    )
    registry.command(
        "calibrate",
        "invkit_experiments.calibrate:calibrate",
        summary="Measure how far the confidence of a prior's results can be trusted.",
    )
    registry.command(
        "bench", "invkit_experiments.bench:bench", summary="Measure methods side by side on the same inputs."
    )
    for name, (target, summary) in _EXPERIMENTS.items():
        registry.experiment(name, f"invkit_experiments.studies.{target}", summary=summary)
