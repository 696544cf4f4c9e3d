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
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs
import torch
from attrs.validators import ge
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.linear import Shape
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError, ShapeError, SpecError
from invkit.files import store
from invkit.plugin.registry import Registry
from invkit.solving import Found, Record
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
        """Build ``cnn?weights=NAME``.

        Args:
            weights: the name of weights that are shipped or in the user store, or the path of a file.
            chunk: at most so many measurements at a time, for memory alone.
            registry: where names are looked up.

        Raises:
            SpecError: no weights are named; the names there are are listed.
            WeightsError: there are none of that name, or the file does not hold a deblurring network.
        """
        if not weights:
            known = ", ".join(store.names(registry, "cnn")) or "none; see `invkit list trainers`"
            raise SpecError("cnn needs weights", hint=f"write cnn?weights=NAME; known: {known}")
        trained = store.load(registry, "cnn", weights, called="deblurring network")
        network = networks.trained(ARCHITECTURES, trained)
        side = -(-network.smallest // network.multiple) * network.multiple
        grey = torch.full((1, network.channels, side, side), 0.5)
        networks.require_finite(trained, restored(network, grey))
        return cls(network, trained.card, trained.sha256, chunk)

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Restore every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Nothing is random. A step is a chunk of measurements; after a keyboard interrupt those not reached yet
        are returned as they came, clipped to [0, 1].

        Raises:
            InputError: the operator does not measure images, the noise is not white and Gaussian, or there is
                a ``start``.
            ShapeError: x has another shape than y, or one that the network does not take.
        """
        if start is not None:
            raise InputError(
                "cnn goes from the measurement to the image in one pass and takes no start",
                hint="leave start out, or let cnn be the first stage",
            )
        self.check(problem, tuple(y.shape[1:]))
        network, x = _following(self.network, y), y.clamp(0, 1)
        parts = torch.split(torch.arange(len(y), device=y.device), self.chunk)
        record = Record(y, monitors, steps=1, passes=len(parts), waiting=lambda: (None, x))
        for rows in parts:
            record.begin(rows)
            unknown = y.new_full((len(rows), 1), torch.nan)
            with record:
                if not record.interrupted:
                    with torch.no_grad():
                        x[rows] = restored(network, y[rows]).clamp(0, 1)
                    record.tell(1, unknown, unknown, lambda: (None, x[rows]), stage="network")  # noqa: B023
            ended = Status.INTERRUPTED if record.interrupted else Status.CONVERGED
            sound = torch.isfinite(x[rows]).flatten(1).all(1).tolist()
            record.settle(unknown, unknown, [[ended if fine else Status.DIVERGED] for fine in sound])
            record.end(Found(x=x[rows]))
        return record.solution()

    def check(self, problem: Problem, y_shape: Shape) -> None:
        """Raise `InputError` or `ShapeError` unless the network takes this problem."""
        problem.require_plain_noise("cnn")
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


def _following(network: Network, y: Tensor) -> Network:
    """The network in the measurement's precision and on its device; a copy where it is another's."""
    held = next(network.parameters())
    if held.dtype == y.dtype and held.device == y.device:
        return network
    return copy.deepcopy(network).to(y)
