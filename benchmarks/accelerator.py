"""Is a GPU right, and what does it save? One script of a few minutes.

    OMP_NUM_THREADS=16 python -m benchmarks.accelerator                          # on the first GPU
    OMP_NUM_THREADS=2 python -m benchmarks.accelerator --device cpu --quick      # see it work

It reports in this order:

- **Equality**: every registered operator with its adjoints, and every registered solver that takes one of the
  small problems of `invkit.testing`, in double precision. The random starts are the same on every device, so
  the results have to be the CPU's up to rounding. A search feeds its rounding back, hence two tolerances.
- **Times**: the main methods on the CPU, with `OMP_NUM_THREADS` threads, and on the device. A short solve
  before, which loads what the device needs, is not counted. The results are compared by their PSNR: a search
  may end elsewhere where it rounds otherwise.
- **Table 1**: the row `paper` (Algorithm 1 as printed, arXiv 1802.04073) on as many images as the paper had,
  all images of a case in one batch on the device. `invkit bench table1` solves them one by one, each from
  random starts of its own; here all have the same starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from invkit.contracts.ambient import as_device, following
from invkit.metrics import psnr
from invkit.plugin.building import signature_of
from invkit.plugin.loading import default_manager
from invkit.testing.solvers import examples_for
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.solve import Solve, hurried
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Source
from invkit_experiments.studies.paper import FACES, HOUSE_NUMBERS
from invkit_experiments.studies.tables import TABLE1

OPERATORS, SOLVERS = 1e-9, 1e-4
"""How far, relatively, the device may be from the CPU in double precision."""

FEW = {"steps": "10", "starts": "8", "restarts": "4", "retries": "0", "leaps": "0", "rounds": "1"}
"""Options that make a solver quick, where it has them."""


def distance(found: Tensor, expected: Tensor) -> float:
    """Relative distance of what a device has found from what the CPU has."""
    return float((found.cpu() - expected).norm() / expected.norm().clamp_min(1e-300))


def operators(device: torch.device) -> dict[str, float]:
    """The largest distance of each operator's values and adjoints."""
    differences = {}
    for entry in default_manager().registry.entries("operator"):
        operator, rng = invkit.operator(entry.name), torch.Generator().manual_seed(0)
        w, x = (torch.rand(2, *s, generator=rng, dtype=torch.float64) for s in operator.example_shapes()[0])

        def all_of_it(w: Tensor, x: Tensor) -> tuple[Tensor, ...]:
            moved = following(operator, x)  # noqa: B023
            y = moved(w, x)
            shapes = tuple(w.shape[1:]), tuple(x.shape[1:])
            return y, moved.adjoint_w(x, y, shapes[0]), moved.adjoint_x(w, y, shapes[1])

        pairs = zip(all_of_it(w.to(device), x.to(device)), all_of_it(w, x), strict=True)
        differences[entry.name] = max(distance(found, expected) for found, expected in pairs)
    return differences


def solvers(device: torch.device) -> tuple[dict[str, float], list[str]]:
    """The distance of each solver's image, and the solvers that take none of the small problems."""
    differences, left_out = {}, []
    for entry in default_manager().registry.entries("solver"):
        keys = {option.key for option in signature_of(entry).options}
        spec = invkit.Spec(entry.name, None, {key: value for key, value in FEW.items() if key in keys})
        try:
            solver = invkit.solver(spec)
            example = examples_for(solver, 0)[0]
        except (AssertionError, invkit.InvkitError):
            left_out.append(entry.name)
            continue

        def solved(y: Tensor) -> Tensor:
            problem = example.problem  # noqa: B023
            prior_w, prior_x = (following(each, y) for each in problem.priors)
            moved = attrs.evolve(problem, operator=following(problem.operator, y), priors=(prior_w, prior_x))
            x: Tensor = solver.solve(moved, y, torch.Generator().manual_seed(0)).x  # noqa: B023
            return x

        differences[entry.name] = distance(solved(example.y.to(device)), solved(example.y))
    return differences, left_out


QUICK = Settings(2, steps=3, few=True)
"""Few steps, to see it work."""

FEW_IMAGES = 5
"""With fewer images a case, the photograph is a small one, too."""


@attrs.frozen(eq=False)
class Work:
    """Measurements with their truth, and what solves them."""

    pipeline: invkit.Pipeline
    y: Tensor
    x: Tensor


def drawn(source: Source, images: int) -> tuple[Tensor, Tensor]:
    """Measurements of a source, and their true images."""
    found = [source.one(index, 0) for index in range(images)]
    return torch.cat([each.y for each in found]), torch.cat([each.x for each in found])


