"""``invkit bench asim2020``: the paper's authors' own test inputs, by all methods, beside their own results.

    Asim2020(count=5).run(Kept(Path("out"))).rows

The inputs are the published ``y``: circular convolution with camera-shake kernels, their noise, 8 bits.
What is blind knows nothing of them but the images' class: kernels ``vae:shake``, images of the class's
prior. ``authors-alg1`` is the paper's algorithm with the authors' own networks, ``authors-alg2`` their
second one (image slack and total variation); both are read from the published files. ``paper`` and
``public`` are that algorithm as printed and by the rule of their later code, with our networks: minutes
an image.

``evidence`` takes its kernels from ``trajectory``, camera shakes without a network. ``vae:housenumbers`` has
seen no picture of SVHN, ``gaussian:housenumbers`` 163 crops of its extra set beside synthetic ones. There is
no prior of shoes here: the Shoes show what needs none. 12 images a class unless `count` says otherwise (the
files hold 50 and 40): some five hours of one core, nearly all of it ``paper`` and ``public``.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from invkit_experiments.cases import Case
from invkit_experiments.experiment import Column
from invkit_experiments.methods import Blurry, Method, Theirs
from invkit_experiments.paper import (
    FACES_PRINTED,
    NUMBERS_PRINTED,
    QUALITY,
    dark_prior,
    faces,
    numbers,
    oracle,
)
from invkit_experiments.published import Dev
from invkit_experiments.solve import TRUE_KERNEL, Solve
from invkit_experiments.study import Study

__all__ = ["Asim2020"]

KERNELS = "vae:shake"
SHAKES = "trajectory"
ALG1 = Theirs("authors-alg1", "the paper's algorithm, the authors' result", "x_hat_alg1", "w_hat_alg1")
ALG2 = Theirs(
    # it starts from the kernels of the first and keeps them
    "authors-alg2",
    "the authors' second algorithm, their result",
    "x_hat_alg2",
    "w_hat_alg1",
)


def evidence(prior: str, *more: Method) -> tuple[Method, ...]:
    """Kernels by evidence; the same prior with the true kernel; and whatever goes on from there."""
    return (
        Solve("evidence", f"kernel by evidence, {SHAKES} and {prior}", "evidence", (SHAKES, prior)),
        *more,
        Solve("evidence-known", f"{prior}, true kernel: not blind", "evidence", (TRUE_KERNEL, prior)),
    )


def polished(integrated: str, prior: str) -> Method:
    """The kernel found by evidence, held, and an image of another prior."""
    solver = f"altgd?start=evidence,class_prior={integrated},hold=w"
    return Solve("evidence-vae", f"kernel by evidence, then {prior}", solver, (SHAKES, prior))


def beside(
    ours: tuple[Method, ...],
    theirs: tuple[Method, ...],
    by_evidence: tuple[Method, ...],
    prior: str,
    printed: str,
) -> tuple[Method, ...]:
    """Their results after the blurry image; the public code's rule and known kernels stand only here."""
    step = printed.partition(",lam")[0]  # the public code has weights of its own
    public = Solve(
        "public", f"as in the authors' public code, {prior}", f"altgd?preset=public,{step}", (KERNELS, prior)
    )
    given = prior if prior.startswith("vae") else "vae:celeba"
    known = Solve(
        "default-known", f"altgd with the true kernel, {given}: not blind", "altgd", (TRUE_KERNEL, given)
    )
    ours = tuple(method for method in ours if method.name != "evidence")
    place = 1 + [method.name for method in ours].index("paper")
    return (ours[0], *theirs, *ours[1:place], public, *ours[place:-1], known, *by_evidence, ours[-1])


@attrs.frozen(kw_only=True)
class Asim2020(Study):
    """Blind deblurring of the published inputs."""

    name: ClassVar[str] = "asim2020"
    title: ClassVar[str] = "the authors' published test inputs"
    usual_count: ClassVar[int] = 12
    columns: ClassVar[tuple[Column, ...]] = QUALITY
    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "svhn",
            "the authors' SVHN crops, camera shakes",
            Dev("svhn"),
            beside(
                numbers(KERNELS, "housenumbers-shake"),
                (ALG1,),
                evidence("gaussian:housenumbers", polished("gaussian:housenumbers", "vae:housenumbers")),
                "vae:housenumbers",
                NUMBERS_PRINTED,
            ),
        ),
        Case(
            "celeba",
            "the authors' CelebA faces, camera shakes",
            Dev("celeba"),
            beside(
                faces(KERNELS, "celeba-shake"),
                (ALG1, ALG2),
                evidence("gaussian:celeba", polished("gaussian:celeba", "vae:celeba")),
                "gan:celeba",
                FACES_PRINTED,
            ),
        ),
        Case(
            "shoes",
            "the authors' shoes, camera shakes",
            Dev("shoes"),
            (Blurry(), ALG1, ALG2, dark_prior(), *evidence("spectrum"), oracle()),
        ),
    )
