"""Free pixels with few non-zero gradients and a dark channel that is mostly zero, as sharp images have.

    image = invkit.prior("darkchannel")                        # its shape follows from the measurement
    image = invkit.prior("darkchannel?patch=9,gradient=0.5")

The penalty counts, smoothly, where the gradient and the dark channel are not zero,

    g(x) = a Σ ψ(|∇x|²) + b Σ ψ(D(x)²),     ψ(s) = s / (s + ε²)  →  [s ≠ 0]  as ε → 0,

so that solvers that know gradients only can use it. The solver ``darkprior`` works with the counts
themselves.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from invkit.errors import InputError, ShapeError
from invkit_photographs.dark_channel import patch_for
from invkit_photographs.pixels import Pixels


class DarkChannel(Pixels):
    """``C(m) = m`` with the penalty of the module; images, (channels, height, width), values about [0, 1].

    ``D`` is the minimum over all channels and a patch, cut off at the image's border; ``∇`` are forward
    differences, zero at the far border, whose squares are summed over the channels. Deviation from Pan et al.
    2016: the counts ‖·‖₀ are smoothed by ε. They weigh the same unless told otherwise, as there (λ = μ).

    Args:
        patch: side of the patch, odd; None: a seventh of the image's shorter side, 35 at most.
        gradient: the weight a.
        dark: the weight b.
        eps: ε, in units of the image.

    Raises:
        InputError: a patch that is not odd, ε not positive, or a negative weight.
    """

    penalty_weight = 4e-3

    def __init__(
        self, patch: int | None = None, gradient: float = 1.0, dark: float = 1.0, eps: float = 0.05
    ) -> None:
        super().__init__()
        if patch is not None and (patch < 1 or patch % 2 == 0):
            raise InputError(f"patch={patch} has no middle pixel", hint="write an odd number, e.g. patch=35")
        if not eps > 0 or min(gradient, dark) < 0:
            raise InputError(
                f"eps={eps}, gradient={gradient}, dark={dark}: ε must be positive, no weight negative",
                hint="write e.g. darkchannel?eps=0.05,gradient=1,dark=1",
            )
        self.patch, self.gradient, self.dark, self.eps = patch, gradient, dark, eps

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "n c h w"]:
        if self.latent_shape is None:
            raise ShapeError(
                "this prior has no shape yet", hint="call prior.shaped((channels, height, width))"
            )
        return torch.rand(n, *self.latent_shape, generator=rng, dtype=dtype).to(device)

    def penalty(
        self, latent: Float[Tensor, "n c h w"], signal: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n"]:
        """The smooth count; between 0 and a + b times the number of pixels."""
        steep = sum(
            signal.diff(dim=axis, append=signal.narrow(axis, signal.shape[axis] - 1, 1))
            .square()
            .sum(1, keepdim=True)
            for axis in (2, 3)
        )
        assert isinstance(steep, Tensor)
        patch = self.patch or patch_for(tuple(signal.shape[2:]))
        negated = pad(-signal.amin(1, keepdim=True), (patch // 2,) * 4, value=-torch.inf)
        darkest = max_pool2d(negated, patch, stride=1)  # with its sign changed, only pixels inside the image
        count = self.gradient * self._count(steep) + self.dark * self._count(darkest.square())
        return count.flatten(1).sum(1)

    def _count(self, square: Tensor) -> Tensor:
        return square / (square + self.eps**2)

    def alike(self) -> DarkChannel:
        return DarkChannel(self.patch, self.gradient, self.dark, self.eps)
