"""What the paper's tables and figures have in common: its settings, its baselines, its inputs, our columns.

    methods = faces("vae:blurA", cnn="celeba-blurA")
    [method.name for method in methods]       # blurry, darkprior, cnn, paper, default-gan, default, …

``paper`` is Algorithm 1 with the settings printed for the class and the kind of prior that the paper used;
``default`` is the solver that invkit uses where nothing else is said, with its better image prior. Every row
says what it is.

Source: arXiv 1802.04073, Sections 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from invkit_experiments.drawn import Drawn
from invkit_experiments.experiment import Column
from invkit_experiments.figures import worst
from invkit_experiments.methods import Blurry, Closest, Method
from invkit_experiments.scores import Over
from invkit_experiments.solve import TRUE_KERNEL, Solve

__all__ = [
    "FACES_PRINTED",
    "NUMBERS_PRINTED",
    "QUALITY",
    "cnn",
    "dark_prior",
    "drawn_faces",
    "drawn_numbers",
    "faces",
    "numbers",
    "oracle",
    "printed_as",
    "svhn_crops",
]

FACES_PRINTED = "steps=10000,rate=0.001,decay=constant,lam=0.001,gamma=0.001"
"""CelebA: 10,000 steps of a fixed size of 0.001, λ = γ = 0.001; 10 restarts (Section 4.3).
"""

NUMBERS_PRINTED = "steps=6000,rate=0.01,decay=exponential,decay_steps=1000,lam=0.1,gamma=0.1"
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


def drawn_faces(kernels: str, sigma: float = 0.01, in_range: str | None = None) -> Drawn:
    """CelebA's validation faces, which no prior was trained on; the official test partition is not needed."""
    return Drawn("celeba", "validation", kernels, sigma, in_range)


def drawn_numbers(kernels: str, sigma: float = 0.01, in_range: str | None = None) -> Drawn:
    """Synthetic house numbers of the test split, in place of SVHN."""
    return Drawn("housenumbers", "test", kernels, sigma, in_range)


def svhn_crops(kernels: str) -> Drawn:
    """SVHN crops that nothing was fitted to: the last ten of the 181 at hand, of its extra set.

    The penalty weight of ``vae:housenumbers`` was chosen on blurred crops of that set: no held-out test.
    """
    return Drawn("svhn", "validation", kernels)


def faces(
    kernels: str, cnn_weights: str, best: str | None = None, oracle_weight: str = ""
) -> tuple[Method, ...]:
    """The methods of Tables 1 and 2 on 64 × 64 faces, for a kernel prior and a trained CNN.

    Args:
        kernels: the kernel prior.
        cnn_weights: of the CNN.
        best: the kernel prior of ``default`` and ``evidence``, where it is not a network as the paper's.
        oracle_weight: of total variation, in place of its own.
    """
    best = best or kernels
    return (
        Blurry(),
        dark_prior(),
        cnn(cnn_weights),
        Solve(
            "paper",
            "Algorithm 1 as printed, gan:celeba",
            f"altgd?preset=paper,{FACES_PRINTED}",
            (kernels, "gan:celeba"),
        ),
        Solve("default-gan", "altgd by default, gan:celeba", "altgd", (kernels, "gan:celeba")),
        Solve("default", f"altgd by default, {best} and vae:celeba", "altgd", (best, "vae:celeba")),
        Solve(
            "evidence",
            "kernel by evidence, Gaussian prior of faces",
            "evidence",
            (best, "gaussian:celeba"),
        ),
        oracle(oracle_weight),
    )


def numbers(
    kernels: str, cnn_weights: str, best: str | None = None, oracle_weight: str = ""
) -> tuple[Method, ...]:
    """The methods of Tables 1 and 2 on 32 × 32 house numbers; the arguments are those of `faces`."""
    best = best or kernels
    return (
        Blurry(),
        dark_prior(),
        cnn(cnn_weights),
        Solve(
            "paper",
            "Algorithm 1 as printed, vae:housenumbers",
            f"altgd?preset=paper,{NUMBERS_PRINTED}",
            (kernels, "vae:housenumbers"),
        ),
        Solve(
            "default", f"altgd by default, {best} and vae:housenumbers", "altgd", (best, "vae:housenumbers")
        ),
        Solve(
            "evidence",
            "kernel by evidence, Gaussian prior of house numbers",
            "evidence",
            (best, "gaussian:housenumbers"),
        ),
        oracle(oracle_weight),
    )


def dark_prior() -> Method:
    """The dark channel prior, told how far the true kernel extends: more than any blind method here is told.

    The method asks for the kernel's size, and its authors set it for each picture. With all of the 28 × 28
    support it finds nothing on pictures as small as these.
    """
    return Solve(
        "darkprior",
        "dark channel prior, told how far the true kernel extends",
        "darkprior?kernel_size={extent}",
        ("blind?size={size}", "darkchannel"),
    )


def cnn(weights: str) -> Method:
    """The CNN baseline with these weights, which are of the small residual network, not of L15; no kernel."""
    what = f"small residual CNN, trained on {weights}"
    return Solve("cnn", what, f"cnn?weights={weights}", ("identity", "identity"))


def oracle(weight: str = "") -> Method:
    """Total variation with the true kernel: not blind. ``weight``: in place of its own."""
    return Solve(
        "oracle",
        "total variation with the true kernel: not blind",
        f"tv?mu={weight}" if weight else "tv",
        (TRUE_KERNEL, "identity"),
    )


def in_range(prior: str) -> Method:
    """The closest image in range to the truth."""
    return Closest("range", f"the closest image in the range of {prior} to the true image", prior)


def printed_as(names: Mapping[str, str], **figures: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Printed figures by our rows: ``names`` says which of our rows show which method of the paper."""
    return {row: figures[name] for row, name in names.items() if name in figures}
