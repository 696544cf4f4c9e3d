"""The marginal likelihood of photographs of sparse derivatives, up to a bound.

    marginal = SparseMarginal.of(y, Plan())
    marginal(blur, y.new_zeros(n, 0), variance)         # (n,), in nats, above −log p of y's derivatives
    marginal.mean(blur, y.new_zeros(n, 0), variance)    # the image

The likelihood is that of the measurement's derivatives (:mod:`.bound`), so a constant added to y changes
nothing. Each channel's derivatives count, as data of their own. Where the measurement is as large as the
window's frame, it wraps around, and so do its differences. Otherwise what the frame holds beyond the signal
is taken as unknown, also where it is zero: that is what makes the bound the same for all convolutions, and
it loses little.

The image is the posterior mean given the variances γ that the bound found: with D the derivatives,

    (AᵀA/σ² + Dᵀ Γ⁻¹ D) x = Aᵀy/σ²,

by conjugate gradients. For it γ is taken from a few rounds only and is at least the noise's variance 2σ². At
the minimum of the bound the prior is so sparse that pictures look painted, and the system is badly
conditioned: with the true kernel, 39.5 dB in place of 40.7, or less. A sample adds noise of variance σ² to y
and of Γ⁻¹ to the derivatives before solving. That makes it a draw from that posterior (Papandreou and Yuille,
2010); it knows nothing of the uncertainty of γ.
"""

from __future__ import annotations

import attrs
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.linear import LinearOperator, Window
from invkit.contracts.marginal import Marginal
from invkit.errors import InputError
from invkit.solving import conjugate_gradients
from invkit_photographs.bound import Bound, Plan, bound
from invkit_photographs.derivatives import Derivatives

__all__ = ["SparseMarginal"]

#: how far the bound is minimised for the image
_SOFT = Plan(rounds=4, steps=2, start=10.0)
#: conjugate gradients for the image: steps at most, and the relative residual that is enough
_STEPS, _TOLERANCE = 100, 1e-4


