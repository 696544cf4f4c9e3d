"""Problems for solvers that take few of the general ones, or are tried on more: by name, made when used.

    solver_examples("darkprior", 0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import torch
from torch import Tensor

import invkit
from invkit import Generator, Problem, Solver
from invkit.contracts.linear import Shape
from invkit.contracts.noise import Gaussian
from invkit.solving import Stage, Stages
from invkit.testing._problems import EXAMPLE_NAMES, Elementwise, Example, Kernels, Pixels, examples
from invkit.testing.solvers import examples_for


def made_solver(spec: str) -> Solver:
    """The solver that a contract is checked on: the one named, or stages that end with it."""
    before = BEFORE.get(spec.partition("?")[0])
    if before is None:
        return invkit.solver(spec)
    return Stages((Stage(invkit.solver(before)), Stage(invkit.solver(spec), hold="w")))


def solver_examples(spec: str, seed: int) -> Sequence[Example]:
    """The problems that a solver's contract is checked on."""
    solver, name = made_solver(spec), spec.partition("?")[0]
    if name == "cnn":
        return images(solver, seed)
    return MADE[name](seed) if name in MADE else examples_for(solver, seed)


def general(seed: int, *names: str) -> Sequence[Example]:
    """Some of the general problems."""
    assert set(names) <= set(EXAMPLE_NAMES)
    return [each for each in examples(seed) if each.name in names]


def told(found: Sequence[Example]) -> Sequence[Example]:
    """The same, their noise known: signals of a few numbers do not show it."""

    def one(each: Example) -> Example:
        sigma = 0.01 * float(each.y.square().mean().sqrt())
        return attrs.evolve(each, problem=attrs.evolve(each.problem, noise=Gaussian(sigma=sigma)))

    return [one(each) for each in found]


def gains(seed: int) -> Sequence[Example]:
    """Products entry by entry, both signals free and non-negative: no convolution."""
    rng = torch.Generator().manual_seed(seed)
    return [_measured("free gains", Problem(Elementwise(), (Kernels((1, 8)), Ray((1, 8)))), rng)]


def natural(seed: int) -> Sequence[Example]:
    """Blur by a straight kernel, with images of natural spectra; the noise is known."""
    priors = (invkit.prior("motion?size=5"), invkit.prior("spectrum?shape=1x7x6"))
    problem = Problem(invkit.operator("circconv"), priors, noise=Gaussian(sigma=0.005))
    return [_measured("motion, natural spectrum", problem, torch.Generator().manual_seed(seed))]


def photographs(seed: int, size: tuple[int, int] = (13, 15)) -> Sequence[Example]:
    """The valid part of a convolution by an even kernel, of pictures of rectangles in colour."""
    rng = torch.Generator().manual_seed(seed)
    operator = invkit.operator("linconv?mode=valid")
    problem = Problem(operator, (invkit.prior("blind?size=4"), invkit.prior("identity?penalty=tv")))
    pictures = rectangles(2, (3, *size), rng)
    shaped = problem.shaped(operator.output_shape((1, 4, 4), tuple(pictures.shape[1:])))
    return [_measured("valid part, colour, even kernel", shaped, rng, pictures)]


