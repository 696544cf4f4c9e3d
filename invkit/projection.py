"""Range projection: the closest signal that a prior can make.

    found = invkit.project("vae:mnist", x)      # x: (n, 1, 28, 28)
    found.signal, found.latent, found.psnr      # the closest in range, its latent, decibels

For every signal ``x`` of a batch,

    minimise  ‖C(m) − x‖² + weight · penalty(m)   over the latent m,

by Adam with a rate that falls along half a cosine, from several starts at once: the prior's encoding where it
has an encoder, and latents drawn from the prior. What is kept of each start is the best of its whole path.

How close the range of a prior comes to a signal bounds what any solver with that prior can recover. Source:
arXiv 1802.04073, Section 4.4 (range error and range images).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.arguments import as_count, as_number
from invkit.contracts.ambient import as_seed, following, neutral
from invkit.contracts.generator import Generator
from invkit.contracts.noise import Gaussian
from invkit.errors import InputError
from invkit.measurements import as_batch, as_numpy, in_layout
from invkit.parts import SpecLike, part
from invkit.solving.closest import descents

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Projection", "chunk_length", "draw_starts", "project"]

#: values of the signals of all candidates together: a few hundred MB with their gradients
_VALUES_AT_ONCE = 4_000_000


@attrs.frozen(eq=False)
class Projection:
    """The closest signals in a prior's range; tensors, or numpy arrays for numpy and for paths.

    Args:
        signal: of the shape of what was given.
        latent: (n, *latent), on the prior's side; n is 1 where one signal was given.
        mse: (n,), the mean squared error of each signal.
        restarts: (n, starts), the mean squared error that each start ended with.
        chosen: (n,), the start that is kept: the one of least objective.
    """

    signal: Any
    latent: Any = attrs.field(repr=False)
    mse: Any
    restarts: Any = attrs.field(repr=False)
    chosen: Any = attrs.field(repr=False)

    @property
    def psnr(self) -> Any:
        """(n,): 10·log₁₀(1 / mse), in decibels; infinite where the fit is exact."""
        with np.errstate(divide="ignore"):
            return -10 * (torch.log10 if isinstance(self.mse, Tensor) else np.log10)(self.mse)


def project(
    prior: SpecLike | Generator,
    x: Tensor | NDArray[Any] | str | os.PathLike[str],
    *,
    restarts: int = 4,
    steps: int = 300,
    rate: float = 0.1,
    weight: float = 0.0,
    seed: Any = 0,
) -> Projection:
    """Find the signals in a prior's range that are closest to given ones.

    Args:
        prior: any generator, as a spec, a dict or an object.
        x: one signal or a batch, as a tensor, a numpy array or the path of an image; see
            `invkit.Pipeline.__call__` for the layouts.
        restarts: starts for every signal; with an encoder, the first is the encoding.
        steps: of Adam, each one evaluation of the gradient.
        rate: of Adam, at first.
        weight: the weight of the prior's penalty; 0 asks for the closest signal however improbable.
        seed: the seed of the starts, a whole number from 0 to 2⁶³ − 1.

    Raises:
        SpecError: an unknown prior or option.
        InputError: NaN or infinite values, no image, or a number out of range.
        ShapeError: the prior makes signals of another shape.
    """
    restarts, steps = as_count(restarts, "restarts"), as_count(steps, "steps", least=0)
    weight, rate = as_number(weight, "weight"), as_number(rate, "rate", positive=True)
    made, seed = part("prior", prior), as_seed(seed)
    with neutral():
        rng = torch.Generator().manual_seed(seed)
        batch, numpy_in, axes_added = as_batch(x, 2)
        if batch.is_complex() and made.field == "real":
            raise InputError(
                "the signals are complex, but the prior makes real ones", hint="give their real part: x.real"
            )
        _, batch = Gaussian().prepared(batch)  # refuses what is not finite
        fitted = following(made, batch).shaped(tuple(batch.shape[1:]))
        found = _closest(fitted, batch, restarts, steps, rate, weight, rng)
    found = attrs.evolve(found, signal=in_layout(found.signal, axes_added))
    given: Projection = as_numpy(found) if numpy_in else found
    return given


def _closest(
    prior: Generator,
    batch: Float[Tensor, "n *signal"],
    restarts: int,
    steps: int,
    rate: float,
    weight: float,
    rng: torch.Generator,
) -> Projection:
    """The projection of a batch on the range of a prior of its shape."""
    starts = draw_starts(prior, batch, restarts, rng)
    size = chunk_length(batch, restarts)
    parts = []
    for i in range(0, len(batch), size):
        part = slice(i, i + size)
        *_, last = descents(prior, batch[part], starts[part], steps=steps, rate=rate, weight=weight)
        parts.append((last.latent, last.error / batch[0].numel(), last.objective))
    latents, errors, objectives = (torch.cat(list(each)) for each in zip(*parts, strict=True))
    chosen = objectives.argmin(1)
    rows = torch.arange(len(batch), device=chosen.device)
    latent = latents[rows, chosen]
    with torch.no_grad():
        made = torch.cat([prior(some) for some in torch.split(latent, 256)])
    return Projection(made, latent, (made - batch).square().flatten(1).mean(1), errors, chosen)


def chunk_length(batch: Float[Tensor, "n *signal"], restarts: int) -> int:
    """How many signals go together, all their starts included, for the memory they take."""
    return max(1, _VALUES_AT_ONCE // max(1, restarts * batch[0].numel()))


def draw_starts(
    prior: Generator, batch: Float[Tensor, "n *signal"], restarts: int, rng: torch.Generator
) -> Float[Tensor, "n r *latent"]:
    """Latents drawn from the prior, the same for all signals: equal ones end equal. The first of every
    signal is its encoding, where there is an encoder.
    """
    drawn = prior.sample_latent(restarts, rng, dtype=batch.dtype, device=batch.device)
    starts = drawn.repeat(len(batch), *[1] * drawn.ndim)
    if prior.can_encode:
        with torch.no_grad():
            starts[:, 0] = torch.cat([prior.encode(some) for some in torch.split(batch, 256)])
    return starts
