"""``invkit bench table2``: the paper's Table 2, 10 to 50 % noise, where a trained CNN breaks down.

    Table2(count=2).run(Kept(Path("out"))).rows

Blur A, faces and house numbers; 10 % is σ = 0.1 on images in [0, 1] (the paper's footnote 2).
``default`` estimates the noise, and weighs its penalties by it; ``weighted`` is told it: λ = γ = σ², the
weights that a Gaussian posterior asks for. The oracle's weight is σ/2, the best of five multiples of σ and σ²
on six training faces. The same images, kernels and noise patterns at every level. 2 images a case unless
`count` says otherwise.

The CNN was trained at 1 % noise, as the paper's was.

Source: arXiv 1802.04073, Table 2.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.methods import Method
from invkit_experiments.paper import (
    PRINTED,
    QUALITY,
    drawn_faces,
    drawn_numbers,
    faces,
    numbers,
    printed_as,
)
from invkit_experiments.solve import Solve
from invkit_experiments.study import Study

__all__ = ["LEVELS", "Table2", "noisy"]

LEVELS = (10, 20, 30, 40, 50)
WEIGHTED = "altgd?lam={variance},gamma={variance}"
ROWS = {"cnn": "CNN", "paper": "ours", "default": "ours", "weighted": "ours"}

#: class → method → PSNR and SSIM at every level, as printed
FIGURES = {
    "celeba": {
        "CNN": ((16.556, 0.621), (14.216, 0.407), (13.450, 0.334), (12.275, 0.220), (11.772, 0.174)),
        "ours": ((22.055, 0.850), (21.601, 0.832), (21.765, 0.846), (21.682, 0.821), (20.678, 0.815)),
    },
    "housenumbers": {
        "CNN": ((18.908, 0.864), (14.464, 0.624), (12.634, 0.4893), (11.747, 0.308), (10.803, 0.2205)),
        "ours": ((24.765, 0.967), (20.823, 0.930), (20.963, 0.935), (15.120, 0.778), (13.213, 0.733)),
    },
}


def noisy(kind: str, level: int, methods: tuple[Method, ...]) -> Case:
    """A class at a level of noise in percent."""
    of_faces = kind == "celeba"
    title = "CelebA validation faces" if of_faces else "synthetic house numbers in place of SVHN"
    source = (drawn_faces if of_faces else drawn_numbers)("blurA", level / 100)
    printed = {}
    if level in LEVELS:
        place = LEVELS.index(level)
        shown = {
            name: dict(zip(("psnr", "ssim"), of[place], strict=True)) for name, of in FIGURES[kind].items()
        }
        printed = printed_as({**ROWS, "default-gan": "ours"} if of_faces else ROWS, **shown)
    return Case(f"{kind}-{level}", f"{title}, blur A, {level} % noise", source, methods, printed)


def told(methods: tuple[Method, ...]) -> tuple[Method, ...]:
    """These methods, and ``weighted`` behind ``default``: the same, told the noise."""
    place, default = next(
        (place, one) for place, one in enumerate(methods) if isinstance(one, Solve) and one.name == "default"
    )
    weighted = attrs.evolve(
        default, name="weighted", what=f"altgd with λ = γ = σ², {default.priors[1]}", solver=WEIGHTED
    )
    return (*methods[: place + 1], weighted, *methods[place + 1 :])


FACES = told(faces("vae:blurA", "celeba-blurA", oracle_weight="{half}"))
NUMBERS = told(numbers("vae:blurA", "housenumbers-blurA", oracle_weight="{half}"))


@attrs.frozen(kw_only=True)
class Table2(Study):
    """Robustness to noise."""

    name: ClassVar[str] = "table2"
    title: ClassVar[str] = "noise from 10 to 50 %"
    usual_count: ClassVar[int] = 2
    quick: ClassVar[tuple[int, int]] = (1, 3)
    shown: ClassVar[int] = 2
    columns: ClassVar[tuple[Column, ...]] = (*QUALITY, *PRINTED)
    printed_in: ClassVar[str] = "arXiv 1802.04073, Table 2"
    cases: ClassVar[tuple[Case, ...]] = (
        *(noisy("celeba", level, FACES) for level in LEVELS),
        *(noisy("housenumbers", level, NUMBERS) for level in LEVELS),
    )
