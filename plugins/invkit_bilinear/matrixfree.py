"""The same for any problem: products with the Jacobian and its adjoint, and conjugate gradients.

    free = MatrixFree.of(c, steps=50)

With ``z = A(w, x)`` the Jacobian takes latents' changes to ``A(dw, x) + A(w, dx)``. Its adjoint is made of
the operator's adjoints and the priors' vector–Jacobian products, and dw and dx come from differentiating
these products once more. Complex latents count as pairs of real numbers, so that maps with conjugates in
them are linear.

The inner latent is that of a prior that is affine, of two such priors the one with more numbers. Where
neither is, both latents are outer and nothing is eliminated.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from invkit.contracts.generator import Generator, squared_norm
from invkit.contracts.problem import Problem
from invkit.solving import Candidates, cast, conjugate_gradients
from invkit_bilinear.projection import Fitted, Move, Projection

__all__ = ["MatrixFree"]


class MatrixFree(Projection):
    """Jacobians by products alone.

    Args:
        problem: one row a candidate.
        y: the measurements.
        steps: of conjugate gradients, at most.
        tolerance: relative residual at which they stop.
    """

    def __init__(self, problem: Problem, y: Tensor, steps: int, tolerance: float) -> None:
        self.problem, self.y, self.steps, self.tolerance = problem, y, steps, tolerance
        #: the latent that is eliminated: 0 that of w, 1 that of x, None none
        self.inner = _eliminated(problem.priors)
        self.homogeneous = False
        self._dtypes = [prior.latent_dtype(y.dtype) for prior in problem.priors]

    @classmethod
    def of(cls, c: Candidates, steps: int) -> MatrixFree:
        """That of some candidates."""
        return cls(c.problem, c.y, steps, torch.finfo(c.y.dtype).eps ** 0.75)

    def select(self, index: Tensor) -> MatrixFree:
        return MatrixFree(self.problem.select(index), self.y[index], self.steps, self.tolerance)

    def split(self, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        if self.inner is None:
            flat = torch.cat([_real(h), _real(m)], 1)
            return flat, flat[:, :0]
        return (m, h) if self.inner == 0 else (h, m)

    def joined(self, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        if self.inner is None:
            return self._latents(outer)
        return (inner, outer) if self.inner == 0 else (outer, inner)

    def made(self, outer: Tensor, inner: Tensor) -> Tensor:
        with torch.no_grad():
            w, x = self.problem.signals(*self.joined(outer, inner))
            z: Tensor = self.problem.operator(w, x)
        return z.flatten(1)

    def fitted(self, outer: Tensor, inner: Tensor, root: Tensor | None) -> Fitted:
        h, m = self.joined(outer, inner)
        if self.inner is not None and inner.numel():
            at = _Linearised(self, h, m, root)
            change = at.solved(at.mask(self.inner), at.cost.new_zeros(len(h)))
            h, m = (a + b for a, b in zip((h, m), self._latents(change), strict=True))
        at = _Linearised(self, h, m, root)
        outer, inner = self.split(h, m)
        return Fitted(inner, at.cost)

    def step(self, outer: Tensor, fitted: Fitted, root: Tensor | None, damping: Tensor) -> Move:
        h, m = self.joined(outer, fitted.inner)
        at = _Linearised(self, h, m, root)
        everything = torch.ones_like(at.slope)
        moved = everything if self.inner is None else everything - at.mask(self.inner)
        added = damping * at.size(moved)
        change = at.solved(everything, added, moved)
        promised = (change * (at.slope + added[:, None] * moved * change)).sum(1)
        if self.inner is None:
            return Move(change, promised)
        return Move(self.split(*self._latents(change))[0], promised)

    def _latents(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Both latents of their real coordinates, (n, d)."""
        found, place = [], 0
        for prior, dtype in zip(self.problem.priors, self._dtypes, strict=True):
            shape = tuple(prior.latent_shape or ())
            size = prod(shape) * (2 if dtype.is_complex else 1)
            own = flat[:, place : place + size]
            if dtype.is_complex:
                own = torch.view_as_complex(own.reshape(len(flat), size // 2, 2).contiguous())
            found.append(own.reshape(len(flat), *shape))
            place += size
        return found[0], found[1]


class _Linearised:
    """The problem near a pair of latents: residual, slope, and products with the normal equations."""

    def __init__(self, free: MatrixFree, h: Tensor, m: Tensor, root: Tensor | None) -> None:
        self.free, self.latents = free, (h.detach(), m.detach())
        self.root = None if root is None else root.reshape(free.y.shape)
        self.operator = free.problem.operator
        with torch.enable_grad():
            self._at = tuple(each.detach().requires_grad_() for each in self.latents)
            self._signals = free.problem.signals(*self._at)
            # What is pulled back is linear in the signals, so the adjoint of pulling back is the Jacobian.
            self._pulled_from = tuple(torch.zeros_like(each, requires_grad=True) for each in self._signals)
            self._pulled = _gradients(self._signals, self._at, self._pulled_from, create_graph=True)
        self.w, self.x = (each.detach() for each in self._signals)
        with torch.no_grad():
            left = free.y - self.operator(self.w, self.x)
        self._weighted = left if self.root is None else left * self.root
        flat = torch.cat([_real(each) for each in self.latents], 1)
        self.ridge = self._ridge(flat)
        #: the cost, ``Σ ω |y − z|²`` and both ridges
        self.cost = squared_norm(self._weighted) + (self.ridge * flat.square()).sum(1)
        #: minus half the gradient of the cost
        self.slope = self.adjoint(self._weighted) - self.ridge * flat

    def mask(self, which: int) -> Tensor:
        """1 for the numbers of one latent, 0 for those of the other."""
        made = [
            torch.full_like(_real(each), float(number == which)) for number, each in enumerate(self.latents)
        ]
        return torch.cat(made, 1)

    def forward(self, change: Tensor) -> Tensor:
        """``√ω J`` of changes of the latents."""
        dw, dx = _gradients(self._pulled, self._pulled_from, self.free._latents(change))
        with torch.no_grad():
            made: Tensor = self.operator(dw, self.x) + self.operator(self.w, dx)
        return made if self.root is None else made * self.root

    def adjoint(self, residual: Tensor) -> Tensor:
        """``Jᴴ √ω`` of a residual."""
        residual = residual if self.root is None else residual * self.root
        with torch.no_grad():
            dw = self.operator.adjoint_w(self.x, residual, tuple(self.w.shape[1:]))
            dx = self.operator.adjoint_x(self.w, residual, tuple(self.x.shape[1:]))
        pulled = _gradients(self._signals, self._at, (dw, dx))
        return torch.cat([_real(each) for each in pulled], 1).detach()

    def size(self, mask: Tensor) -> Tensor:
        """An estimate of the mean diagonal of the normal equations, over some numbers, by one random vector
        of signs that is always the same.
        """
        rng = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, self.slope.shape[1:], generator=rng).to(self.slope) * 2 - 1
        made = squared_norm(self.forward(signs * mask))
        return made / mask.sum(1).clamp_min(1)

    def solved(self, mask: Tensor, added: Tensor, damped: Tensor | None = None) -> Tensor:
        """``(JᴴωJ + ridge + added) change = slope`` over the numbers of the mask."""
        diagonal = self.ridge + added[:, None] * (mask if damped is None else damped)

        def normal(change: Tensor) -> Tensor:
            return mask * self.adjoint(self.forward(change)) + diagonal * change

        return conjugate_gradients(
            normal, mask * self.slope, steps=self.free.steps, tolerance=self.free.tolerance
        )

    def _ridge(self, flat: Tensor) -> Tensor:
        """The weight of the ridge of every number."""
        made = []
        for weight, latent in zip(self.free.problem.weights, self.latents, strict=True):
            numbers = _real(latent)
            each = weight[:, None] if isinstance(weight, Tensor) else weight
            made.append(torch.ones_like(numbers) * each)
        return torch.cat(made, 1)


def _gradients(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    directions: tuple[Tensor, ...],
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    """``Σ ⟨direction, output⟩`` differentiated in every input; the graph stays for the next product."""
    pairs = [(a, cast(b, a.dtype)) for a, b in zip(outputs, directions, strict=True) if a.requires_grad]
    return torch.autograd.grad(
        [output for output, _ in pairs],
        inputs,
        [direction for _, direction in pairs],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )


def _eliminated(priors: tuple[Generator, Generator]) -> int | None:
    sizes = [prod(prior.latent_shape or ()) if prior.affine else -1 for prior in priors]
    return None if max(sizes) < 0 or priors[0].ties else int(sizes[1] >= sizes[0])


def _real(latent: Tensor) -> Tensor:
    """A latent's real coordinates, (n, d)."""
    return torch.view_as_real(latent).flatten(1) if latent.is_complex() else latent.flatten(1)
