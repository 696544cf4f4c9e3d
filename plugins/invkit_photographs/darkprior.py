"""``darkprior``: blind deblurring by the dark channel prior (Pan, Sun, Pfister, Yang, CVPR 2016).

    deblur = invkit.compose("circconv", ["blind?size=27", "darkchannel"], "darkprior")
    deblur = invkit.compose("linconv", ["blind", "darkchannel"], "darkprior")        # the size is estimated
    deblur = invkit.compose("linconv", ["known:kernel.npy", "darkchannel"], "darkprior")     # not blind

Nothing is learnt from data. Coarse to fine (:mod:`.pyramid`), two steps alternate: the image step finds the
image of few gradients and of a mostly black dark channel that explains the measurement by the current kernel
(:mod:`.latent_step`); the kernel step finds the kernel that turns this image's strong edges into the
measurement's (:mod:`.kernel_step`). That image is a cartoon: it serves the kernel alone. In the end the
measurement is deconvolved with the kernel found (:mod:`.final`), channel by channel; before that, colour
counts as its luma.

The pair found is handed to the priors by their encoders. ``blind`` and ``darkchannel`` (or ``identity``)
return it as it is; a prior that says more moves it into its range. Where w is given, only the final
deconvolution is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Evaluation, Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError, ShapeError
from invkit.solving import Found, Record, is_given
from invkit_photographs.final import Last
from invkit_photographs.frame import frame_of
from invkit_photographs.picture import Picture, largest_odd, margins
from invkit_photographs.pyramid import Settings, odd_or_none
from invkit_photographs.run import Run
from invkit_photographs.size import EachSize, estimated_side

SMALLEST_IMAGE = 4


@attrs.frozen
class DarkPrior(Solver):
    """The dark-channel method for convolutions of images in [0, 1], grey or colour; deterministic.

    Args:
        kernel_size: side of the kernel that is looked for, odd; None: all of w's support, and where the prior
            of w has no shape, an estimate for each measurement (:mod:`.size`).
        search: how the kernel is searched for.
        last: the final deconvolution.
    """

    kernel_size: int | None = attrs.field(default=None, validator=odd_or_none)
    search: Settings = attrs.field(factory=Settings)
    last: Last = attrs.field(factory=Last)

    def shaped(self, problem: Problem, y: Float[Tensor, "n *y"]) -> Problem:
        """The problem tied to shapes. A prior of w without one gets a square of side ``kernel_size``, or as
        large as the largest kernel estimated; then each measurement keeps its own estimate within it.
        """
        y_shape, (prior_w, prior_x) = tuple(y.shape[1:]), problem.priors
        if prior_w.signal_shape is None:
            try:
                small, x_shape = problem.operator.infer_shapes(y_shape, (1, 3, 3), prior_x.signal_shape)
            except ShapeError:  # no convolution, or a prior of x that does not fit: either is said elsewhere
                return problem.shaped(y_shape)
            sides = [self.kernel_size] if self.kernel_size else [
                estimated_side(picture.grey, self.search, wrap=picture.frame.wraps)
                for picture in _pictures(problem, small, x_shape, y)
            ]
            side = max(sides)
            alike = prior_w.shaped((1, side, side)) if min(sides) == side else EachSize(prior_w, sides, side)
            problem = attrs.evolve(problem, priors=(alike, prior_x))
        return problem.shaped(y_shape)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the operator is no convolution of images, a prior has no encoder, the noise is not
                white and Gaussian, or there is a ``start`` and w is not given.
            ShapeError: images of fewer than 4 pixels a side, or a ``kernel_size`` beyond the prior's support.
        """
        problem = self.shaped(problem, y).weighted(self.search.weight_w, self.search.weight_x)
        problem.require_plain_noise("darkprior")
        if start is not None and not is_given(problem.priors[0]):
            raise InputError(
                "darkprior cannot start from a solution: its search goes from coarse to fine",
                hint="leave start out, or hold the kernel of the solution: hold=w",
            )
        w_shape, x_shape = self._checked(problem, tuple(y.shape[1:]))
        pictures = _pictures(problem, w_shape, x_shape, y)
        each = [torch.tensor([row], device=y.device) for row in range(len(y))]
        runs = [
            self._run(problem.select(row), picture, like=y)
            for row, picture in zip(each, pictures, strict=True)
        ]

        def waiting() -> tuple[Tensor, Tensor]:
            begun = zip(each, runs, strict=True)
            pairs = [_evaluated(problem.select(row), y[row], *run.start())[0] for row, run in begun]
            return torch.cat([pair.w for pair in pairs]), torch.cat([pair.x for pair in pairs])

        steps = max(run.steps for run in runs)
        record = Record(y, monitors, steps=steps, passes=len(y), waiting=waiting)
        for row, run in zip(each, runs, strict=True):
            record.begin(row)
            with np.errstate(all="ignore"):  # what overflows shows in the result, and is said by its status
                _recover(record, problem.select(row), y[row], run)
        return record.solution()

    def _checked(self, problem: Problem, y_shape: Shape) -> tuple[Shape, Shape]:
        """The shapes of w and x, where there is something that this solver can do."""
        for name, prior in zip("wx", problem.priors, strict=True):
            if not prior.can_encode:
                raise InputError(
                    f"darkprior works on the pixels of {name}, but its prior has no encoder",
                    hint="choose priors that have one, e.g. blind and darkchannel, or another solver",
                )
        w_shape, x_shape = (tuple(prior.signal_shape or ()) for prior in problem.priors)
        if min(y_shape[1:]) < SMALLEST_IMAGE:
            raise ShapeError(
                f"a measurement of shape {y_shape} is too small to find a kernel in",
                hint=f"give an image of at least {SMALLEST_IMAGE} pixels a side",
            )
        side = self.kernel_size
        if side is not None and side > min(largest_odd(w_shape[1:])):
            raise ShapeError(
                f"kernel_size={side}, but the prior of w makes kernels of shape {w_shape}",
                hint=f"leave kernel_size out, or give w a prior of that size, e.g. blind?size={side}",
            )
        return w_shape, x_shape

    def _run(self, problem: Problem, picture: Picture, *, like: Tensor) -> Run:
        """The whole method on one measurement."""
        prior_w, side = problem.priors[0], self.kernel_size
        prior_w = prior_w.own if isinstance(prior_w, EachSize) else prior_w
        support = (side, side) if side else largest_odd((prior_w.signal_shape or ())[1:])
        return Run(picture, prior_w, support, self.search, self.last, like=like)


