"""The best candidates whose kernels differ: of those that are nearly the same, one.

    numbers = distinct(w, value, 24)              # w (n, *w), value (n,); the numbers of 24 candidates

Of the candidates that a search follows, many come to the same kernel. Were the best of all kept, they would
be all of one kernel, the one that is easiest to find. What is found later, since only little noise or a finer
prior tells it from the others, would be gone. So each candidate that is chosen, the best first, clears its
surroundings: those whose kernels are like its own are chosen only where too few others are left.

Kernels are alike where the cosine of the angle between them is above 0.9, after a Gaussian of one sample has
blurred them. Without the blur, a thin curve that is moved by half a sample would count as another kernel.

Source: A. Pétrowski, "A clearing procedure as a niching method for genetic algorithms", Proc. IEEE Int. Conf.
Evolutionary Computation, 1996.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["alike", "distinct"]

_ALIKE = 0.9
"""The cosine above which two kernels count as one."""


def distinct(
    w: Float[Tensor, "n *w"], value: Float[Tensor, "n"], count: int | None = None
) -> Int[Tensor, "k"]:
    """Choose candidates.

    Args:
        w: the kernel of each.
        value: what is to be little, of each; infinite where it is no number.
        count: how many are chosen, n at most; None: all that differ.

    Returns:
        Their numbers, in order of value. Where fewer than ``count`` differ, the best of the others are among
        them.
    """
    order = value.argsort(stable=True)
    if not len(order):  # a schedule without a start
        return order
    same = alike(w[order]).cpu()
    free, chosen = torch.ones(len(order), dtype=torch.bool), []
    for number in range(len(order)):
        if free[number]:
            chosen.append(number)
            free &= ~same[number]
            if len(chosen) == count:
                break
    taken = set(chosen)
    others = [number for number in range(len(order)) if number not in taken]
    if count is not None:
        chosen += others[: count - len(chosen)]
    return order[torch.tensor(sorted(chosen), device=order.device)]


def alike(w: Float[Tensor, "n *w"]) -> Bool[Tensor, "n n"]:
    """Compare every two kernels: whether they are nearly the same. A kernel is always like itself."""
    dims, soft = tuple(range(2, w.ndim)), w
    if dims:
        square = w.new_zeros(())
        for dim in dims:
            own = torch.fft.rfftfreq if dim == dims[-1] else torch.fft.fftfreq
            turns = own(w.shape[dim], dtype=w.dtype, device=w.device).square()
            square = square + turns.reshape(-1, *[1] * (dims[-1] - dim))
        spectrum = torch.fft.rfftn(w, dim=dims) * (-2 * math.pi**2 * square).exp()
        soft = torch.fft.irfftn(spectrum, s=w.shape[2:], dim=dims)
    rows = torch.nn.functional.normalize(soft.flatten(1), dim=1)
    return (rows @ rows.T > _ALIKE) | torch.eye(len(w), dtype=torch.bool, device=w.device)
