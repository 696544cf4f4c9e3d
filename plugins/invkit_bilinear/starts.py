"""Spectral starts: the leading singular pair of the measurement seen as a matrix.

    spectral(c)                    # candidates whose latents were drawn get spectral ones

A bilinear map of latents is a linear map of their outer product. Its adjoint takes the measurement to a
matrix M, near a multiple of ``h mᵀ`` where the map is nearly an isometry. ``M m̄`` and ``Mᵀ h̄`` are the
operator's own adjoints at fixed x and at fixed w. So alternating adjoints are the power iteration for M's
leading singular pair, and M itself is never made.

The first restart has the leading pair. The others have ``h = M m̄`` for an m that is drawn: directions of
large singular values come up often, but all differ.

Source: X. Li, S. Ling, T. Strohmer and K. Wei, "Rapid, robust, and reliable blind deconvolution via nonconvex
optimization", Appl. Comput. Harmon. Anal. 47(3), 2019, Algorithm 1, without its projection on incoherent w.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invkit.contracts.given import is_given
from invkit.contracts.problem import Problem
from invkit.solving import Candidates, LinearPart

__all__ = ["Adjoints", "spectral"]

#: of the power iteration for the leading pair
_ITERATIONS = 30


def spectral(c: Candidates) -> None:
    """Give candidates spectral starts in place of their drawn latents, where the priors allow it.

    Both priors must be affine, with something to find in each; otherwise the latents stay.
    """
    if not all(prior.affine and not is_given(prior) for prior in c.problem.priors):
        return
    adjoints = Adjoints(c.problem, c.y)
    h, m = adjoints.pair(c.m, 1)
    first = torch.arange(0, len(c.y), c.restarts, device=c.y.device)
    one = adjoints.select(first)
    h[first], m[first] = one.pair(m[first], _ITERATIONS)
    c.move(*adjoints.scaled(h, m))


class Adjoints:
    """The measurement as a matrix on the latents, by the adjoints of the operator and of both priors."""

    def __init__(self, problem: Problem, y: Tensor) -> None:
        self.problem, self.y = problem, y
        self.parts = [LinearPart(prior, y) for prior in problem.priors]

    def select(self, index: Tensor) -> Adjoints:
        """That of the candidates ``index``."""
        return Adjoints(self.problem.select(index), self.y[index])

    def pair(self, m: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Both latents, of unit length, after some iterations from ``m``."""
        of_w, of_x = self.parts
        operator = self.problem.operator
        with torch.no_grad():
            for _ in range(iterations):
                h = _unit(of_w.adjoint(operator.adjoint_w(of_x(m), self.y, of_w.output_shape)))
                m = _unit(of_x.adjoint(operator.adjoint_x(of_w(h), self.y, of_x.output_shape)))
        return h, m

    def scaled(self, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """The same directions, with lengths that fit the measurement best."""
        of_w, of_x = self.parts
        with torch.no_grad():
            made = self.problem.operator(of_w(h), of_x(m)).flatten(1)
        energy = made.abs().square().sum(1).clamp_min(torch.finfo(made.dtype).tiny)
        factor = (made.conj() * self.y.flatten(1)).sum(1) / energy
        length = factor.abs().sqrt()
        sign = torch.where(length > 0, factor / length.clamp_min(torch.finfo(made.dtype).tiny), length)
        return h * _rows(length, h), m * _rows(sign, m)


def _unit(latent: Tensor) -> Tensor:
    length = latent.flatten(1).norm(dim=1).clamp_min(torch.finfo(latent.dtype).tiny)
    return latent / _rows(length, latent)


def _rows(values: Tensor, like: Tensor) -> Tensor:
    """One number a candidate, shaped to multiply latents."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
