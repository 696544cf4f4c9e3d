"""Moments as tensors in a weights file, and back.

    store.write_prior(path, tensors_of(moments, bits=8), card)
    moments = moments_from(store.read_prior(path))

Nearly all of a file is the components, so these may have fewer bits: ``basis = directions × scales``, one
scale a component. With 8 bits, directions are whole numbers in [−127, 127], and a component's error is a
hundredth of it. The rest is in single precision, the spectrum by its logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from invkit.errors import WeightsError
from invkit.files import store
from invkit_gaussian.moments import Moments

__all__ = ["Bits", "moments_from", "options_of", "tensors_of"]

Bits = Literal[8, 16, 32]

_TENSORS = ("mean", "directions", "scales", "log_spectrum", "rotation", "contrasts")


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
    options = trained.card["architecture"].get("options", {})
    wrong = _wrong(trained.tensors, options) if isinstance(options, dict) else "its options are no table"
    if wrong:
        raise WeightsError(f"{trained.path} holds no Gaussian prior: {wrong}", hint="train it again")
    tensors = {name: tensor.float() for name, tensor in trained.tensors.items()}
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


def _wrong(tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> str:
    """What is wrong with a file's tensors and options; empty where nothing is."""
    if missing := [name for name in _TENSORS if name not in tensors]:
        return f"it lacks {missing[0]}"
    if unknown := [name for name in tensors if name not in (*_TENSORS, "texture")]:
        return f"it has {unknown[0]}"
    if options.get("colour") not in ("joint", "axes"):
        return f"its colour is {options.get('colour')!r}"
    for name in ("level", "spread"):
        if not isinstance(options.get(name), int | float) or options[name] < 0:
            return f"its {name} is {options.get(name)!r}"
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(shapes["mean"]) != 3 or 0 in shapes["mean"] or len(shapes["directions"]) != 4:
        return f"mean is {shapes['mean']} and directions {shapes['directions']}"
    (c, h, w), rank = shapes["mean"], shapes["directions"][0]
    b = c if options["colour"] == "joint" else 1
    ends = {"contrasts": ((0,), (1,), (c,)), "texture": ((2, 0), (2, 3))}
    expected = {
        **{"mean": ((c, h, w),), "directions": ((rank, b, h, w),), "scales": ((rank,),)},
        **{"log_spectrum": ((b, h, w // 2 + 1),), "rotation": ((c, c),)},
        **ends,
    }
    for name, shape in shapes.items():
        if shape not in expected[name]:
            return f"{name} has shape {shape}, expected {' or '.join(map(str, expected[name]))}"
        whole = name == "directions" and tensors[name].dtype is torch.int8
        if not (whole or tensors[name].is_floating_point()):
            return f"{name} has type {tensors[name].dtype}"
    return ""
