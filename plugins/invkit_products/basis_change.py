"""The ambiguity of matrix factorisation: a change of basis of the inner dimension.

change = BasisChange()
W, X = change.align(W, X, W_true, X_true)       # G by least squares: G⁻¹X as close to the truth as may be
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity, Pair, W, X, random_factors


class BasisChange(Ambiguity):
    """``(W G, G⁻¹ X)`` for every invertible G, one per pair and channel: the general linear group of the
    rank. G is real unless both signals are complex.
    """

    name = "basis change"

    def sample(self, w: W, x: X, rng: torch.Generator) -> Tensor:
        """``G = Q diag(s)``, (n, c, rank, rank), Q orthogonal and |s| in [½, 2]: a condition of at most 4."""
        rank = w.shape[-1]
        normal = torch.randn(*w.shape[:2], rank, rank, generator=rng, dtype=torch.float64)
        stretch = random_factors((*w.shape[:2], 1, rank), w, x, rng).sqrt()
        return torch.linalg.qr(normal).Q.to(stretch) * stretch

    def act(self, w: W, x: X, parameter: Tensor) -> Pair:
        return product(w, parameter), torch.linalg.solve(parameter.to(x.dtype), x)

    def align(self, w: W, x: X, w_true: W, x_true: X) -> Pair:
        """``G⁻¹ = argmin ‖G⁻¹ X − X_true‖``, by least squares; where that matrix is singular the pair stays
        as it is.
        """
        found, truth = x, x_true
        if x.is_complex() and not w.is_complex():  # a real G of both parts
            found, truth = (torch.cat([each.real, each.imag], -1) for each in (x, x_true))
        inverse = product(truth, torch.linalg.pinv(found))
        values = torch.linalg.svdvals(inverse)
        singular = values[..., -1] <= values[..., 0] * torch.finfo(x.dtype).eps * x.shape[-2]
        identity = torch.eye(x.shape[-2]).to(inverse)
        inverse = torch.where(singular[..., None, None], identity, inverse)
        return product(w, torch.linalg.inv(inverse)), product(inverse, x)


def product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product, of a real and a complex matrix too."""
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype) @ b.to(dtype)
