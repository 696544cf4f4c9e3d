"""``cnn?weights=NAME`` — a network trained to deblur: the sharp image in one pass, and no kernel.

    solver = invkit.solver("cnn?weights=celeba-shake")       # or weights=./mine.safetensors
    deblur = invkit.compose("circconv", ["identity", "identity"], solver)
    solution = deblur(y)                                     # solution.x; solution.w is None
    solver.card["architecture"], solver.card["metrics"]      # which network it is, and what it does

    x̂ = min(1, max(0, N_θ(y − ½) + ½))

The network knows the pictures and the blurs it was trained on, and nothing of the problem: operator and
priors are asked for shapes alone, and x must have that of the measurement. There is no w, so there is no
residual either: both are missing from the solution (None and NaN).

Source: M. Hradiš, J. Kotera, P. Zemčík, F. Šroubek, "Convolutional Neural Networks for Direct Text
Deblurring", BMVC 2015; a baseline of arXiv 1802.04073, Section 4.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs
import torch
from attrs.validators import ge
from jaxtyping import Float
from torch import Tensor

import invkit
from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Restarts, Solution, Status
from invkit.contracts.solver import Example, Solver
from invkit.errors import InputError, ShapeError, SpecError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit.training import networks
from invkit_cnn.architectures import ARCHITECTURES, Network
from invkit_cnn.blurring import restored

__all__ = ["FeedForward"]


@attrs.frozen(eq=False, slots=False)  # its copies carry the spec that it was built from
class FeedForward(Solver):
    """A trained network as a solver. Options: ``weights``, a name or path, and ``chunk``.

    Args:
        network: from images in [−½, ½] to images in [−½, ½].
        card: what is known of its weights; see `invkit.files.store`.
        sha256: of the weights file; a configuration records it.
        chunk: at most so many measurements at a time, for memory alone.
    """

    finds_w: ClassVar[bool] = False

    network: Network = attrs.field(repr=False)
    card: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    sha256: str | None = None
    chunk: int = attrs.field(default=64, validator=ge(1))

    @classmethod
    def from_spec(cls, *, weights: str = "", chunk: int = 64, registry: Registry) -> FeedForward:
        """Build ``cnn?weights=NAME``: shipped weights, some in the user store, or the path of a file.

        Raises:
            SpecError: no weights are named; the names there are are listed.
            WeightsError: there are none of that name, or the file does not hold a deblurring network.
        """
        if not weights:
            known = ", ".join(store.names(registry, "cnn")) or "none; see `invkit train cnn --list`"
            raise SpecError("cnn needs weights", hint=f"write cnn?weights=NAME; known: {known}")
        trained = store.load(registry, "cnn", weights, called="deblurring network")
        return cls(networks.trained(ARCHITECTURES, trained), trained.card, trained.sha256, chunk)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
    ) -> Solution:
        """Restore every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Nothing is random. A step is a chunk of measurements; after a keyboard interrupt those not reached yet
        are returned as they came, clipped to [0, 1].

        Raises:
            InputError: the operator does not measure images.
            ShapeError: x has another shape than y, or one that the network does not take.
        """
        began = time.perf_counter()
        self.check(problem, tuple(y.shape[1:]))
        network = _following(self.network, y)
        x, status = y.clamp(0, 1), Status.CONVERGED
        chunks = range(0, len(y), self.chunk)
        for monitor in monitors:
            monitor.on_start(len(chunks), len(y), 1)
        try:
            for step, first in enumerate(chunks, 1):
                chosen = slice(first, first + self.chunk)
                with torch.no_grad():
                    x[chosen] = restored(network, y[chosen]).clamp(0, 1)
                _tell(monitors, step, len(chunks), x)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        solution = _solution(x, status, time.perf_counter() - began)
        for monitor in monitors:
            monitor.on_end(solution)
        return solution

    def check(self, problem: Problem, y_shape: Shape) -> None:
        """Raise `InputError` or `ShapeError` unless the network takes this problem."""
        if problem.operator.measurement_dims != 2:
            raise InputError(
                f"cnn restores images, the operator measures signals of {problem.operator.measurement_dims} "
                "dimension(s)",
                hint="choose another solver; see `invkit list solvers`",
            )
        x_shape = problem.shaped(y_shape).priors[1].signal_shape
        if x_shape != y_shape:
            raise ShapeError(
                f"cnn makes images of the measurement's shape {y_shape}, but x has {x_shape}",
                hint="choose an operator that keeps the shape, such as circconv",
            )
        network = self.network
        if y_shape[0] != network.channels:
            raise ShapeError(
                f"the network takes images of {network.channels} channels, this one has {y_shape[0]}",
                hint="choose other weights, or bring the image to these channels",
            )
        if any(side % network.multiple or side < network.smallest for side in y_shape[1:]):
            raise ShapeError(
                f"the network takes sides of at least {network.smallest} pixels that are multiples of "
                f"{network.multiple}, the image is {y_shape[1]}×{y_shape[2]}",
                hint="crop the image",
            )

    def examples(self, seed: int) -> Sequence[Example]:
        """Two small problems: random images, square and wide, blurred by random kernels of their size."""
        rng = torch.Generator().manual_seed(seed)
        side = self.network.multiple * -(-max(12, self.network.smallest) // self.network.multiple)
        found = []
        for height, width in ((side, side), (side, side + 2 * self.network.multiple)):
            shape = (self.network.channels, height, width)
            priors = (invkit.prior("identity"), invkit.prior("identity"))
            problem = Problem(invkit.operator("circconv"), priors).shaped(shape)
            x = torch.rand(3, *shape, generator=rng, dtype=torch.float64)
            w = torch.rand(3, 1, height, width, generator=rng, dtype=torch.float64)
            y: Tensor = problem.operator(w / w.sum((1, 2, 3), keepdim=True), x)
            found.append(Example(f"images of {height}×{width}", problem, y))
        return found


def _following(network: Network, y: Tensor) -> Network:
    """The network in the measurement's precision and on its device; a copy where it is another's."""
    held = next(network.parameters())
    if held.dtype == y.dtype and held.device == y.device:
        return network
    return copy.deepcopy(network).to(y)


def _tell(monitors: Sequence[Monitor], step: int, steps: int, x: Tensor) -> None:
    def best() -> tuple[None, Tensor]:
        return None, x.clone()

    unknown = x.new_full((len(x), 1), torch.nan)
    for monitor in monitors:
        if step % monitor.every == 0 or step == steps:
            monitor.on_step(Progress(step, steps, unknown, unknown, best, stage="network"))


def _solution(x: Tensor, status: Status, seconds: float) -> Solution:
    """The solution; a picture that is not finite has diverged."""
    finite = torch.isfinite(x).flatten(1).all(1).tolist()
    ends = tuple(status if good else Status.DIVERGED for good in finite)
    unknown = x.new_full((len(x), 1), torch.nan)
    return Solution(
        x=x,
        w=None,
        latents=(None, None),
        residual=unknown[:, 0],
        status=ends,
        restarts=Restarts(unknown, unknown, tuple((end,) for end in ends), (0,) * len(x)),
        history=unknown[..., None][..., :0],
        history_steps=(),
        seconds=seconds,
    )
