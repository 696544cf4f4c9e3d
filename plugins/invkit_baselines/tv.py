"""``tv``: non-blind deconvolution with a total-variation penalty, by the ADMM.

    deblur = invkit.compose("linconv?boundary=unknown", ["known:kernel.png?normalise=sum", "identity"], "tv")
    solution = deblur(y)                                 # solution.x; solution.w is the kernel given

For the ``w`` of a prior that leaves nothing to find (``known:``) it minimises, for every measurement,

    ½‖y − A(w, x)‖² + γ·TV(x)        over all x, within the bounds of the prior of x where it has any,

with sums over pixels and channels. Entries of y have the weights of the noise model. TV is isotropic, not
smoothed and not taken over the border; see :mod:`invkit_baselines.differences`.

**The weight follows the noise**: ``γ = τ σ^{3/2}``, with σ from the noise model, from an earlier stage, or
else estimated (:func:`invkit.solving.noise_level`), and at least 0.004, since real blurs are no exact
convolutions. The exponent and τ are for pictures in [0, 1]. They were found on BSDS500's training photographs
under camera shakes of 13 to 45 pixels: the best γ is 3e-4 at σ = 0.005, 9e-4 at 0.01, 4.7e-3 at 0.03 and 9e-3
at 0.05.

**Colours**: the total variation is of the channels' sum, divided by √c, and of what the channels differ by,
which weighs ``chroma`` times as much (:mod:`invkit_baselines.colours`). In photographs that gains 1 to 2 dB
over channels that weigh alike.

**Unknown borders**: where the operator says that what lies beyond the border is not known
(:meth:`~invkit.contracts.bilinear.BilinearOperator.beyond`), the larger scene is recovered, and x is its
part. The objective told is the scene's.

**Saturated pixels**: entries at a measurement's largest value, where many have it, say "at least that": they
count only where A(w, x) is below them. Entries at the least value count as they are: nothing is darker than
black.

The iteration is that of :mod:`invkit_baselines.window`, divisions in the DFT, where A is a window of a
circular convolution. There, large pictures are solved in overlapping tiles (:mod:`invkit.solving.tiles`).
So are those whose kernel varies (``filterflow``), each tile by the kernel in its middle
(:meth:`~invkit.contracts.bilinear.BilinearOperator.local`). For other operators it is that of
:mod:`invkit_baselines.admm`, by conjugate gradients, which knows no saturation.

The prior of ``x`` says which values there can be (its bounds) and nothing else: its penalty has no part,
since the total variation stands in its place. So a prior that restricts the picture to a range is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt, in_, le, optional
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor
from torch.nn.functional import pad

from invkit.contracts.bilinear import Scene
from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, given_signals, is_given, noise_level
from invkit.solving.tiles import AREA
from invkit_baselines.case import Case
from invkit_baselines.colours import opponent, unchanged
from invkit_baselines.descent import Descent, Options, Tiled, tiled
from invkit_baselines.pixels import require_free_pixels
from invkit_baselines.window import DataTerm

__all__ = ["TV"]

LEAST_SIGMA = 0.004
"""The least noise that the weight follows: real blurs are no exact convolutions (Levin's pictures)."""

_MOST = 1e6
"""Beyond this a jump or a penalty leaves nothing to be moved in single precision."""
_VARYING = 4
"""The kind of measurements whose operator varies, beside those of :meth:`DataTerm.kinds`."""

_PLATEAU = 2e-4
"""The fraction of a measurement's entries that makes its largest value a plateau, at least 4 of them."""


@attrs.frozen
class TV(Solver):
    """Total-variation deconvolution with a given ``w``. The objective told is ``½‖y − A(w, x)‖² + γ·TV(x)``.

    Args:
        weight_x: γ, the weight of the total variation, in units of the signal, above 0; None: it follows the
            noise, ``γ = tau·σ^{3/2}``.
        tau: τ, above 0; of no effect where ``weight_x`` is given.
        colour: opponent, one norm over all channels of a pixel, in which what the channels differ by weighs
            more; joint, one norm over all channels as they are; separate, a norm for each channel.
        chroma: how much more what the channels differ by weighs with ``opponent``, above 0.
        clipped: whether entries at a measurement's largest value, where at least 1 in 5000 have it, say "at
            least that".
        steps: iterations at most.
        tolerance: a measurement has converged where an iteration moves x by less than this times its norm; 0:
            all steps are taken. Every third iteration is looked at.
        jump: the jump, in units of the signal, by which an iteration shrinks differences, ``γ/β``. It changes
            how fast the iteration converges, not where to.
        penalty: of what was split off the data term, over the data term's own weight; likewise.
        inner: steps of conjugate gradients in an iteration, where those are needed.
    """

    takes_complex = True

    weight_x: float | None = attrs.field(default=None, validator=optional(gt(0)))
    tau: float = attrs.field(default=0.9, validator=gt(0))
    colour: Literal["opponent", "joint", "separate"] = attrs.field(
        default="opponent", validator=in_(["opponent", "joint", "separate"])
    )
    chroma: float = attrs.field(default=3.0, validator=gt(0))
    clipped: bool = True
    steps: int = attrs.field(default=200, validator=ge(1))
    tolerance: float = attrs.field(default=1.5e-3, validator=ge(0))
    jump: float = attrs.field(default=0.15, validator=[gt(0), le(_MOST)])
    penalty: float = attrs.field(default=0.1, validator=[gt(0), le(_MOST)])
    inner: int = attrs.field(default=5, validator=ge(1))

    def solve(
        self,
        problem: Problem,
        y: Inexact[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover every measurement's ``x``; nothing is drawn from ``rng``. Starts from ``start``'s ``x``.

        Raises:
            InputError: ``w`` is not given, the prior of ``x`` restricts it to a range, or the noise is not
                Gaussian.
        """
        problem, y = problem.bound(y)
        prior_w, prior_x = problem.priors
        if not is_given(prior_w):
            raise InputError(
                "tv is not blind: it needs a prior of w that leaves nothing to find",
                hint="give the kernel: known:kernel.png?normalise=sum, or use a blind solver, e.g. altgd",
            )
        if not isinstance(problem.noise, Gaussian):
            raise InputError(
                f"tv minimises a squared residual, the noise is {type(problem.noise).__name__}",
                hint="use Gaussian noise, with weights or without, or a solver that takes any, e.g. altgd",
            )
        require_free_pixels("x", prior_x, y, "use the prior identity, or another solver, e.g. altgd")
        x_shape = tuple(prior_x.signal_shape or ())
        with torch.no_grad():
            case, scene = self._case(problem, y, x_shape)
            first = None if start is None else _placed(start.x, scene)
            kinds = case.term.kinds() + _VARYING * case.varying()
            most = max(1, AREA // max(1, prod(y.shape[2:])))
            chunks = [  # apart by kind, so that none is solved otherwise because of its neighbours
                (kind, rows)
                for kind in kinds.unique().tolist()
                for rows in (kinds == kind).nonzero()[:, 0].split(1 if kind & _VARYING else most)
            ]
            record = Record(
                y,
                monitors,
                steps=self.steps,
                passes=len(chunks),
                points=25,
                waiting=lambda: (given_signals(prior_w, y), y.new_zeros(len(y), *x_shape)),
            )
            for kind, rows in chunks:
                alike = attrs.evolve(case.select(rows), term=case.term.of_kind(kind).select(rows))
                alike = alike if kind & _VARYING else alike.local()
                self._solve(problem.select(rows), alike, scene, rows, record, first)
        return record.solution()

    def _solve(
        self,
        problem: Problem,
        case: Case,
        scene: Scene,
        rows: Int[Tensor, "k"],
        record: Record,
        start: Inexact[Tensor, "n c *scene"] | None,
    ) -> None:
        """A pass: the measurements ``rows`` at once, or one in tiles."""
        record.begin(rows)
        x_shape = tuple(problem.priors[1].signal_shape or ())
        w = given_signals(problem.priors[0], case.term.y)
        first = None if start is None else start[rows]
        options = Options(self.steps, self.tolerance, self.jump, self.penalty, self.inner)
        descent = (Tiled if tiled(case) else Descent)(case, options, first)
        with record:
            if not record.interrupted:
                descent.go(record, lambda x: (w, scene.part(x, x_shape)))
        record.settle(*descent.values(), descent.ends(record))
        x = scene.part(descent.x, x_shape).clone()
        del descent  # the scene is large
        latents = (x.new_zeros(len(x), *(problem.priors[0].latent_shape or ())), problem.priors[1].encode(x))
        record.end(Found(x=x, w=w, latents=latents, residual=problem.residual(w, x, case.term.y)))

    def _case(self, problem: Problem, y: Tensor, x_shape: Shape) -> tuple[Case, Scene]:
        """What is to be solved, and what of it is x."""
        w = given_signals(problem.priors[0], y)
        scene = problem.operator.beyond(tuple(w.shape[1:]), x_shape)
        if scene is not None:  # a scene reaches as far as the kernel, and its zeros count for nothing
            w = _trimmed(w)
            scene = problem.operator.beyond(tuple(w.shape[1:]), x_shape)
        if scene is None:
            scene = Scene(problem.operator, x_shape, (0,) * (len(x_shape) - 1))
        term = DataTerm(y, problem.noise.weights, _clipped(y) if self.clipped else None)
        channels = scene.x_shape[0]
        mixed = self.colour == "opponent" and channels > 1
        palette = opponent(channels, self.chroma, y) if mixed else unchanged(channels, y)
        case = Case(
            scene.operator,
            w,
            scene.x_shape,
            term,
            self._weight(problem, y),
            palette,
            self.colour != "separate",
            problem.priors[1].bounds,
        )
        return case, scene

    def _weight(self, problem: Problem, y: Tensor) -> Float[Tensor, "n"]:
        """γ of every measurement."""
        if self.weight_x is not None:
            return y.new_full((len(y),), self.weight_x).real
        sigma = problem.noise.sigma
        if sigma is None and y.is_complex():
            raise InputError(
                "the noise of complex measurements is not known, and the weight follows it",
                hint="write noise='gaussian?sigma=0.01', or tv?weight_x=1e-3",
            )
        level = noise_level(y) if sigma is None else sigma.to(y.real).expand(len(y))
        return self.tau * level.clamp(min=LEAST_SIGMA) ** 1.5


def _clipped(y: Inexact[Tensor, "n *y"]) -> Bool[Tensor, "n *y"] | None:
    """The entries at each measurement's largest value, where enough have it; None where there are none."""
    if y.is_complex():
        return None
    top = y.flatten(1).amax(1).reshape(-1, *[1] * (y.ndim - 1))
    at = y == top
    enough = at.flatten(1).sum(1) >= max(4, _PLATEAU * y[0].numel())
    at &= enough.reshape(top.shape)
    return at if bool(enough.any()) else None


def _trimmed(w: Inexact[Tensor, "n c *kernel"]) -> Inexact[Tensor, "n c *trimmed"]:
    """Kernels without the zeros around them, their middle kept: of every axis of odd length as much on both
    sides as all of them can spare.
    """
    for axis, length in enumerate(w.shape[2:], start=2):
        others = [each for each in range(w.ndim) if each != axis]
        at = (w != 0).permute(axis, *others).flatten(1).any(1).nonzero()[:, 0]
        if length % 2 and len(at):
            reach = int((at - length // 2).abs().max())
            w = w.narrow(axis, length // 2 - reach, 2 * reach + 1)
    return w


def _placed(x: Inexact[Tensor, "n c *x"], scene: Scene) -> Inexact[Tensor, "n c *scene"]:
    """x in its place in the scene, continued by its edge pixels."""
    more = [
        (first, length - first - own)
        for first, length, own in zip(scene.start, scene.x_shape[1:], x.shape[2:], strict=True)
    ]
    return (
        pad(x, [amount for both in reversed(more) for amount in both], "replicate")
        if any(map(any, more))
        else x
    )
