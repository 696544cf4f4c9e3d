"""Does a prior that is not one Gaussian choose better among the kernels that the evidence found?

    INVKIT_DATA=~/data OMP_NUM_THREADS=1 python -m benchmarks.nonlinear --images 55

House numbers of SVHN that no prior here was fitted to, blurred by camera shakes, noise 0.01, 8 bits. The
search of `evidence`, with a Gaussian fitted to the other crops and to synthetic numbers, ends in a few
candidates (w, the latent h of w, posterior mean x). They are ranked, ½ ‖h‖² added, by

- **evidence**: what the solver does;
- **clusters**: the evidence of a mixture of Gaussians, see `benchmarks.clusters`;
- **VAE, minimum**: of a network C of house numbers (`vae:housenumbers`, which has seen synthetic ones only),

      f(m) = p/2 log max(‖y − A(w, C(m))‖² / p, σ²) + ½ ‖m‖²

  at its minimum, found by Adam from the code of x. p is the count of numbers in y; what the network leaves
  over, more than noise, counts as noise of a strength that is found too;
- **VAE, Laplace**: f(m) + ½ log det(I + JᵀJ / s²), J the Jacobian of A(w, C(m)) and s² that strength: the
  evidence of the network linearised about that m (D. MacKay, "Bayesian interpolation", Neural Computation
  4(3), 1992);
- **VAE, refined**: the first of the VAE's minimum, w then found together with m from there.

The image is in all cases the Gaussian's posterior mean for the kernel chosen: only that differs. `best` is
the candidate whose image is closest to the truth, a bound for any ranking; `true kernel` has the same prior.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported
from benchmarks.clusters import clusters
from benchmarks.rankings import NOISE, Found, Network, Ranking, by_marginal, problem_of, search
from invkit_evidence.evidence import Evidence
from invkit_gaussian.colour import colour_axes
from invkit_gaussian.fitting import fit
from invkit_gaussian.gaussian import Gaussian

FITTED, GUARD = 110, 8
"""Crops of the training split that priors are fitted to; those after, perhaps of the same house number, that
are left out."""
OFTEN, SYNTHETIC = 10, 8_000
"""How often such a crop counts, and synthetic numbers; all of Chars74K is there besides."""
FAILED = 3.0
"""Decibels below the image that the true kernel gives."""
GIVEN = "evidence?keep=1,anneal=0"
"""What finds the contrasts where the kernel is given."""


def material(images: int, draw: int) -> tuple[Tensor, Tensor, Tensor]:
    """Crops that are held out, kernels, measurements; in every draw other kernels and other noise."""
    crops = invkit.dataset("svhn")
    there = torch.arange(FITTED + GUARD, crops.splits["train"])
    held = torch.arange(crops.splits["validation"])
    x = torch.cat([crops.take(held, "validation"), crops.take(there, "train")])[:images]
    w = invkit.dataset("shake").take(torch.arange(len(x)) + 300 * (1 + draw), "validation")
    y: Tensor = invkit.operator("circconv")(w, x)
    y = y + NOISE * torch.randn(y.shape, generator=torch.Generator().manual_seed(5 + draw))
    return x, w, (y * 255).round().clamp(0, 255) / 255


def class_images() -> Tensor:
    """What priors are fitted to."""
    names = {
        "svhn": FITTED,
        "chars74k": invkit.dataset("chars74k").splits["train"],
        "housenumbers": SYNTHETIC,
    }
    parts = [invkit.dataset(name).take(torch.arange(count), "train") for name, count in names.items()]
    return torch.cat([*[parts[0]] * OFTEN, *parts[1:]])


def gaussian_of(images: Tensor, rank: int = 256) -> Gaussian:
    """The Gaussian of a class, as `gaussian:housenumbers` is fitted, but without textures."""

    def batches() -> Iterator[Tensor]:
        yield from torch.split(images, 512)

    return Gaussian(fit(batches, (3, 32, 32), rank=rank, colour="axes"))


def first_axes(images: Tensor) -> Tensor:
    """Rows of unit variance: every image along its first colour axis, its level taken out."""
    axes, deviations = colour_axes(images)
    centred = images - images.mean((2, 3), keepdim=True)
    first = torch.einsum("nc,nchw->nhw", axes[..., 0], centred).flatten(1)
    return (first / deviations[:, :1])[deviations[:, 0] > 0.02]


def psnr_of(prior: Gaussian, found: Found, x: Tensor) -> Tensor:
    """Of the Gaussian's posterior means for the kernels at hand."""
    linear = invkit.operator("circconv").given(w=found.w, x_shape=tuple(x.shape[1:]))
    with torch.no_grad():
        mean = prior.marginal(found.y).mean(linear, found.nuisance, found.variance)
    return invkit.metrics.psnr(mean.clamp(0, 1), x.expand_as(mean))


