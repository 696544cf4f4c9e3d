"""Small problems that ``darkprior`` takes, for :func:`invkit.testing.check_solver`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

import invkit
from invkit.contracts.linear import Shape
from invkit.contracts.problem import Problem
from invkit.contracts.solver import Example

MEASUREMENTS = 2

#: name, operator, kernel prior, image prior, the image's shape
_MADE = (
    ("circular, grey", "circconv", "blind?size=5", "darkchannel", (1, 14, 16)),
    (
        "valid part, colour, even kernel",
        "linconv?mode=valid",
        "blind?size=4",
        "identity?penalty=tv",
        (3, 15, 17),
    ),
)


def examples(seed: int) -> Sequence[Example]:
    """Pictures of rectangles under drawn kernels, with 1 % noise, in double precision."""
    rng = torch.Generator().manual_seed(seed)
    return tuple(
        _measured(name, invkit.operator(operator), (invkit.prior(w), invkit.prior(x)), shape, rng)
        for name, operator, w, x, shape in _MADE
    )


def _measured(
    name: str,
    operator: invkit.BilinearOperator,
    priors: tuple[invkit.Generator, invkit.Generator],
    x_shape: Shape,
    rng: torch.Generator,
) -> Example:
    w_shape = priors[0].signal_shape
    assert w_shape is not None
    problem = Problem(operator, priors).shaped(operator.output_shape(w_shape, x_shape))
    w = problem.priors[0](problem.priors[0].sample_latent(MEASUREMENTS, rng, dtype=torch.float64))
    clean = operator(w, _rectangles(MEASUREMENTS, x_shape, rng))
    return Example(name, problem, clean + 0.01 * torch.randn(clean.shape, generator=rng, dtype=clean.dtype))


def _rectangles(n: int, shape: Shape, rng: torch.Generator) -> Tensor:
    """Dark pictures with six bright or dark rectangles over each other."""
    pictures = torch.full((n, *shape), 0.1, dtype=torch.float64)
    for picture in pictures:
        for _ in range(6):
            top, left = (int(torch.randint(0, length - 3, (), generator=rng)) for length in shape[1:])
            level = torch.rand(shape[0], 1, 1, generator=rng, dtype=torch.float64)
            picture[:, top : top + shape[1] // 3, left : left + shape[2] // 3] = level
    return pictures