def images(solver: Solver, seed: int) -> Sequence[Example]:
    """Random images, square and wide, blurred by random kernels of their size, as a network takes them."""
    network = solver.network
    side = network.multiple * -(-max(12, network.smallest) // network.multiple)
    rng, found = torch.Generator().manual_seed(seed), []
    for wide in (side, side + 2 * network.multiple):
        shape = (network.channels, side, wide)
        problem = Problem(invkit.operator("circconv"), (invkit.prior("identity"), invkit.prior("identity")))
        x = torch.rand(3, *shape, generator=rng, dtype=torch.float64)
        w = torch.rand(3, 1, side, wide, generator=rng, dtype=torch.float64)
        y: Tensor = problem.operator(w / w.sum((1, 2, 3), keepdim=True), x)
        found.append(Example(f"images of {side}×{wide}", problem.shaped(shape), y))
    return found


def denoised(seed: int) -> Sequence[Example]:
    """A known kernel, and pixels whose prior takes noise off."""

    def one(each: Example) -> Example:
        shape = tuple(each.problem.priors[1].signal_shape or ())
        smaller = invkit.denoiser(lambda noisy, sigma: noisy * (1 - sigma[:, None, None, None]), shape[0])
        priors = (each.problem.priors[0], smaller.shaped(shape))
        return attrs.evolve(each, problem=attrs.evolve(each.problem, priors=priors))

    return [one(each) for each in general(seed, KNOWN)]


def rectangles(n: int, shape: Shape, rng: torch.Generator) -> Tensor:
    """Dark pictures with six bright or dark rectangles over each other."""
    pictures = torch.full((n, *shape), 0.1, dtype=torch.float64)
    for picture in pictures:
        for _ in range(6):
            top, left = (int(torch.randint(0, length - 3, (), generator=rng)) for length in shape[1:])
            level = torch.rand(shape[0], 1, 1, generator=rng, dtype=torch.float64)
            picture[:, top : top + shape[1] // 3, left : left + shape[2] // 3] = level
    return pictures


def mixtures(seed: int) -> Sequence[Example]:
    """Non-negative matrices of low rank."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for name, rows, rank, columns in (("mixtures", 6, 2, 40), ("as many factors as rows", 3, 3, 30)):
        priors = [invkit.prior("nonnegative", shape=shape) for shape in ((1, rows, rank), (1, rank, columns))]
        found.append(_measured(name, Problem(invkit.operator("matmul"), (priors[0], priors[1])), rng))
    return found


class Ray(Pixels):
    """Free non-negative pixels."""

    bounds = None


def _measured(
    name: str, problem: Problem, rng: torch.Generator, x: Tensor | None = None, n: int = 3
) -> Example:
    """Measurements of what the priors draw, or of given pictures, with 1 % noise."""
    n = n if x is None else len(x)
    drawn = [_drawn(prior, n, rng) for prior in problem.priors[: 2 if x is None else 1]]
    clean: Tensor = problem.operator(drawn[0], drawn[1] if x is None else x)
    noise = torch.randn(clean.shape, generator=rng, dtype=clean.dtype)
    scale = clean.square().mean().sqrt() if x is None else 1.0
    return Example(name, problem.shaped(tuple(clean.shape[1:])), clean + 0.01 * scale * noise)


def _drawn(prior: Generator, n: int, rng: torch.Generator) -> Tensor:
    made: Tensor = prior(prior.sample_latent(n, rng, dtype=torch.float64))
    return made


#: what finds something first, for solvers that find nothing by themselves
BEFORE = {"caution": "tv"}

KNOWN, FREE = "known kernel, free pixels", "free kernel, free pixels"

MADE: dict[str, Callable[[int], Sequence[Example]]] = {
    "altgd": lambda seed: general(seed, *EXAMPLE_NAMES[:3]),
    "blindrl": lambda seed: [*general(seed, KNOWN, FREE), *gains(seed)],
    "range": lambda seed: [*general(seed, KNOWN), *gains(seed)],
    "evidence": lambda seed: [*told(general(seed, EXAMPLE_NAMES[0])), *natural(seed)],
    "darkprior": lambda seed: [*general(seed, KNOWN), *photographs(seed)],
    "irgnm": lambda seed: general(seed, EXAMPLE_NAMES[0], KNOWN, FREE),
    "kernelsearch": lambda seed: photographs(seed, (36, 40)),
    "caution": lambda seed: general(seed, KNOWN),
    "pnp": denoised,
    "diffusion": denoised,
    "vca": mixtures,
    "purest": mixtures,
    "ice": mixtures,
}
