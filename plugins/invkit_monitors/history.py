"""A record of a solve: objective and residual of every restart at every ``every``-th step.

history = History(every=10)
solver.solve(problem, y, rng, monitors=[history])
plt.semilogy(history.steps, history.residual[:, 0])        # all restarts of the first measurement
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

import invkit
from invkit_monitors._summary import at_least


@attrs.define(slots=False, eq=False)
class History(invkit.Monitor):
    """Keeps the numbers of the latest solve; each new solve starts afresh.

    Args:
        every: record at multiples of this many steps, and at the last.
    """

    every: int = attrs.field(default=1, validator=at_least(1))
    _records: list[tuple[int, npt.NDArray[Any], npt.NDArray[Any]]] = attrs.field(
        factory=list, init=False, repr=False
    )
    _shape: tuple[int, int] = attrs.field(default=(0, 0), init=False, repr=False)

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self._records, self._shape = [], (measurements, restarts)

    def on_step(self, progress: invkit.Progress) -> None:
        # Copies: a CPU tensor's numpy array is a view of it, and the solver may write there next.
        objective, residual = (
            values.detach().cpu().numpy().copy() for values in (progress.objective, progress.residual)
        )
        self._records.append((progress.step, objective, residual))

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The recorded steps, (k,)."""
        return np.array([step for step, _, _ in self._records], dtype=np.int64)

    @property
    def objective(self) -> npt.NDArray[Any]:
        """The objective (6), (k, measurements, restarts); NaN for restarts that dropped out."""
        return self._stacked(1)

    @property
    def residual(self) -> npt.NDArray[Any]:
        """The squared residual (7), (k, measurements, restarts); NaN for restarts that dropped out."""
        return self._stacked(2)

    def _stacked(self, column: int) -> npt.NDArray[Any]:
        values = [record[column] for record in self._records]
        return np.stack(values) if values else np.empty((0, *self._shape))
