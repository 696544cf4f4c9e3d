"""The evidence of a picture larger than its class: one kernel for all windows of the measurement.

    marginal = PatchesMarginal(moments, y, coarse=True)
    marginal(linear, nuisance, variance)              # −log p of all windows, approximately
    marginal.mean(linear, nuisance, variance)         # the whole picture, blended

A window of m × m pixels of the measurement, m ≤ n − k + 1 for a kernel of k × k, depends on a patch of n × n
pixels of the picture alone. Of each the class knows the evidence, N(u; P K μ, C) with the C of
:mod:`invkit_gaussian.windowed`, the same for all. The sum over windows depends on the measurement through its
windows' mean ū and covariance S only:

    −log p ≈ N/2 ( tr C⁻¹ T + log det C + m² log 2π ),      T = S + (ū − P K μ)(ū − P K μ)ᵀ.

N = pixels / m² is the number of windows side by side; S is over overlapping windows, so that the result does
not depend on where windows begin. One factorisation for each candidate serves a picture of any size. This is
a **composite likelihood**: windows count as independent (C. Varin, N. Reid and D. Firth, "An overview of
composite likelihood methods", *Statistica Sinica* 21, 2011).

Colour axes count as independent, too; a search uses the first alone. With bounds, two dozen windows stand for
all: what their patches exceed the bounds by, along the first axis, adds to the evidence.
"""

from __future__ import annotations

import copy

import attrs
import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from invkit.contracts.bilinear import GivenW
from invkit.contracts.linear import LinearOperator
from invkit.contracts.marginal import Marginal
from invkit.errors import InputError, ShapeError
from invkit_gaussian.colour import to_axes, to_channels
from invkit_gaussian.marginal import expected, levels
from invkit_gaussian.moments import Moments
from invkit_gaussian.texture import regressors
from invkit_gaussian.windowed import Axis, View, Windowed
from invkit_gaussian.windows import Layout, Size

__all__ = ["PatchesMarginal"]

#: pixels of a window's side at most, of a search's means and of what is compared; at least, in pixels
_COARSE, _FINE, _LEAST = 12, 20, 8
#: pixels of a search's means, down and across
_STEP = 2
#: how many windows overlap along an axis, where S is worked out; how many have their bounds asked for
_OVERLAP, _SOME = 6, 24
#: windows whose patches are found at a time
_TOGETHER = 512


@attrs.frozen(eq=False)
class _Seen:
    """What the evidence needs of measurements, along some colour axes."""

    mean: Float[Tensor, "n a q"]
    spread: Float[Tensor, "n a q q"]
    some: Float[Tensor, "n p q"]
    count: float


