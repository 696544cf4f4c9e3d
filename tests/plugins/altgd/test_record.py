"""What is told on the way and kept at the end: chunks, monitors, history, Ctrl-C."""

from __future__ import annotations

import pytest
import torch

from invkit.contracts.monitor import Monitor
from invkit.contracts.solution import Status
from tests.plugins.altgd.problems import (
    PRINTED,
    CtrlC,
    Listener,
    altgd,
    measured,
    residual,
    solve,
    starts_of,
    tiny,
)

N, RESTARTS, STEPS = 5, 4, 12
OPTIONS = PRINTED | {"steps": STEPS, "restarts": RESTARTS}
#: largest number of candidates at a time → chunks of five measurements with four restarts
CHUNKS = {1: 5, 8: 3, 19: 2, 20: 1}


@pytest.mark.parametrize("options", [OPTIONS, {"steps": STEPS, "restarts": RESTARTS, "keep": (3, 1)}])
def test_chunks_change_nothing(options: dict) -> None:
    problem = tiny(encodes=True)
    y = measured(problem, N)
    expected = solve(altgd(**options), problem, y)
    for chunk in CHUNKS:
        found = solve(altgd(**options, chunk=chunk), problem, y)
        for name in ("x", "w", "residual", "history"):
            torch.testing.assert_close(
                getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-9, equal_nan=True
            )
        assert found.restarts.winner == expected.restarts.winner
        assert found.restarts.status == expected.restarts.status
        assert found.history_steps == expected.history_steps == tuple(range(1, STEPS + 1))
        torch.testing.assert_close(found.restarts.objective, expected.restarts.objective, equal_nan=True)


