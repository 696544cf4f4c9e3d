"""Moments as tensors in a weights file, and back.

    store.write_prior(path, tensors_of(moments, bits=8), card)
    moments = moments_from(store.read_prior(path))

Nearly all of a file is the components, so these may have fewer bits: ``basis = directions × scales``, one
scale a component. With 8 bits, directions are whole numbers in [−127, 127], and a component's error is a
hundredth of it. The rest is in single precision, the spectrum by its logarithm.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from invkit.errors import WeightsError
from invkit.files import store
from invkit_gaussian.moments import Moments

__all__ = ["Bits", "moments_from", "options_of", "tensors_of"]

Bits = Literal[8, 16, 32]


def tensors_of(moments: Moments, bits: Bits = 32) -> dict[str, Tensor]:
    """What :func:`moments_from` reads, by name."""
    flat = moments.basis.flatten(1)
    largest = flat.abs().amax(1) if flat.numel() else flat.new_zeros(len(flat))
    scales = largest.clamp(min=1e-12) / (127 if bits == 8 else 1)
    directions = moments.basis / scales[:, None, None, None]
    if bits == 8:
        directions = directions.round().to(torch.int8)
    return {
        "mean": moments.mean,
        "directions": directions.half() if bits == 16 else directions,
        "scales": scales,
        "log_spectrum": moments.spectrum.log(),
        "rotation": moments.rotation,
        "contrasts": moments.contrasts,
        **({"texture": moments.texture} if moments.texture.numel() else {}),
    }


def options_of(moments: Moments) -> dict[str, Any]:
    """The rest of the moments: the options in a card's architecture."""
    return {
        "colour": moments.colour,
        "rank": moments.rank,
        "level": moments.level,
        "spread": moments.spread,
    }


def moments_from(trained: store.TrainedPrior) -> Moments:
    """Read the moments in a weights file.

    Raises:
        WeightsError: tensors or a card that do not fit.
    """
    tensors = {name: tensor.float() for name, tensor in trained.tensors.items()}
    try:
        options = trained.card["architecture"]["options"]
        return Moments(
            colour=options["colour"],
            mean=tensors["mean"],
            basis=tensors["directions"] * tensors["scales"][:, None, None, None],
            spectrum=tensors["log_spectrum"].exp(),
            rotation=tensors["rotation"],
            level=float(options["level"]),
            contrasts=tensors["contrasts"],
            spread=float(options["spread"]),
            texture=tensors.get("texture", tensors["mean"].new_zeros(2, 0)),
        )
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise WeightsError(
            f"{trained.path} lacks a part of a Gaussian prior: {error}", hint="train it again"
        ) from error
