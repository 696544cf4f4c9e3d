"""The paper's Figures 2 and 5 to 10, one description a row: ``invkit bench fig2`` and so on.

    FIG5.run(Settings(6), Kept(Path("out")))

Figure 2: "recovery via back-propagation" (Section 2.1) minimises ‖y − C(m)‖² over m and knows nothing of
a kernel. It recovers a likeness of the blurry image, not the original. ``range`` shows what the same
prior can make.

Figure 5: the settings printed for MNIST are those of the method ``paper``: 1,500 steps of
0.01·exp(−t/250), λ = γ = 0.1, 10 restarts.

Figure 8: the paper shows the CNN, its own method and the closest image in range. It says of the dark
channel prior that it fails here altogether, so that prior is shown here as well.

Figure 9: the same images, kernels and noise patterns at every level. Table 2 has the figures over more
images.

Figure 10: each image is in the range of the prior, so what is lost is lost by the search. ``paper-10``
and ``paper-25`` are the settings as printed with 10 and 25 random restarts. ``joint-…`` is ``altgd`` with
its other defaults, its search over both latents started that many times.

Source: arXiv 1802.04073, Sections 2.1, 4.3 and 5.
"""

from __future__ import annotations

from invkit_experiments.engine.methods import Blurry, Method
from invkit_experiments.engine.solve import Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.studies.paper import FACES, HOUSE_NUMBERS, PAPER, PRINTED, QUALITY, Kind, in_range
from invkit_experiments.studies.tables import noisy

__all__ = ["FIG2", "FIG5", "FIG6", "FIG7", "FIG8", "FIG9", "FIG10"]


def backpropagated(kind: Kind, kernels: str) -> Case:
    """The blurry image, the closest in range to it, and the closest in range to the truth."""
    prior = kind.network
    what = f"the closest image in the range of {prior} to the blurry image"
    methods = (Blurry(), Solve("backprop", what, "range", ("identity", prior)), in_range(prior))
    return Case(kind.name, f"{kind.under(kernels)}, {prior}", kind.drawn(kernels), methods)


def digits(kernels: str) -> Case:
    """MNIST's test digits under a blur."""
    priors = (f"vae:{kernels}", "vae:mnist")
    methods = (
        Blurry(),
        Solve("paper", "Algorithm 1 as printed", "", priors, "paper"),
        Solve("default", "altgd by default", "altgd", priors),
    )
    return Case(f"mnist-{kernels}", f"MNIST test digits, {kernels}", Drawn("mnist", "test", kernels), methods)


def side_by_side(kind: Kind, kernels: str, cnn: str) -> Case:
    """All methods, and the closest image in range."""
    methods = (*kind.methods(f"vae:{kernels}", cnn), in_range(kind.network))
    return Case(kind.name, kind.under(kernels), kind.drawn(kernels), methods)


def restarted(kind: Kind) -> Case:
    """The same solver with more and more restarts."""
    prior = kind.network
    as_printed = {n: f"{PAPER},{kind.printed}".replace("restarts=10", f"restarts={n}") for n in (10, 25)}
    rows = [(f"paper-{n}", f"Algorithm 1 as printed, {n} restarts", spec) for n, spec in as_printed.items()]
    rows += [
        (f"joint-{n}", f"altgd over both latents, {n} starts", f"altgd?restarts={n}")
        for n in (10, 25, 64, 256)
    ]
    methods: list[Method] = [Solve(*row, ("vae:blur30", prior)) for row in rows]
    title = f"{kind.under('blur30')}; images in the range of {prior}"
    return Case(kind.name, title, kind.drawn("blur30", in_range=prior), (Blurry(), *methods))


FIG2 = Study(
    name="fig2",
    title="the closest image in range to the blurry image",
    count=6,
    columns=QUALITY,
    cases=(backpropagated(FACES, "blurA"), backpropagated(HOUSE_NUMBERS, "blurB")),
)

FIG5 = Study(
    name="fig5",
    title="digits and their kernels",
    count=6,
    kernels_shown=True,
    columns=QUALITY,
    cases=(digits("blurA"), digits("blurB")),
)

FIG6 = Study(
    name="fig6",
    title="house numbers, blur B",
    count=4,
    columns=QUALITY,
    cases=(side_by_side(HOUSE_NUMBERS, "blurB", "blurB"),),
)

FIG7 = Study(
    name="fig7",
    title="faces, blur A",
    count=4,
    columns=QUALITY,
    cases=(side_by_side(FACES, "blurA", "blurA"),),
)

FIG8 = Study(
    name="fig8",
    title="faces, motion of length 30",
    count=4,
    columns=QUALITY,
    cases=(side_by_side(FACES, "blur30", "blurA"),),
)

FIG9 = Study(
    name="fig9",
    title="noise of 10, 20 and 30 %",
    count=2,
    quick=(1, 3),
    shown=2,
    columns=(*QUALITY, *PRINTED),
    printed_in="arXiv 1802.04073, Table 2",
    cases=tuple(noisy(kind, level) for kind in (FACES, HOUSE_NUMBERS) for level in (10, 20, 30)),
)

FIG10 = Study(
    name="fig10",
    title="more restarts on large blurs",
    count=4,
    quick=(1, 3),
    columns=QUALITY,
    cases=(restarted(FACES), restarted(HOUSE_NUMBERS)),
)
