"""Pictures as PNG in text, which a JSON record and a page can hold.

uri = encoded(image)                     # "data:image/png;base64,…"
decoded(uri)                             # (channels, height, width) in [0, 1] again
"""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from invkit.files.images import to_picture

__all__ = ["decoded", "encoded", "scaled"]

_HEAD = "data:image/png;base64,"


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


def scaled(kernel: Tensor) -> Tensor:
    """A kernel with its maximum at 1; one without a positive value as it is."""
    peak = kernel.amax()
    return kernel / peak if peak > 0 else kernel
