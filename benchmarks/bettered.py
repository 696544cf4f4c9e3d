"""How much is gained where `pnp` improves the kernel that the stage before it has found?

    OMP_NUM_THREADS=1 python -m benchmarks.bettered                            # house numbers, 60 crops
    OMP_NUM_THREADS=1 python -m benchmarks.bettered --method shoes --images 20
    OMP_NUM_THREADS=1 python -m benchmarks.bettered --method faces --sigma 0.1

Validation pictures of a class, blurred by shakes of the validation split, which no prior was fitted to. The
first stage of the method finds the kernel once. Its last stage then makes the image with that kernel held,
with the kernel bettered, and with the true one.
"""

from __future__ import annotations

from statistics import fmean

import attrs
import click
import torch

import invkit
from benchmarks._measuring import Report, one_thread, reported
from invkit.solving import Stages
from invkit_experiments.engine.judged import SHORT
from invkit_experiments.inputs.drawn import Drawn

PICTURES = {
    "faces": "celeba",
    "house-numbers": "svhn-houses?sharpness=10.3",
    "shoes": "shoes",
    "objects": "objects",
}


@reported
@click.option("--method", type=click.Choice(list(PICTURES)), default="house-numbers", show_default=True)
@click.option("--images", default=60, show_default=True)
@click.option("--sigma", default=0.01, show_default=True, help="Standard deviation of the noise.")
@click.option("--seed", default=0, show_default=True)
def main(method: str, images: int, sigma: float, seed: int) -> Report:
    """Measure the last stage of a method with the kernel held, bettered, and true."""
    one_thread()
    made = invkit.method(method, seed=seed)
    source = Drawn(PICTURES[method], "validation", "shake", sigma, apart=True)
    found: dict[str, list[float]] = {"held": [], "bettered": [], "true": []}
    for index in range(images):
        one = source.one(index, seed)
        for name, level in levels(made, one.y, one.w).items():
            found[name].append(float(invkit.metrics.psnr(level, one.x)))
    return {
        "pictures": images,
        **{f"kernel {name}, PSNR in dB": fmean(each) for name, each in found.items()},
        **{f"worst, kernel {name}, in dB": min(each) for name, each in found.items()},
        **{
            f"more than {SHORT:g} dB short, kernel {name}": sum(
                best - own > SHORT for own, best in zip(found[name], found["true"], strict=True)
            )
            for name in ("held", "bettered")
        },
        "bettered by more than 0.5 dB": changed(found, 0.5),
        "worsened by more than 0.5 dB": changed(found, -0.5),
    }


def levels(made: invkit.Pipeline, y: torch.Tensor, w: torch.Tensor) -> dict[str, torch.Tensor]:
    """The image by the last stage, with each kernel."""
    assert isinstance(made.solver, Stages)
    first, last = made.solver.stages
    start = attrs.evolve(made, solver=Stages([first]))(y)
    noise = invkit.noise(f"gaussian?sigma={float(start.noise[0]):.9g}")

    def image(kernel: invkit.Generator) -> torch.Tensor:
        deblur = invkit.compose(made.operator, [kernel, last.x or made.priors[1]], last.solver, noise=noise)
        # without its configuration the latents of the kernel are taken as they are
        found: torch.Tensor = deblur(y, start=attrs.evolve(start, config=None)).x
        return found

    return {
        "held": image(invkit.Given(start.w[0])),
        "bettered": image(made.priors[0]),
        "true": image(invkit.Given(w[0])),
    }


def changed(found: dict[str, list[float]], by: float) -> int:
    """How many images gained more than ``by`` dB from the better kernel; of a negative ``by``, how many lost
    more than that.
    """
    gains = [now - then for now, then in zip(found["bettered"], found["held"], strict=True)]
    return sum(gain > by for gain in gains) if by > 0 else sum(gain < by for gain in gains)


if __name__ == "__main__":
    main()
