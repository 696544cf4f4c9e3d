"""The images of a command: what files and folders name, what is to be done with each, what went wrong.

    jobs, failures = find_jobs(["photos", "more/a.png"], grey=True)
    say_skipped(skipped(["photos"]))          # invkit: photos: passed over 1: notes.txt: no image (.txt)
    picture = jobs[0].read()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import torch
from torch import Tensor

from invkit.cli.output import to_stderr
from invkit.contracts.problem import Problem
from invkit.errors import InputError, InvkitError, ShapeError, UsageError
from invkit.files.images import find_images
from invkit.files.pictures import MAX_PIXELS, Picture, read_picture

FILES = {
    "sharp": "_sharp.png",
    "sharp_exact": "_sharp.npy",
    "kernel": "_kernel.png",
    "kernel_exact": "_kernel.npy",
    "panel": "_panel.png",
    "unsoftened": "_unsoftened.png",
    "record": ".json",
}
"""What is written for each image: the key in its record, and what follows its name."""

CPU = torch.device("cpu")

#: how many files that are no images are named
_NAMED = 8


@attrs.frozen
class Crop:
    """A part of a picture, upright, in pixels.

    Args:
        left, top: its first column and row.
        width, height: its size, at least 1 × 1.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Crop:
        """The crop ``X,Y,W,H``; raises :class:`UsageError` where it is not four whole numbers in range."""
        parts = text.split(",")
        numbers = [int(part) for part in parts if part.strip().isdecimal()]
        if len(parts) != 4 or len(numbers) != 4 or 0 in numbers[2:]:
            raise UsageError(
                f"--crop {text} is no part of a picture",
                hint="write left, top, width and height in pixels, e.g. --crop 200,100,512,512",
            )
        return cls(*numbers)

    def check(self, source: Path, height: int, width: int) -> None:
        """Raise :class:`ShapeError` where it reaches beyond a picture."""
        if self.left + self.width > width or self.top + self.height > height:
            raise ShapeError(
                f"--crop {self.left},{self.top},{self.width},{self.height} reaches beyond {source}, which is "
                f"{width} wide and {height} high",
                hint="write left, top, width and height of a part of it",
            )


@attrs.frozen
class Job:
    """One image to deblur.

    Args:
        source: the image file.
        name: what the names of its results start with, different from every other job's.
        grey: reduce colour to grey.
        max_pixels: refuse a picture with more, unread.
        crop: left, top, width and height of where to look for the kernel; None: the solver decides.
        device: what the tensors are moved to.
        pixels: height × width, once it was checked.
        problem: with the shapes that were worked out when the image was checked.
        picture: the image, where it was kept when it was checked.
    """

    source: Path
    name: str
    grey: bool = False
    max_pixels: int = MAX_PIXELS
    crop: Crop | None = None
    device: torch.device = CPU
    pixels: int = 0
    problem: Problem | None = attrs.field(default=None, repr=False, eq=False)
    picture: Picture | None = attrs.field(default=None, repr=False, eq=False)

    def read(self) -> Picture:
        """Return the image; raises :class:`InputError` where it is not one."""
        return self.picture or read_picture(self.source, grey=self.grey, max_pixels=self.max_pixels)

    def measurement(self, picture: Picture) -> Tensor:
        """Return its pixels on the device."""
        return torch.from_numpy(picture.pixels).to(self.device)

    def outputs(self, folder: Path) -> dict[str, Path]:
        """Return the files that its results go to."""
        return {key: folder / f"{self.name}{suffix}" for key, suffix in FILES.items()}


@attrs.frozen
class Failure:
    """An image that could not be deblurred, and why."""

    source: Path
    error: Exception

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        foreseen = isinstance(self.error, InvkitError)
        said = str(self.error) if foreseen else f"{type(self.error).__name__}: {self.error}"
        return " ".join(said.split())

    def __str__(self) -> str:
        """Return one line that names the image."""
        named = str(self.source) in self.reason
        return self.reason if named else f"{self.source}: {self.reason}"


def find_jobs(
    paths: Iterable[Path],
    *,
    grey: bool = False,
    max_pixels: int = MAX_PIXELS,
    crop: Crop | None = None,
    device: torch.device = CPU,
) -> tuple[list[Job], list[Failure]]:
    """Return a job for every image that files and folders name, and a failure for what names none.

    All have the same options. Images of the same name in different folders get different names: ``a``,
    ``a-2``, ``a-3``, in the order given (upper and lower case count as the same: some file systems cannot
    tell them apart).
    """
    sources: dict[Path, None] = {}
    failures = []
    for path in paths:
        try:
            sources.update(dict.fromkeys(find_images([path])))
        except InputError as error:
            failures.append(Failure(path, error))
    taken: set[str] = set()
    jobs = []
    for source in sources:
        name, number = source.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{source.stem}-{number}"
        taken.add(name.casefold())
        jobs.append(Job(source, name, grey, max_pixels, crop, device))
    return jobs, failures


def say_skipped(passed_over: Mapping[Path, str]) -> None:
    """Name on stderr what is no image in the folders, a line for each folder; of many files the first."""
    for folder in dict.fromkeys(path.parent for path in passed_over):
        named = [f"{path.name}: {why}" for path, why in passed_over.items() if path.parent == folder]
        more = f", and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        to_stderr(f"invkit: {folder}: passed over {len(named)}: {', '.join(named[:_NAMED])}{more}")
