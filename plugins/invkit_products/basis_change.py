"""The ambiguity of matrix factorisation: a change of basis of the inner dimension.

change = BasisChange()
W, X = change.align(W, X, W_true, X_true)       # G by least squares: G⁻¹X as close to the truth as may be
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.ambiguity import Ambiguity


class BasisChange(Ambiguity):
    """``(W G, G⁻¹ X)`` for every invertible G, one per pair and channel: the general linear group of the
    rank.
    """

    name = "basis change"

    def sample(self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], rng: torch.Generator) -> Tensor:
        """``G = Q diag(s)``, (n, c, rank, rank), Q orthogonal and s in [½, 2]: a condition of at most 4."""
        rank = w.shape[-1]
        normal = torch.randn(*w.shape[:2], rank, rank, generator=rng, dtype=torch.float64)
        stretch = 2.0 ** (2 * torch.rand(*w.shape[:2], 1, rank, generator=rng, dtype=torch.float64) - 1)
        return (torch.linalg.qr(normal).Q * stretch).to(w)

    def act(
        self, w: Float[Tensor, "n *w"], x: Float[Tensor, "n *x"], parameter: Tensor
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """``(W G, G⁻¹ X)``."""
        return w @ parameter, torch.linalg.solve(parameter, x)

    def align(
        self,
        w: Float[Tensor, "n *w"],
        x: Float[Tensor, "n *x"],
        w_true: Float[Tensor, "n *w"],
        x_true: Float[Tensor, "n *x"],
    ) -> tuple[Float[Tensor, "n *w"], Float[Tensor, "n *x"]]:
        """``G⁻¹ = argmin ‖G⁻¹ X − X_true‖``, by least squares; where that matrix is singular the pair stays
        as it is.
        """
        inverse = x_true @ torch.linalg.pinv(x)
        values = torch.linalg.svdvals(inverse)
        singular = values[..., -1] <= values[..., 0] * torch.finfo(x.dtype).eps * x.shape[-2]
        identity = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device)
        inverse = torch.where(singular[..., None, None], identity, inverse)
        return w @ torch.linalg.inv(inverse), inverse @ x
