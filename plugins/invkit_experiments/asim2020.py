"""``invkit bench asim2020``: the paper's authors' own test inputs, deblurred blind, beside their own results.

    Asim2020(count=5).measure("celeba-vae")        # {"psnr": 21.3, …}

The inputs are the published ``y``: circular convolution with camera-shake kernels, their noise, 8 bits. Ours
knows nothing of them but the images' class: kernels ``vae:shake``, images of the class's prior, the default
solver. ``authors-alg1`` is the paper's algorithm with the authors' own networks, ``authors-alg2`` their
second one (image slack and total variation); both are read from the published files.

No SVHN picture was seen by ``vae:housenumbers``. "aligned" is modulo the
operator's shift and scale, both undone by the image.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

import invkit
from invkit.metrics import compare, psnr, ssim
from invkit_experiments.experiment import Column, Experiment, Row
from invkit_experiments.figures import each, mean, uninterrupted, worst
from invkit_experiments.known import known_signal
from invkit_experiments.published import Published, files_here, published

__all__ = ["Asim2020"]

OPERATOR, KERNELS, SOLVER = "circconv", "vae:shake", "altgd"
CLASSES = ("svhn", "celeba")
#: the last word of a method → the prior of its images
PRIORS: Mapping[str, str] = {
    "svhn-vae": "vae:housenumbers",
    "celeba-vae": "vae:celeba",
    "celeba-gan": "gan:celeba",
}


@attrs.frozen(kw_only=True)
class Asim2020(Experiment):
    """Blind deblurring of the published inputs, method by method."""

    name: ClassVar[str] = "asim2020"
    usual_count: ClassVar[int] = 50
    methods: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "svhn-blurry": "SVHN crops: the measurement itself",
            "svhn-authors-alg1": "the paper's algorithm, the authors' result",
            "svhn-vae": "blind: vae:shake, vae:housenumbers, the default solver",
            "svhn-vae-known": "the same with the true kernel given: not blind",
            "celeba-blurry": "CelebA faces: the measurement itself",
            "celeba-authors-alg1": "the paper's algorithm, the authors' result",
            "celeba-authors-alg2": "the authors' second algorithm, their result",
            "celeba-vae": "blind: vae:shake, vae:celeba, the default solver",
            "celeba-vae-known": "the same with the true kernel given: not blind",
            "celeba-gan": "blind: vae:shake, gan:celeba, the default solver",
        }
    )
    columns: ClassVar[tuple[Column, ...]] = (
        Column("images", "images", "d"),
        Column("psnr", "PSNR", ".2f"),
        Column("psnr_worst", "worst", ".2f"),
        Column("ssim", "SSIM", ".3f"),
        Column("ncc", "kernel NCC", ".3f"),
        Column("psnr_aligned", "PSNR aligned", ".2f"),
        Column("ssim_aligned", "SSIM aligned", ".3f"),
        Column("ncc_aligned", "NCC aligned", ".3f"),
        Column("seconds", "s/image", ".1f"),
    )

    def available(self) -> tuple[str, ...]:
        here = files_here()
        return tuple(method for method in self.methods if _class(method) in here)

    def identity(self, method: str) -> Mapping[str, Any]:
        common = {"count": self.signals, "data": published(_class(method)).sha256}
        if (prior := _prior(method)) is None:
            return common
        pipeline = invkit.compose(OPERATOR, [KERNELS, prior], self._solver(), self.seed)
        return {**common, "seed": self.seed, "pipeline": pipeline.to_config()}

    def measure(self, method: str) -> Row:
        data, what = published(_class(method)), method.partition("-")[2]
        shown = slice(self.signals)
        began = time.perf_counter()
        if what == "blurry":
            return _row(data, shown, None, data.y[shown], None)
        if what.startswith("authors-"):
            number = what.removeprefix("authors-")
            # their second algorithm starts from the kernels of the first and keeps them
            return _row(
                data, shown, data.theirs("w_hat_alg1")[shown], data.theirs(f"x_hat_{number}")[shown], None
            )
        prior = _prior(method)
        assert prior is not None
        w, x = self._known(data, prior) if what.endswith("-known") else self._blind(data, prior)
        return _row(data, shown, w, x, time.perf_counter() - began)

    def _blind(self, data: Published, prior: str) -> tuple[Tensor, Tensor]:
        pipeline = invkit.compose(OPERATOR, [KERNELS, prior], self._solver(), self.seed)
        solution = uninterrupted(pipeline(data.y[: self.signals], monitors=["progress"]))
        return solution.w, solution.x

    def _known(self, data: Published, spec: str) -> tuple[None, Tensor]:
        prior, solver = invkit.prior(spec), invkit.solver(self._solver())
        images = []
        for kernel, y in zip(data.w[: self.signals], data.y[: self.signals], strict=True):
            pipeline = invkit.compose(OPERATOR, [known_signal(kernel), prior], solver, self.seed)
            images.append(uninterrupted(pipeline(y[None])).x)
        return None, torch.cat(images)

    def _solver(self) -> Mapping[str, Any]:
        return {"kind": SOLVER} if self.steps is None else {"kind": SOLVER, "steps": self.steps}


def _class(method: str) -> str:
    return method.partition("-")[0]


def _prior(method: str) -> str | None:
    return PRIORS.get(method.removesuffix("-known"))


def _row(data: Published, shown: slice, w: Tensor | None, x: Tensor, seconds: float | None) -> Row:
    """The figures of a method, and under ``each`` those of every image."""
    truth = data.x[shown]
    per_image: dict[str, Tensor] = {"psnr": psnr(x, truth), "ssim": ssim(x, truth)}
    if w is not None:
        comparison = compare(invkit.operator(OPERATOR), (w, x), (data.w[shown], truth))
        aligned = comparison.aligned
        assert aligned.ssim is not None
        per_image["ncc"] = comparison.raw.kernel_ncc
        per_image |= {
            "psnr_aligned": aligned.psnr,
            "ssim_aligned": aligned.ssim,
            "ncc_aligned": aligned.kernel_ncc,
        }
    return {
        "images": len(x),
        **{key: mean(values) for key, values in per_image.items()},
        "psnr_worst": worst(per_image["psnr"]),
        "seconds": None if seconds is None else seconds / len(x),
        "each": {key: each(values) for key, values in per_image.items()},
    }
