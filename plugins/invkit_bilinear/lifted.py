"""Small affine problems written out: a tensor in place of the operator and both priors.

    lifted = Lifted.of(c)                      # None where it would not fit
    lifted.fitted(outer, root)                 # the inner latent that is best for an outer one, exactly
    lifted.step(outer, fitted, root, damping)

With affine priors the measurement is ``z_p = Σ T_pij h_i m_j``, the constants of both priors being one more
entry of h and of m that is 1. T is made once, by the products of all basis signals. Then a Jacobian is one
product of matrices for all candidates together, and the inner latent comes by a QR factorisation.

*Outer* is the latent that Levenberg–Marquardt steps move, *inner* the other, with more numbers, that is
eliminated (variable projection). ``root`` are square roots of the weights of the measured entries.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.problem import Problem, Weight
from invkit.solving import Candidates
from invkit_bilinear.projection import Fitted, Move, Projection

__all__ = ["Lifted"]

#: numbers of T at most, all measurements together
_LARGEST = 1 << 23


class Lifted(Projection):
    """The products of all basis signals, and what is solved with them.

    Args:
        tensor: T, (groups, p, outer, inner); one group for all candidates, or one for each.
        constants: whether the last outer and the last inner coefficient is the constant 1.
        ridges: weights of ``‖outer‖²`` and ``‖inner‖²``.
        y: (n, p).
        swapped: whether the outer latent is that of x.
        shapes: of the outer and of the inner latent.
    """

    def __init__(
        self,
        tensor: Tensor,
        constants: tuple[bool, bool],
        ridges: tuple[Weight, Weight],
        y: Tensor,
        swapped: bool,
        shapes: tuple[Shape, Shape],
    ) -> None:
        self.tensor, self.constants, self.ridges = tensor, constants, ridges
        self.y, self.swapped, self.shapes = y, swapped, shapes
        self._mirror: Lifted | None = None
        groups, self.p, self.outer, self.inner = tensor.shape
        # (outer, p · inner) and (inner, p · outer): a Jacobian is one product with either
        self._by_outer = tensor.permute(0, 2, 1, 3).reshape(groups, self.outer, -1)
        self._by_inner = tensor.permute(0, 3, 1, 2).reshape(groups, self.inner, -1)

    @classmethod
    def of(cls, c: Candidates) -> Lifted | None:
        """That of some candidates; None where a prior is not affine, or T would be too large."""
        problem = c.problem
        if not all(prior.affine for prior in problem.priors):
            return None
        shared = _shared(problem)
        firsts = torch.arange(0, len(c.y), c.restarts, device=c.y.device)
        group = problem.select(firsts[:1] if shared else firsts)
        sizes = [prod(prior.latent_shape or ()) for prior in problem.priors]
        if len(firsts) * c.y[0].numel() * (sizes[0] + 1) * (sizes[1] + 1) > _LARGEST:
            return None
        w, constant_w = _signals(group, 0, c.y, 1 if shared else len(firsts))
        x, constant_x = _signals(group, 1, c.y, 1 if shared else len(firsts))
        tensor = _products(group, w, x)
        if not shared:
            tensor = tensor.repeat_interleave(c.restarts, 0)
        swapped = sizes[0] > sizes[1]
        order = (1, 0) if swapped else (0, 1)
        constants = (constant_w, constant_x)
        shapes = [tuple(prior.latent_shape or ()) for prior in problem.priors]
        return cls(
            tensor.mT.contiguous() if swapped else tensor,
            (constants[order[0]], constants[order[1]]),
            (problem.weights[order[0]], problem.weights[order[1]]),
            c.y.flatten(1),
            swapped,
            (shapes[order[0]], shapes[order[1]]),
        )

    def select(self, index: Tensor) -> Lifted:
        tensor = self.tensor if len(self.tensor) == 1 else self.tensor[index]
        first, second = (each[index] if isinstance(each, Tensor) else each for each in self.ridges)
        return Lifted(tensor, self.constants, (first, second), self.y[index], self.swapped, self.shapes)

    def split(self, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        return (m, h) if self.swapped else (h, m)

    def joined(self, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        return (inner, outer) if self.swapped else (outer, inner)

    def mirrored(self) -> Lifted:
        """The same with outer and inner latent exchanged."""
        if self._mirror is None:
            exchanged = (pair[::-1] for pair in (self.constants, self.ridges))
            self._mirror = Lifted(self.tensor.mT, *exchanged, self.y, not self.swapped, self.shapes[::-1])
        return self._mirror

    @property
    def homogeneous(self) -> bool:
        return not any(self.constants) and all(
            isinstance(each, float | int) and each == 0 for each in self.ridges
        )

    def made(self, outer: Tensor, inner: Tensor) -> Tensor:
        columns, constant = self._columns(outer, self._by_outer, self.inner, self.constants)
        return (columns @ inner.flatten(1)[..., None])[..., 0] + constant

    def fitted(self, outer: Tensor, inner: Tensor, root: Tensor | None) -> Fitted:
        columns, constant = self._columns(outer, self._by_outer, self.inner, self.constants)
        right = self.y - constant
        if root is not None:
            columns, right = columns * root[..., None], right * root
        columns, right = _with_ridge(columns, right, self.ridges[1])
        q, r = torch.linalg.qr(columns)
        coordinates = q.mH @ right[..., None]
        tiny = torch.finfo(r.dtype)
        least = (tiny.eps * r.flatten(1).norm(dim=1)).clamp_min(tiny.tiny)[:, None]
        diagonal = r.diagonal(dim1=1, dim2=2)
        r = r + torch.diag_embed(torch.where(diagonal.abs() < least, least.to(r.dtype), 0.0))
        found = torch.linalg.solve_triangular(r, coordinates, upper=True)[..., 0]
        left = right - (q @ coordinates)[..., 0]
        cost = left.abs().square().sum(1) + self.ridges[0] * outer.flatten(1).abs().square().sum(1)
        return Fitted(found.reshape(len(outer), *self.shapes[1]), cost, (q, left))

    def step(self, outer: Tensor, fitted: Fitted, root: Tensor | None, damping: Tensor) -> Move:
        q, left = fitted.kept
        flat = outer.flatten(1)
        columns, _ = self._columns(fitted.inner, self._by_inner, self.outer, self.constants[::-1])
        if root is not None:
            columns = columns * root[..., None]
        rows = q[:, : self.p]
        # The ridge's rows of the Jacobian are zero, those of its projection are not.
        across = rows.mH @ columns
        normal = columns.mH @ columns - across.mH @ across
        slope = (columns.mH @ left[:, : self.p, None])[..., 0]
        size = normal.diagonal(dim1=1, dim2=2).real.mean(1)
        ridge = self.ridges[0]
        slope = slope - _per_row(ridge, flat) * flat
        added = damping * size + ridge
        normal = normal + torch.diag_embed(added[:, None].expand(-1, flat.shape[1]).to(normal.dtype))
        factor, _ = torch.linalg.cholesky_ex(normal)
        delta = torch.cholesky_solve(slope[..., None], factor)[..., 0]
        promised = (delta.conj() * (slope + (damping * size)[:, None] * delta)).real.sum(1)
        return Move(delta.reshape(outer.shape), promised)

    def _columns(
        self, latent: Tensor, layout: Tensor, width: int, constants: tuple[bool, bool]
    ) -> tuple[Tensor, Tensor | float]:
        """The measurement as a linear map of the other latent: its matrix (n, p, d) and its constant."""
        flat = latent.flatten(1)
        if constants[0]:
            flat = torch.cat([flat, flat.new_ones(len(flat), 1)], 1)
        if len(layout) == 1:
            columns = (flat @ layout[0]).reshape(len(flat), self.p, width)
        else:
            columns = (flat[:, None] @ layout).reshape(len(flat), self.p, width)
        return (columns[..., :-1], columns[..., -1]) if constants[1] else (columns, 0.0)


def _shared(problem: Problem) -> bool:
    """Whether operator and priors are the same for all measurements."""
    index = torch.zeros(1, dtype=torch.long)
    chosen = problem.select(index)
    parts = (*problem.priors, problem.operator), (*chosen.priors, chosen.operator)
    return all(one is other for one, other in zip(*parts, strict=True))


def _signals(problem: Problem, which: int, y: Tensor, groups: int) -> tuple[Tensor, bool]:
    """The basis signals of a prior, (groups, size, *signal), the constant last where there is one."""
    shape = tuple(problem.priors[which].latent_shape or ())
    size = prod(shape)
    units = torch.eye(size + 1, size, dtype=y.dtype, device=y.device).reshape(size + 1, *shape)
    with torch.no_grad():
        prior = _repeated(problem, groups, size + 1).priors[which]
        made = prior(units.repeat(groups, *[1] * len(shape))).unflatten(0, (groups, size + 1))
    origin = made[:, -1:]
    constant = size == 0 or bool((origin != 0).any())
    return torch.cat([made[:, :-1] - origin, *([origin] if constant else [])], 1), constant


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


def _per_row(ridge: Weight, flat: Tensor) -> Tensor | float:
    """A ridge, shaped to multiply latents."""
    return ridge[:, None].to(flat) if isinstance(ridge, Tensor) else ridge
