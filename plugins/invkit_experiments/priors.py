"""``invkit bench priors``: how far the range of an image prior reaches, and whether it makes copies.

    Priors(count=40).measure("vae:celeba")         # {"floor": 31.4, …}

*Range floor*: the mean PSNR of argmin ‖x − C(m)‖² over m, the closest image in range to each of the authors'
published test images (`invkit_experiments.published`), by `invkit.project`: from the encoding where there is
an encoder, from random latents where there is none. No solver with that prior can recover more of them.
Beside it, principal components of the same training images, as many as the prior has latents, and the
closest images in the authors' own networks' range, as they published them.

*Copies and collapse*: 200 samples of the prior. The distance of each to the nearest training image (root
mean square over pixels) says whether the prior has memorised: copies would be far nearer than new images of
the class are (``new images``: the same distance for the data set's held-out images). The mean distance
between two samples says whether it has collapsed: it should be near that between two images.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.metrics import psnr, ssim
from invkit_experiments.experiment import Column, Experiment, Row
from invkit_experiments.figures import each, mean, worst
from invkit_experiments.published import files_here, published

__all__ = ["Priors", "digest"]

SAMPLES = 200
STEPS = 300
RESTARTS = 2  # without an encoder; the encoding is a better start than any of them
TRAINING_IMAGES = 20_000  # components and neighbours are of so many at most


@attrs.frozen
class _Subject:
    """A row: a class of published images, the data behind it, and what is to come close to its images."""

    images: str
    data: str
    latent: int = 0
    prior: str | None = None


SUBJECTS: Mapping[str, _Subject] = MappingProxyType(
    {
        "celeba": _Subject("celeba", "celeba"),
        "celeba-authors": _Subject("celeba", "celeba"),
        "celeba-pca100": _Subject("celeba", "celeba", latent=100),
        "gan:celeba": _Subject("celeba", "celeba", prior="gan:celeba"),
        "celeba-pca512": _Subject("celeba", "celeba", latent=512),
        "vae:celeba": _Subject("celeba", "celeba", prior="vae:celeba"),
        "svhn": _Subject("svhn", "housenumbers"),
        "svhn-authors": _Subject("svhn", "housenumbers"),
        "svhn-pca256": _Subject("svhn", "housenumbers", latent=256),
        "vae:housenumbers": _Subject("svhn", "housenumbers", prior="vae:housenumbers"),
    }
)


@attrs.frozen(kw_only=True)
class Priors(Experiment):
    """Range floors of image priors, and what their samples are like."""

    name: ClassVar[str] = "priors"
    usual_count: ClassVar[int] = 50
    methods: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "celeba": "new images: CelebA's held-out faces, for the distances",
            "celeba-authors": "the authors' network for faces, their closest images",
            "celeba-pca100": "100 principal components of the training faces",
            "gan:celeba": "the prior, latent 100",
            "celeba-pca512": "512 principal components of the training faces",
            "vae:celeba": "the prior, latent 512",
            "svhn": "new images: held-out synthetic house numbers, for the distances",
            "svhn-authors": "the authors' network for SVHN, their closest images",
            "svhn-pca256": "256 principal components of synthetic house numbers",
            "vae:housenumbers": "the prior, latent 256",
        }
    )
    columns: ClassVar[tuple[Column, ...]] = (
        Column("images", "images", "d"),
        Column("floor", "range floor, PSNR", ".2f"),
        Column("floor_worst", "worst", ".2f"),
        Column("floor_ssim", "SSIM", ".3f"),
        Column("encoded", "encoded, PSNR", ".2f"),
        Column("latent_norm", "‖m‖", ".1f"),
        Column("to_training", "sample to nearest training image", ".4f"),
        Column("to_each_other", "sample to sample", ".3f"),
        Column("seconds", "s/image", ".1f"),
    )

    def available(self) -> tuple[str, ...]:
        here = files_here()
        return tuple(method for method in self.methods if SUBJECTS[method].images in here)

    def identity(self, method: str) -> Mapping[str, Any]:
        subject = SUBJECTS[method]
        prior = None if subject.prior is None else invkit.prior(subject.prior)
        return {
            "count": self.signals,
            "seed": self.seed,
            "steps": self.steps or STEPS,
            "images": published(subject.images).sha256,
            "data": invkit.dataset(subject.data).fingerprint(),
            "prior": None if prior is None else digest(prior),
        }

    def measure(self, method: str) -> Row:
        subject = SUBJECTS[method]
        truth = published(subject.images).x[: self.signals]
        began = time.perf_counter()
        if subject.prior is not None:
            return self._of_prior(invkit.prior(subject.prior), subject.data, truth)
        if subject.latent:
            closest = _components(_training(subject.data), truth, subject.latent)
        elif method.endswith("-authors"):
            return _floor(published(subject.images).theirs("x_range")[: self.signals], truth)
        else:
            new = _held_out(subject.data)
            return {"images": len(truth), **_distances(new, _training(subject.data))}
        return {**_floor(closest, truth), "seconds": (time.perf_counter() - began) / len(truth)}

    def _of_prior(self, prior: invkit.Generator, data: str, truth: Tensor) -> Row:
        began = time.perf_counter()
        starts = 1 if prior.can_encode else RESTARTS
        found = invkit.project(prior, truth, restarts=starts, steps=self.steps or STEPS, seed=self.seed)
        row: dict[str, Any] = {
            "weights": digest(prior),
            **_floor(found.signal, truth),
            "latent_norm": mean(found.latent.flatten(1).norm(dim=1)),
            "seconds": (time.perf_counter() - began) / len(truth),
        }
        rng = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            if prior.can_encode:
                row["encoded"] = mean(psnr(prior(prior.encode(truth)), truth))
            samples = prior(prior.sample_latent(SAMPLES, rng))
        return {**row, **_distances(samples, _training(data))}


def digest(prior: invkit.Generator) -> str:
    """Return the sha256 of a prior's weights, whatever its card says."""
    found = hashlib.sha256()
    for name, tensor in sorted(prior.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def _floor(closest: Tensor, truth: Tensor) -> dict[str, Any]:
    quality = {"floor": psnr(closest, truth), "floor_ssim": ssim(closest, truth)}
    return {
        "images": len(truth),
        **{key: mean(values) for key, values in quality.items()},
        "floor_worst": worst(quality["floor"]),
        "each": {key: each(values) for key, values in quality.items()},
    }


@cache
def _training(name: str) -> Float[Tensor, "n c h w"]:
    data = invkit.dataset(name)
    return data.take(torch.arange(min(TRAINING_IMAGES, data.splits["train"])), "train")


def _held_out(name: str) -> Float[Tensor, "n c h w"]:
    data = invkit.dataset(name)
    return data.take(torch.arange(min(SAMPLES, data.splits["validation"])), "validation")


def _components(training: Tensor, truth: Tensor, count: int) -> Tensor:
    """The projection on mean and principal components, clipped to [0, 1]."""
    centre = training.flatten(1).mean(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the randomised decomposition
        _, _, directions = torch.svd_lowrank(training.flatten(1) - centre, q=count + 64, niter=3)
    directions = directions[:, :count]
    made = centre + (truth.flatten(1) - centre) @ directions @ directions.T
    return made.clamp(0, 1).view_as(truth)


def _distances(samples: Tensor, training: Tensor) -> dict[str, Any]:
    """Root mean squares over pixels: to the nearest training image, mirrored or not, and to each other."""
    flat = samples.flatten(1)
    scale = flat.shape[1] ** -0.5
    nearest = torch.stack(
        [
            torch.cdist(each_way.flatten(1), part.flatten(1)).amin(1)
            for each_way in (samples, samples.flip(-1))
            for part in training.split(2_000)
        ]
    ).amin(0)
    return {
        "to_training": mean(nearest * scale),
        "to_each_other": mean(torch.pdist(flat) * scale),
    }