class PatchesMarginal(Marginal):
    """Measurements of pictures whose patches are of a class.

    Args:
        moments: the class, in the measurements' dtype and on their device.
        y: one measurement a row, each side at least that of the class.
        coarse: of means of 2 × 2 pixels.
        axes: how many colour axes the evidence is of.
        bounds: of the picture's values; none: there are none.
    """

    def __init__(
        self,
        moments: Moments,
        y: Float[Tensor, "n c h w"],
        *,
        coarse: bool = False,
        axes: int = 1,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        self.moments, self.bounds, self._coarse = moments, bounds, coarse
        self.nuisances = len(moments.contrasts) + max(moments.texture.shape[1] - 1, 0)
        rotation, centre = expected(moments, y)
        self._rotation = rotation.expand(len(y), -1, -1)
        self._centre = centre.expand(len(y), -1)
        self._y = to_axes(self._rotation, y)
        self._axes = [Axis.of(moments, number) for number in range(y.shape[1])]
        self._count, self._patch = axes, (moments.mean.shape[1], moments.mean.shape[2])
        self._regressors = regressors(self._patch, y)
        self._row = torch.arange(len(y), device=y.device)
        self._kept: dict[Size, _Seen] = {}

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        kernel, transfer = self._convolution(linear)
        view = self._view(kernel, coarse=self._coarse)
        if kernel not in self._kept:
            self._kept[kernel] = self._statistics(view)
        seen, value = self._kept[kernel], torch.zeros_like(variance)
        for number in range(self._count):
            own = self._posterior(number, view, transfer, nuisance, variance)
            value = value + own.evidence(
                seen.spread[self._row, number], seen.mean[self._row, number], seen.count
            )
            if self.bounds is not None and not number:
                added = own.beyond(seen.some[self._row], self._interval(self.bounds))
                value = value + seen.count / seen.some.shape[1] * added
        return value

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n *x"]:
        """The windows' posterior means, blended; between the bounds."""
        return self._blended(linear, nuisance, variance, None)

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """The mean, and deviations that are drawn of each window, blended so that variances are."""
        return self._blended(linear, nuisance, variance, rng)

    def select(self, index: Tensor) -> PatchesMarginal:
        chosen = copy.copy(self)
        chosen._row = self._row[index]
        return chosen

    def _blended(
        self, linear: LinearOperator, nuisance: Tensor, variance: Tensor, rng: torch.Generator | None
    ) -> Float[Tensor, "n c h w"]:
        kernel, transfer = self._convolution(linear)
        view = self._view(kernel, coarse=False)
        layout = Layout.over((self._y.shape[2], self._y.shape[3]), view.size, overlap=2)
        pictures = []
        for row in range(len(variance)):  # one after another, for memory
            one = self.select(torch.tensor([row], device=self._row.device))
            own = transfer[row : row + 1] if len(transfer) > 1 else transfer
            made = []
            for number in range(len(self._axes)):
                part = slice(row, row + 1)
                posterior = one._posterior(number, view, own, nuisance[part], variance[part])
                windows = layout.cut(self._y[one._row, number])
                means, apart = [], []
                for some in windows.split(_TOGETHER, 1):
                    means.append(view.cut(posterior.mean(some)))
                    if rng is not None:
                        apart.append(view.cut(posterior.deviation(some.shape[1], rng)))
                made.append(layout.blended(torch.cat(means, 1), torch.cat(apart, 1) if apart else None))
            pictures.append(to_channels(self._rotation[one._row], torch.stack(made, 1)))
        whole = torch.cat(pictures)
        return whole if self.bounds is None else whole.clamp(*self.bounds)

    def _posterior(
        self, number: int, view: View, transfer: Tensor, nuisance: Tensor, variance: Tensor
    ) -> Windowed:
        """Of patches along one colour axis, one row a candidate."""
        contrast, texture = levels(self.moments, self._centre[self._row], self._regressors, nuisance)
        mean = to_axes(self._rotation[self._row], self.moments.mean.expand(len(self._row), -1, -1, -1))
        own = contrast[:, min(number, contrast.shape[1] - 1)]
        return Windowed(self._axes[number], mean[:, number], transfer, own, texture, variance, view)

    def _statistics(self, view: View) -> _Seen:
        """Mean and covariance of all windows, and some that do not overlap."""
        small = avg_pool2d(self._y, view.step, stride=1)
        size = (small.shape[2], small.shape[3])
        window = (view.size[0] - view.step + 1, view.size[1] - view.step + 1)
        every = Layout.over(size, window, overlap=_OVERLAP, step=view.step, few=True)
        means, spreads = [], []
        for picture in small[:, : self._count]:  # alone, so that no neighbour changes a bit
            cut = every.cut(picture).double()
            mean = cut.mean(1)
            apart = cut - mean[:, None]
            means.append(mean.to(small))
            spreads.append((apart.mT @ apart / cut.shape[1]).to(small))
        some = Layout.over(size, window, overlap=1, step=view.step)
        chosen = torch.linspace(0, len(some.index) - 1, min(len(some.index), _SOME)).round().long()
        few = attrs.evolve(some, index=some.index[chosen]).cut(small[:, 0])
        pixels = self._y.shape[2] * self._y.shape[3]
        return _Seen(
            torch.stack(means), torch.stack(spreads), few, pixels / (view.size[0] * view.size[1])
        )

    def _interval(self, bounds: tuple[float, float]) -> tuple[float, float]:
        """What bounds of the channels are along the first axis; of the class's, one for all measurements."""
        ends = self._rotation[0, :, 0, None] * self._rotation.new_tensor(bounds)
        return float(ends.amin(1).sum()), float(ends.amax(1).sum())

    def _view(self, kernel: Size, *, coarse: bool) -> View:
        """The window in the middle of what reads nothing beyond its patch."""
        first, size, step = [], [], _STEP if coarse else 1
        for length, reach in zip(self._patch, kernel, strict=True):
            room = length - reach + 1
            if room < _LEAST:
                most = length - _LEAST + 1
                raise ShapeError(
                    f"kernels of {'×'.join(map(str, kernel))} pixels are too large for patches of "
                    f"{'×'.join(map(str, self._patch))}: no window of the measurement is of one patch alone",
                    hint=f"name a prior of kernels of at most {most} pixels, e.g. "
                    f"trajectory?size={length // 2},longest={length // 2}, or train on larger patches",
                )
            size.append(min(room // step, _COARSE if coarse else _FINE) * step)
            first.append(reach - 1 - reach // 2 + (room - size[-1]) // 2)
        return View((first[0], first[1]), (size[0], size[1]), step)

    def _convolution(self, linear: LinearOperator) -> tuple[Size, Complex[Tensor, "k h half"]]:
        """The kernel's size, and the transfer functions of the convolution of a patch: from its response to
        one pixel, in the middle.
        """
        keeps = tuple(linear.input_shape) == tuple(linear.output_shape)
        if not isinstance(linear, GivenW) or linear.operator.roles[0] != "kernel" or not keeps:
            raise InputError(
                "patches are recovered of a convolution that keeps the picture's size alone",
                hint="use circconv, or linconv?boundary=unknown",
            )
        w = linear.w
        if w.ndim != 4 or w.shape[1] != 1 or linear.operator.nodes(tuple(linear.output_shape)) is not None:
            raise InputError(
                "patches are recovered of one kernel for the whole picture and all its channels",
                hint="use circconv or linconv?boundary=unknown, and a prior of kernels of one channel",
            )
        kernel = (w.shape[2], w.shape[3])
        self._view(kernel, coarse=False)
        high, wide = self._patch
        point = w.new_zeros(len(w), 1, high, wide)
        point[..., high // 2, wide // 2] = 1
        spread = linear.operator.given(w=w, x_shape=(1, high, wide))(point)[:, 0]
        return kernel, torch.fft.rfft2(spread.roll((-(high // 2), -(wide // 2)), (1, 2)))
