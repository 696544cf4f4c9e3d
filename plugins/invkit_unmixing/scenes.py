"""A measurement as a matrix to be factorised, with nothing missing.

    for row, scene in enumerate(scenes(problem, y, "ice")):      # one a measurement
        scene.values, scene.rank                                 # (bands, pixels), largest modulus 1

Columns are called pixels, rows bands. Where entries were not measured, or count less than others, the
matrix is completed first: a fit M of low rank to the weighted entries becomes better by fitting ``ω Y + (1
− ω) M``, every entry alike, where ω is the weight over the largest (majorisation; for entries that are
missing it is the EM algorithm of N. Srebro and T. Jaakkola, "Weighted low-rank approximations", ICML 2003).
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.errors import InputError

__all__ = [
    "BEYOND",
    "Scene",
    "abundances",
    "brightness",
    "leading",
    "nonnegative_abundances",
    "scenes",
    "solved",
]

_PROBE = 271_828
_LEAST_BRIGHTNESS = 1e-3
#: rank of the completion beyond the factorisation's, entries of a pixel for each, rounds, when to stop
BEYOND, _ENTRIES, _ROUNDS, _SMALL = 6, 12, 60, 1e-3


@attrs.frozen(eq=False)
class Scene:
    """One measurement.

    Args:
        values: Y over ``size``, completed.
        size: the largest modulus of Y.
        rank: columns of W.
    """

    values: Float[Tensor, "bands pixels"]
    size: Float[Tensor, ""]
    rank: int


def scenes(problem: Problem, y: Float[Tensor, "n *y"], solver: str) -> Iterator[Scene]:
    """Every measurement as a scene.

    Args:
        problem: bound to ``y``.
        y: the measurements.
        solver: who asks, for messages.

    Raises:
        InputError: the operator is no product of real matrices, there are several channels, or the noise is
            not Gaussian.
    """
    require_matrix_product(problem, y, solver)
    weights = problem.noise.weights
    rank = (problem.priors[0].signal_shape or ())[-1]
    for row, each in enumerate(y[:, 0]):
        own = None if weights is None else weights[row, 0].to(y)
        size = each.abs().amax().clamp_min(torch.finfo(y.dtype).tiny)
        values = each / size if own is None else completed(each / size, own / own.amax(), rank)
        yield Scene(values, size, rank)


def completed(
    values: Float[Tensor, "bands pixels"], weights: Float[Tensor, "bands pixels"], rank: int
) -> Float[Tensor, "bands pixels"]:
    """The values where they count, a fit of low rank where they do not.

    The rank is ``rank + 6``, or less where pixels have few entries. The first fit is the mean spectrum, as
    bright as the pixel is where it was measured.
    """
    entries = weights.sum(0).median()
    rank = max(rank, min(rank + BEYOND, int(entries) // _ENTRIES))
    tiny = torch.finfo(values.dtype).tiny
    mean = (weights * values).sum(1) / weights.sum(1).clamp_min(tiny)
    bright = (weights * values).sum(0) / (weights * mean[:, None]).sum(0).clamp_min(tiny)
    made = torch.lerp(mean[:, None] * bright, values, weights)
    for _ in range(_ROUNDS):
        basis = leading(made, rank)
        last, made = made, torch.lerp(basis @ (basis.T @ made), values, weights)
        if float((made - last).square().sum()) <= _SMALL**2 * float(made.square().sum()):
            break
    return made


def require_matrix_product(problem: Problem, y: Float[Tensor, "n *y"], solver: str) -> None:
    """Raise unless ``A(W, X) = W X``, of one channel, with Gaussian noise; by a probe of the operator."""
    if not isinstance(problem.noise, Gaussian):
        raise InputError(
            f"{solver} minimises squared residuals, the noise is {type(problem.noise).__name__}",
            hint="leave noise out, or write noise=gaussian?missing=nan where entries are missing",
        )
    w_shape, x_shape = (tuple(prior.signal_shape or ()) for prior in problem.priors)
    fits = len(w_shape) == len(x_shape) == 3 and w_shape[2] == x_shape[1] and not y.is_complex()
    if fits and w_shape[0] == x_shape[0] == 1:
        rng = torch.Generator().manual_seed(_PROBE)
        w, x = (
            torch.rand(1, *shape, generator=rng, dtype=torch.float64).to(y) for shape in (w_shape, x_shape)
        )
        with torch.no_grad():
            made: Tensor = problem.operator(w, x)
        if made.shape[1:] == y.shape[1:] and torch.allclose(made, w @ x, rtol=1e-3):
            return
    raise InputError(
        f"{solver} factorises a real matrix of one channel, Y = W X; this problem has w of shape {w_shape} "
        f"and x of shape {x_shape}",
        hint="choose an operator that multiplies matrices (see `invkit list operators`), a measurement for "
        "each channel, or another solver",
    )


def leading(values: Float[Tensor, "bands pixels"], rank: int) -> Float[Tensor, "bands k"]:
    """The leading left singular vectors, no more than there are bands."""
    return torch.linalg.eigh(values @ values.T).eigenvectors.flip(1)[:, :rank]


def brightness(values: Float[Tensor, "bands pixels"]) -> Float[Tensor, "pixels"]:
    """The mean of every pixel over the bands, at least a thousandth of the mean over the scene."""
    mean = values.mean(0)
    least = _LEAST_BRIGHTNESS * mean.abs().mean()
    return mean.clamp_min(least).clamp_min(torch.finfo(mean.dtype).tiny)


def solved(gram: Float[Tensor, "rank rank"], right: Float[Tensor, "rank many"]) -> Float[Tensor, "rank many"]:
    """``gram⁻¹ right``, with a ridge that is rounding beside the diagonal."""
    ridge = (torch.finfo(gram.dtype).eps * gram.diagonal().mean()).clamp_min(torch.finfo(gram.dtype).tiny)
    made: Tensor = torch.linalg.solve(gram + ridge * torch.eye(len(gram)).to(gram), right)
    return made


def abundances(
    gram: Float[Tensor, "rank rank"],
    right: Float[Tensor, "rank pixels"],
    prior: Generator,
    *,
    steps: int = 300,
) -> Float[Tensor, "rank pixels"]:
    """``argmin ‖Y − W X‖²`` over the X that a prior allows, from ``WᵀW`` and ``WᵀY``.

    Accelerated proximal gradients, restarted where the step turns back. The prior's proximal map is that of a
    set; a penalty has no part.

    Source: A. Beck and M. Teboulle, SIAM J. Imaging Sciences 2, 2009; restart: B. O'Donoghue and E. Candès,
    Found. Comput. Math. 15, 2015.
    """
    length = torch.linalg.matrix_norm(gram, 2).clamp_min(torch.finfo(gram.dtype).tiny)
    none = torch.finfo(gram.dtype).tiny

    def allowed(x: Tensor) -> Tensor:
        made: Tensor = prior.prox(x[None, None], none)
        return made[0, 0]

    x = allowed(solved(gram, right))
    ahead, momentum = x, 1.0
    for _ in range(steps):
        new = allowed(ahead - (gram @ ahead - right) / length)
        if float(((ahead - new) * (new - x)).sum()) > 0:
            momentum = 1.0
        last, momentum = momentum, (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead, x = new + (last - 1) / momentum * (new - x), new
    return x


def nonnegative_abundances(
    gram: Float[Tensor, "*b rank rank"],
    right: Float[Tensor, "*b rank pixels"],
    start: Float[Tensor, "*b rank pixels"],
    *,
    sweeps: int,
) -> Float[Tensor, "*b rank pixels"]:
    """Sweeps of coordinate descent on ``‖Y − W X‖²`` over ``X ≥ 0``, from ``WᵀW`` and ``WᵀY``."""
    x, rank = start.clone(), gram.shape[-1]
    pivots = gram.diagonal(dim1=-2, dim2=-1).clamp_min(torch.finfo(gram.dtype).tiny)
    for _ in range(sweeps):
        for k in range(rank):
            slope = right[..., k, :] - (gram[..., k : k + 1, :] @ x)[..., 0, :]
            x[..., k, :] = (x[..., k, :] + slope / pivots[..., k, None]).clamp_min_(0)
    return x
