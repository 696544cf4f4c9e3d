"""``invkit bench kernels``: how well the shipped kernel priors make kernels of their families' test splits.

    Kernels(count=2000).measure("shake")        # {"encoded": 0.99, "closest": 0.995, …}

Each kernel k of the test split (never seen in training) is made in two ways, and compared with the truth by
normalised cross-correlation ⟨k̂, k⟩ / (‖k̂‖ ‖k‖):

- *encoded*: B(E(k)), one pass through encoder and decoder;
- *closest*: argmin ‖k − B(h)‖² over h, 200 steps of Adam from E(k): the closest kernel in the prior's range.

``shake-authors`` has the test kernels that the paper's authors published with the journal version (data
folder ``asim2020``); their own network reaches 0.985 on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs
import torch
from jaxtyping import Float32
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit.metrics import kernel_ncc
from invkit_experiments.experiment import Column, Experiment, Row
from invkit_experiments.figures import mean, quantile, uninterrupted
from invkit_experiments.known import known_signal
from invkit_experiments.published import files_here, published

__all__ = ["Kernels"]

STEPS = 200
AUTHORS = "shake-authors"


@attrs.frozen(kw_only=True)
class Kernels(Experiment):
    """Reconstruction of kernels by the prior of their own family."""

    name: ClassVar[str] = "kernels"
    usual_count: ClassVar[int] = 2000
    methods: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "blurA": "vae:blurA on blur A's test split",
            "blurB": "vae:blurB on blur B's test split",
            "blur30": "vae:blur30 on the large blur's test split",
            "shake": "vae:shake on the test split of camera shakes",
            AUTHORS: "vae:shake on the authors' published test kernels",
        }
    )
    columns: ClassVar[tuple[Column, ...]] = (
        Column("kernels", "kernels", "d"),
        Column("encoded", "encoded: NCC", ".4f"),
        Column("encoded_5_percent", "5 % quantile", ".4f"),
        Column("closest", "closest: NCC", ".4f"),
        Column("closest_5_percent", "5 % quantile", ".4f"),
        Column("latent_norm", "‖h‖", ".1f"),
        Column("seconds", "seconds", ".1f"),
    )

    def available(self) -> tuple[str, ...]:
        return tuple(method for method in self.methods if method != AUTHORS or files_here())

    def identity(self, method: str) -> Mapping[str, Any]:
        pipeline = invkit.compose("pointwise", ["identity", _prior(method)], self._solver(), self.seed)
        return {
            "count": self.signals,
            "seed": self.seed,
            "pipeline": pipeline.to_config(),
            "data": [published(kind).sha256 for kind in sorted(files_here())]
            if method == AUTHORS
            else invkit.dataset(method).fingerprint(),
        }

    def measure(self, method: str) -> Row:
        truth, prior = self.truth(method), invkit.prior(_prior(method))
        began = time.perf_counter()
        with torch.no_grad():
            encoded = prior(prior.encode(truth))
        closest, latents = self._closest(prior, truth)
        ncc = {"encoded": kernel_ncc(encoded, truth), "closest": kernel_ncc(closest, truth)}
        return {
            "kernels": len(truth),
            **{key: mean(values) for key, values in ncc.items()},
            **{f"{key}_5_percent": quantile(values, 0.05) for key, values in ncc.items()},
            "latent_norm": mean(latents.flatten(1).norm(dim=1)),
            "seconds": time.perf_counter() - began,
        }

    def truth(self, method: str) -> Float32[Tensor, "n 1 height width"]:
        """The first kernels of the test split.

        Raises:
            InputError: the authors' kernels are not there, or the split holds fewer than asked for.
        """
        if method == AUTHORS:
            return _authors_kernels()[: self.signals]
        return invkit.dataset(method).take(torch.arange(self.signals), "test")

    def _closest(self, prior: invkit.Generator, truth: Tensor) -> tuple[Tensor, Tensor]:
        ones = known_signal(torch.ones(truth.shape[1:]))
        pipeline = invkit.compose("pointwise", [ones, prior], self._solver(), self.seed)
        solution = uninterrupted(pipeline(truth, monitors=["progress"]))
        return solution.x, solution.latents[1]

    def _solver(self) -> Mapping[str, Any]:
        return {"kind": "altgd", "gamma": 0, "steps": self.steps or STEPS}


def _prior(method: str) -> str:
    return "vae:shake" if method == AUTHORS else f"vae:{method}"


def _authors_kernels() -> Float32[Tensor, "n 1 28 28"]:
    if not files_here():
        raise InputError(
            "the authors' test kernels are not there",
            hint="set INVKIT_DATA to a folder that holds asim2020/*_dev.npz",
        )
    return torch.cat([published(kind).w for kind in sorted(files_here())])