@attrs.frozen(eq=False)
class SparseMarginal(Marginal):
    """Measurements of photographs, one row a candidate; :meth:`of` makes it.

    Args:
        y: different measurements.
        rows: the measurement of each candidate.
        plan: how far the bound is minimised.
    """

    y: Float[Tensor, "m c h w"]
    rows: Int[Tensor, "n"]
    plan: Plan
    #: the derivatives by the size of the frame, shared with selections
    _placed: dict[tuple[int, ...], Derivatives] = attrs.field(factory=dict)

    @classmethod
    def of(cls, y: Float[Tensor, "n c h w"], plan: Plan) -> SparseMarginal:
        """That of measurements, a candidate each."""
        return cls(y, torch.arange(len(y), device=y.device), plan)

    def __call__(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n"]:
        return self._bound(_window(linear), variance, self.plan).value

    def mean(
        self, linear: LinearOperator, nuisance: Float[Tensor, "n k"], variance: Float[Tensor, "n"]
    ) -> Float[Tensor, "n c h w"]:
        """The posterior mean of the image given γ."""
        return self._image(linear, variance, None)

    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """A draw of the image given γ."""
        return self._image(linear, variance, rng)

    def select(self, index: Tensor) -> SparseMarginal:
        return attrs.evolve(self, rows=self.rows[index])

    def _bound(self, window: Window, variance: Tensor, plan: Plan) -> Bound:
        size = tuple(window.size)
        if size not in self._placed:
            self._placed[size] = Derivatives.of(self.y, size=(size[0], size[1]))
        data = self._placed[size]
        if len(data.values) > 1:  # one measurement serves all candidates as it is
            alone = len(self.rows) > 0 and bool((self.rows == self.rows[0]).all())
            data = data.select(self.rows[:1] if alone else self.rows)
        transfer = window.multipliers
        if transfer.shape[1] > 1:  # two derivatives a channel
            transfer = transfer.repeat_interleave(2, 1)
        n = max(len(transfer), len(variance))
        return bound(data, transfer.expand(n, *transfer.shape[1:]), 2 * variance, plan)

    def _image(
        self, linear: LinearOperator, variance: Tensor, rng: torch.Generator | None
    ) -> Float[Tensor, "n c h w"]:
        window, y = _window(linear), self.y[self.rows]
        found = self._bound(window, variance, _SOFT)
        y = y.expand(len(found.x), *y.shape[1:])
        shape, size = tuple(linear.input_shape[1:]), tuple(window.size)
        s, back = variance[:, None, None, None], window.multipliers.conj()
        unread = found.gamma.amax((1, 2, 3), keepdim=True)
        gamma = torch.where(found.gamma > 0, torch.maximum(found.gamma, 2 * s), unread)
        weight = _weights(gamma.unflatten(1, (-1, 2)), shape, tuple(y.shape[2:]), size)

        def forward(x: Tensor) -> Tensor:
            return _window_of(window.multipliers, x, size, tuple(y.shape[2:]))

        def adjoint(r: Tensor) -> Tensor:
            return _window_of(back, r, size, shape)

        right = y
        start = _centred(y, shape)
        if rng is not None:
            right = y + _white(y, rng) * s.sqrt()
        right = adjoint(right) / s
        if rng is not None:
            right = right + _differences_adjoint(weight.sqrt() * _white(weight, rng))
        return conjugate_gradients(
            lambda x: adjoint(forward(x)) / s + _differences_adjoint(weight * _differences(x)),
            right,
            start,
            steps=_STEPS,
            tolerance=_TOLERANCE,
        )


def _window(linear: LinearOperator) -> Window:
    window = linear.window()
    if window is None or len(window.size) != 2:
        raise InputError(
            "the prior sparse integrates images out of convolutions only, without pixels invented beyond the "
            f"border, and {type(linear).__name__} is none",
            hint="use linconv?mode=valid for photographs, or circconv; or another prior, e.g. spectrum",
        )
    return window


def _window_of(
    multipliers: Tensor, image: Tensor, size: tuple[int, ...], shape: tuple[int, ...]
) -> Float[Tensor, "n c h w"]:
    """The first pixels of a circular convolution of the image, zeros beyond it."""
    product: Tensor = torch.fft.irfft2(multipliers * torch.fft.rfft2(image, s=size), s=size)
    return product[..., : shape[0], : shape[1]]


def _weights(
    gamma: Float[Tensor, "n c 2 s0 s1"],
    shape: tuple[int, ...],
    measured: tuple[int, ...],
    size: tuple[int, ...],
) -> Float[Tensor, "n c 2 h w"]:
    """1/γ of the image's derivatives, zero for those across its border, except where it wraps around."""
    h, w = shape
    if measured == size:
        variances = gamma[..., :h, :w]
    else:  # measured derivatives need both neighbours, the image's at its border have one
        inside = gamma[..., : max(h - 1, 1), : max(w - 1, 1)].flatten(0, 2)
        variances = pad(inside, (0, w - inside.shape[-1], 0, h - inside.shape[-2]), "replicate")
        variances = variances.reshape(*gamma.shape[:3], h, w)
    weights = 1 / variances
    if measured != size or shape != size:
        weights[..., 0, -1, :] = 0
        weights[..., 1, :, -1] = 0
    return weights


def _differences(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2 h w"]:
    return torch.stack([x.roll(-1, axis) - x for axis in (2, 3)], 2)


def _differences_adjoint(d: Float[Tensor, "n c 2 h w"]) -> Float[Tensor, "n c h w"]:
    vertical, horizontal = d.unbind(2)
    return vertical.roll(1, 2) - vertical + horizontal.roll(1, 3) - horizontal


def _centred(y: Float[Tensor, "n c a b"], shape: tuple[int, ...]) -> Float[Tensor, "n c h w"]:
    """The measurement as an image of another size: cropped, or continued by its edge pixels."""
    for axis, length in zip((2, 3), shape, strict=True):
        place = torch.arange(length, device=y.device) - (length - y.shape[axis]) // 2
        y = y.index_select(axis, place.clamp(0, y.shape[axis] - 1))
    return y


def _white(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, dtype=like.dtype, device="cpu").to(like.device)
