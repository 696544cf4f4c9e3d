"""``invkit bench priors``: how far the range of an image prior reaches, and whether it makes copies.

    PRIORS.figures("vae:celeba", Settings(40))     # {"floor": 31.4, …}

*Range floor*: the mean PSNR of argmin ‖x − C(m)‖² over m, the closest image in range to each of some images
that the prior was not fitted to, by `invkit.project`: from the encoding where there is an encoder, from
random latents where there is none. The images are the authors' published test images
(`invkit_experiments.inputs.published`), or validation images of a data set. No solver with that prior can
recover more of them. Beside it, principal components of the same training images, as many as the prior
has latents, and the closest images in the authors' own networks' range, as they published them.

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
from typing import Any

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.metrics import psnr, ssim
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.experiment import Experiment
from invkit_experiments.engine.scores import each, mean, worst
from invkit_experiments.inputs.published import published
from invkit_experiments.output.tables import Column, Row

__all__ = ["PRIORS", "SUBJECTS", "digest"]

SAMPLES = 200
STEPS = 300
RESTARTS = 2  # without an encoder; the encoding is a better start than any of them
TRAINING_IMAGES = 20_000  # at most this many for components and neighbours


@attrs.frozen
class Subject:
    """A row: images, the data set of their class, and what approximates them.

    Args:
        what: what it is, in one line.
        images: class of the published images; None: validation images of the data set.
        data: data set of the class.
        latent: number of principal components, if they approximate the images.
        prior: spec of the prior, if it approximates the images.
    """

    what: str
    images: str | None
    data: str
    latent: int = 0
    prior: str | None = None

    def truth(self, count: int) -> Tensor:
        """The first ``count`` images."""
        if self.images is None:
            return _images(self.data, "validation", count)
        return published(self.images).x[:count]

    def source(self, count: int) -> str:
        """What these images are, for a card."""
        if self.images is None:
            return f"{count} validation pictures of {self.data}"
        return f"{count} published test images (asim2020, development half)"


FACES, NUMBERS, SHOES = ("celeba", "celeba"), ("svhn", "housenumbers"), ("shoes", "shoes")
CROPS = (None, "svhn-houses?sharpness=10.3")
SUBJECTS: Mapping[str, Subject] = {
    "celeba": Subject("new images: CelebA's held-out faces, for the distances", *FACES),
    "celeba-authors": Subject("the authors' network for faces, their closest images", *FACES),
    "celeba-pca100": Subject("100 principal components of the training faces", *FACES, latent=100),
    "gan:celeba": Subject("the prior, latent 100", *FACES, prior="gan:celeba"),
    "celeba-pca512": Subject("512 principal components of the training faces", *FACES, latent=512),
    "vae:celeba": Subject("the prior, latent 512", *FACES, prior="vae:celeba"),
    "svhn": Subject("new images: held-out synthetic house numbers, for the distances", *NUMBERS),
    "svhn-authors": Subject("the authors' network for SVHN, their closest images", *NUMBERS),
    "svhn-pca256": Subject("256 principal components of synthetic house numbers", *NUMBERS, latent=256),
    "vae:housenumbers": Subject("the prior, latent 256", *NUMBERS, prior="vae:housenumbers"),
    "shoes": Subject("new images: held-out shoes of the same shop, for the distances", *SHOES),
    "shoes-authors": Subject("the authors' network for shoes, their closest images", *SHOES),
    "shoes-pca256": Subject("256 principal components of the training shoes", *SHOES, latent=256),
    "vae:shoes": Subject("the prior, latent 256", *SHOES, prior="vae:shoes"),
    "gan:shoes": Subject("the prior, latent 100", *SHOES, prior="gan:shoes"),
    "crops": Subject("new images: real crops of other houses, for the distances", *CROPS),
    "crops-pca256": Subject("256 principal components of real crops", *CROPS, latent=256),
    "crops-housenumbers": Subject("vae:housenumbers on the same crops", *CROPS, prior="vae:housenumbers"),
    "vae:svhn": Subject("the prior, latent 256, on the same crops", *CROPS, prior="vae:svhn"),
}


def _identity(method: str, settings: Settings) -> Mapping[str, Any]:
    subject = SUBJECTS[method]
    return {
        "steps": settings.steps or STEPS,
        "images": "validation" if subject.images is None else published(subject.images).sha256,
        "data": invkit.dataset(subject.data).fingerprint(),
        "prior": None if subject.prior is None else digest(invkit.prior(subject.prior)),
    }


def _measured(method: str, settings: Settings) -> Row:
    subject = SUBJECTS[method]
    truth = subject.truth(settings.count)
    began = time.perf_counter()
    if subject.prior is not None:
        return _of_prior(invkit.prior(subject.prior), subject.data, truth, settings)
    if subject.latent:
        training = _images(subject.data, "train", TRAINING_IMAGES)
        closest = _components(training, truth, subject.latent)
    elif subject.images and method.endswith("-authors"):
        return _floor(published(subject.images).theirs("x_range")[: settings.count], truth)
    else:
        new = _images(subject.data, "validation", SAMPLES)
        return {"images": len(truth), **_distances(new, _images(subject.data, "train", TRAINING_IMAGES))}
    return {**_floor(closest, truth), "seconds": (time.perf_counter() - began) / len(truth)}


def _of_prior(prior: invkit.Generator, data: str, truth: Tensor, settings: Settings) -> Row:
    began = time.perf_counter()
    starts = 1 if prior.can_encode else RESTARTS
    found = invkit.project(prior, truth, restarts=starts, steps=settings.steps or STEPS, seed=settings.seed)
    row: dict[str, Any] = {
        "weights": digest(prior),
        **_floor(found.signal, truth),
        "latent_norm": mean(found.latent.flatten(1).norm(dim=1)),
        "seconds": (time.perf_counter() - began) / len(truth),
    }
    rng = torch.Generator().manual_seed(settings.seed)
    with torch.no_grad():
        if prior.can_encode:
            row["encoded"] = mean(psnr(prior(prior.encode(truth)), truth))
        samples = prior(prior.sample_latent(SAMPLES, rng))
    return {**row, **_distances(samples, _images(data, "train", TRAINING_IMAGES))}


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
def _images(name: str, split: str, most: int) -> Float[Tensor, "n c h w"]:
    data = invkit.dataset(name)
    return data.take(torch.arange(min(most, data.splits[split])), split)


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
            for part in torch.split(training, 2_000)
        ]
    ).amin(0)
    return {"to_training": mean(nearest * scale), "to_each_other": mean(torch.pdist(flat) * scale)}


PRIORS = Experiment(
    name="priors",
    count=50,
    depends=_identity,
    figures=_measured,
    methods={method: subject.what for method, subject in SUBJECTS.items()},
    columns=(
        Column("images", "images", "d"),
        Column("floor", "range floor, PSNR", ".2f"),
        Column("floor_worst", "worst", ".2f"),
        Column("floor_ssim", "SSIM", ".3f"),
        Column("encoded", "encoded, PSNR", ".2f"),
        Column("latent_norm", "‖m‖", ".1f"),
        Column("to_training", "sample to nearest training image", ".4f"),
        Column("to_each_other", "sample to sample", ".3f"),
        Column("seconds", "s/image", ".1f"),
    ),
)
"""Range floors of image priors, and what their samples are like."""
