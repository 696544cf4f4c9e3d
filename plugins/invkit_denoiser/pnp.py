"""``pnp``: plug-and-play, a denoiser in the place of a penalty.

    kernel, prior = "known:kernel.png?normalise=sum", "denoiser:photographs"
    deblur = invkit.compose("linconv?boundary=unknown", [kernel, prior], "pnp")
    solution = deblur(y)

For the ``w`` of a prior that leaves nothing to find it alternates, for k = 1 … K,

    x ← argmin ‖y − A(w, x)‖²/σ² + λ ‖x − z‖²/s_k²        (:mod:`invkit_denoiser.data_step`)
    z ← D(x, s_k)                                          the prior's denoiser at the level s_k

with levels that fall from ``first`` to the noise of y along a geometric row, and λ that of the second source.
The last z, within the bounds of the prior, is the result x̂. That is half-quadratic splitting, which needs no
more than the denoiser. There is no objective to tell.

As a later stage it begins at the image x₀ of the stage before, z = x₀, where no border is unknown: what the
blur has nearly erased is found slowly from y alone. A denoiser sees details, and these are lost in much
noise. A prior of a class knows the whole of an image. So ``crossover=τ`` gives way to x₀, the more the
noisier y is:

    x̂ ← (τ² x̂ + σ² x₀) / (τ² + σ²)

The noise's σ is that of the noise model, else it is estimated (:func:`invkit.solving.noise_level`). It is at
least 0.004, since real blurs are no exact convolutions.

What lies beyond the border counts as unknown where the operator says so
(:meth:`~invkit.contracts.bilinear.BilinearOperator.beyond`): the larger scene is recovered. There, large
pictures and those whose kernel varies (``filterflow``) are recovered in overlapping tiles
(:mod:`invkit.solving.tiles`), each by the kernel in its middle. Pixels at a
measurement's largest value, where at least 1 in 5000 have it, are saturated: they say "at least that".

Source: K. Zhang, W. Zuo, S. Gu, L. Zhang, "Learning deep CNN denoiser prior for image restoration", CVPR
2017; K. Zhang and others, "Plug-and-play image restoration with deep denoiser prior", IEEE Trans. Pattern
Analysis and Machine Intelligence 44(10), 2022. Deviations: unknown borders, saturated pixels, and a lower
first level.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import attrs
import torch
from attrs.validators import ge, gt, optional
from jaxtyping import Bool, Float
from torch import Tensor

from invkit.contracts.bilinear import BilinearOperator, Scene
from invkit.contracts.denoiser import Denoiser
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.solving import Found, Record, given_signals, noise_level
from invkit.solving.tiles import Tile, cells, tiles
from invkit_denoiser.data_step import ByDivision, ByGradients, DataStep
from invkit_denoiser.posed import posed

__all__ = ["PlugAndPlay"]

LEAST_SIGMA = 0.004
"""The least noise that counts: real blurs are no exact convolutions."""
_MOST = 1e6
AREA = 1 << 20
"""Pixels of a tile, about. What tiles share is recovered twice, so large ones cost less."""
_PLATEAU = 2e-4
"""The fraction of a measurement's entries that makes its largest value a plateau, at least 4 of them."""


