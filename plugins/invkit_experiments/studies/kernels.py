"""``invkit bench kernels``: how well the shipped kernel priors make kernels of their families' test splits.

    KERNELS.figures("shake", Settings(2000))    # {"encoded": 0.99, "closest": 0.995, …}

Each kernel k of the test split (never seen in training) is made in two ways, and compared with the truth by
normalised cross-correlation ⟨k̂, k⟩ / (‖k̂‖ ‖k‖):

- *encoded*: B(E(k)), one pass through encoder and decoder;
- *closest*: argmin ‖k − B(h)‖² over h, 200 steps of Adam from E(k): the closest kernel in the prior's range.

A range that holds the kernels says nothing of what else it holds. So as many kernels are also drawn from the
prior: *drawn* is the NCC of a draw with the nearest of the first 20,000 training kernels, the median over
draws, and *held out* that of the test kernels. Draws of a good prior are as near to a kernel as kernels are.

``shake-decoder`` is ``vae:shake`` without the flow for its latents. ``shake-authors`` has the test kernels
that the paper's authors published with the journal version (data folder ``asim2020``); their own network
reaches 0.985 on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.functional import normalize

import invkit
from invkit.errors import InputError
from invkit.metrics import kernel_ncc
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.experiment import Experiment
from invkit_experiments.engine.scores import mean, quantile
from invkit_experiments.inputs.published import files_here, published
from invkit_experiments.output.tables import Column, Row
from invkit_experiments.studies.digits import closest

__all__ = ["AUTHORS", "KERNELS"]

STEPS = 200
AUTHORS, DECODER = "shake-authors", "shake-decoder"
TRAINING = 20_000
"""Training kernels, at most, among which the nearest is looked for."""


def _identity(method: str, settings: Settings) -> Mapping[str, Any]:
    pipeline = invkit.compose("pointwise", ["identity", _prior(method)], _solver(settings), settings.seed)
    return {
        "pipeline": pipeline.to_config(),
        "data": [published(kind).sha256 for kind in _authors()]
        if method == AUTHORS
        else invkit.dataset(_family(method)).fingerprint(),
    }


def _measured(method: str, settings: Settings) -> Row:
    truth, prior = _truth(method, settings.count), invkit.prior(_prior(method))
    began = time.perf_counter()
    with torch.no_grad():
        encoded = prior(prior.encode(truth))
    found, latents = closest(prior, truth, _solver(settings), settings.seed)
    ncc = {"encoded": kernel_ncc(encoded, truth), "closest": kernel_ncc(found, truth)}
    with torch.no_grad():
        drawn = prior(prior.sample_latent(len(truth), torch.Generator().manual_seed(settings.seed)))
    known = _training(method)
    return {
        "kernels": len(truth),
        **{key: mean(values) for key, values in ncc.items()},
        **{f"{key}_5_percent": quantile(values, 0.05) for key, values in ncc.items()},
        "drawn": quantile(_nearest(drawn, known), 0.5),
        "held_out": quantile(_nearest(truth, known), 0.5),
        "latent_norm": mean(latents.flatten(1).norm(dim=1)),
        "seconds": time.perf_counter() - began,
    }


def _truth(method: str, count: int) -> Float32[Tensor, "n 1 height width"]:
    """The first kernels of the test split."""
    if method == AUTHORS:
        return torch.cat([published(kind).w for kind in _authors()])[:count]
    return invkit.dataset(_family(method)).take(torch.arange(count), "test")


def _training(method: str) -> Float32[Tensor, "m 1 height width"]:
    """The first training kernels of the family."""
    family = invkit.dataset(_family(method))
    return family.take(torch.arange(min(TRAINING, family.splits["train"])), "train")


def _nearest(w: Float32[Tensor, "n 1 height width"], among: Float32[Tensor, "m 1 height width"]) -> Tensor:
    """The NCC of every kernel with the one of ``among`` that it is largest with."""
    first, second = (normalize(each.flatten(1), dim=1) for each in (w, among))
    return (first @ second.T).amax(1)


def _family(method: str) -> str:
    """The data set that a prior was trained on."""
    return "shake" if method in (AUTHORS, DECODER) else method


def _authors() -> list[str]:
    """The classes whose kernels the authors published."""
    if not files_here():
        raise InputError(
            "the authors' test kernels are not there",
            hint="set INVKIT_DATA to a folder that holds asim2020/*_dev.npz",
        )
    return sorted(files_here())


def _prior(method: str) -> str:
    return "vae:shake?flow=false" if method == DECODER else f"vae:{_family(method)}"


def _solver(settings: Settings) -> Mapping[str, Any]:
    return {"kind": "altgd", "weight_x": 0, "steps": settings.steps or STEPS}


KERNELS = Experiment(
    name="kernels",
    count=2000,
    depends=_identity,
    figures=_measured,
    methods={
        "blurA": "vae:blurA on blur A's test split",
        "blurB": "vae:blurB on blur B's test split",
        "blur30": "vae:blur30 on the large blur's test split",
        "shake": "vae:shake on the test split of camera shakes",
        DECODER: "vae:shake?flow=false, the same without the flow for its latents",
        AUTHORS: "vae:shake on the authors' published test kernels",
    },
    columns=(
        Column("kernels", "kernels", "d"),
        Column("encoded", "encoded: NCC", ".4f"),
        Column("encoded_5_percent", "5 % quantile", ".4f"),
        Column("closest", "closest: NCC", ".4f"),
        Column("closest_5_percent", "5 % quantile", ".4f"),
        Column("drawn", "drawn: nearest, NCC", ".3f"),
        Column("held_out", "held out: nearest, NCC", ".3f"),
        Column("latent_norm", "‖h‖", ".1f"),
        Column("seconds", "seconds", ".1f"),
    ),
)
"""Reconstruction of kernels by the prior of their own family."""
