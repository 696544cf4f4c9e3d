"""Small affine problems written out: a tensor in place of the operator and both priors.

    lifted = Lifted.of(c)                      # None where it would not fit
    lifted.fitted(outer, inner, root)          # the inner latent that is best for an outer one, exactly
    lifted.step(outer, fitted, root, damping)

With affine priors the measurement is ``z_p = Σ T_pij h_i m_j``, the constants of both priors being one more
entry of h and of m that is 1. T is made once, by the products of all basis signals. Then a Jacobian is one
product of matrices for all candidates together, and the inner latent comes by a QR factorisation.

Where everything is complex and linear over the complex numbers, T is complex. Where real and complex numbers
meet, T is real: a complex latent counts as twice as many real numbers, and so does a complex measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import squared_norm
from invkit.contracts.linear import Shape
from invkit.contracts.noise import Noise
from invkit.contracts.problem import Problem, Weight
from invkit.solving import Candidates
from invkit_bilinear.projection import Fitted, Move, Projection

__all__ = ["Lifted", "Linear"]

#: numbers of T at most, all measurements together
_LARGEST = 1 << 23


@runtime_checkable
class Linear(Protocol):
    """A linear map and its adjoint, a row a candidate."""

    def __call__(self, latent: Tensor, /) -> Tensor: ...
    def adjoint(self, residual: Tensor, /) -> Tensor: ...


class Lifted(Projection):
    """The products of all basis signals, and what is solved with them.

    Args:
        tensor: T, (groups, p, outer, inner); one group for all candidates, or one for each.
        constants: whether the last outer and the last inner coefficient is the constant 1.
        ridges: weights of ``‖outer‖²`` and ``‖inner‖²``.
        y: (n, p), of T's dtype.
        latents: shape and dtype of the outer and of the inner latent.
        swapped: whether the outer latent is that of x.
        paired: whether two real numbers of the measurement are one complex one.
    """

    def __init__(
        self,
        tensor: Tensor,
        constants: tuple[bool, bool],
        ridges: tuple[Weight, Weight],
        y: Tensor,
        latents: tuple[tuple[Shape, torch.dtype], tuple[Shape, torch.dtype]],
        swapped: bool,
        paired: bool,
    ) -> None:
        self.tensor, self.constants, self.ridges, self.y = tensor, constants, ridges, y
        self.latents, self.swapped, self.paired = latents, swapped, paired
        groups, self.p, self.outer, self.inner = tensor.shape
        # (outer, p · inner) and (inner, p · outer): a Jacobian is one product with either
        self._by_outer = tensor.permute(0, 2, 1, 3).reshape(groups, self.outer, -1)
        self._by_inner = tensor.permute(0, 3, 1, 2).reshape(groups, self.inner, -1)
        self._mirror: Lifted | None = None
        free = all(not isinstance(each, Tensor) and each == 0 for each in ridges)
        self.homogeneous = free and not any(constants) and min(self.outer, self.inner) > 0

    @classmethod
    def of(cls, c: Candidates) -> Lifted | None:
        """That of some candidates; None where a prior is not affine, or T would be too large."""
        problem = c.problem
        if not all(prior.affine for prior in problem.priors):
            return None
        firsts = torch.arange(0, len(c.y), c.restarts, device=c.y.device)
        shared = _shared(problem)
        groups = 1 if shared else len(firsts)
        made = [(tuple(each.shape[1:]), each.dtype) for each in (c.h, c.m)]
        numbers = [prod(shape) * (2 if dtype.is_complex else 1) + 1 for shape, dtype in made]
        if groups * c.y[0].numel() * prod(numbers) * (2 if c.y.is_complex() else 1) > _LARGEST:
            return None
        group = problem.select(firsts[:groups])
        w, x = (_Basis.of(group, which, latent[:groups]) for which, latent in enumerate((c.h, c.m)))
        native = w.linear and x.linear and (w.of_complex or x.of_complex)
        tensor = _products(group, w.signals(native), x.signals(native))
        y = c.y.flatten(1)
        paired = not native and (tensor.is_complex() or y.is_complex())
        if paired:
            tensor, y = (torch.view_as_real(each + 0j) for each in (tensor, y))
            tensor, y = tensor.movedim(-1, 2).flatten(1, 2), y.flatten(1)
        if not shared:
            tensor = tensor.repeat_interleave(c.restarts, 0)
        lifted = cls(
            tensor,
            (w.constant, x.constant),
            problem.weights,
            y.to(tensor.dtype),
            (made[0], made[1]),
            False,
            paired,
        )
        return lifted.mirrored() if prod(made[0][0]) > prod(made[1][0]) else lifted

    def mirrored(self) -> Lifted:
        """The same with outer and inner latent exchanged."""
        if self._mirror is None:
            self._mirror = Lifted(
                self.tensor.mT,
                self.constants[::-1],
                self.ridges[::-1],
                self.y,
                self.latents[::-1],
                not self.swapped,
                self.paired,
            )
        return self._mirror

    def select(self, index: Tensor) -> Lifted:
        tensor = self.tensor if len(self.tensor) == 1 else self.tensor[index]
        first, second = (each[index] if isinstance(each, Tensor) else each for each in self.ridges)
        return Lifted(
            tensor, self.constants, (first, second), self.y[index], self.latents, self.swapped, self.paired
        )

    def split(self, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        flat = self.flat(h), self.flat(m)
        return flat[::-1] if self.swapped else flat

    def joined(self, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        made = self.latent(outer, 0), self.latent(inner, 1)
        return made[::-1] if self.swapped else made

    def flat(self, latent: Tensor) -> Tensor:
        """A latent, or a measurement, as rows of T's numbers."""
        if latent.is_complex() and not self.tensor.is_complex():
            latent = torch.view_as_real(latent)
        return latent.flatten(1)

    def latent(self, flat: Tensor, which: int) -> Tensor:
        """The outer (0) or the inner (1) latent of such rows."""
        shape, dtype = self.latents[which]
        return _complex(flat, dtype.is_complex).reshape(len(flat), *shape)

    def made(self, outer: Tensor, inner: Tensor) -> Tensor:
        columns, constant = self._columns(outer, self._by_outer, self.inner, self.constants)
        return _complex((columns @ inner[..., None])[..., 0] + constant, self.paired)

    def given(self, latents: Sequence[Tensor], which: int, shape: Shape) -> tuple[Linear, Tensor]:
        """The linear part of the measurement as a map of one latent, the other given, and what both make.

        Args:
            latents: that of w and that of x.
            which: the one that the map is of, 0 or 1.
            shape: that of a measurement.
        """
        lifted = self if self.swapped == (which == 0) else self.mirrored()
        outer = lifted.flat(latents[1 - which])
        columns, constant = lifted._columns(outer, lifted._by_outer, lifted.inner, lifted.constants)
        linear = _Columns(columns, lifted, shape)
        z = linear(latents[which])
        if isinstance(constant, Tensor):
            z = z + _complex(constant, lifted.paired).reshape(z.shape)
        return linear, z

    def cost(self, h: Tensor, m: Tensor, noise: Noise, y: Tensor) -> Float[Tensor, "n"]:
        """The objective: what the noise model says, and both ridges."""
        z = self.made(*self.split(h, m)).reshape(y.shape)
        first, second = self.ridges[::-1] if self.swapped else self.ridges
        return noise(z, y) + first * squared_norm(h) + second * squared_norm(m)

    def fitted(self, outer: Tensor, inner: Tensor, root: Tensor | None) -> Fitted:
        columns, constant = self._columns(outer, self._by_outer, self.inner, self.constants)
        right = self.y - constant
        if root is not None:
            root = self._rooted(root)
            columns, right = columns * root[..., None], right * root
        columns, right = _with_ridge(columns, right, self.ridges[1])
        q, r = torch.linalg.qr(columns)
        # Directions that make nothing get the coordinate 0.
        diagonal = r.diagonal(dim1=1, dim2=2)
        info = torch.finfo(r.dtype)
        least = (info.eps * r.flatten(1).norm(dim=1)).clamp_min(info.tiny)[:, None]
        makes = diagonal.abs() > least
        q = q * makes[:, None]
        coordinates = q.mH @ right[..., None]
        r = r + torch.diag_embed(torch.where(makes, 0.0, 1 - diagonal))
        found = torch.linalg.solve_triangular(r, coordinates, upper=True)[..., 0]
        left = right - (q @ coordinates)[..., 0]
        cost = left.abs().square().sum(1) + self.ridges[0] * outer.abs().square().sum(1)
        return Fitted(found, cost, (q, left))

    def step(self, outer: Tensor, fitted: Fitted, root: Tensor | None, damping: Tensor) -> Move:
        q, left = fitted.kept
        columns, _ = self._columns(fitted.inner, self._by_inner, self.outer, self.constants[::-1])
        if root is not None:
            columns = columns * self._rooted(root)[..., None]
        # The Jacobian has no entries in the rows of the inner ridge; its projection has.
        across = q[:, : self.p].mH @ columns
        normal = columns.mH @ columns - across.mH @ across
        ridge = self.ridges[0]
        slope = (columns.mH @ left[:, : self.p, None])[..., 0]
        slope = slope - (ridge[:, None] if isinstance(ridge, Tensor) else ridge) * outer
        added = damping * normal.diagonal(dim1=1, dim2=2).real.mean(1)
        diagonal = (added + ridge)[:, None].expand(slope.shape).to(normal.dtype)
        factor, _ = torch.linalg.cholesky_ex(normal + torch.diag_embed(diagonal))
        delta = torch.cholesky_solve(slope[..., None], factor)[..., 0]
        return Move(delta, (delta.conj() * (slope + added[:, None] * delta)).real.sum(1))

    def _columns(
        self, flat: Tensor, layout: Tensor, width: int, constants: tuple[bool, bool]
    ) -> tuple[Tensor, Tensor | float]:
        """The measurement as a linear map of the other latent: its matrix (n, p, d) and its constant."""
        if constants[0]:
            flat = torch.cat([flat, flat.new_ones(len(flat), 1)], 1)
        made = flat @ layout[0] if len(layout) == 1 else (flat[:, None] @ layout)[:, 0]
        columns = made.reshape(len(flat), self.p, width)
        return (columns[..., :-1], columns[..., -1]) if constants[1] else (columns, 0.0)

    def _rooted(self, root: Tensor) -> Tensor:
        return root.repeat_interleave(2, 1) if self.paired else root


