"""Experiments: a frozen description of what is measured, and one row of figures for each method.

    class Mine(Experiment):
        name, columns, methods = "mine", (Column("psnr", "PSNR", ".2f"),), ("a", "b")
        def identity(self, method): return {"method": method}    # whatever the row depends on
        def measure(self, method): return {"psnr": 21.0}

    for row in Mine(count=100).rows(kept=Kept(Path("out"))): ...

To add an experiment, write it in a file of its own and name it in `EXPERIMENTS`; ``invkit bench`` does the
rest: choosing methods, keeping finished rows, tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import attrs

from invkit.errors import SpecError, UsageError
from invkit.plugin.registry import nearest
from invkit_experiments.kept import Kept

__all__ = ["EXPERIMENTS", "Column", "Entry", "Experiment", "Row", "experiment_entry"]

FORMAT = 1
"""Raise it where rows kept by an earlier invkit mean something else."""

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

    def rows(
        self, kept: Kept, methods: Sequence[str] = (), told: Callable[[str, bool], None] = lambda *_: None
    ) -> Iterator[Row]:
        """The row of every method, in turn; finished ones are read from disk.

        Args:
            kept: where rows are kept.
            methods: those to measure; all by default.
            told: hears of each method before its row: its name, and whether the row was there already.
        """
        for method in self.choose(methods):
            identity = {"format": FORMAT, "experiment": self.name, "method": method, **self.identity(method)}
            row = kept.read(self.name, method, identity)
            told(method, row is not None)
            if row is None:
                row = {"method": method, **self.measure(method)}
                kept.write(self.name, method, identity, row)
            yield row


@attrs.frozen
class Entry:
    """Where an experiment is and what it is for; the class is imported when it is run."""

    target: str
    summary: str


EXPERIMENTS: Mapping[str, Entry] = {
    "digits": Entry(
        "invkit_experiments.digits:Digits",
        "blind deblurring of MNIST test digits, with oracle and range floors",
    ),
    "kernels": Entry(
        "invkit_experiments.kernels:Kernels", "how well the kernel priors make kernels of their test splits"
    ),
    "priors": Entry(
        "invkit_experiments.priors:Priors",
        "how close image priors come to the authors' test images, and whether they make copies",
    ),
    "asim2020": Entry(
        "invkit_experiments.asim2020:Asim2020",
        "blind deblurring of the paper's authors' own test inputs, beside their results",
    ),
}
"""What ``invkit bench`` knows, by name."""


def experiment_entry(name: str) -> Entry:
    """The experiment of a name.

    Raises:
        SpecError: no such name; the message gives the nearest and the list.
    """
    if name not in EXPERIMENTS:
        raise SpecError(f"unknown experiment {name!r}", hint=nearest(name, EXPERIMENTS))
    return EXPERIMENTS[name]
