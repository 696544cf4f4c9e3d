"""Total variation by the ADMM for windows of circular convolutions: every step is a division in the DFT.

    engine = WindowedTV(window, x_shape, term, gamma, palette, joint=True, jump=0.1, penalty=0.1, bounds=None)
    engine.begin(first)
    for _ in range(30):
        engine.step()
    engine.x                     # argmin ½ Σ weight·(y − A x)² + γ·TV(x)

With x in a frame (:class:`~invkit.contracts.linear.Window`), z = P x its colours (:mod:`.colours`), K the
circular convolution and A x the pixels of ``v = K x`` that were measured,

    v for K x,    d for D z,    and where values are restricted q for x:  in bounds, 0 beyond the signal

are variables of their own, with scaled multipliers a, b and c and penalties σ, β and ρ:

    x ← argmin σ‖K x − v + a‖² + β‖D z − d + b‖² + ρ‖x − q + c‖²                   (division in the DFT)
    v ← (weight·y + σ n) / (weight + σ) where measured, n elsewhere;    n = K x + a,   a ← n − v
    d ← shrink(m, γ/β),   b ← m − d,   m = D z + b;       q ← clip(x + c),   c ← x + c − q

A clipped entry says "at least y": there v is n where n is larger. The penalties change how fast it converges,
not where to. Where all of the frame was measured, and nothing clipped, v = K x needs no variable of its own.
Everything is done in place: large temporaries cost more than the arithmetic. Source: Almeida and
Figueiredo, "Deconvolving images with unknown boundaries using the alternating direction method of
multipliers", IEEE Trans. Image Process. 22(8), 2013; deviations: the colours, clipped entries, zeros beyond,
and differences that wrap around are not counted.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor

from invkit.contracts.linear import Shape, Window
from invkit_baselines.colours import Palette, recoloured
from invkit_baselines.differences import laplacian_spectrum

RELAXED = 1.7
"""α: in place of K x and D z stand α K x + (1 − α) v and α D z + (1 − α) d, which takes fewer iterations."""


@attrs.frozen(eq=False)
class DataTerm:
    """What was measured: ``½ Σ weight·(y − A x)²``, of clipped entries only where A x is below y.

    Args:
        y: the measurements.
        weights: of the entries; None: 1.
        clipped: entries that say "at least y"; None: none.
    """

    y: Inexact[Tensor, "n c *y"]
    weights: Float[Tensor, "n c *y"] | None = None
    clipped: Bool[Tensor, "n c *y"] | None = None

    def __call__(self, made: Inexact[Tensor, "n c *y"]) -> Float[Tensor, "n"]:
        """Twice the data term: the weighted squared residual."""
        apart = self.y - made
        if self.clipped is not None:
            apart = torch.where(self.clipped, apart.clamp(min=0), apart)
        squares = apart.abs().square()
        if self.weights is not None:
            squares = torch.where(self.weights > 0, squares * self.weights, 0.0)
        return squares.flatten(1).sum(1)

    def select(self, index: Tensor) -> DataTerm:
        """The measurements ``index`` alone."""
        return DataTerm(*(None if each is None else each[index] for each in self.parts))  # type: ignore[arg-type]

    def kinds(self) -> Int[Tensor, "n"]:
        """What each measurement asks for: 1 where its entries have weights, plus 2 where some are clipped."""
        kinds = torch.zeros(len(self.y), dtype=torch.int64, device=self.y.device)
        if self.weights is not None:
            kinds += (self.weights != 1).flatten(1).any(1)
        if self.clipped is not None:
            kinds += 2 * self.clipped.flatten(1).any(1)
        return kinds

    def of_kind(self, kind: int) -> DataTerm:
        """The same without the weights or the clipped entries that no measurement of the kind has."""
        return DataTerm(self.y, self.weights if kind & 1 else None, self.clipped if kind & 2 else None)

    def part(self, place: tuple[Any, ...]) -> DataTerm:
        """A part of every measurement."""
        return DataTerm(*(None if each is None else each[(..., *place)] for each in self.parts))  # type: ignore[arg-type]

    @property
    def parts(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """All three."""
        return self.y, self.weights, self.clipped


class WindowedTV:
    """The iteration for a batch of measurements, in place."""

    def __init__(
        self,
        window: Window,
        x_shape: Shape,
        term: DataTerm,
        gamma: Float[Tensor, "n"],
        palette: Palette,
        *,
        joint: bool,
        jump: float,
        penalty: float,
        bounds: tuple[float, float] | None,
    ) -> None:
        y = term.y
        self.term, self.palette, self.joint, self.jump, self.bounds = term, palette, joint, jump, bounds
        self.size = tuple(window.size)
        self.inside: tuple[Any, ...] = tuple(slice(length) for length in x_shape[1:])
        self.measured: tuple[Any, ...] = tuple(slice(length) for length in y.shape[2:])
        self.dims = tuple(range(2, y.ndim))
        self.multipliers = window.multipliers.to(torch.complex(y[:0], y[:0]).dtype)
        #: whether each entry has a data term of its own, so that v is taken in the measurement's channels
        self.special = term.weights is not None or term.clipped is not None
        self.split = self.special or self.size != tuple(y.shape[2:])
        self.restricted = bounds is not None or window.beyond == "zero"
        each = (-1, *[1] * (y.ndim - 1))
        most = y.new_ones(len(y)) if term.weights is None else term.weights.flatten(1).amax(1)
        sigma = (penalty * most if self.split else most).reshape(each)
        beta = (gamma / jump).reshape(each)
        squared = palette.weights.square().reshape(1, -1, *[1] * len(self.dims))
        smooth, held = beta * squared / sigma, beta / sigma if self.restricted else 0.0
        self.ratio = held / smooth
        laplacian = laplacian_spectrum(y.new_empty(1, 1, *self.size))
        power = self.multipliers.abs().square() + smooth * laplacian + held
        # Zero only where K and D both lose a frequency; then so is the numerator, and the quotient is 0.
        power = power.clamp_min(torch.finfo(y.dtype).tiny)
        self.inverse = self.multipliers.conj() / power
        self.smoother = (smooth / power).to(self.inverse.dtype)  # several times faster than a real factor
        weights = torch.ones_like(sigma) if term.weights is None else term.weights
        self.share = weights / (weights + sigma)

    def begin(self, first: Float[Tensor, "n c *x"]) -> None:
        """Start from x, with multipliers of zero. The measurement is a better start than a Wiener filter of
        it, in far fewer iterations where borders are unknown.
        """
        y, shape = self.term.y, (*self.term.y.shape[:2], *self.size)
        self.frame = y.new_empty(shape)
        self.rhs, self.moved = y.new_zeros(shape), y.new_empty(shape)
        self.b = y.new_zeros(len(y), len(self.dims), *shape[1:])
        self.norm = y.new_empty(shape if not self.joint else (len(y), 1, *self.size))
        self.a = y.new_zeros(y.shape)
        self.frame[...] = first.flatten(2).mean(2).reshape(*shape[:2], *[1] * len(self.dims))
        self.frame[(..., *self.inside)] = first
        if self.restricted:
            self.frame.zero_()
            self.frame[(..., *self.inside)] = first
            self.q, self.c = self.frame.clone(), torch.zeros_like(self.frame)
        self.frame = self._coloured(self.frame)
        self.target = y if self.special else self._coloured(y)
        if not self.split:
            self.fixed = torch.fft.rfftn(self.target, dim=self.dims) * self.inverse
        else:
            spectrum = torch.fft.rfftn(self.frame, dim=self.dims).mul_(self.multipliers)
            self.v = torch.fft.irfftn(spectrum, self.size, self.dims)
            self._split_data(relaxed=False)
        for axis, dim in enumerate(self.dims):  # as if d were D z, and b zero
            self._add_differences(self.b[:, axis], dim, 1 - RELAXED)
        self._split_variation()
        if self.restricted:
            self.rhs += self.ratio * self._coloured(self.q)

    @property
    def x(self) -> Float[Tensor, "n c *x"]:
        """The signal so far: the one within the bounds, where there are any."""
        if self.bounds is not None:
            return self.q[(..., *self.inside)]
        part = self.frame[(..., *self.inside)]
        return part if self.palette.plain else recoloured(part, self.palette.inverse)

    def step(self) -> None:
        """One iteration."""
        self._move()
        self._split_variation()
        if self.restricted:
            self._split_restriction()
        if self.split:
            self._split_data()

    def select(self, index: Tensor) -> None:
        """Keep the measurements ``index`` alone."""
        n = len(self.term.y)
        self.term = self.term.select(index)
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and len(value) == n:
                setattr(self, name, value[index])

    def _move(self) -> None:
        """The step in x, and ``K x`` in the place of v."""
        if self.split:
            spectrum = torch.fft.rfftn(self.v, dim=self.dims).mul_(self.inverse)
        else:
            spectrum = self.fixed.clone()
        spectrum.addcmul_(torch.fft.rfftn(self.rhs, dim=self.dims), self.smoother)
        self.frame = torch.fft.irfftn(spectrum, self.size, self.dims)
        if self.split:  # v − a becomes n without a
            made = torch.fft.irfftn(spectrum.mul_(self.multipliers), self.size, self.dims)
            self.v.lerp_(made, RELAXED)

    def _split_variation(self) -> None:
        """b ← m cut to length γ/β, and Dᵀ(d − b) = Dᵀ(m − 2b) on the right-hand side.

        With b = κ m, what is kept is (1 − α) d + b = (1 − α + α κ) m.
        """
        uncounted = []
        for axis, dim in enumerate(self.dims):
            self._add_differences(self.b[:, axis], dim, RELAXED)
            for place in self._uncounted(axis):  # there d = D z, b = 0, and the norm is of the others
                part = self.b[:, axis][place]
                uncounted.append((axis, place, part.clone()))
                part.zero_()
        kept = self._cut()
        turned = 1 - 2 * kept
        kept.mul_(RELAXED).add_(1 - RELAXED)
        for axis, dim in enumerate(self.dims):
            m, d = self.b[:, axis], self.moved
            torch.mul(m, turned, out=d)
            m *= kept
            for _, place, part in (each for each in uncounted if each[0] == axis):
                d[place] += part
                m[place].add_(part, alpha=1 - RELAXED)
            self._subtract_divergence(d, dim, first=axis == 0)

    def _cut(self) -> Tensor:
        """What multiplies a vector m to cut it to the length of the jump: min(1, jump / |m|)."""
        jump, joint = self.jump, self.joint
        vectors = self.b.flatten(1, 2) if joint else self.b
        parts = vectors.split(1, 1) if joint else vectors.unbind(1)
        torch.mul(parts[0], parts[0], out=self.norm)
        for part in parts[1:]:
            self.norm.addcmul_(part, part)
        return self.norm.clamp_(min=jump * jump).rsqrt_().mul_(jump)

    def _uncounted(self, axis: int) -> list[tuple[Any, ...]]:
        """Where differences along an axis of the signal do not count: its last pixel, and beyond the signal.

        The places are disjoint.
        """
        places: list[tuple[Any, ...]] = []
        before: list[slice] = []
        for other, (inside, length) in enumerate(zip(self.inside, self.size, strict=True)):
            end = inside.stop - 1 if other == axis else inside.stop
            if end < length:
                places.append((..., *before, slice(end, None), *[slice(None)] * (len(self.size) - other - 1)))
            before.append(slice(end))
        return places

    def _add_differences(self, to: Tensor, dim: int, factor: float = 1.0) -> None:
        """``to += factor · D_dim z``, wrapping around."""
        x, last = self.frame, self.frame.shape[dim] - 1
        to.sub_(x, alpha=factor)
        to.narrow(dim, 0, last).add_(x.narrow(dim, 1, last), alpha=factor)
        to.narrow(dim, last, 1).add_(x.narrow(dim, 0, 1), alpha=factor)

    def _subtract_divergence(self, d: Tensor, dim: int, *, first: bool) -> None:
        """``rhs += D_dimᵀ d``, or ``rhs = …`` for the first."""
        last = d.shape[dim] - 1
        if first:
            torch.sub(d.narrow(dim, 0, last), d.narrow(dim, 1, last), out=self.rhs.narrow(dim, 1, last))
            torch.sub(d.narrow(dim, last, 1), d.narrow(dim, 0, 1), out=self.rhs.narrow(dim, 0, 1))
        else:
            self.rhs -= d
            self.rhs.narrow(dim, 1, last).add_(d.narrow(dim, 0, last))
            self.rhs.narrow(dim, 0, 1).add_(d.narrow(dim, last, 1))

    def _split_restriction(self) -> None:
        """q ← x + c within bounds and 0 beyond the signal; its part of the right-hand side."""
        self.c += self.frame if self.palette.plain else recoloured(self.frame, self.palette.inverse)
        self.q.zero_()
        inside = self.c[(..., *self.inside)]
        self.q[(..., *self.inside)] = inside if self.bounds is None else inside.clamp(*self.bounds)
        self.c -= self.q
        self.rhs += self.ratio * self._coloured(self.q - self.c)

    def _split_data(self, *, relaxed: bool = True) -> None:
        """a ← n − v, and v − a = n − 2a in the place of v; only a's measured part is not zero."""
        part = self.v[(..., *self.measured)]
        apart = self.special and not self.palette.plain
        n = recoloured(part, self.palette.inverse) if apart else part
        n.add_(self.a, alpha=2 - RELAXED if relaxed else 1.0)
        torch.sub(n, self.target, out=self.a)
        self.a *= self.share
        if self.term.clipped is not None:
            self.a.masked_fill_(self.term.clipped & (self.a > 0), 0)
        n.sub_(self.a, alpha=2)
        if apart:
            part.copy_(self._coloured(n))

    def _coloured(self, x: Tensor) -> Tensor:
        return x if self.palette.plain else recoloured(x, self.palette.matrix)
