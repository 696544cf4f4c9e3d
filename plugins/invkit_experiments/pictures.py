"""Pictures of a cell as PNG in text, which a JSON record and a page can hold.

pictures = pictured(one, found)          # {"x": "data:image/png;base64,…", "y": …, "found": …, …}
decoded(pictures["found"])               # (channels, height, width) in [0, 1] again
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from invkit.files.images import to_picture
from invkit_experiments.methods import Found
from invkit_experiments.sources import Measured

__all__ = ["Pictures", "decoded", "encoded", "pictured"]

Pictures = Mapping[str, str]
"""``x``, ``y``, ``w`` (the truth), ``found`` and, where a kernel was found, ``kernel``: data URIs.
"""

_HEAD = "data:image/png;base64,"


def pictured(one: Measured, found: Found) -> dict[str, str]:
    """The pictures of a measurement and of what was found; kernels scaled to their maximum."""
    pictures = {"x": one.x, "y": one.y, "w": _scaled(one.w), "found": found.x}
    if found.w is not None:
        pictures["kernel"] = _scaled(found.w)
    return {name: encoded(picture[0]) for name, picture in pictures.items()}


def encoded(picture: Tensor) -> str:
    """An image (channels, height, width), clipped to [0, 1], as the data URI of an 8-bit PNG."""
    stream = io.BytesIO()
    to_picture(picture.detach().clamp(0, 1).cpu().numpy()).save(stream, format="PNG", optimize=True)
    return _HEAD + base64.b64encode(stream.getvalue()).decode("ascii")


def decoded(uri: str) -> Float32[np.ndarray, "channels height width"]:
    """The image of a data URI that `encoded` made."""
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(_HEAD)))) as picture:
        values = np.asarray(picture, dtype=np.float32) / 255
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def _scaled(kernel: Tensor) -> Tensor:
    peak = kernel.amax()
    return kernel / peak if peak > 0 else kernel
