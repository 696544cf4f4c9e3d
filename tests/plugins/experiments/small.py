"""A small study for tests: two cases of drawn digits, quick methods, one that can be told to fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.methods import Blurry, Found, Method
from invkit_experiments.engine.study import Case, Study
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured, Source
from invkit_experiments.studies.paper import PRINTED, QUALITY


@attrs.frozen
class Halved(Method):
    """The measurement, less contrast; remembers every run, stops or fails where it is told to."""

    name: str = "halved"
    what: str = "half of the contrast, <b>not</b> a | method"

    runs: ClassVar[list[tuple[str, int]]] = []
    stop_at: ClassVar[int | None] = None
    missing: ClassVar[str | None] = None
    failing: ClassVar[str | None] = None

    def identity(self, source: Source, settings: Settings) -> Mapping[str, Any]:
        if self.missing:
            raise InputError(self.missing, hint="get it")
        return {"halved": 1, "steps": settings.steps}

    def recover(self, one: Measured, source: Source, settings: Settings, index: int) -> Found:
        if index == self.stop_at:
            raise KeyboardInterrupt
        if self.failing:
            raise InputError(self.failing)
        assert isinstance(source, Drawn)
        self.runs.append((source.kernels, index))
        return Found(0.5 * one.y + 0.25, one.w, seconds=2.0)


SMALL = Study(
    name="small",
    title="a <small> study",
    count=3,
    shown=2,
    kernels_shown=True,
    columns=(*QUALITY, *PRINTED),
    cases=(
        Case(
            "straight",
            "digits & straight blurs",
            Drawn("mnist-sample", "test", "blurA"),
            (Blurry(), Halved()),
            {"halved": {"psnr": 12.5}},
        ),
        Case("mixed", "digits, blur B", Drawn("mnist-sample", "test", "blurB"), (Blurry(), Halved())),
    ),
)
