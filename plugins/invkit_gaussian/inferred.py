"""A recipe for pictures, from what they are: their number, their sizes, their colours.

    recipe = inferred("/home/me/cats")        # {"data": "/home/me/cats", "size": 64, "grey": False, …}
"""

from __future__ import annotations

import math
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from invkit.files.images import find_images, read_image
from invkit.files.pictures import picture_size
from invkit.training import mixture
from invkit.training.recipes import check_number

__all__ = ["inferred"]

#: pixels of a side beyond which the search for kernels takes minutes
LARGEST = 64
_MOST_COMPONENTS = 512
_LOOKED_AT = 16  # pictures that are decoded to see whether there is colour


def inferred(data: str) -> dict[str, Any]:
    """A recipe of a Gaussian prior for a data set's spec, or for the absolute path of a folder.

    Of a folder, the size is that of the smallest picture's shorter side, at most 64 pixels: pictures are
    cropped to their centred square and reduced. They are grey where the first ones are. There are half as
    many components as pictures, at most 512: the variances of later ones say more about the sample than about
    the class.

    Raises:
        InputError: fewer than 20 pictures, or one that cannot be read.
    """
    if Path(data).is_absolute():
        paths = find_images([data])
        count = len(paths)
        check_number(count, data)
        size = min(LARGEST, *(min(picture_size(path)) for path in paths))
        grey = all(len(read_image(path)) == 1 for path in paths[:_LOOKED_AT])
        read: dict[str, Any] = {"size": size, "grey": grey}
        numbers = size * size * (1 if grey else 3)
    else:
        pictures = mixture.load(data)
        count = pictures.splits["train"]
        check_number(count, data)
        read, numbers = {}, math.prod(pictures.signal_shape)
    return {
        "data": data,
        **read,
        "rank": min(_MOST_COMPONENTS, numbers // 2, count // 2),
        **tomllib.loads(files("invkit_gaussian").joinpath("inferred.toml").read_text("utf-8")),
    }
