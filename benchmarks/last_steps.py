"""Which last step suits photographs: total variation, or plug-and-play with a denoiser?

    OMP_NUM_THREADS=1 python -m benchmarks.last_steps                 # 24 training pictures
    OMP_NUM_THREADS=1 python -m benchmarks.last_steps --images 1      # see it work

The pictures are those of `invkit bench photographs-train`: each of its kinds in turn, in colour, every fourth
of a kind grey. The kernel is found once, by the method `photographs`. Then each last step makes the picture,
with that kernel and with the true one, and `caution` follows as in the method. Gains over the input are those
of the PSNR of luma modulo shift, 15 pixels of border left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice

import click
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from invkit.solving import Stages
from invkit_experiments.inputs.photographs import Photographs, Split
from invkit_experiments.inputs.sources import Measured
from invkit_experiments.studies.photographs import FLAGS, KINDS, WORSE_BY, aligned
from invkit_photographs.caution import Caution

STEPS: Mapping[str, tuple[str, str]] = {
    "tv": ("identity", "tv"),
    "pnp, 8 rounds": ("denoiser:photographs", "pnp"),
    "pnp, 6 rounds": ("denoiser:photographs", "pnp?steps=6"),
}


@reported
@click.option("--images", default=24, show_default=True)
@click.option("--split", type=click.Choice(["train", "validation"]), default="train", show_default=True)
def main(images: int, split: Split) -> Report:
    """Measure last steps with the kernels that are found, and with the true ones."""
    method = invkit.method("photographs")
    assert isinstance(method.solver, Stages)
    search = invkit.compose(method.operator, list(method.priors), Stages(method.solver.stages[:1]))
    found: dict[str, list[tuple[float, bool, float]]] = {}
    for one in islice(pictures(split), images):
        start = search(one.y)
        for name, (prior, solver) in STEPS.items():
            for kernel, w in (("found", start.w[0]), ("true", one.w[0])):
                began = time.process_time()
                sigma = float(start.noise[0])
                last = invkit.compose(
                    method.operator, [invkit.Given(w), prior], solver, noise=f"gaussian?sigma={sigma}"
                )
                x = last(one.y).x
                spent = time.process_time() - began
                if kernel == "found":
                    x = Caution().softened(start.status[0], x[0], one.y[0])[None]
                flagged = str(start.status[0]) in FLAGS
                row = (level(x, one) - level(one.y, one), flagged, spent)
                found.setdefault(f"{name}, {kernel} kernel", []).append(row)
    return {"pictures": images, **{name: figures(rows) for name, rows in found.items()}}


def figures(rows: list[tuple[float, bool, float]]) -> Report:
    """Means over the pictures, and those that became worse than their inputs."""
    gains = [gain for gain, _, _ in rows]
    unflagged = [gain for gain, flagged, _ in rows if not flagged]
    return {
        "gain in dB": sum(gains) / len(gains),
        "gain where not flagged in dB": sum(unflagged) / max(1, len(unflagged)),
        "least gain in dB": min(gains),
        "worse than the input": sum(gain < -WORSE_BY for gain in gains),
        "CPU s": sum(spent for _, _, spent in rows) / len(rows),
    }


def level(x: Tensor, one: Measured) -> float:
    """The PSNR of luma modulo shift."""
    moved = aligned(x, one.x)
    return float(invkit.metrics.psnr(moved.estimate, moved.truth))


def pictures(split: Split) -> Iterator[Measured]:
    """Blurred pictures of every kind in turn."""
    for index in range(8):
        for turn, (_, kernels, noise, jpeg) in enumerate(KINDS.values()):
            yield Photographs(split, kernels, noise, jpeg, turn, len(KINDS)).one(index, 0)


if __name__ == "__main__":
    main()
