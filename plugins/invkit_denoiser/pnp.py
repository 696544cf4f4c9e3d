"""``pnp``: plug-and-play, a denoiser in the place of a penalty.

    kernel, prior = "known:kernel.png?normalise=sum", "denoiser:photographs"
    deblur = invkit.compose("linconv?boundary=unknown", [kernel, prior], "pnp")
    solution = deblur(y)

For a given ``w`` it alternates, for k = 1 … K,

    x ← argmin ‖y − A(w, x)‖²/σ² + λ ‖x − z‖²/s_k²        (:mod:`invkit_denoiser.data_step`)
    z ← D(x, s_k)                                          the prior's denoiser at the level s_k

with levels that fall from ``first`` to the noise of y along a geometric row, and λ that of the second source.
The last z, within the bounds of the prior, is the result x̂. That is half-quadratic splitting, which needs no
more than the denoiser. There is no objective to tell.

As a later stage it begins at the image x₀ of the stage before, z = x₀, where no border is unknown: what the
blur has nearly erased is found slowly from y alone. And it **betters the kernel** of the stage before, unless
that holds: twenty-four such rounds, each with a third step,

    h ← argmin −log p(y | B(h), z, s_k) + ½ penalty         (:mod:`invkit_denoiser.kernel_step`)

come before, from the latent h of the kernel found. A denoiser knows images better than the Gaussian that an
evidence takes, so it tells kernels apart that are nearly as probable. It leads to a kernel nearby, and not
from a wrong one to a right one elsewhere. So doubt, confidence and notes of the stage before stay.

But that stage may have found other kernels, too, that are less probable (``Solution.rivals``). Where a
measurement is all of one circular convolution, these are bettered as well, and each is judged by how well the
denoiser predicts the measurement by it (:mod:`invkit_denoiser.prediction`). From these nats those are
subtracted by which the stage before has found it less probable, and the best is taken. Where that is another
kernel than before, two models disagree: then the status is ``doubtful``, the confidence is halved, and x₀ is
the denoiser's image by that kernel.

A denoiser sees details, and these are lost in much noise. A prior of a class knows the whole of an image. So
``crossover=τ`` gives way to x₀, the more the noisier y is:

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
from invkit.contracts.solution import Rivals, Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given, noise_level, start_latents
from invkit.solving.tiles import Tile, cells, tiles
from invkit_denoiser.data_step import ByDivision, ByGradients, DataStep
from invkit_denoiser.kernel_step import KernelStep
from invkit_denoiser.posed import posed, require_w
from invkit_denoiser.prediction import Predicted, predicted

__all__ = ["PlugAndPlay"]

PREDICTING = 4
"""Rounds of the image that predicts a measurement, at each level of its noise."""
_WITHIN = 1 / 30
"""In nats for every number of a measurement: a rival that is so much less probable is not bettered; one that
the stage before has found less probable by twice as much is not looked at."""
LEAST_SIGMA = 0.004
"""The least noise that counts: real blurs are no exact convolutions."""
ROUNDS = 24
"""Rounds in which a kernel is bettered."""
_APART = 0.1
"""A kernel that is to be bettered is within this part of its energy of one of its prior."""
_MOST = 1e6
AREA = 1 << 20
"""Pixels of a tile, about. What tiles share is recovered twice, so large ones cost less."""
_PLATEAU = 2e-4
"""The fraction of a measurement's entries that makes its largest value a plateau, at least 4 of them."""


