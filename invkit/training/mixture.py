"""The data of a recipe: a data set, several as one, or a folder of images.

data = load("housenumbers + 2 chars74k")                    # the characters count twice
data = load(located("/home/me/photos", size=64, grey=False))
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float32, Int
from torch import Tensor

import invkit
from invkit.contracts.dataset import SPLITS, Dataset
from invkit.errors import ConfigError
from invkit.plugin.loading import default_manager

__all__ = ["JOINED_BY", "Mixture", "load", "located"]

JOINED_BY = " + "

_COUNTED = re.compile(r"(?:([1-9][0-9]*) +)?(.+)")


class Mixture(Dataset):
    """The signals of several data sets of one shape, one data set after the other in every split.

    Args:
        parts: the data sets; one that is listed twice counts twice.

    Raises:
        ConfigError: their shapes differ.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        shapes = {part.name: tuple(part.signal_shape) for part in parts}
        if len(set(shapes.values())) != 1:
            raise ConfigError(
                f"data sets of different shapes cannot be mixed: {shapes}", hint="give them one size"
            )
        self.parts = parts
        self.name = JOINED_BY.join(part.name for part in parts)
        self.signal_shape = parts[0].signal_shape
        self.splits = {split: sum(part.splits[split] for part in parts) for split in SPLITS}
        self.terms = "; ".join(dict.fromkeys(part.terms for part in parts))

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n *signal"]:
        self.check(indices, split)
        signals = torch.empty(len(indices), *self.signal_shape)
        first = 0
        for part in self.parts:
            here = (indices >= first) & (indices < first + part.splits[split])
            if here.any():
                signals[here] = part.take(indices[here] - first, split)
            first += part.splits[split]
        return signals

    def fingerprint(self) -> str:
        return hashlib.sha256("\n".join(part.fingerprint() for part in self.parts).encode()).hexdigest()


def located(data: str, *, size: int, grey: bool) -> str:
    """Return the spec of a recipe's data; for the absolute path of a folder, the spec of its images.

    Args:
        data: a spec, or the path of a folder.
        size: height and width of a folder's images, in pixels, after resizing.
        grey: whether a folder's images get one channel.
    """
    if not Path(data).is_absolute():
        return data
    options = {"path": data, "size": str(size), "grey": str(grey).lower()}
    return str(invkit.Spec(default_manager().registry.default("dataset").name, options=options))


def load(spec: str) -> Dataset:
    """Return the data set of a spec, or the mixture of several specs joined by ``" + "``.

    A number before a spec says how often that data set counts, as in ``"10 svhn + chars74k"``.

    Raises:
        ConfigError: a part is missing.
    """
    parts: list[Dataset] = []
    for text in spec.split(JOINED_BY):
        counted = _COUNTED.fullmatch(text.strip())
        if counted is None:
            raise ConfigError(f"a part of {spec!r} is missing", hint="write DATA + DATA")
        parts += [invkit.dataset(counted[2])] * int(counted[1] or 1)
    return parts[0] if len(parts) == 1 else Mixture(parts)
