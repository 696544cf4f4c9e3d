"""``invkit bench digits``: MNIST test digits, blurred by kernels never seen in training, deblurred.

    DIGITS.figures("default", Settings(20))     # {"psnr": 28.1, "psnr_median": …, …}

The first digits of the official test file, blurred by the first kernels of blur A's test split, with
noise of σ = 0.01: the same inputs for every method (arXiv 1802.04073, Section 4.3).

*Range floors* say what the image prior alone allows. "The closest image in the prior's range" depends
on how far the latent may go, so four are reported, each of the sharp image x itself, without blur or noise:

- ``floor-same``: argmin ‖x − C(m)‖² + γ‖m‖² with the default solver's own γ, annealing, steps and rate: what
  that solver would reach if blur and noise were undone perfectly.
- ``floor-typical``: argmin ‖x − C(m)‖² + 0.01 ‖m‖²: the most probable latent under the prior's own model,
  whose decoder was trained with Gaussian noise of that variance. It keeps ‖m‖ within √100 = 10, where N(0, I)
  has its mass: the closest image among those that the prior calls probable.
- ``floor-encoder``: C(E(x)), the encoder's image: no search at all.
- ``floor-free``: argmin ‖x − C(m)‖², no penalty, 1,500 steps. The latent leaves that shell far behind: the
  column ‖m‖ has the mean norm.

``slack`` is the default solver with an image slack at its end, which leaves the range and so may pass a
floor. PSNR "aligned" is modulo the operator's shift and scale, both undone by the image; the kernel's NCC
"mod. shift" is the largest over the kernel's own shifts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

import invkit
from invkit.metrics import compare, kernel_ncc_modulo_shift, psnr, ssim
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.experiment import Experiment
from invkit_experiments.engine.scores import each, mean, median, worst
from invkit_experiments.engine.solve import hurried, uninterrupted
from invkit_experiments.inputs.sources import Measured, blur
from invkit_experiments.output.tables import Column, Row

__all__ = ["DIGITS", "closest"]

OPERATOR, KERNELS, IMAGES = "circconv", "vae:blurA", "vae:mnist"
SIGMA = 0.01
#: below this an image is taken as not recovered
FAILED_BELOW = 18.0

#: the solver of each row, as a table; the others have their method's own, or that of the method for digits
SOLVERS: Mapping[str, Mapping[str, Any]] = {
    "slack": {"kind": "altgd", "slack": 0.03},
    "floor-typical": {"kind": "altgd", "weight_x": 0.01, "anneal": 1},
    "floor-free": {"kind": "altgd", "weight_x": 0, "steps": 1500},
}


def closest(
    prior: invkit.Generator | str, truth: Tensor, solver: invkit.Solver | Mapping[str, Any], seed: int
) -> tuple[Tensor, Tensor]:
    """The closest signals in a prior's range, and their latents: y = 1 ⊙ C(m), with nothing to undo."""
    ones = invkit.Given(torch.ones(truth.shape[1:]))
    pipeline = invkit.compose("pointwise", [ones, prior], solver, seed)
    solution = uninterrupted(pipeline(truth))
    return solution.x, solution.latents[1]


def _identity(method: str, settings: Settings) -> Mapping[str, Any]:
    pipeline = invkit.compose(OPERATOR, [KERNELS, IMAGES], _solver(method, settings), settings.seed)
    return {"sigma": SIGMA, "pipeline": pipeline.to_config(), "data": _fingerprints()}


def _measured(method: str, settings: Settings) -> Row:
    blurred = _inputs(settings.count, settings.seed)
    began = time.perf_counter()
    w, x, m = _found(method, blurred, settings)
    return _row(blurred, w, x, m, (time.perf_counter() - began) / len(blurred.y))


