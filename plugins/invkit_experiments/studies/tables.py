"""The paper's Tables 1 to 3, as ``invkit bench table1`` and so on.

    TABLE1.run(Settings(4), Kept(Path("out"))).rows

Table 1, small blurs and a large one: noise of 1 %. The paper drew 40 images; 4 a case here by default,
since the settings as printed take ten minutes a face and two a house number on one core, and everything
else together about two minutes an image. The CNN that is shown the large blur was trained on blur A; the
paper does not say that it trained another one.

Table 2, 10 to 50 % noise, where a trained CNN breaks down: 10 % is σ = 0.1 on images in [0, 1] (the
paper's footnote 2). ``default`` estimates the noise, and ``network`` weighs its penalties by it.
``weighted`` is told it: λ = γ = σ², the weights that a Gaussian posterior asks for. ``default-known`` is
``default`` with the true kernel: what a better kernel could gain. The oracle's weight is
σ/2, the best of five multiples of σ and σ² on six training faces. The same images, kernels and noise
patterns are used at every level. The CNN was trained at 1 % noise, as the paper's was.

Table 3, does the prior limit what is recovered? Each image is taken twice: as it is, and replaced by the
closest image in the range of the prior, which the solver could recover exactly. Kernels and noise are the
same. ``network`` stays in that range; with a wide one it finds the kernel by evidence, with a narrow one it
searches both latents. The figure is the paper's, ‖x̂ − x‖₂ over the number of values. The paper averaged
50 images.

Source: arXiv 1802.04073, Sections 4.2 to 4.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from invkit_experiments.engine.methods import Method
from invkit_experiments.engine.scores import Over
from invkit_experiments.engine.solve import TRUE_KERNEL, Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.output.tables import Column
from invkit_experiments.studies.paper import FACES, HOUSE_NUMBERS, PAPER, PRINTED, QUALITY, Kind

__all__ = ["LEVELS", "TABLE1", "TABLE2", "TABLE3", "noisy"]

#: our rows → the paper's methods
ROWS = {
    "darkprior": "DP",
    "cnn": "CNN",
    "paper": "ours",
    "default": "ours",
    "default-gan": "ours",
    "network": "ours",
    "weighted": "ours",
}

FACES_1 = {"DP": (19.674, 0.781), "CNN": (28.338, 0.895), "ours": (23.525, 0.822)}
FACES_1_LARGE = {"CNN": (19.441, 0.771), "ours": (20.072, 0.784)}
SVHN_1 = {"DP": (14.244, 0.387), "CNN": (21.450, 0.869), "ours": (21.606, 0.856)}
"""Method → PSNR and SSIM, as printed in Table 1."""

LEVELS = (10, 20, 30, 40, 50)
#: kind → method → PSNR and SSIM at every level, as printed in Table 2
NOISY = {
    "celeba": {
        "CNN": ((16.556, 0.621), (14.216, 0.407), (13.450, 0.334), (12.275, 0.220), (11.772, 0.174)),
        "ours": ((22.055, 0.850), (21.601, 0.832), (21.765, 0.846), (21.682, 0.821), (20.678, 0.815)),
    },
    "house-numbers": {
        "CNN": ((18.908, 0.864), (14.464, 0.624), (12.634, 0.4893), (11.747, 0.308), (10.803, 0.2205)),
        "ours": ((24.765, 0.967), (20.823, 0.930), (20.963, 0.935), (15.120, 0.778), (13.213, 0.733)),
    },
}

#: kind and blur → error on test images and on range images, as printed in Table 3
RANGED = {
    ("celeba", "blurA"): (0.000671, 0.000290),
    ("celeba", "blurB"): (0.000823, 0.000332),
    ("house-numbers", "blurA"): (0.00118, 0.000501),
    ("house-numbers", "blurB"): (0.000993, 0.000211),
}


def printed(
    methods: tuple[Method, ...], figures: Mapping[str, tuple[float, float]]
) -> dict[str, dict[str, float]]:
    """Printed figures of these methods, given PSNR and SSIM of the paper's."""
    rows = {each.name: ROWS[each.name] for each in methods if each.name in ROWS}
    return {
        row: dict(zip(("psnr", "ssim"), figures[name], strict=True))
        for row, name in rows.items()
        if name in figures
    }