@pytest.mark.parametrize(("chunk", "chunks"), CHUNKS.items())
def test_monitors_hear_of_every_step_of_every_chunk(chunk: int, chunks: int) -> None:
    problem = tiny()
    y = measured(problem, N)
    listener = Listener()
    started = []
    listener.on_start = lambda *numbers: started.append(numbers)
    solution = solve(altgd(**OPTIONS, chunk=chunk), problem, y, listener)
    assert started == [(STEPS * chunks, N, RESTARTS)]
    assert [progress.step for progress in listener.told] == list(range(1, STEPS * chunks + 1))
    assert {progress.steps for progress in listener.told} == {STEPS * chunks}
    for progress, (w, x) in zip(listener.told, listener.best, strict=True):
        assert progress.objective.shape == progress.residual.shape == (N, RESTARTS)
        assert w.shape == (N, *problem.priors[0].signal_shape)
        assert x.shape == (N, *problem.priors[1].signal_shape)
    # The last best is the solution; at the first step of the last chunk the earlier ones are done.
    torch.testing.assert_close(listener.best[-1], (solution.w, solution.x))
    done = N - (N - 1) % max(1, chunk // RESTARTS) - 1
    torch.testing.assert_close(listener.best[STEPS * (chunks - 1)][1][:done], solution.x[:done])


@pytest.mark.parametrize("chunk", [4, 2048])
def test_what_is_told_is_what_is_recorded(chunk: int) -> None:
    problem = tiny()
    y = measured(problem, N)
    listener = Listener()
    solution = solve(altgd(**OPTIONS | {"keep": (3, 1), "chunk": chunk}), problem, y, listener)
    told = torch.stack([progress.objective for progress in listener.told], 2)
    told = told.reshape(N, RESTARTS, -1, STEPS)
    passes = [min(row, told.shape[2] - 1) for row in range(N)]  # one for each measurement, or one for all
    own = torch.stack([told[row, :, number] for row, number in enumerate(passes)])
    torch.testing.assert_close(solution.history, own, equal_nan=True)
    # 12 steps in stages of 3 and 1 candidates: 3 and 9 steps.
    assert solution.history.isfinite().sum(1).tolist() == [[3] * 3 + [1] * 9] * N


def test_a_monitor_hears_of_its_multiples_and_of_the_last_step() -> None:
    problem = tiny()
    listener = Listener()
    listener.every = 5
    solve(altgd(**OPTIONS, chunk=12), problem, measured(problem, N), listener)
    assert [progress.step for progress in listener.told] == [5, 10, 15, 20, 24]


def test_a_long_history_is_thinned_and_keeps_the_end() -> None:
    problem = tiny()
    solution = solve(altgd(**PRINTED | {"steps": 250, "restarts": 1}), problem, measured(problem, 1))
    assert solution.history_steps == tuple(range(2, 251, 2))
    assert solution.history.shape == (1, 1, 125)
    assert solution.history.isfinite().all()
    assert solution.history[0, 0, -1] < solution.history[0, 0, 0]


# ---------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("options", [PRINTED, {}], ids=["printed", "default"])
@pytest.mark.parametrize("step", [1, 7, STEPS])
def test_ctrl_c_gives_what_was_reached(options: dict[str, object], step: int) -> None:
    problem = tiny()
    y = measured(problem, N)
    options = options | {"restarts": RESTARTS, "keep": (), "steps": STEPS}
    ctrl_c, listener = CtrlC(step), Listener()
    found = solve(altgd(**options), problem, y, listener, ctrl_c)
    assert found.status == (Status.INTERRUPTED,) * N
    assert {status for row in found.restarts.status for status in row} == {Status.INTERRUPTED}
    assert len(listener.told) == step
    torch.testing.assert_close(listener.best[-1], (found.w, found.x))
    assert found.history.shape == (N, RESTARTS, step)
    assert found.residual.isfinite().all()
    torch.testing.assert_close(found.residual, residual(problem, y, *found.latents))
    assert ctrl_c.ended is found


def starts_residuals(problem, y: torch.Tensor) -> torch.Tensor:
    """(measurements, restarts)."""
    h, m = starts_of(problem, y, RESTARTS)
    every_y = y.repeat_interleave(RESTARTS, 0)
    return residual(problem, every_y, h.flatten(0, 1), m.flatten(0, 1)).reshape(N, RESTARTS)


@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS + 3, 2 * STEPS])
@pytest.mark.parametrize("keep", [(), (3, 1)])
def test_ctrl_c_in_any_chunk(step: int, keep: tuple[int, ...]) -> None:
    """Chunks that are done stay as they are; those not begun give the best of their starts."""
    problem = tiny()
    y = measured(problem, N)
    # Without penalties and with a small rate the residual falls at each step.
    options = {**OPTIONS, "keep": keep, "chunk": 8, "rate": 1e-3, "weight_w": 0, "weight_x": 0}
    expected = solve(altgd(**options), problem, y)
    found = solve(altgd(**options), problem, y, CtrlC(step))
    done = 2 * ((step - 1) // STEPS)
    begun = done + 2
    assert found.status == (*expected.status[:done], *(Status.INTERRUPTED,) * (N - done))
    torch.testing.assert_close(found.x[:done], expected.x[:done])
    torch.testing.assert_close(
        found.restarts.residual[:done], expected.restarts.residual[:done], equal_nan=True
    )
    start = starts_residuals(problem, y).amin(1)
    assert (found.residual[:begun] < start[:begun]).all()
    torch.testing.assert_close(found.residual[begun:], start[begun:])
    assert found.history[begun:].isnan().all()
    torch.testing.assert_close(found.residual, residual(problem, y, *found.latents))


def test_the_best_start_is_that_of_least_residual_not_of_least_objective() -> None:
    problem = tiny()
    y = measured(problem, N)
    solver = altgd(**OPTIONS | {"keep": (3, 1), "chunk": 4, "weight_w": 9, "weight_x": 9})
    found = solve(solver, problem, y, CtrlC(1))
    torch.testing.assert_close(found.residual[1:], starts_residuals(problem, y).amin(1)[1:])


def test_ctrl_c_before_the_first_step_gives_the_best_start(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = tiny()
    y = measured(problem, N)

    def interrupt(*arguments: object) -> torch.Tensor:
        raise KeyboardInterrupt

    monkeypatch.setattr("invkit_altgd.altgd.improve", interrupt)
    found = solve(altgd(**OPTIONS), problem, y)
    assert found.status == (Status.INTERRUPTED,) * N
    torch.testing.assert_close(found.residual, starts_residuals(problem, y).amin(1))
    assert found.history.shape == (N, RESTARTS, 0)


def test_other_errors_of_a_monitor_are_not_swallowed() -> None:
    class Broken(Monitor):
        def on_step(self, progress: object) -> None:
            raise RuntimeError("no space left")

    problem = tiny()
    with pytest.raises(RuntimeError, match="no space left"):
        solve(altgd(**OPTIONS), problem, measured(problem, 1), Broken())