class Table:
    """A figure for every image and way."""

    def __init__(self) -> None:
        self.psnr: defaultdict[str, list[float]] = defaultdict(list)
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, psnr: Tensor) -> None:
        """One more image."""
        self.psnr[name].append(float(psnr))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the CPU time of what is done inside."""
        began = time.process_time()
        yield
        self.seconds[name] += time.process_time() - began

    def report(self) -> dict[str, dict[str, Any]]:
        """Means, medians, and how many fell short."""
        rows = {name: torch.tensor(row) for name, row in self.psnr.items()}
        images = len(rows["true kernel"])
        short = {name: int((rows["true kernel"] - row > FAILED).sum()) for name, row in rows.items()}
        return {
            "mean PSNR": {name: float(row.mean()) for name, row in rows.items()},
            "median PSNR": {name: float(row.median()) for name, row in rows.items()},
            f"images more than {FAILED:g} dB below the true kernel": short,
            "CPU seconds an image": {name: spent / images for name, spent in self.seconds.items()},
        }


def solver_of(spec: str) -> Evidence:
    """`evidence`, and no other."""
    solver = invkit.solver(spec)
    if not isinstance(solver, Evidence):
        raise click.BadParameter(f"{spec} does not search by evidence")
    return solver


@reported
@click.option("--images", default=55, show_default=True, help="Crops; 55 are held out.")
@click.option("--draw", default=0, show_default=True, help="Of kernels and noise.")
@click.option("--solver", default="evidence", show_default=True, help="Whose last candidates are ranked.")
@click.option("--clusters", "count", default=8, show_default=True, help="Gaussians; 0: the search alone.")
@click.option("--rank", default=64, show_default=True, help="Components of each.")
def main(images: int, draw: int, solver: str, count: int, rank: int) -> Report:
    """Rank the candidates of the evidence by other priors."""
    searching, given_solver = solver_of(solver), solver_of(GIVEN)
    x, w, y = material(images, draw)
    fitted = class_images()
    prior, kernels = gaussian_of(fitted), invkit.prior("trajectory")
    network = Network(invkit.prior("vae:housenumbers"), kernels)
    rankings: dict[str, Ranking] = {"evidence": lambda found: found.value}
    if count:
        mixture = clusters(first_axes(fitted), prior.moments, count, rank)
        rankings[f"{count} clusters"] = by_marginal(mixture)
        rankings |= {"VAE, minimum": network.minimum, "VAE, Laplace": network.laplace}
    table, rng = Table(), torch.Generator().manual_seed(0)
    for number in range(len(y)):
        one, true = y[number : number + 1], x[number : number + 1]
        with table.timed("search"):
            found = search(problem_of(kernels, prior), one, searching, rng)
        every = psnr_of(prior, found, true)
        table.add("best", every.max())
        for name, ranking in rankings.items():
            with table.timed(name):
                table.add(name, every[ranking(found).argmin()])
        if count:
            table.add("VAE, refined", psnr_of(prior, network.refined(found), true)[0])
        given = search(problem_of(invkit.Given(w[number]), prior), one, given_solver, rng)
        table.add("true kernel", psnr_of(prior, given, true)[0])
        if sys.stderr.isatty():
            print(f"{number + 1} of {len(y)}", end="\r", file=sys.stderr, flush=True)
    return {"images": len(y), "draw": draw, "solver": solver, **table.report()}


if __name__ == "__main__":
    main()
