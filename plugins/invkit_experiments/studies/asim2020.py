"""``invkit bench asim2020``: the paper's authors' own test inputs, by all methods, beside their own results.

    ASIM2020.run(Settings(5), Kept(Path("out"))).rows

The inputs are the published ``y``: circular convolution with camera-shake kernels, their noise, 8 bits. Blind
methods know nothing of them except the images' class.

- ``authors-alg1``, ``authors-alg2``: the paper's algorithm with the authors' own networks, and their
  second one (image slack and total variation), read from the published files.
- ``paper``, ``public``: that algorithm as printed, and by the rule of their later code, with our networks
  and kernels from ``vae:shake?flow=false``, the paper's decoder alone. They take minutes an image.
- ``evidence``: the method for the class: the kernel by evidence with a Gaussian of the class, and kernels
  from ``trajectory``, camera shakes without a network; then kernel and image by plug-and-play with a
  denoiser. ``evidence-known`` has the true kernel.
- ``evidence-gaussian``: the kernel and the image that the Gaussian alone gives.
- ``network``: the kernel by that Gaussian and the solver ``evidence`` with its defaults, the image in the
  range of ``vae:celeba``, ``vae:housenumbers`` or ``vae:shoes``. ``network-known`` has the true kernel.
- ``evidence-vae``: ``evidence`` with kernels from ``vae:shake``, that decoder with a flow for its latents, in
  place of ``trajectory``.
- ``joint``: the same with the search over both latents that ``altgd`` makes if no Gaussian of the class
  is known.

``vae:housenumbers`` has seen no picture of SVHN. ``gaussian:svhn``, by which ``evidence`` and ``network``
find the kernel, was fitted to 4,548 crops of its test split, none of them among these inputs; the prior of
``evidence-housenumbers`` to 163 crops of the extra set beside synthetic ones. The prior of the Shoes is
``gaussian:shoes`` within bounds, fitted to the shoes of another shop and to synthetic things. The prior of
``evidence-objects`` has seen synthetic things alone, and total variation makes its image. ``spectrum`` knows
no things at all; it stands there with bounds and without.

12 images a class by default (the files hold 50 and 40) take some five hours of one core, nearly all of it
for ``paper`` and ``public``.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from invkit_experiments.engine.methods import Blurry, Method, Theirs
from invkit_experiments.engine.solve import TRUE_KERNEL, Solve
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.published import Dev
from invkit_experiments.studies.paper import FACES, HOUSE_NUMBERS, PUBLIC, QUALITY, Kind, dark_prior, oracle

__all__ = ["ASIM2020"]

DECODER = "vae:shake"
KERNELS = f"{DECODER}?flow=false"
SHAKES = "trajectory"
BOUNDED = "evidence?keep=24x8x4,rank=64,retries=1"
"""Fewer candidates from the beginning, and seldom again: bounds of a spectrum cost as much at any rank."""
ALG1 = Theirs("authors-alg1", "the paper's algorithm, the authors' result", "x_hat_alg1", "w_hat_alg1")
ALG2 = Theirs(
    # it starts from the kernels of the first and keeps them
    "authors-alg2",
    "the authors' second algorithm, their result",
    "x_hat_alg2",
    "w_hat_alg1",
)


def evidence(prior: str, solver: str = "evidence", *then: str) -> tuple[Method, Method]:
    """Kernels by evidence, the image by further stages or the prior; the latter with the true kernel."""
    label = "; ".join((f"kernel by evidence, {SHAKES} and {prior}", *then))
    return (
        Solve("evidence", label, (solver, *then), (SHAKES, prior)),
        Solve("evidence-known", f"true kernel: not blind, {prior}", "evidence", (TRUE_KERNEL, prior)),
    )


def by_method(name: str, prior: str, kernels: str = SHAKES) -> tuple[Method, Method]:
    """The method for a class; the same with the true kernel."""
    return (
        Solve("evidence", f"method {name} with {kernels}", "", (kernels, prior), name),
        Solve("evidence-known", f"method {name}, true kernel: not blind", "", (TRUE_KERNEL, prior), name),
    )


def network_known(network: str) -> Method:
    """The true kernel, the image in a network's range."""
    what = f"altgd with the true kernel, {network}: not blind"
    return Solve("network-known", what, "altgd", (TRUE_KERNEL, network))


def without_class() -> tuple[Method, ...]:
    """Kernels by evidence, of an image of which its spectrum is known, and its bounds or not."""
    return (
        attrs.evolve(evidence("bounded:spectrum", BOUNDED)[0], name="evidence-bounded"),
        attrs.evolve(evidence("spectrum")[0], name="evidence-spectrum"),
    )


def beside(kind: Kind, *theirs: Method) -> tuple[Method, ...]:
    """The methods of Table 1 with the authors' results, the rule of their later code, and true kernels."""
    ours = kind.methods(KERNELS, "shake", SHAKES)
    place = 1 + [method.name for method in ours].index("paper")
    networks = [method for method in ours if method.name in ("default-gan", "network")]
    step = kind.printed.partition(",weight_w")[0]  # the public code has weights of its own
    # its DFT is not normalised: the data term weighs as many times more as an image has pixels
    weight = f"{0.01 / kind.side**2:.6g}"
    what = f"as in the authors' public code, {kind.network}"
    public = Solve(
        "public", what, f"{PUBLIC},{step},weight_w={weight},weight_x={weight}", (KERNELS, kind.network)
    )
    what = f"altgd over both latents, {SHAKES} and {kind.best}"
    joint = Solve("joint", what, "altgd", (SHAKES, kind.best))
    known = network_known(kind.best)
    found = by_method(kind.method, kind.gaussian)
    others = (
        *renamed("gaussian", *evidence(kind.gaussian)),
        *renamed("vae", by_method(kind.method, kind.gaussian, DECODER)[0]),
    )
    return (ours[0], *theirs, *ours[1:place], public, *networks, joint, known, *found, *others, ours[-1])


def renamed(name: str, *methods: Method) -> Iterator[Method]:
    """The rows ``evidence`` and ``evidence-known`` as ``evidence-NAME`` and ``evidence-NAME-known``."""
    for each in methods:
        yield attrs.evolve(each, name=each.name.replace("evidence", f"evidence-{name}"))


ASIM2020 = Study(
    name="asim2020",
    title="the authors' published test inputs",
    count=12,
    columns=QUALITY,
    cases=(
        Case(
            "svhn",
            "the authors' SVHN crops, camera shakes",
            Dev("svhn"),
            (
                *beside(HOUSE_NUMBERS, ALG1),
                *renamed("housenumbers", *evidence("gaussian:housenumbers")),
            ),
        ),
        Case(
            "celeba",
            "the authors' CelebA faces, camera shakes",
            Dev("celeba"),
            beside(FACES, ALG1, ALG2),
        ),
        Case(
            "shoes",
            "the authors' shoes, camera shakes",
            Dev("shoes"),
            (
                Blurry(),
                ALG1,
                ALG2,
                dark_prior(),
                Solve(
                    "network",
                    "kernel by evidence, bounded:gaussian:shoes, image by vae:shoes",
                    ("evidence x=bounded:gaussian:shoes", "altgd hold=w"),
                    (SHAKES, "vae:shoes"),
                ),
                network_known("vae:shoes"),
                *by_method("shoes", "bounded:gaussian:shoes"),
                *renamed("objects", *evidence("bounded:gaussian:objects", BOUNDED, "tv x=identity hold=w")),
                *without_class(),
                oracle(),
            ),
        ),
    ),
)
"""Blind deblurring of the published inputs."""