@attrs.frozen
class PlugAndPlay(Solver):
    """Plug-and-play by half-quadratic splitting, for a given ``w`` or from one that is nearly right.

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
        """Recover every measurement's ``x``, and better the ``w`` of ``start`` where it is not given.

        Nothing is drawn from ``rng``, but for a prior of ``w`` without ``start``'s latents and an encoder.

        Raises:
            InputError: there is no ``w`` to begin with, the prior of ``x`` is no denoiser, the noise is not
                Gaussian, or ``w`` is to be bettered where its prior has no such kernel, or measurements are
                not one convolution each.
        """
        problem, y = problem.bound(y)
        prior_w = problem.priors[0]
        if start is None:
            require_w(problem, "pnp", '["evidence x=gaussian:celeba", "pnp x=denoiser:celeba"]')
        problem, prior_x, noise = posed(problem, y, "pnp", "denoiser:photographs")
        x_shape = tuple(prior_x.signal_shape or ())
        free = start is not None and not is_given(prior_w)
        latents = start_latents(start, problem, 0, rng) if start is not None and free else None
        w = given_signals(prior_w, y) if latents is None else prior_w(latents).detach()
        if start is not None and free and start.w is not None:
            _require_near(w, start.w)
        record = Record(
            y,
            monitors,
            steps=self.steps + (ROUNDS if free else 0),
            passes=len(y),
            waiting=lambda: (w, y.new_zeros(len(y), *x_shape)),
        )
        sigma = noise.sigma
        level = noise_level(y) if sigma is None else sigma.to(y).expand(len(y))
        for row in torch.arange(len(y), device=y.device).split(1):
            record.begin(row)
            before = None if start is None else start.x[row].clamp(*prior_x.bounds)
            these, own = problem.select(row), _Own(y[row], w[row], float(level[row]), before, start, int(row))
            if latents is not None:
                own = self._bettered(record, these, prior_x, own, latents[row])
            self._recover(record, these, prior_x, own)
        return record.solution()

    def _bettered(
        self, record: Record, problem: Problem, prior: Denoiser, own: _Own, latent: Float[Tensor, "1 *h"]
    ) -> _Own:
        """One measurement with a better kernel, found with the image; after Ctrl-C the best until then."""
        prior_w, (part, *others) = problem.priors[0], _parts(problem, own.y, own.w, prior.signal_shape or ())
        data, scene = part.data_step()
        if others or part.operator is not problem.operator or not isinstance(data, ByDivision):
            raise InputError(
                "pnp betters a kernel where a measurement is one convolution, no larger than a tile, and "
                "weights are 0 or all alike",
                hint="hold the kernel: pnp x=denoiser:photographs hold=w",
            )
        find = KernelStep(scene.operator, scene.x_shape, prior_w, own.noise)
        z, nothing = _first(data, scene, own.before), own.y.new_full((1, 1), torch.nan)

        def shown() -> tuple[Tensor, Tensor]:
            return prior_w(latent).detach(), scene.part(z, prior.signal_shape or ())

        with record:
            for step in range(1, ROUNDS + 1):
                if record.interrupted:
                    break
                latent, z = self._kernel_round(find, data, prior, latent, z, step)
                record.tell(step, nothing, nothing, shown)
        own = attrs.evolve(own, w=prior_w(latent).detach(), latent=latent, done=ROUNDS)
        rivals = own.rivals(tuple(latent.shape[1:]))
        if rivals is not None and data.convolves(own.y) and part.weights is None:
            with record:
                if not record.interrupted:
                    own = self._chosen(find, prior, own, rivals)
        return own

    def _kernel_round(
        self, find: KernelStep, data: ByDivision, prior: Denoiser, latent: Tensor, z: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        """A round of image and kernel."""
        level = self.level(find.sigma, step, ROUNDS)
        with torch.no_grad():
            data.blurred_by(find.window(latent))
            z = self._round(data, prior, z, find.sigma, level)
            frame = data.frame(z)
            v = data.completed(data.spectrum(frame))
        return find(latent, v, frame, level), z

    def _chosen(self, find: KernelStep, prior: Denoiser, own: _Own, rivals: Rivals) -> _Own:
        """The measurement with the most probable kernel, by the stage before and by prediction."""
        shape = find.x_shape

        def predict(latent: Tensor) -> Predicted:
            window = find.window(latent)

            def estimate(y: Tensor, sigma: float, z: Tensor) -> Tensor:
                data = ByDivision(window, shape, y)
                for step in range(1, PREDICTING + 1):
                    z = self._round(data, prior, z, sigma, self.level(sigma, step, PREDICTING))
                return z.clamp(*prior.bounds)

            with torch.no_grad():
                return predicted(own.y, window, own.noise, estimate)

        far = _WITHIN * own.y.numel()
        ranked = zip(rivals.h.split(1), rivals.nats.tolist(), strict=True)
        near = [(latent, behind) for latent, behind in ranked if behind < 2 * far]
        if not near or own.latent is None:
            return own
        chosen, best = own, predict(own.latent).nats
        least = best - far
        for latent, behind in near:
            found = predict(latent)
            if found.nats - behind < least:
                continue
            z, data = found.image, ByDivision(find.window(latent), shape, own.y)
            anew = KernelStep(find.operator, shape, find.prior, find.sigma)
            for step in range(1, ROUNDS + 1):
                latent, z = self._kernel_round(anew, data, prior, latent, z, step)
            found = predict(latent)
            if found.nats - behind > best:
                best = found.nats - behind
                w = find.prior(latent).detach()
                chosen = attrs.evolve(own, w=w, latent=latent, before=found.image, preferred=True)
        return chosen

    def _recover(self, record: Record, problem: Problem, prior: Denoiser, own: _Own) -> None:
        """One measurement, part by part; parts that Ctrl-C leaves out stay as they were measured."""
        x_shape, nothing, told = tuple(prior.signal_shape or ()), own.y.new_full((1, 1), torch.nan), own.done
        parts = _parts(problem, own.y, own.w, x_shape)
        base = own.y if len(parts) > 1 else own.y.new_zeros(1, *x_shape)
        x = base.clone()
        for number, part in enumerate(parts):
            with torch.no_grad():
                data, scene = part.data_step()
            z = _first(data, scene, own.before if len(parts) == 1 else None)

            def moved(z: Tensor, part: _Part = part, scene: Scene = scene) -> Tensor:
                seen = scene.part(z, (z.shape[1], *part.size(x_shape)))
                return part.share * (seen - base[(..., *part.place)])

            def shown(z: Tensor, part: _Part = part) -> tuple[Tensor, Tensor]:
                now = x.clone()
                now[(..., *part.place)] += moved(z)
                return own.w, now

            with record:
                for step in range(1, self.steps + 1):
                    if record.interrupted:
                        break
                    z = self._round(data, prior, z, own.noise, self.level(own.noise, step, self.steps))
                    now = own.done + (number * self.steps + step) // len(parts)
                    if now > told:
                        record.tell(now, nothing, nothing, lambda: shown(z))  # noqa: B023
                        told = now
            x[(..., *part.place)] += moved(z)
        x = x.clamp(*prior.bounds)
        if own.before is not None and self.crossover is not None:
            share = 1.0 if record.interrupted else own.sigma**2 / (self.crossover**2 + own.sigma**2)
            x = torch.lerp(x, own.before, share)
        with torch.no_grad():
            residual = problem.residual(own.w, x, own.y)
        record.settle(residual[:, None], residual[:, None], [[own.ended(record, x)]])
        nothing = x.new_zeros(1, *(problem.priors[0].latent_shape or ()))
        latents = (nothing if own.latent is None else own.latent, prior.encode(x))
        noise = own.y.new_tensor([own.sigma])
        record.end(Found(x=x, w=own.w, latents=latents, residual=residual, noise=noise, **own.said()))

    def level(self, sigma: float, step: int, steps: int) -> float:
        """The denoiser's level in round 1, 2, … of so many, for noise of σ."""
        last = min(sigma, self.first)
        return self.first * (last / self.first) ** ((step - 1) / max(steps - 1, 1))

    def _round(
        self, data: DataStep, prior: Denoiser, z: Float[Tensor, "1 c *x"], sigma: float, level: float
    ) -> Float[Tensor, "1 c *x"]:
        """A round: the data step, then the denoiser."""
        with torch.no_grad():
            x = data(z, self.weight * min(sigma / level, _MOST) ** 2)
            return prior.denoise(x, x.new_tensor([level]))


