"""``invkit bench table1``: the paper's Table 1, small blurs and a large one, method by method.

    Table1(count=4).run(Kept(Path("out"))).rows

CelebA faces under blur A, house numbers under blur B, faces under motion of length 30; noise of 1 %. The
paper drew 40 images; 4 a case here unless `count` says otherwise: the settings as printed take ten
minutes a face and two a house number on one core, everything else together about two minutes an image.

The CNN that is shown the large blur was trained on blur A; the paper does not say that it trained another
one.

Source: arXiv 1802.04073, Table 1.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.paper import (
    PRINTED,
    QUALITY,
    drawn_faces,
    drawn_numbers,
    faces,
    numbers,
    printed_as,
    svhn_crops,
)
from invkit_experiments.study import Study

__all__ = ["Table1"]

NUMBERS = {"darkprior": "DP", "cnn": "CNN", "paper": "ours", "default": "ours"}
FACES = {**NUMBERS, "default-gan": "ours"}
SVHN = printed_as(
    NUMBERS,
    DP={"psnr": 14.244, "ssim": 0.387},
    CNN={"psnr": 21.450, "ssim": 0.869},
    ours={"psnr": 21.606, "ssim": 0.856},
)


@attrs.frozen(kw_only=True)
class Table1(Study):
    """Faces and house numbers, small blurs and a large one."""

    name: ClassVar[str] = "table1"
    title: ClassVar[str] = "small and large blurs, 1 % noise"
    usual_count: ClassVar[int] = 4
    columns: ClassVar[tuple[Column, ...]] = (*QUALITY, *PRINTED)
    printed_in: ClassVar[str] = "arXiv 1802.04073, Table 1"
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "celeba-blurA",
            "CelebA validation faces, blur A",
            drawn_faces("blurA"),
            faces("vae:blurA", "celeba-blurA"),
            printed_as(
                FACES,
                DP={"psnr": 19.674, "ssim": 0.781},
                CNN={"psnr": 28.338, "ssim": 0.895},
                ours={"psnr": 23.525, "ssim": 0.822},
            ),
        ),
        Case(
            "housenumbers-blurB",
            "synthetic house numbers in place of SVHN, blur B",
            drawn_numbers("blurB"),
            numbers("vae:blurB", "housenumbers-blurB"),
            SVHN,
        ),
        Case(
            "svhn-blurB",
            "SVHN crops (validation, of its extra set), blur B",
            svhn_crops("blurB"),
            numbers("vae:blurB", "housenumbers-blurB"),
            SVHN,
        ),
        Case(
            "celeba-blur30",
            "CelebA validation faces, motion of length 30",
            drawn_faces("blur30"),
            faces("vae:blur30", "celeba-blurA"),
            printed_as(FACES, CNN={"psnr": 19.441, "ssim": 0.771}, ours={"psnr": 20.072, "ssim": 0.784}),
        ),
    )