def _found(method: str, blurred: Measured, settings: Settings) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """(kernels, images, image latents) by a method; None for what it does not give."""
    if method == "blurry":
        return None, blurred.y, None
    if method == "floor-encoder":
        prior = invkit.prior(IMAGES)
        with torch.no_grad():
            m = prior.encode(blurred.x)
            return None, prior(m), m
    solver, seed = _solver(method, settings), settings.seed
    if method == "known":
        pipeline = invkit.compose(OPERATOR, [invkit.Given(blurred.w, each=True), IMAGES], solver, seed)
        solution = uninterrupted(pipeline(blurred.y))
        return None, solution.x, solution.latents[1]
    if method.startswith("floor-"):
        return None, *closest(IMAGES, blurred.x, solver, seed)
    pipeline = invkit.compose(OPERATOR, [KERNELS, IMAGES], solver, seed)
    solution = uninterrupted(pipeline(blurred.y))
    return solution.w, solution.x, solution.latents[1]


def _solver(method: str, settings: Settings) -> invkit.Solver:
    named = SOLVERS.get(method)
    own = method if method in ("paper", "public") else "digits"
    made = invkit.method(own).solver if named is None else invkit.solver(named)
    return hurried(made, settings)


@cache
def _inputs(count: int, seed: int) -> Measured:
    index = torch.arange(count)
    x = invkit.dataset("mnist").take(index, "test")
    w = invkit.dataset("blurA").take(index, "test")
    return blur(invkit.operator(OPERATOR), w, x, sigma=SIGMA, seed=seed)


@cache
def _fingerprints() -> dict[str, str]:
    return {name: invkit.dataset(name).fingerprint() for name in ("mnist", "blurA")}


def _row(blurred: Measured, w: Tensor | None, x: Tensor, m: Tensor | None, seconds: float) -> Row:
    """The figures of a method, and under ``each`` those of every image."""
    per_image: dict[str, Tensor] = {"psnr": psnr(x, blurred.x), "ssim": ssim(x, blurred.x)}
    if w is not None:
        comparison = compare(invkit.operator(OPERATOR), (w, x), (blurred.w, blurred.x))
        per_image["psnr_aligned"] = comparison.aligned.psnr
        per_image["ncc"] = comparison.raw.kernel_ncc
        per_image["ncc_modulo_shift"] = kernel_ncc_modulo_shift(w, blurred.w)
    if m is not None:
        per_image["latent_norm"] = m.flatten(1).norm(dim=1)
    found = per_image["psnr"]
    return {
        **{key: mean(values) for key, values in per_image.items()},
        "psnr_median": median(found),
        "psnr_worst": worst(found),
        "failed": int((~(found >= FAILED_BELOW)).sum()),  # NaN has failed, too
        "seconds": seconds,
        "each": {key: each(values) for key, values in per_image.items()},
    }


DIGITS = Experiment(
    name="digits",
    count=100,
    depends=_identity,
    figures=_measured,
    methods={
        "blurry": "the measurement itself",
        "paper": "method paper: Algorithm 1 as printed",
        "public": "method public: as in the authors' public code",
        "default": "method digits: the default solver",
        "slack": "altgd?slack=0.03: the default, its image let out of the prior's range at the end",
        "known": "altgd with the true kernel given: not blind, the oracle",
        "floor-same": "closest image in range by the default solver's own objective, no blur, no noise",
        "floor-typical": "closest image in range with a probable latent, ‖m‖ within 10 (γ = 0.01)",
        "floor-encoder": "the true image, encoded and decoded",
        "floor-free": "closest image in range without a penalty, 1,500 steps",
    },
    columns=(
        Column("psnr", "PSNR", ".2f"),
        Column("psnr_median", "median", ".2f"),
        Column("psnr_worst", "worst", ".2f"),
        Column("psnr_aligned", "PSNR aligned", ".2f"),
        Column("ssim", "SSIM", ".3f"),
        Column("ncc", "kernel NCC", ".4f"),
        Column("ncc_modulo_shift", "NCC mod. shift", ".4f"),
        Column("failed", f"below {FAILED_BELOW:g} dB", "d"),
        Column("latent_norm", "‖m‖", ".1f"),
        Column("seconds", "s/image", ".2f"),
    ),
)
"""Blind deblurring of digits, method by method."""