@attrs.frozen
class PlugAndPlay(Solver):
    """Plug-and-play by half-quadratic splitting, for a given ``w``.

    Args:
        steps: K, rounds of data step and denoiser. Fewer forgive a kernel that is not quite right.
        first: the level of the first round, for images in [0, 1].
        weight: λ, how much the denoiser counts beside the measurement.
        crossover: τ, the noise at which the image of the stage before counts as much as the denoiser's, for
            images in [0, 1]. None: the denoiser's alone; so it is, too, where there is no stage before.
    """

    steps: int = attrs.field(default=8, validator=ge(1))
    first: float = attrs.field(default=0.19, validator=gt(0))
    weight: float = attrs.field(default=0.23, validator=gt(0))
    crossover: float | None = attrs.field(
        default=None, converter=attrs.converters.optional(float), validator=optional(gt(0))
    )

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover every measurement's ``x``. Nothing is drawn from ``rng``; z begins at ``start``'s image.

        Raises:
            InputError: ``w`` is not given, the prior of ``x`` is no denoiser, or the noise is not Gaussian.
        """
        problem, y = problem.bound(y)
        prior_x, noise = posed(
            problem, "pnp", "denoiser:photographs", '["kernelsearch", "pnp x=denoiser:photographs hold=w"]'
        )
        x_shape = tuple(prior_x.signal_shape or ())
        w = given_signals(problem.priors[0], y)
        record = Record(
            y, monitors, steps=self.steps, passes=len(y), waiting=lambda: (w, y.new_zeros(len(y), *x_shape))
        )
        sigma = noise.sigma
        level = noise_level(y) if sigma is None else sigma.to(y).expand(len(y))
        for row in torch.arange(len(y), device=y.device).split(1):
            record.begin(row)
            before = None if start is None else start.x[row].clamp(*prior_x.bounds)
            self._recover(record, problem.select(row), prior_x, y[row], w[row], float(level[row]), before)
        return record.solution()

    def _recover(
        self,
        record: Record,
        problem: Problem,
        prior: Denoiser,
        y: Float[Tensor, "1 *y"],
        w: Float[Tensor, "1 *w"],
        sigma: float,
        before: Float[Tensor, "1 c *x"] | None,
    ) -> None:
        """One measurement, part by part; parts that Ctrl-C leaves out stay as they were measured."""
        x_shape, nothing, told = tuple(prior.signal_shape or ()), y.new_full((1, 1), torch.nan), 0
        parts = _parts(problem, y, w, x_shape)
        base = y if len(parts) > 1 else y.new_zeros(1, *x_shape)
        x = base.clone()
        for number, part in enumerate(parts):
            with torch.no_grad():
                data, scene = part.data_step()
            known = before is not None and len(parts) == 1 and scene.x_shape == x_shape
            z = before if before is not None and known else data.first()

            def moved(z: Tensor, part: _Part = part, scene: Scene = scene) -> Tensor:
                own = scene.part(z, (z.shape[1], *part.size(x_shape)))
                return part.share * (own - base[(..., *part.place)])

            def shown(z: Tensor, part: _Part = part) -> tuple[Tensor, Tensor]:
                now = x.clone()
                now[(..., *part.place)] += moved(z)
                return w, now

            with record:
                for step in range(1, self.steps + 1):
                    if record.interrupted:
                        break
                    z = self._round(data, prior, z, max(sigma, LEAST_SIGMA), step)
                    now = (number * self.steps + step) // len(parts)
                    if now > told:
                        record.tell(now, nothing, nothing, lambda: shown(z))  # noqa: B023
                        told = now
            x[(..., *part.place)] += moved(z)
        x = x.clamp(*prior.bounds)
        if before is not None and self.crossover is not None:
            share = 1.0 if record.interrupted else sigma**2 / (self.crossover**2 + sigma**2)
            x = torch.lerp(x, before, share)
        with torch.no_grad():
            residual = problem.residual(w, x, y)
        ended = record.ended(bool(torch.isfinite(x).all()))
        done = Status.CONVERGED if ended is Status.MAX_ITER else ended
        record.settle(residual[:, None], residual[:, None], [[done]])
        latents = (x.new_zeros(1, *(problem.priors[0].latent_shape or ())), prior.encode(x))
        record.end(Found(x=x, w=w, latents=latents, residual=residual, noise=y.new_tensor([sigma])))

    def level(self, sigma: float, step: int) -> float:
        """The denoiser's level in round 1, 2, …, for noise of σ."""
        last = min(sigma, self.first)
        return self.first * (last / self.first) ** ((step - 1) / max(self.steps - 1, 1))

    def _round(
        self, data: DataStep, prior: Denoiser, z: Float[Tensor, "1 c *x"], sigma: float, step: int
    ) -> Float[Tensor, "1 c *x"]:
        """Round 1, 2, …: the data step, then the denoiser."""
        level = self.level(sigma, step)
        with torch.no_grad():
            x = data(z, self.weight * min(sigma / level, _MOST) ** 2)
            return prior.denoise(x, x.new_tensor([level]))


