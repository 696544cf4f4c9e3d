"""Fonts for drawing digits: those of the system, and one that comes with Pillow.

fonts = find_fonts()                       # or find_fonts(Path("my-fonts"))
mask = fonts[0].draw("42", 40)
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

import attrs
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from invkit.errors import InputError

__all__ = ["Font", "find_fonts"]

_SUFFIXES = (".ttf", ".otf")
_NOT_DIGITS = ("math", "symbol", "emoji", "dingbat", "icon", "braille")
_SIZE = 64


@attrs.frozen
class Font:
    """A font by its file; without one, the font that comes with Pillow."""

    path: Path | None = None

    def draw(self, text: str, stroke: int = 0) -> list[UInt8[np.ndarray, "height _"]]:
        """Return one mask per character, all of one height, from 0 (paper) to 255 (ink).

        Args:
            text: digits.
            stroke: pixels by which lines are thickened, of a digit about 46 pixels high.
        """
        return [_glyph(self.path, character, stroke) for character in text]

    def has_digits(self) -> bool:
        """Return whether the font can be read and draws ten different digits."""
        try:
            masks = {_glyph(self.path, digit, 0).tobytes() for digit in "0123456789"}
        except OSError:
            return False
        return len(masks) == 10 and all(any(mask) for mask in masks)


@lru_cache(maxsize=256)
def _loaded(path: Path | None) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_SIZE) if path is None else ImageFont.truetype(str(path), _SIZE)


@lru_cache(maxsize=4096)
def _glyph(path: Path | None, character: str, stroke: int) -> UInt8[np.ndarray, "height width"]:
    """One character, cut to its advance in width and to the height of a 0 in height."""
    font = _loaded(path)
    _, top, _, bottom = font.getbbox("0", stroke_width=stroke)
    left, _, right, _ = font.getbbox(character, stroke_width=stroke)
    height, width = max(1, round(bottom - top)), max(1, round(right - left))
    page = Image.new("L", (width, height))
    place = (-left, -top)
    ImageDraw.Draw(page).text(place, character, fill=255, font=font, stroke_width=stroke)
    return np.asarray(page)


def find_fonts(folder: Path | None = None) -> list[Font]:
    """Return the fonts that can draw digits, sorted by file name; never none without a folder.

    Args:
        folder: where to look, with all its subfolders; by default where the system keeps its fonts, and the
            font that comes with Pillow besides.

    Raises:
        InputError: there is no such folder, or no such font in it.
    """
    folders = _system_folders() if folder is None else [folder]
    paths = sorted(
        {path for each in folders if each.is_dir() for path in each.rglob("*") if _may_be(path)},
        key=lambda path: (path.name, str(path)),
    )
    fonts = [font for font in map(Font, paths) if font.has_digits()]
    if folder is None:
        return [*fonts, Font()]
    if not fonts:
        what = "holds no font with digits" if folder.is_dir() else "is not a folder"
        raise InputError(f"fonts={folder} {what}", hint="give a folder of .ttf or .otf files, or none")
    return fonts


def _may_be(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(_SUFFIXES) and not any(word in name for word in _NOT_DIGITS)


def _system_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]
    return [*folders, home / ".local/share/fonts", home / ".fonts"]
