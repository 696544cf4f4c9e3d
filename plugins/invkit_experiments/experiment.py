"""Experiments: a frozen description of what is measured, and one row of figures for each method.

    class Mine(Experiment):
        name, columns, methods = "mine", (Column("psnr", "PSNR", ".2f"),), ("a", "b")
        def identity(self, method): return {"method": method}    # whatever the row depends on
        def measure(self, method): return {"psnr": 21.0}

    Mine(count=100).run(Kept(Path("out"))).rows

To add an experiment, write it in a file of its own and name it in
`invkit_experiments.catalogue`; ``invkit bench`` does the
rest: choosing methods, keeping finished rows, tables. One that compares methods on images, side by side, is a
`invkit_experiments.study.Study`: a description alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from invkit.errors import UsageError
from invkit.plugin.registry import nearest
from invkit_experiments.kept import Kept
from invkit_experiments.watching import Watcher

__all__ = ["FORMAT", "Column", "Experiment", "Outcome", "Row"]

FORMAT = 1
"""Raise it where rows kept by an earlier invkit mean something else.
"""

Row = Mapping[str, Any]
"""JSON-ready figures of one method, by column; ``None`` where a figure has no meaning."""


@attrs.frozen
class Column:
    """A figure in a table: its key in a row, its heading, and how a number is printed."""

    key: str
    title: str
    form: str = ""

    def text(self, row: Row) -> str:
        """The row's figure as text; a dash where there is none."""
        value = row.get(self.key)
        return "–" if value is None else format(value, self.form)


@attrs.frozen
class Outcome:
    """What came out of an experiment.

    Args:
        rows: one for each method that was measured, in the order of the table.
        left_out: row → why it could not be measured here.
        cells: image by image, with pictures, for experiments that have them.
    """

    rows: Sequence[Row]
    left_out: Mapping[str, str] = attrs.field(factory=dict)
    cells: Sequence[Any] = ()


@attrs.frozen(kw_only=True)
class Experiment(ABC):
    """What is measured: the same inputs for every method.

    Args:
        count: signals to measure with; None for the experiment's own number.
        seed: of noise and solvers.
        steps: in place of every solver's own number of steps, for a quick look; the figures then mean little.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    #: method → what it is, in one line
    methods: ClassVar[Mapping[str, str]]
    #: signals where `count` is None
    usual_count: ClassVar[int]
    #: `count` and `steps` for a look that takes seconds
    quick: ClassVar[tuple[int, int]] = (2, 20)
    #: the columns before the figures
    heads: ClassVar[tuple[Column, ...]] = (Column("method", "method"),)
    #: whether its methods draw bars of their own
    draws_bars: ClassVar[bool] = True

    count: int | None = None
    seed: int = 0
    steps: int | None = None

    @property
    def signals(self) -> int:
        """How many signals are measured with."""
        return self.usual_count if self.count is None else self.count

    @abstractmethod
    def identity(self, method: str) -> Mapping[str, Any]:
        """All that a method's row depends on, JSON-ready: settings, versions, sha256 of weights and data."""

    @abstractmethod
    def measure(self, method: str) -> Row:
        """Do the work; raises KeyboardInterrupt where it was interrupted, so that no half row is kept."""

    def available(self) -> tuple[str, ...]:
        """The methods that can be run here; a method may need data that is not there."""
        return tuple(self.methods)

    def choose(self, named: Sequence[str]) -> tuple[str, ...]:
        """The methods named, or all that are available.

        Raises:
            UsageError: a method that the experiment does not have.
        """
        for method in named:
            if method not in self.methods:
                raise UsageError(
                    f"the experiment {self.name!r} has no method {method!r}",
                    hint=nearest(method, self.methods),
                )
        return tuple(dict.fromkeys(named)) or self.available()

    def check(self, methods: Sequence[str] = ()) -> None:
        """Say now what is missing, not after hours of work.

        Raises:
            UsageError: a method that the experiment does not have.
            InvkitError: data or weights that are not here.
        """
        for method in self.choose(methods):
            self.identity(method)

    def run(self, kept: Kept, methods: Sequence[str] = (), watcher: Watcher | None = None) -> Outcome:
        """Measure every method, in turn; finished rows are read from disk.

        Args:
            kept: where rows are kept.
            methods: those to measure; all by default.
            watcher: is told of each row.

        Raises:
            KeyboardInterrupt: it was interrupted; what was finished is kept.
        """
        watcher = watcher or Watcher()
        chosen = self.choose(methods)
        watcher.begin({method: (self.methods[method], 1) for method in chosen})
        rows = []
        for method in chosen:
            identity = {"format": FORMAT, "experiment": self.name, "method": method, **self.identity(method)}
            row = kept.read(self.name, method, identity)
            watcher.start(method, there=row is not None)
            if row is None:
                row = {"method": method, **self.measure(method)}
                kept.write(self.name, method, identity, row)
            watcher.done(method, row.get("seconds") or 0.0)
            rows.append(row)
        return Outcome(rows)
