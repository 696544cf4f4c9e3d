"""Metrics of factors `Y = W X` of spectra: endmembers and abundances, modulo order and scale.

    spectral_angle(w, w_true)                            # radians, mean over the endmembers
    abundance_rmse((w, x), (w_true, x_true))             # of fractions

Which endmember comes first is nobody's choice, nor is the unit of each: of all orders the one is taken whose
spectral angles have the least sum. General changes of basis, which a matrix product alone would allow, are
not undone: without negative values they are not free.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.errors import ShapeError
from invkit.metrics._arrays import Array, Signals, factors, like, pair


def spectral_angle(estimate: Array, truth: Signals) -> Array:
    """Mean angle between the estimated endmembers and the true ones, in the best order.

    Args:
        estimate, truth: endmembers as columns, `(bands, rank)`, `(channels, bands, rank)` or
            `(n, channels, bands, rank)`, in any unit each; the true ones may be fewer.

    Returns:
        Radians in [0, π], `()` for one matrix, `(n,)` for a batch; a column of zeros is at π/2. NaN where a
        value is not finite.

    Raises:
        ShapeError: the bands or channels differ, there are fewer estimates than true endmembers, or it is
            none of these layouts.
        InputError: complex values, or integers beside floating point.
    """
    w, w_true = _columns(estimate, truth)
    return like(_angles(w, w_true)[0], estimate)


def abundance_rmse(estimate: tuple[Array, Array], truth: tuple[Signals, Signals]) -> Array:
    """Root mean square error of the fractions, endmembers in the order of the least spectral angles.

    The fractions of a pixel are the estimated abundances of endmembers scaled to the maximum 1, divided by
    their sum: whatever the unit of `W` and the light on the pixel. That is how the published abundances of
    the usual test scenes (Jasper Ridge, Samson) are defined. The true ones are taken as they are.

    Args:
        estimate, truth: `(W, X)`; `W` as for `spectral_angle`, `X` `(rank, pixels)` with its leading axes.

    Returns:
        `()` for one scene, `(n,)` for a batch; NaN where a value is not finite.

    Raises:
        ShapeError, InputError: as `spectral_angle`, or `X` does not fit `W`.
    """
    estimate, truth = factors(estimate, "estimate"), factors(truth, "truth")
    w, w_true = _columns(estimate[0], truth[0])
    x, x_true = pair(estimate[1], estimate[1])[0], pair(truth[1], truth[1])[0]
    fits = x.shape[:3] == w.shape[:2] + w.shape[3:] and x_true.shape[:3] == w.shape[:2] + w_true.shape[3:]
    if not fits or x.shape[3] != x_true.shape[3]:
        raise ShapeError(
            f"abundances of shapes {tuple(estimate[1].shape)} and {tuple(truth[1].shape)} do not fit "
            f"endmembers of shapes {tuple(estimate[0].shape)} and {tuple(truth[0].shape)}",
            hint="give (W, X) with W (bands, rank) and X (rank, pixels), as many pixels in both",
        )
    amounts = x * w.amax(2)[..., None]
    fractions = amounts / amounts.sum(2, keepdim=True)
    fractions = fractions.where(amounts.sum(2, keepdim=True) != 0, 0.0)
    order = _angles(w, w_true)[1]
    matched = fractions.gather(2, order[..., None].expand(*order.shape, x.shape[3]))
    return like((matched - x_true.to(x)).square().flatten(1).mean(1).sqrt(), estimate[1])


def _columns(estimate: Signals, truth: Signals) -> tuple[Tensor, Tensor]:
    """Both as `(n, channels, bands, rank)` in double precision."""
    w, w_true = pair(estimate, estimate)[0], pair(truth, truth)[0]
    if estimate.ndim != truth.ndim or w.shape[:3] != w_true.shape[:3] or w.shape[3] < w_true.shape[3]:
        raise ShapeError(
            f"expected endmembers of the same bands, at least as many as the true ones, got "
            f"{tuple(estimate.shape)} and {tuple(truth.shape)}",
            hint="give both as columns: (bands, rank)",
        )
    return w, w_true.to(w.device)


def _angles(
    w: Float[Tensor, "n c bands k"], w_true: Float[Tensor, "n c bands r"]
) -> tuple[Float[Tensor, "n"], Tensor]:
    """The mean angle of every matrix, and the column that belongs to each true one."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    tiny = torch.finfo(w.dtype).tiny
    units = [each / each.norm(dim=2, keepdim=True).clamp_min(tiny) for each in (w_true, w)]
    angles = (units[0].mT @ units[1]).clamp(-1, 1).arccos().cpu().numpy()
    rows, order = [], np.zeros(angles.shape[:3], dtype=np.int64)
    for index, matrices in enumerate(angles):
        sums = []
        for channel, matrix in enumerate(matrices):
            order[index, channel] = linear_sum_assignment(np.nan_to_num(matrix, nan=np.pi))[1]
            sums.append(np.take_along_axis(matrix, order[index, channel][:, None], 1).mean())
        rows.append(float(np.mean(sums)))
    return torch.tensor(rows, dtype=w.dtype, device=w.device), torch.as_tensor(order, device=w.device)