class _Columns:
    """The measurement as a linear map of the inner latent, its matrix written out."""

    def __init__(self, matrix: Tensor, lifted: Lifted, shape: Shape) -> None:
        self.matrix, self.lifted, self.shape = matrix, lifted, shape

    def __call__(self, latent: Tensor) -> Tensor:
        z = (self.matrix @ self.lifted.flat(latent)[..., None])[..., 0]
        return _complex(z, self.lifted.paired).reshape(len(z), *self.shape)

    def adjoint(self, residual: Tensor) -> Tensor:
        flat = self.lifted.flat(residual)
        return self.lifted.latent((self.matrix.mH @ flat[..., None])[..., 0], 1)


class _Basis:
    """What a prior makes of the units of its latent's real coordinates, and of zero."""

    def __init__(self, units: Tensor, origin: Tensor, of_complex: bool) -> None:
        self.units, self.origin = units, origin
        #: whether the last signal is the constant
        self.constant = units.shape[1] == 0 or bool((origin != 0).any())
        self.of_complex = of_complex
        #: whether coefficients may be complex
        self.linear = units.shape[1] == 0 or (
            of_complex and units.is_complex() and torch.allclose(units[:, 1::2], 1j * units[:, ::2])
        )

    @classmethod
    def of(cls, problem: Problem, which: int, like: Tensor) -> _Basis:
        """That of one prior; ``like`` holds one latent for each group."""
        groups, shape = len(like), tuple(like.shape[1:])
        size = prod(shape) * (2 if like.is_complex() else 1)
        units = torch.eye(size + 1, size, dtype=like.real.dtype, device=like.device)
        if like.is_complex():
            units = torch.view_as_complex(units.reshape(size + 1, -1, 2))
        latents = units.reshape(size + 1, *shape).repeat(groups, *[1] * len(shape))
        with torch.no_grad():
            prior = _repeated(problem, groups, size + 1).priors[which]
            made = prior(latents).unflatten(0, (groups, size + 1))
        return cls(made[:, :-1] - made[:, -1:], made[:, -1:], like.is_complex())

    def signals(self, native: bool) -> Tensor:
        """The basis signals, (groups, size, *signal), the constant last where there is one."""
        units = self.units[:, ::2] if native and self.of_complex else self.units
        return torch.cat([units, self.origin], 1) if self.constant else units