def _pictures(problem: Problem, w_shape: Shape, x_shape: Shape, y: Tensor) -> list[Picture]:
    """Every measurement, and how it lies in its image."""
    frame = frame_of(problem.operator, w_shape, x_shape, y[:1])
    return [Picture(each.numpy(), frame, x_shape[1:]) for each in y.detach().cpu()]


def _recover(record: Record, problem: Problem, y: Float[Tensor, "1 *y"], run: Run) -> None:
    """Take one measurement to its end, or to where its numbers stop being finite."""
    found, latents = _evaluated(problem, y, *run.start())
    sound = bool(np.isfinite(np.square(run.picture.y).sum()))  # the energy, as everything below supposes
    lost = y.new_full((1, 1), torch.nan)

    def best() -> tuple[Tensor, Tensor]:
        return found.w, found.x

    with record:
        pairs = run.pairs() if sound and not record.interrupted else ()
        for step, (w, x, stage) in enumerate(pairs, 1):
            made, made_of = _evaluated(problem, y, w, x)
            sound = all(bool(torch.isfinite(part).all()) for part in (made.w, made.x, made.total))
            if not sound:
                break
            found, latents = made, made_of
            told = step if step < run.steps else record.steps  # a smaller kernel has fewer scales
            record.tell(told, found.total[:, None], found.residual[:, None], best, stage)
        if not sound and not record.interrupted:
            record.tell(record.steps, lost, lost, best, "diverged")
    total, residual = (each[:, None] if sound else lost for each in (found.total, found.residual))
    record.settle(total, residual, [[record.ended(sound)]])
    record.end(
        Found(x=found.x, w=found.w, latents=latents, residual=problem.residual(found.w, found.x, y))
    )


def _evaluated(
    problem: Problem, y: Float[Tensor, "1 *y"], w: Tensor, x: Tensor
) -> tuple[Evaluation, tuple[Tensor, Tensor]]:
    """The objective at what the priors make of a pair (channels, height, width) each, and the latents.

    A kernel smaller than the prior's gets a border of zeros.
    """
    around = margins((problem.priors[0].signal_shape or ())[1:], w.shape[1:])
    w = torch.nn.functional.pad(w, [side for both in reversed(around) for side in both])
    with torch.no_grad():
        h, m = (prior.encode(part[None]) for prior, part in zip(problem.priors, (w, x), strict=True))
        return problem.measured(y)(h, m).detach(), (h, m)
