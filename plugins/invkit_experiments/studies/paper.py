"""Settings, baselines and columns that the paper's tables and figures share.

    [method.name for method in FACES.methods("vae:blurA", cnn="blurA")]
    # blurry, darkprior, cnn, paper, default-gan, network, default, oracle

``paper`` is Algorithm 1 with the settings printed for the class and the kind of prior that the paper used.
``default`` is the method for the class, which has a Gaussian prior of the image. ``network`` finds the same
kernel and looks for the image in the range of our wider network.

Source: arXiv 1802.04073, Sections 4.2 and 4.3.
"""

from __future__ import annotations

import attrs

from invkit_experiments.engine.methods import Blurry, Closest, Method
from invkit_experiments.engine.scores import Over, worst
from invkit_experiments.engine.solve import TRUE_KERNEL, Solve
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.output.tables import Column

__all__ = [
    "FACES",
    "FACES_PRINTED",
    "HOUSE_NUMBERS",
    "NUMBERS_PRINTED",
    "PAPER",
    "PRINTED",
    "PUBLIC",
    "QUALITY",
    "Kind",
    "dark_prior",
    "in_range",
    "oracle",
]

RULE = "restarts=10,keep=,start=random,anneal=1"
"""What is common to all of the paper's settings: ten random starts, each followed to its end."""

PAPER = f"altgd?update=gradient,order=jacobi,{RULE}"
"""Algorithm 1 as printed, without step sizes, steps and weights, which are printed for each class."""

PUBLIC = f"altgd?update=normalised,order=gauss-seidel,{RULE}"
"""The rule of the authors' later code."""

FACES_PRINTED = "steps=10000,rate=0.001,decay=constant,weight_w=0.001,weight_x=0.001"
"""CelebA: 10,000 steps of a fixed size of 0.001, λ = γ = 0.001; 10 restarts (Section 4.3)."""

NUMBERS_PRINTED = "steps=6000,rate=0.01,decay=exponential,decay_steps=1000,weight_w=0.1,weight_x=0.1"
"""SVHN: 6,000 steps of 0.01·exp(−t/1000), λ = γ = 0.1; 10 restarts (Section 4.3)."""

QUALITY: tuple[Column, ...] = (
    Column("images", "images", "d"),
    Over("psnr", "PSNR", ".2f", of="psnr"),
    Over("psnr_worst", "worst", ".2f", of="psnr", by=worst),
    Over("ssim", "SSIM", ".3f", of="ssim"),
    Over("ncc", "kernel NCC", ".3f", of="ncc"),
    Over("psnr_aligned", "PSNR aligned", ".2f", of="psnr_aligned"),
    Over("ssim_aligned", "SSIM aligned", ".3f", of="ssim_aligned"),
    Over("ncc_aligned", "NCC aligned", ".3f", of="ncc_aligned"),
    Over("seconds", "s/image", ".1f", of="seconds"),
)
"""The columns of all tables but Levin's."""

PRINTED: tuple[Column, ...] = (
    Column("printed_psnr", "printed PSNR", ".2f"),
    Column("printed_ssim", "printed SSIM", ".3f"),
)
"""The columns of a table with printed figures."""

BLURS = {"blurA": "blur A", "blurB": "blur B", "blur30": "motion of length 30"}


@attrs.frozen
class Kind:
    """A class of images, with its priors and the settings printed for it.

    Args:
        name: part of file names.
        plural: what its images show.
        title: the images in words; says so where they stand in for the paper's.
        images: spec of the data set.
        split: split of the data set that is blurred.
        printed: options of ``altgd`` as printed in the paper.
        network: prior of the kind that the paper used.
        best: our wider network, of ``network``.
        gaussian: Gaussian prior, by which ``default`` and ``network`` find the kernel.
        cnn: what the names of the CNN's weights begin with; the blur that they were trained on follows.
        method: name of the method for the class, which ``default`` is.
        side: side of its images, in pixels.
    """

    name: str
    plural: str
    title: str
    images: str
    split: str
    printed: str
    network: str
    best: str
    gaussian: str
    cnn: str
    method: str
    side: int

    def drawn(self, kernels: str, sigma: float = 0.01, in_range: str | None = None) -> Drawn:
        """Images of the class, blurred."""
        return Drawn(self.images, self.split, kernels, sigma, in_range)

    def under(self, kernels: str) -> str:
        """The images and their blur in words."""
        return f"{self.title}, {BLURS[kernels]}"

    def methods(
        self, kernels: str, cnn: str, best: str | None = None, oracle_weight: str = ""
    ) -> tuple[Method, ...]:
        """The methods of Tables 1 and 2.

        Args:
            kernels: spec of the kernel prior.
            cnn: blur that the CNN was trained on.
            best: kernel prior of ``default`` and ``network``, where it is not a network as the paper's.
            oracle_weight: weight of total variation, in place of its own.
        """
        best, network, printed = best or kernels, self.network, f"{PAPER},{self.printed}"
        weights = f"{self.cnn}-{cnn}"
        small_cnn = f"small residual CNN, trained on {weights}"  # not L15; it finds no kernel
        with_network = Solve("default-gan", f"altgd by default, {network}", "altgd", (kernels, network))
        stages = (f"evidence x={self.gaussian}", "altgd hold=w")
        return (
            Blurry(),
            dark_prior(),
            Solve("cnn", small_cnn, f"cnn?weights={weights}", ("identity", "identity")),
            Solve("paper", f"Algorithm 1 as printed, {network}", printed, (kernels, network)),
            *([] if network == self.best else [with_network]),
            Solve("network", f"kernel as default, image by {self.best}", stages, (best, self.best)),
            Solve("default", f"method {self.method} with {best}", "", (best, self.gaussian), self.method),
            oracle(oracle_weight),
        )


FACES = Kind(
    "celeba",
    "faces",
    "CelebA validation faces",  # no prior was trained on them; the official test partition is not needed
    "celeba",
    "validation",
    FACES_PRINTED,
    network="gan:celeba",
    best="vae:celeba",
    gaussian="gaussian:celeba",
    cnn="celeba",
    method="faces",
    side=64,
)
# No house of these crops was fitted by any prior; vae:housenumbers and the CNNs have seen no picture of SVHN.
HOUSE_NUMBERS = Kind(
    "house-numbers",
    "house numbers",
    "sharp SVHN crops of houses not fitted to",
    "svhn-houses?sharpness=10.3",
    "validation",
    NUMBERS_PRINTED,
    network="vae:housenumbers",
    best="vae:housenumbers",
    gaussian="gaussian:svhn",
    cnn="housenumbers",
    method="house-numbers",
    side=32,
)


def dark_prior() -> Method:
    """The dark channel prior, told how far the true kernel extends: more than any blind method here is told.

    The method asks for the kernel's size, and its authors set it for each picture. With the whole 28 × 28
    support it finds nothing on pictures as small as these.
    """
    return Solve(
        "darkprior",
        "dark channel prior, told how far the true kernel extends",
        "darkprior?kernel_size={extent}",
        ("blind?size={size}", "darkchannel"),
        hurried_by="rounds",
    )


def oracle(weight: str = "") -> Method:
    """Total variation with the true kernel, which is not blind; ``weight`` replaces its own."""
    return Solve(
        "oracle",
        "total variation with the true kernel: not blind",
        f"tv?weight_x={weight}" if weight else "tv",
        (TRUE_KERNEL, "identity"),
    )


def in_range(prior: str) -> Method:
    """The closest image in range to the truth."""
    return Closest("range", f"the closest image in the range of {prior} to the true image", prior)