@attrs.frozen(eq=False)
class _Own:
    """One measurement y with its kernel and σ, and the solution ``start`` that the solve goes on from, where
    this measurement is number ``row``.
    """

    y: Float[Tensor, "1 *y"]
    w: Float[Tensor, "1 *w"]
    sigma: float
    before: Float[Tensor, "1 c *x"] | None
    start: Solution | None
    row: int
    #: the kernel's latent, and how many rounds have bettered it; None and 0 where it is held
    latent: Float[Tensor, "1 *h"] | None = None
    done: int = 0
    #: whether the kernel is another one than the stage before has chosen
    preferred: bool = False

    def rivals(self, latent_shape: tuple[int, ...]) -> Rivals | None:
        """Other kernels that the stage before has found, where there are any."""
        if self.start is None or self.start.rivals is None:
            return None
        rivals = self.start.rivals[self.row]
        return rivals if len(rivals.h) and tuple(rivals.h.shape[1:]) == latent_shape else None

    @property
    def noise(self) -> float:
        """σ, or the least that counts."""
        return max(self.sigma, LEAST_SIGMA)

    def ended(self, record: Record, x: Tensor) -> Status:
        """How it ended: what was said before of a kernel that was bettered still holds."""
        ended = record.ended(bool(torch.isfinite(x).all()))
        if ended is not Status.MAX_ITER:
            return ended
        if self.preferred:
            return Status.DOUBTFUL
        then = self.start.status[self.row] if self.start is not None and self.latent is not None else None
        return then if then in (Status.DOUBTFUL, Status.SHARP) else Status.CONVERGED

    def said(self) -> dict[str, Any]:
        """Confidence and notes of a kernel that was bettered."""
        if self.start is None or self.latent is None:
            return {}
        sure, notes = self.start.confidence, self.start.notes
        share = 0.5 if self.preferred else 1.0
        return {
            "confidence": None if sure is None else share * sure[self.row : self.row + 1],
            "notes": None if notes is None else [notes[self.row]],
        }


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
        graded = self.weights is not None and bool(((self.weights != 0) & (self.weights != 1)).any())
        if window is None or window.beyond == "zero" or graded:
            return ByGradients(linear, self.y, self.weights), scene
        return ByDivision(window, scene.x_shape, self.y, self.weights, self.saturated), scene


def _require_near(w: Float[Tensor, "n *w"], found: Float[Tensor, "n *w"]) -> None:
    """Refuse to begin at other kernels than those found."""
    apart = (w - found).flatten(1).square().sum(1) / found.flatten(1).square().sum(1)
    if bool((apart > _APART).any()):
        raise InputError(
            "the prior of w has no kernel near the one that is to be bettered",
            hint="use the prior that it was found with, or hold it: hold=w",
        )


def _first(
    data: DataStep, scene: Scene, before: Float[Tensor, "1 c *x"] | None
) -> Float[Tensor, "1 c *scene"]:
    """The image to begin with: the one found before, where there is nothing beyond it to be recovered."""
    known = before is not None and tuple(before.shape[1:]) == tuple(scene.x_shape)
    return before if before is not None and known else data.first()


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