def photograph(n: int, made: Callable[[invkit.Generator], invkit.Pipeline]) -> Work:
    """The packaged photograph, or a small part of it for few images; its kernel for what wants to know it."""
    one = invkit.example("photo")
    side = 64 if n < FEW_IMAGES else None
    y, x, w = (torch.as_tensor(each)[None] for each in (one.y, one.x, one.w))
    y, x = y[..., :side, :side], x[..., :side, :side]
    return Work(made(invkit.Given(w[0].reshape(1, *w.shape[-2:]))), y, x)


#: the main methods; how many images each has
WORK: dict[str, Callable[[int], Work]] = {
    "8 faces, method faces": lambda n: Work(
        invkit.method("faces"), *drawn(FACES.drawn("blurA"), min(n, 8))
    ),
    "16 house numbers, method house-numbers": lambda n: Work(
        invkit.method("house-numbers"), *drawn(HOUSE_NUMBERS.drawn("blurB"), min(n, 16))
    ),
    "16 digits, altgd with the paper's networks": lambda n: Work(
        invkit.method("digits"), *drawn(Drawn("mnist", "test", "blurA"), min(n, 16))
    ),
    "a photograph, method photographs": lambda n: photograph(n, lambda w: invkit.method("photographs")),
    "a photograph, kernel known, pnp": lambda n: photograph(n, lambda w: invkit.method("photographs", w=w)),
    "a photograph, kernel known, tv": lambda n: photograph(
        n, lambda w: invkit.method("photographs", w=w, x="identity", solver="tv")
    ),
}


def took(pipeline: invkit.Pipeline, y: Tensor) -> tuple[float, Tensor]:
    """Seconds on the clock until the images are in the memory of the CPU, and these."""
    began = time.perf_counter()
    x = pipeline(y).x.cpu()
    return time.perf_counter() - began, x


def timed(work: Work, device: torch.device) -> dict[str, Any]:
    """Seconds of CPU and device, and how good both results are."""
    there = work.pipeline.to(device)
    took(_hurried(there, QUICK), work.y[:1])
    seconds, x = took(there, work.y)
    cpu_seconds, cpu_x = took(work.pipeline, work.y)
    return {
        "CPU, s": cpu_seconds,
        "device, s": seconds,
        "CPU / device": cpu_seconds / seconds,
        "PSNR, CPU": float(psnr(cpu_x, work.x).mean()),
        "PSNR, device": float(psnr(x, work.x).mean()),
    }


def paper(device: torch.device, images: int, settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each case of Table 1 by Algorithm 1 as printed."""
    for case in TABLE1.cases:
        (method,) = (each for each in case.methods if each.name == "paper")
        assert isinstance(method, Solve) and isinstance(method.solver, str)
        solver = hurried(invkit.solver(method.solver), settings)
        pipeline = invkit.compose(case.source.operator, list(method.priors), solver).to(device)
        y, x = drawn(case.source, images)
        seconds, found = took(pipeline, y)
        levels, printed = psnr(found, x), case.printed.get("paper", {}).get("psnr")
        yield case.name, {
            "images": images,
            "PSNR": float(levels.mean()),
            "worst": float(levels.min()),
            "printed": "–" if printed is None else printed,
            "device, s": seconds,
        }


@reported
@click.option("--device", default="cuda", show_default=True)
@click.option("--images", default=40, show_default=True, help="A case of Table 1; limits the others, too.")
@click.option("--quick", is_flag=True, help="Two images, few steps: to see it work.")
def main(device: str, images: int, quick: bool) -> Iterator[Report]:
    """Compare a device with the CPU, and rerun the paper's own method on it."""
    place = as_device(device)
    settings = QUICK if quick else Settings(images)
    images = min(images, 2) if quick else images
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else device
    yield {"device": name, "torch": torch.__version__}
    (by_solver, left_out), by_operator = solvers(place), operators(place)
    yield {
        f"operators, relative distance (at most {OPERATORS:g})": by_operator,
        f"solvers, relative distance (at most {SOLVERS:g})": by_solver,
        "solvers that take no small problem": ", ".join(left_out),
    }
    for name, work in WORK.items():
        made = work(images)
        yield {name: timed(attrs.evolve(made, pipeline=_hurried(made.pipeline, settings)), place)}
    for name, figures in paper(place, images, settings):
        yield {f"Table 1, paper, {name}": figures}
    far = [name for name, value in by_operator.items() if not value <= OPERATORS]
    far += [name for name, value in by_solver.items() if not value <= SOLVERS]
    if far:
        raise click.ClickException(f"the device and the CPU disagree: {', '.join(far)}")


def _hurried(pipeline: invkit.Pipeline, settings: Settings) -> invkit.Pipeline:
    return attrs.evolve(pipeline, solver=hurried(pipeline.solver, settings))


if __name__ == "__main__":
    main()
