"""A folder of images as a data set.

    photos = invkit.dataset("images?path=photos,size=64,grey=true")
    x = photos.take(torch.arange(8), "train")       # (8, 1, 64, 64), values in [0, 1]

Each image is cropped to its centred square and resized. Which split an image belongs to follows from a
sha256 of its file name alone (about 90 % train, 5 % validation, 5 % test), so adding images never moves the
others across.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float32, Int
from PIL import Image
from torch import Tensor

from invkit.contracts.dataset import Dataset
from invkit.errors import InputError
from invkit.files.images import find_images, read_image

__all__ = ["Images", "crop_and_resize", "split_of"]


class Images(Dataset):
    """The images directly inside a folder, all of one size; a split is read and kept when first needed.

    Args:
        path: the folder (``~`` is the home folder); PNG, JPEG, TIFF or npy.
        size: pixels in height and width of every signal.
        grey: one channel of luma; otherwise three channels, a grey image giving three equal ones.

    Raises:
        InputError: no folder, no image in it, a size below 1. An unreadable image is reported when its
        split is read.
    """

    def __init__(self, path: Path, size: int = 64, grey: bool = False) -> None:
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder", hint="write images?path=FOLDER")
        if size < 1:
            raise InputError(f"images cannot have size {size}", hint="give size=64, say")
        self.name = "images"
        self.size, self.grey = size, grey
        self.signal_shape = (1 if grey else 3, size, size)
        self._paths: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
        for image in find_images([folder]):
            self._paths[split_of(image.name)].append(image)
        self.splits = MappingProxyType({split: len(paths) for split, paths in self._paths.items()})
        self._read = cache(self._read_split)

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n channels size size"]:
        """Return images with values in [0, 1], numbered by file name; see `Dataset.take`."""
        self.check(indices, split)
        return self._read(split)[indices.long()]

    def fingerprint(self) -> str:
        """Return the sha256 of size, greyness, and every file's name and bytes."""
        digest = hashlib.sha256(f"{self.size} {self.grey}".encode())
        for path in sorted(path for paths in self._paths.values() for path in paths):
            digest.update(f"\n{path.name} ".encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _read_split(self, split: str) -> Tensor:
        images = torch.empty(self.splits[split], *self.signal_shape)
        for index, path in enumerate(self._paths[split]):
            # A grey image broadcasts into the three channels of a colour data set.
            images[index] = torch.from_numpy(crop_and_resize(read_image(path, grey=self.grey), self.size))
        return images


def split_of(name: str) -> str:
    """Return the split that a file name belongs to: its sha256 modulo 100 below 90, 95 or 100."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100
    return "train" if place < 90 else "validation" if place < 95 else "test"


def crop_and_resize(
    image: Float32[np.ndarray, "channels height width"], size: int
) -> Float32[np.ndarray, "channels size size"]:
    """Return the centred square of an image, resized with Pillow's Lanczos filter.

    The filter averages when it shrinks. Values stay in [0, 1]: the filter's small overshoots are clipped.
    """
    _, height, width = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    resized = [Image.fromarray(channel).resize((size, size), Image.Resampling.LANCZOS) for channel in square]
    return np.clip(np.stack([np.asarray(channel) for channel in resized]), 0, 1)
