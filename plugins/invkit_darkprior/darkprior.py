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
return it as it is; a prior that says more moves it into its range. Where the latent of w is empty, w is
known, and only the final deconvolution is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np
import torch
from attrs.validators import ge, gt, optional
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Example, Solver
from invkit.errors import InputError, ShapeError
from invkit_darkprior.dark_channel import patch_for
from invkit_darkprior.final import Last
from invkit_darkprior.frame import frame_of
from invkit_darkprior.picture import Picture, largest_odd
from invkit_darkprior.pyramid import Settings
from invkit_darkprior.record import Record
from invkit_darkprior.run import Run
from invkit_darkprior.size import estimated_side

SMALLEST_IMAGE = 4


def _odd_or_none(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and (value < 1 or value % 2 == 0):
        raise ValueError(f"{attribute.name}={value} is no odd number")


@attrs.frozen
class DarkPrior(Solver):
    """The dark-channel method for convolutions of images in [0, 1], grey or colour; deterministic.

    - dark: whether the dark channel takes part; false leaves the gradients alone (L0 only).
    - patch: side of the dark channel's patch, odd; none: a seventh of the image's shorter side, at most 35.
    - kernel_size: side of the kernel that is looked for, odd; none: all of w's support, and where the prior
      of w has no shape, an estimate (:mod:`.size`).
    - lam, mu: weights λ of the dark channel and μ of the gradients in the image step; gamma: γ of ‖k‖² in the
      kernel step; rounds: of both at each scale; polish: that follow without the dark channel.
    - tv, sparse, ringing: of the final deconvolution (:mod:`.final`). tv none: a quarter of the noise's
      standard deviation, which is estimated (:mod:`.noise`), at least 1e-4; sparse none: 0.4·tv.
    """

    default_operator: ClassVar[str] = "linconv?mode=same&boundary=replicate"
    default_priors: ClassVar[tuple[str, str]] = ("blind", "darkchannel")

    dark: bool = True
    patch: int | None = attrs.field(default=None, validator=_odd_or_none)
    kernel_size: int | None = attrs.field(default=None, validator=_odd_or_none)
    lam: float = attrs.field(default=4e-3, validator=gt(0))
    mu: float = attrs.field(default=4e-3, validator=gt(0))
    gamma: float = attrs.field(default=2.0, validator=ge(0))
    rounds: int = attrs.field(default=5, validator=ge(1))
    polish: int = attrs.field(default=10, validator=ge(0))
    tv: float | None = attrs.field(default=None, validator=optional(gt(0)))
    sparse: float | None = attrs.field(default=None, validator=optional(gt(0)))
    ringing: float = attrs.field(default=1.0, validator=ge(0))

    def shaped(self, problem: Problem, y: Float[Tensor, "n *y"]) -> Problem:
        """The problem tied to shapes; a prior of w without one gets a square, as large as the largest kernel
        estimated for the measurements, or of ``kernel_size``.
        """
        y_shape, (prior_w, prior_x) = tuple(y.shape[1:]), problem.priors
        if prior_w.signal_shape is None:
            try:
                small, x_shape = problem.operator.infer_shapes(y_shape, (1, 3, 3), prior_x.signal_shape)
            except ShapeError:  # no convolution, or a prior of x that does not fit: either is said elsewhere
                return problem.shaped(y_shape)
            frame = frame_of(problem.operator, small, x_shape, y[:1])
            pictures = [Picture(each.numpy(), frame, (x_shape[1], x_shape[2])) for each in y.detach().cpu()]
            side = self.kernel_size or max(
                estimated_side(each.grey, self._settings(each), wrap=frame.wraps) for each in pictures
            )
            problem = attrs.evolve(problem, priors=(prior_w.shaped((1, side, side)), prior_x))
        return problem.shaped(y_shape)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Recover both signals of every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Raises:
            InputError: the operator is no convolution of images, or a prior has no encoder.
            ShapeError: images of fewer than 4 pixels a side, or a ``kernel_size`` beyond the prior's support.
        """
        began = time.perf_counter()
        problem = self.shaped(problem, y).weighted(self.gamma, self.lam)
        w_shape, x_shape = self._checked(problem, tuple(y.shape[1:]))
        frame = frame_of(problem.operator, w_shape, x_shape, y[:1])
        pictures = [Picture(each.numpy(), frame, (x_shape[1], x_shape[2])) for each in y.detach().cpu()]
        runs = self._runs(problem, y, pictures)
        start = [torch.stack(each) for each in zip(*(run.start() for run in runs), strict=True)]
        record = Record(problem, y, (start[0], start[1]), runs[0].steps, monitors)
        try:
            for number, run in enumerate(runs):
                self._recover(record, number, run)
        except KeyboardInterrupt:
            pass  # the best so far, with the status that the record begins with
        return record.solution(time.perf_counter() - began)

    def _recover(self, record: Record, number: int, run: Run) -> None:
        """Take one measurement to its end, or to where its numbers stop being finite."""
        with np.errstate(all="ignore"):  # what overflows shows in the result, and is said by its status
            if run.measurable:
                for w, x, stage in run.pairs():
                    if not record.step(number, w, x, stage):
                        break
        record.end(number)

    def examples(self, seed: int) -> Sequence[Example]:
        """Small convolutions, circular and not, grey and colour, with 1 % noise."""
        from invkit_darkprior.examples import examples

        return examples(seed)

    def _checked(self, problem: Problem, y_shape: Shape) -> tuple[Shape, Shape]:
        """The shapes of w and x, where there is something that this solver can do."""
        for name, prior in zip("wx", problem.priors, strict=True):
            if not prior.can_encode:
                raise InputError(
                    f"darkprior finds the pixels of {name}, but its prior has no encoder for them",
                    hint="choose priors that have one, e.g. blind and darkchannel, or another solver",
                )
        w_shape, x_shape = (tuple(prior.signal_shape or ()) for prior in problem.priors)
        if min(y_shape[1:]) < SMALLEST_IMAGE:
            raise ShapeError(
                f"a measurement of shape {y_shape} is too small to find a kernel in",
                hint=f"give an image of at least {SMALLEST_IMAGE} pixels a side",
            )
        side = self.kernel_size
        if side is not None and any(side > largest for largest in largest_odd((w_shape[1], w_shape[2]))):
            raise ShapeError(
                f"kernel_size={side}, but the prior of w makes kernels of shape {w_shape}",
                hint=f"leave kernel_size out, or give w a prior of that size, e.g. blind?size={side}",
            )
        return w_shape, x_shape

    def _runs(self, problem: Problem, y: Tensor, pictures: Sequence[Picture]) -> list[Run]:
        """One for each measurement."""
        w_shape = tuple(problem.priors[0].signal_shape or ())
        side = self.kernel_size
        support = largest_odd((w_shape[1], w_shape[2])) if side is None else (side, side)
        last = Last(self.tv, self.sparse, self.ringing)
        return [
            Run(picture, problem.priors[0], support, self._settings(picture), last, like=y)
            for picture in pictures
        ]

    def _settings(self, picture: Picture) -> Settings:
        patch = self.patch or patch_for((picture.y.shape[1], picture.y.shape[2]))
        dark = self.lam if self.dark else 0.0
        return Settings(dark, self.mu, self.gamma, self.rounds, patch, self.polish)
