"""Affine priors as linear maps, and noise models as weights: what least-squares solvers are made of.

part = LinearPart(prior)                     # B of C(m) = C(0) + B m, with its adjoint
A = operator.given(w=w, x_shape=prior.signal_shape) @ part
weights = quadratic_weights(noise, z, y)     # Σ weights · |y − z|² touches the noise's cost at z
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.generator import Generator, squared_norm
from invkit.contracts.linear import LinearOperator
from invkit.contracts.noise import Noise
from invkit.errors import InputError

__all__ = ["LinearPart", "cast", "quadratic_weights", "require_ridge"]


class LinearPart(LinearOperator):
    """``B`` of an affine prior ``C(m) = C(0) + B m``, from latents to signals.

    Args:
        prior: one that says it is ``affine``, tied to a shape.
        like: a batch of measurements; its latents have their precision and device.
    """

    def __init__(self, prior: Generator, like: Inexact[Tensor, "n *any"]) -> None:
        super().__init__()
        assert prior.affine and prior.latent_shape is not None and prior.signal_shape is not None
        self.prior = prior
        self.input_shape, self.output_shape = tuple(prior.latent_shape), tuple(prior.signal_shape)
        with torch.no_grad():
            #: the signal ``C(0)``, one for each latent of the batch ``like``
            self.origin: Tensor = prior(self._zeros(prior, like)).detach()
        self._like = like
        self._pullback: Callable[..., tuple[Tensor, ...]] | None = None

    def forward(self, x: Inexact[Tensor, "n *latent"]) -> Inexact[Tensor, "n *signal"]:
        made: Tensor = self.prior(x)
        return made - self.origin

    def adjoint(self, r: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *latent"]:
        """``Bᴴ r``, by a vector–Jacobian product."""
        if self._pullback is None:
            self._pullback = torch.func.vjp(self.prior, self._zeros(self.prior, self._like))[1]
        result: Tensor = self._pullback(cast(r, self.origin.dtype))[0]
        return result

    def _zeros(self, prior: Generator, like: Tensor) -> Tensor:
        dtype = prior.latent_dtype(like.dtype)
        return torch.zeros(len(like), *self.input_shape, dtype=dtype, device=like.device)


def cast(values: Inexact[Tensor, "n *any"], dtype: torch.dtype) -> Inexact[Tensor, "n *any"]:
    """Numbers in another dtype; of complex ones, where that is real, the real part.

    That is what the adjoint of a map of real numbers makes of them.
    """
    return (values.real if values.is_complex() and not dtype.is_complex else values).to(dtype)


def quadratic_weights(
    noise: Noise, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]
) -> Float[Tensor, "n *y"]:
    """Weights ω ≥ 0 of the entries: ``Σ ω |y − z'|²`` has the slope of the noise's cost at ``z' = z``.

    Minimising it again and again, with new weights each time, minimises the cost: iteratively reweighted
    least squares. For Gaussian noise ω are the noise's own weights, whatever z. For Huber's cost ω is
    ``min(1, δ/|y − z|)``, and ``Σ ω |y − z'|²`` is, up to a constant, an upper bound of the cost.

    Source: P. Holland and R. Welsch, Comm. Statist. Theory Methods 6(9), 1977.
    """
    least = 8 * torch.finfo(z.dtype).eps * (1 + y.abs())
    at = torch.where((z - y).abs() < least, y + least, z)  # a slope of 0 cannot be divided by 0
    apart = at - y
    return (noise.slope(at, y) * apart.conj()).real.div(2 * apart.abs().square()).clamp_min(0)


def require_ridge(prior: Generator, solver: str, weight: str) -> None:
    """Refuse a prior with another penalty than ``‖latent‖²``, for a solver of least squares.

    Raises:
        InputError: the penalty of latents drawn from the prior is another.
    """
    latent = prior.sample_latent(3, torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        found = prior.penalty(latent, prior(latent))
    if not torch.allclose(found, squared_norm(latent)):
        raise InputError(
            f"{solver} takes penalties ‖latent‖² alone, but {type(prior).__name__} has another",
            hint=f"write {weight}=0, or choose a solver that takes any penalty",
        )