def small_and_large(kind: Kind, blur: str, cnn: str, figures: Mapping[str, tuple[float, float]]) -> Case:
    """A case of Table 1."""
    methods = kind.methods(f"vae:{blur}", cnn)
    name = f"{kind.name}-{blur}"
    return Case(name, kind.under(blur), kind.drawn(blur), methods, printed(methods, figures))


def noisy(kind: Kind, level: int) -> Case:
    """A case of Table 2: a class at a level of noise in percent."""
    methods = []
    for each in kind.methods("vae:blurA", "blurA", oracle_weight="{half}"):
        methods.append(each)
        if isinstance(each, Solve) and each.name == "network":
            told = f"altgd with λ = γ = σ², kernel by evidence, {kind.best}"
            weighted = "altgd?weight_w={variance},weight_x={variance} hold=w"
            methods.append(Solve("weighted", told, (f"evidence x={kind.gaussian}", weighted), each.priors))
        if isinstance(each, Solve) and each.name == "default":
            told = f"method {kind.method}, true kernel: not blind"
            methods.append(Solve("default-known", told, "", (TRUE_KERNEL, kind.gaussian), kind.method))
    figures = {name: levels[LEVELS.index(level)] for name, levels in NOISY[kind.name].items()}
    return Case(
        f"{kind.name}-{level}",
        f"{kind.under('blurA')}, {level} % noise",
        kind.drawn("blurA", level / 100),
        tuple(methods),
        printed(tuple(methods), figures),
    )


def ranged(kind: Kind, blur: str) -> Iterator[Case]:
    """Two cases of Table 3, with the same images and kernels: as they are, and in range."""
    prior, priors = kind.network, (f"vae:{blur}", kind.network)
    wide = prior == kind.best
    solver = (f"evidence x={kind.gaussian}", "altgd hold=w") if wide else "altgd"
    what = f"{'kernel by evidence, then' if wide else 'both latents by'} altgd by default, {prior}"
    methods = (
        Solve("paper", f"Algorithm 1 as printed, {prior}", f"{PAPER},{kind.printed}", priors),
        Solve("network", what, solver, priors),
    )
    in_range = f"the same, each replaced by the closest image in the range of {prior}"
    for which, title, of, error in zip(
        ("test", "range"), (kind.under(blur), in_range), (None, prior), RANGED[kind.name, blur], strict=True
    ):
        errors = {each.name: {"error": error} for each in methods}
        yield Case(f"{kind.name}-{blur}-{which}", title, kind.drawn(blur, in_range=of), methods, errors)


TABLE1 = Study(
    name="table1",
    title="small and large blurs, 1 % noise",
    count=4,
    columns=(*QUALITY, *PRINTED),
    printed_in="arXiv 1802.04073, Table 1",
    cases=(
        small_and_large(FACES, "blurA", "blurA", FACES_1),
        small_and_large(HOUSE_NUMBERS, "blurB", "blurB", SVHN_1),
        small_and_large(FACES, "blur30", "blurA", FACES_1_LARGE),
    ),
)

TABLE2 = Study(
    name="table2",
    title="noise from 10 to 50 %",
    count=2,
    quick=(1, 3),
    shown=2,
    columns=(*QUALITY, *PRINTED),
    printed_in="arXiv 1802.04073, Table 2",
    cases=tuple(noisy(kind, level) for kind in (FACES, HOUSE_NUMBERS) for level in LEVELS),
)

TABLE3 = Study(
    name="table3",
    title="images of the test set against images in range",
    count=4,
    quick=(1, 3),
    columns=(
        QUALITY[0],
        Over("error", "error per pixel", ".6f", of="error"),
        Column("printed_error", "printed error", ".6f"),
        *QUALITY[1:],
    ),
    printed_in="arXiv 1802.04073, Table 3",
    cases=tuple(
        case
        for kind in (FACES, HOUSE_NUMBERS)
        for blur in ("blurA", "blurB")
        for case in ranged(kind, blur)
    ),
)