@attrs.frozen(eq=False)
class _Part:
    """A part of a measurement, or all of it: its operator, its place, and its share in the whole."""

    operator: BilinearOperator
    w: Float[Tensor, "1 *w"]
    x_shape: tuple[int, ...]
    y: Float[Tensor, "1 *y"]
    weights: Float[Tensor, "1 *y"] | None
    saturated: Bool[Tensor, "1 *y"] | None
    place: tuple[Any, ...] = ()
    share: Tensor | float = 1.0

    def size(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """The lengths of this part of an image."""
        return tuple(each.stop - each.start for each in self.place) or whole[1:]

    def data_step(self) -> tuple[DataStep, Scene]:
        """How the measurement is met, and what part of the image that is recovered is x."""
        scene = self.operator.beyond(tuple(self.w.shape[1:]), self.x_shape)
        scene = scene or Scene(self.operator, self.x_shape, (0,) * (len(self.x_shape) - 1))
        linear = scene.operator.given(w=self.w, x_shape=scene.x_shape)
        window = linear.window()
        if window is None or window.beyond == "zero":
            return ByGradients(linear, self.y, self.weights), scene
        return ByDivision(window, scene.x_shape, self.y, self.weights, self.saturated), scene


def _parts(
    problem: Problem, y: Float[Tensor, "1 *y"], w: Float[Tensor, "1 *w"], x_shape: tuple[int, ...]
) -> list[_Part]:
    """Tiles where borders are unknown and the picture is large or its kernel varies; else all at once."""
    operator, weights, y_shape = problem.operator, problem.noise.weights, tuple(y.shape[1:])
    saturated, pieces = _saturated(y), operator.pieces(w, y_shape)
    weights = None if weights is None else weights.to(y)
    reach, found = _reach(w), list[Tile]()
    if x_shape == y_shape and operator.beyond(tuple(w.shape[1:]), x_shape) is not None:
        size, varies = y_shape[1:], prod(pieces) > 1
        found = list(cells(size, reach, pieces, AREA) if varies else tiles(size, reach, AREA))
    if len(found) < 2:
        if prod(pieces) == 1:
            operator, w = operator.local(w, y_shape, tuple(slice(0, length) for length in y_shape[1:]))
        return [_Part(operator, w, x_shape, y, weights, saturated)]
    parts = []
    for tile in found:
        place: tuple[Any, ...] = (..., *tile.measured)
        seen, own = y[place], None if weights is None else weights[place]
        top = None if saturated is None else saturated[place]
        shape, at = (x_shape[0], *seen.shape[2:]), operator.local(w, y_shape, tile.measured)
        parts.append(_Part(*at, shape, seen, own, top, tile.measured, tile.of_measured(reach).to(y)))
    return parts


def _reach(w: Float[Tensor, "1 *w"]) -> tuple[int, ...]:
    """By how many pixels the scene of a kernel is longer along each axis: zeros about it do not count."""
    return tuple(
        2 * int((entries - length // 2).abs().max()) if len(entries) else 0
        for entries, length in zip(w[0].nonzero().T[1:], w.shape[2:], strict=True)
    )


def _saturated(y: Float[Tensor, "1 *y"]) -> Bool[Tensor, "1 *y"] | None:
    """The entries at the largest value, where enough have it; else None."""
    top = y == y.amax()
    return top if int(top.sum()) >= max(4, _PLATEAU * y.numel()) else None
