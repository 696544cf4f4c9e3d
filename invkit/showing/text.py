"""Solutions and pipelines in a few lines of text.

    >>> print(solution)
    Solution of 1 measurement: max_iter
      x         (3, 64, 64), values from 0.031 to 0.976
      w         (28, 28), sum 1.000
      residual  1.19, noise 0.0099, confidence 0.98
      by        circconv, trajectory, gaussian:celeba, evidence; 24 candidates, 4.1 s
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from invkit.files.panels import array

if TYPE_CHECKING:
    from invkit.contracts.solution import Solution

__all__ = ["called", "facts", "solution_text"]


def solution_text(solution: Solution) -> str:
    """A solution in five lines: how it ended, its signals, how well they explain y, and what made them.

    Each remark of the solver (``Solution.notes``) is a line more.
    """
    first, *rest = facts(solution)
    width = max(len(name) for name, _ in rest)
    return "\n".join([" ".join(first), *(f"  {name:{width}}  {said}" for name, said in rest)])


def facts(solution: Solution) -> list[tuple[str, str]]:
    """The lines of :func:`solution_text` as a name and what is said."""
    count = len(solution.status)
    ends = Counter(str(status) for status in solution.status)
    statuses = str(solution.status[0]) if count == 1 else ", ".join(f"{n} {end}" for end, n in ends.items())
    return [
        (f"Solution of {count} measurement{'s'[: count > 1]}:", statuses),
        ("x", _signal(solution.x)),
        ("w", "none: this solver finds x alone" if solution.w is None else _kernel(solution.w)),
        ("residual", _figures(solution)),
        ("by", _made_by(solution)),
        *[("remark", remark) for remark in _remarks(solution)],
    ]


def called(table: Any) -> str:
    """A part's table of a configuration in a word or two: ``gaussian:celeba``, or its class."""
    if isinstance(table, Mapping):
        if "solver" in table:  # a stage
            return called(table["solver"])
        if "object" in table:
            return str(table["object"]).rpartition(":")[2]
        return str(table["kind"]) + (f":{table['name']}" if table.get("name") else "")
    if isinstance(table, Sequence) and not isinstance(table, str):
        stages = any(isinstance(each, Mapping) and "solver" in each for each in table)
        return (", then " if stages else " | ").join(map(called, table))
    return str(table)


def _signal(signal: Any) -> str:
    values = array(signal)
    return f"{values.shape}, {_range(np.abs(values) if np.iscomplexobj(values) else values)}"


def _range(values: Any) -> str:
    finite = values[np.isfinite(values)]
    return f"values from {finite.min():.3g} to {finite.max():.3g}" if finite.size else "no finite values"


def _kernel(signal: Any) -> str:
    values = array(signal)
    total = values.sum() if values.ndim == 2 else None
    return f"{values.shape}, sum {total:.3f}" if total is not None else _signal(signal)


def _figures(solution: Solution) -> str:
    said = [_between(solution.residual)]
    for name in ("noise", "confidence"):
        values = getattr(solution, name)
        if values is not None:
            said.append(f"{name} {_between(values)}")
    return ", ".join(said)


def _remarks(solution: Solution) -> list[str]:
    """The remarks in a solution's notes, each of them once."""
    return list(dict.fromkeys(str(each["remark"]) for each in solution.notes or () if each.get("remark")))


def _between(values: Any) -> str:
    """One figure, or the least and the largest of several."""
    numbers = np.atleast_1d(array(values)).astype(float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return "not known"
    low, high = f"{finite.min():.3g}", f"{finite.max():.3g}"
    return low if low == high else f"{low} to {high}"


def _made_by(solution: Solution) -> str:
    config = solution.config or {}
    tables: Iterable[Any] = (config.get("operator"), *config.get("priors", ()), config.get("solver"))
    parts = ", ".join(called(table) for table in tables if table is not None) or "a solver alone"
    starts = len(solution.restarts.status[0]) if solution.restarts.status else 0
    tried = f"; {starts} candidates" if starts > 1 else ""
    return f"{parts}{tried}; {solution.seconds:.3g} s"
