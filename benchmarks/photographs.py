"""What does a photograph cost? CPU time and peak memory of ``invkit deblur`` on a picture of any size.

    OMP_NUM_THREADS=1 python -m benchmarks.photographs                       # 0.25 and 12 megapixels
    OMP_NUM_THREADS=1 python -m benchmarks.photographs --megapixels 0.05     # see it work

A sharp picture of ``INVKIT_DATA/photographs/large`` (or, where there is none, a training picture of BSDS500)
is resized to the size asked for, blurred by a camera shake of 21 pixels, given noise of 1 % and saved with 8
bits. Then the command line runs in a process of its own, with nothing named but the file, as a user would
type it: reading, solving and writing all count.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import numpy as np
import torch
from PIL import Image

import invkit
from benchmarks._measuring import Report, reported
from invkit.files.images import write_image

KERNELS = "shake?size=21,shortest=17"
SIGMA = 0.01


@attrs.frozen
class Cost:
    """CPU and wall time in seconds, peak memory in MB and the exit code of a process."""

    cpu: float
    wall: float
    peak: float
    code: int


#: started in between, because on Linux a process's peak memory begins at that of the one that started it
LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
wall, peak = time.perf_counter() - began, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([used.ru_utime + used.ru_stime, wall, peak, process.returncode]))
"""


def cost(command: list[str]) -> Cost:
    """Run a command and wait for it; what it prints is dropped, its errors are shown."""
    launched = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command], stdout=subprocess.PIPE, check=True, text=True
    )
    return Cost(*json.loads(launched.stdout))


def draw(path: Path, data: Path, pixels: float, seed: int) -> None:
    """Write a blurred picture of about so many pixels.

    Args:
        path: the PNG file.
        data: the folder ``photographs``.
        pixels: height times width.
        seed: random seed of kernel and noise.

    Raises:
        ClickException: no picture to start from.
    """
    with _sharp(data) as picture:
        scale = (pixels / (picture.width * picture.height)) ** 0.5
        size = round(picture.width * scale) + 20, round(picture.height * scale) + 20
        sharp = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    rng = torch.Generator().manual_seed(seed)
    x, w = torch.from_numpy(sharp).permute(2, 0, 1)[None], invkit.dataset(KERNELS).draw(1, rng)
    y = invkit.operator("linconv?mode=valid")(w, x)
    write_image(path, (y + SIGMA * torch.randn(y.shape, generator=rng)).clamp(0, 1)[0])


def _sharp(data: Path) -> Image.Image:
    """The first picture that is there."""
    for path in sorted((data / "large").glob("*.jpg")):
        return Image.open(path)
    try:
        with zipfile.ZipFile(data / "bsds500_train_val.zip") as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
            return Image.open(io.BytesIO(archive.read(names[0])))
    except OSError as error:
        raise click.ClickException(
            f"no picture in {data}: set INVKIT_DATA to a folder that holds photographs/large/*.jpg "
            "or photographs/bsds500_train_val.zip"
        ) from error


@reported
@click.option(
    "--megapixels", type=float, multiple=True, default=(0.25, 12.0), show_default=True, help="Repeatable."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of kernel and noise.")
@click.option("--option", "options", multiple=True, help="Passed to invkit deblur, e.g. --option=--quiet.")
def main(megapixels: tuple[float, ...], seed: int, options: tuple[str, ...]) -> Iterator[Report]:
    """Measure CPU time and peak memory of `invkit deblur` on one photograph of each size."""
    data = Path(os.environ.get("INVKIT_DATA") or Path("..") / "shared" / "data") / "photographs"
    for size in megapixels:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "picture.png"
            draw(picture, data.expanduser(), size * 1e6, seed)
            command = [sys.executable, "-m", "invkit", "deblur", str(picture), "--out", f"{folder}/out"]
            spent = cost([*command, *options])
        if spent.code:
            raise click.ClickException(f"invkit deblur ended with {spent.code} at {size:g} megapixels")
        yield {
            "megapixels": size,
            "CPU seconds": spent.cpu,
            "wall seconds": spent.wall,
            "peak memory, MB": spent.peak,
        }


if __name__ == "__main__":
    main()
