"""Methods: ways to get from a measurement to an image, each a row of a table.

    Blurry()                                         # the measurement itself
    Theirs("authors", "their result", image="x_hat_alg1")
    Closest("range", "the closest image in range to the truth", prior="gan:celeba")

Methods that solve are in `invkit_experiments.engine.solve`. A method whose solver or weights are not
installed raises when its identity is asked for; the others go on.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.inputs.sources import Measured, Source, identity_of, prior

__all__ = ["Blurry", "Closest", "Found", "Method", "Theirs"]


@attrs.frozen(eq=False)
class Found:
    """Result of one measurement.

    Args:
        x: the image.
        w: the kernel; None if the method finds none.
        seconds: wall time.
        cpu: CPU time in seconds, of all threads.
        status: what the method says of it, as a `invkit.Status`.
        notes: what else it says, by name.
        confidence: what the method thinks of it, where it says so.
        samples: draws from the posterior, where it makes any.
    """

    x: Tensor
    w: Tensor | None = None
    seconds: float | None = None
    cpu: float | None = None
    status: str | None = None
    notes: Mapping[str, Any] = attrs.field(factory=dict)
    confidence: float | None = None
    samples: invkit.Samples | None = None


@attrs.frozen
class Method(ABC):
    """A row: its name, and a line that says what it is."""

    name: str
    what: str

    @abstractmethod
    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        """All that the result depends on except the measurement, JSON-ready.

        Raises:
            InvkitError: it cannot be run here; the message says what is missing.
        """

    @abstractmethod
    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        """Recover the image of a measurement, given its index.

        Raises:
            KeyboardInterrupt: it was interrupted.
        """


@attrs.frozen
class Blurry(Method):
    """The measurement itself: the quality that every method has to beat."""

    name: str = "blurry"
    what: str = "the measurement itself"

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        return {"method": "blurry"}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        return Found(one.y)


@attrs.frozen
class Theirs(Method):
    """A result that others published for this very measurement.

    Args:
        image: name of the image among the measurement's results.
        kernel: name of the kernel, if there is one.
    """

    image: str
    kernel: str | None = None

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        # the file is part of the source's identity
        return {"theirs": [self.image, self.kernel]}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        missing = [name for name in (self.image, self.kernel) if name and name not in one.theirs]
        if missing:
            raise InputError(
                f"nobody published {missing[0]!r} for this input", hint=f"there are {', '.join(one.theirs)}"
            )
        return Found(one.theirs[self.image], one.theirs[self.kernel] if self.kernel else None)


@attrs.frozen
class Closest(Method):
    """The closest image in a prior's range to the *true* image: what its range allows ("GR" in the paper).

    Args:
        prior: spec of the prior.
        search: number of steps of Adam, from the encoding or from five random latents.
    """

    prior: str
    search: int = 1000

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        return {**identity_of(self.prior), "steps": settings.steps or self.search}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        began, made = time.perf_counter(), prior(self.prior)
        starts = 1 if made.can_encode else 5
        found = invkit.project(made, one.x, restarts=starts, steps=settings.steps or self.search)
        return Found(found.signal, None, time.perf_counter() - began)