def _complex(flat: Tensor, paired: bool) -> Tensor:
    """Rows of numbers, two real ones after each other as one complex one where they are paired."""
    if not paired or flat.is_complex():
        return flat
    return torch.view_as_complex(flat.reshape(len(flat), -1, 2).contiguous())


def _shared(problem: Problem) -> bool:
    """Whether operator and priors are the same for all measurements."""
    chosen = problem.select(torch.zeros(1, dtype=torch.long))
    parts = (*problem.priors, problem.operator), (*chosen.priors, chosen.operator)
    return all(one is other for one, other in zip(*parts, strict=True))


def _products(problem: Problem, w: Tensor, x: Tensor) -> Tensor:
    """``A`` of all pairs of basis signals, (groups, p, first, second)."""
    (groups, first), second = w.shape[:2], x.shape[1]
    operator, rows = _repeated(problem, groups, second).operator, []
    with torch.no_grad():
        for number in range(first):
            one = w[:, number : number + 1].expand(-1, second, *w.shape[2:]).flatten(0, 1)
            rows.append(operator(one, x.flatten(0, 1)).reshape(groups, second, -1))
    return torch.stack(rows, 1).permute(0, 3, 1, 2).contiguous()


def _repeated(problem: Problem, groups: int, times: int) -> Problem:
    """The problem with every measurement so many times in a row."""
    return problem.select(torch.arange(groups).repeat_interleave(times)) if groups > 1 else problem


def _with_ridge(columns: Tensor, right: Tensor, ridge: Weight) -> tuple[Tensor, Tensor]:
    """The least-squares problem with the rows ``√ridge`` of its penalty."""
    if not isinstance(ridge, Tensor) and ridge == 0:
        return columns, right
    n, _, d = columns.shape
    root = torch.as_tensor(ridge, device=right.device).to(columns).sqrt().expand(n)
    rows = torch.diag_embed(root[:, None].expand(n, d))
    return torch.cat([columns, rows], 1), torch.cat([right, right.new_zeros(n, d)], 1)
