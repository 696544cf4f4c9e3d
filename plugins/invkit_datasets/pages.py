"""Pages of text, drawn by a program.

    pages = invkit.dataset("pages?size=256")
    x = pages.take(torch.arange(8), "train")         # (8, 1, 256, 256), values in [0, 1]

Lines of random letters, in one font and one size on each page, that run beyond its borders. Ink and paper
have one value each; a fifth of the pages is light on dark. Strokes have grey rims, as those of a scan.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Float64
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InputError
from invkit_datasets.fonts import Font, find_fonts
from invkit_datasets.silhouettes import pictures

__all__ = ["Pages"]

#: heights of a font in pixels, and letters of a word
_HEIGHTS, _LETTERS = (14, 30), (1, 11)
#: shares of letters, about those of English
_ALPHABET = "e" * 12 + "t" * 9 + "a" * 8 + "oin" * 7 + "shr" * 6 + "dl" * 4 + "cumwfgyp" * 2 + "bvkETAO"
_SMALLEST = 16


class Pages(SampledDataset):
    """Random pages: one channel, 8 bits.

    The pages depend on the fonts, and so does the fingerprint: two machines with different fonts have
    different data sets.

    Args:
        size: height and width in pixels, at least 16.
        fonts: a folder of .ttf or .otf files; by default the fonts of the system and the one in Pillow.

    Raises:
        InputError: a smaller page, or no font with digits in that folder.
    """

    bytes_only: ClassVar[bool] = True

    def __init__(self, size: int = 256, fonts: Path | None = None) -> None:
        if size < _SMALLEST:
            raise InputError(f"size={size} is too small for text", hint=f"give {_SMALLEST} or more")
        self.fonts = find_fonts(fonts)
        drawn = b"".join(mask.tobytes() for font in self.fonts for mask in font.draw("0123456789"))
        found = hashlib.sha256(drawn).hexdigest()[:16]
        super().__init__("pages", (1, size, size), {"size": size, "fonts": found})

    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 1 s s"]:
        side = self.signal_shape[1]
        return pictures(n, rng, partial(_page, self.fonts, side), side, channels=1)


def _page(fonts: list[Font], side: int, rng: np.random.Generator) -> Float64[np.ndarray, "1 s s"]:
    height = int(rng.integers(*_HEIGHTS))
    font = _loaded(fonts[rng.integers(len(fonts))].path, height)
    page = Image.new("L", (side, side))
    pen, top = ImageDraw.Draw(page), -int(rng.integers(height))
    while top < side:
        pen.text((-int(rng.integers(height)), top), _line(side // 3, rng), fill=255, font=font)
        top += round(1.35 * height)
    ink, paper = rng.uniform(0, 0.15), rng.uniform(0.85, 1)
    if rng.random() < 0.2:
        ink, paper = paper, ink
    return np.asarray(paper + (ink - paper) * np.asarray(page)[None] / 255)


def _line(letters: int, rng: np.random.Generator) -> str:
    """Words of random letters, so many letters at least."""
    line = ""
    while len(line) < letters:
        line += "".join(rng.choice(list(_ALPHABET), rng.integers(*_LETTERS))) + " "
    return line


@lru_cache(maxsize=256)
def _loaded(path: Path | None, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height) if path is None else ImageFont.truetype(str(path), height)
