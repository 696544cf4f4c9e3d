"""``invkit bench fig10``: the paper's Figure 10, more restarts on images in range under a large blur.

    Fig10(count=4).run(Kept(Path("out")))

Each image is in the range of the prior, so what is lost is lost by the search. ``paper-10`` and
``paper-25`` are the settings as printed with 10 and 25 random restarts; ``joint-…`` is ``altgd`` with its
other defaults, its search over both latents from so many starts.

Source: arXiv 1802.04073, Section 5 and Figure 10.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.methods import Blurry, Method
from invkit_experiments.paper import FACES_PRINTED, NUMBERS_PRINTED, QUALITY, drawn_faces, drawn_numbers
from invkit_experiments.solve import Solve
from invkit_experiments.study import Study

__all__ = ["Fig10"]


def restarted(prior: str, printed: str) -> tuple[Method, ...]:
    """The same solver with more and more restarts."""
    priors = ("vae:blur30", prior)
    as_printed = [
        Solve(
            f"paper-{n}",
            f"Algorithm 1 as printed, {n} restarts",
            f"altgd?preset=paper,{printed},restarts={n}",
            priors,
        )
        for n in (10, 25)
    ]
    # by default a VAE that knows a Gaussian of its class would have no such starts
    start = "encoder" if prior.startswith("vae") else "random"
    by_default = [
        Solve(
            f"joint-{n}",
            f"altgd over both latents, {n} starts",
            f"altgd?start={start},restarts={n}",
            priors,
        )
        for n in (10, 25, 64, 256)
    ]
    return (Blurry(), *as_printed, *by_default)


@attrs.frozen(kw_only=True)
class Fig10(Study):
    """More restarts."""

    name: ClassVar[str] = "fig10"
    title: ClassVar[str] = "more restarts on large blurs"
    usual_count: ClassVar[int] = 4
    quick: ClassVar[tuple[int, int]] = (1, 3)
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "celeba",
            "CelebA validation faces in the range of gan:celeba, motion of length 30",
            drawn_faces("blur30", in_range="gan:celeba"),
            restarted("gan:celeba", FACES_PRINTED),
        ),
        Case(
            "housenumbers",
            "synthetic house numbers in the range of vae:housenumbers, motion of length 30",
            drawn_numbers("blur30", in_range="vae:housenumbers"),
            restarted("vae:housenumbers", NUMBERS_PRINTED),
        ),
    )
