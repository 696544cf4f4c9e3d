"""`check_solver` passes a right solver and fails one wrong in any single property, naming it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import ClassVar

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from invkit import Evaluation, Monitor, Problem, Progress, Restarts, Solution, Solver, Status
from invkit.contracts.noise import Gaussian
from invkit.testing import check_generator, check_operator, check_solver
from invkit.testing._problems import examples
from invkit.testing.solvers import CHECKS, Case

Pair = tuple[Tensor, Tensor]


@attrs.frozen
class Right(Solver):
    """Descent by steps of a given length; every restart keeps the best it has seen."""

    steps: int = 12
    restarts: int = 3
    length: float = 0.1

    def solve(
        self,
        problem: Problem,
        y: Tensor,
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        owner = torch.arange(len(y)).repeat_interleave(self.restarts)
        objective = self.posed(problem).select(owner).measured(y[owner])
        h, m = self.begin(problem, y, rng, start)
        best, latents = objective(h, m).detach(), (h, m)
        history, status = [best.total], Status.MAX_ITER
        self.tell(monitors, lambda monitor: monitor.on_start(self.steps, len(y), self.restarts))
        try:
            for step in range(1, self.steps + 1):
                _, grad_h, grad_m = objective.gradients(h, m)
                h, m = h - self.direction(grad_h), m - self.direction(grad_m)
                best, latents = self.better(objective(h, m).detach(), (h, m), best, latents)
                history.append(best.total)
                progress = self.progress(step, best, len(y))
                listening = [each for each in monitors if step % each.every == 0 or step == self.steps]
                self.tell(listening, lambda monitor, progress=progress: monitor.on_step(progress))
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        made = self.solution(best, latents, torch.stack(history, -1), status, len(y))
        self.tell(monitors, lambda monitor: monitor.on_end(made))
        return made

    def posed(self, problem: Problem) -> Problem:
        return problem

    def begin(self, problem: Problem, y: Tensor, rng: torch.Generator, start: Solution | None) -> Pair:
        """The same starts for every measurement, or the solution's own as often."""
        if start is not None:
            return tuple(each.repeat_interleave(self.restarts, 0) for each in start.latents)
        drawn = [prior.sample_latent(self.restarts, rng, dtype=y.dtype) for prior in problem.priors]
        return tuple(each.repeat(len(y), *[1] * (each.ndim - 1)) for each in drawn)

    def direction(self, gradient: Tensor) -> Tensor:
        norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
        return (self.length / norm).reshape(-1, *[1] * (gradient.ndim - 1)) * gradient

    def better(
        self, new: Evaluation, new_latents: Pair, old: Evaluation, old_latents: Pair
    ) -> tuple[Evaluation, Pair]:
        wins = new.residual < old.residual

        def pick(ours: Tensor, theirs: Tensor) -> Tensor:
            return torch.where(wins.reshape(-1, *[1] * (ours.ndim - 1)), ours, theirs)

        names = ("total", "residual", "w", "x")
        at = Evaluation(*(pick(getattr(new, name), getattr(old, name)) for name in names))
        return at, (pick(new_latents[0], old_latents[0]), pick(new_latents[1], old_latents[1]))

    def progress(self, step: int, at: Evaluation, n: int) -> Progress:
        chosen = self.chosen(at, n)
        total, residual = at.total.reshape(n, -1), at.residual.reshape(n, -1)
        return Progress(step, self.steps, total, residual, lambda: (at.w[chosen], at.x[chosen]))

    def tell(self, monitors: Sequence[Monitor], event: Callable[[Monitor], None]) -> None:
        for monitor in monitors:
            event(monitor)

    def chosen(self, at: Evaluation, n: int) -> Tensor:
        residual = at.residual.nan_to_num(nan=torch.inf).reshape(n, -1)
        return residual.argmin(1) + residual.shape[1] * torch.arange(n)

    def solution(self, at: Evaluation, latents: Pair, history: Tensor, status: Status, n: int) -> Solution:
        chosen = self.chosen(at, n)
        return Solution(
            x=at.x[chosen],
            w=at.w[chosen],
            latents=(latents[0][chosen], latents[1][chosen]),
            residual=at.residual[chosen],
            status=(status,) * n,
            restarts=Restarts(
                objective=at.total.reshape(n, -1),
                residual=at.residual.reshape(n, -1),
                status=((status,) * self.restarts,) * n,
                winner=tuple((chosen % self.restarts).tolist()),
            ),
            history=history.reshape(n, self.restarts, -1),
            history_steps=tuple(range(history.shape[-1])),
            seconds=0.0,
        )


class Changed(Right):
    """Solves rightly, and then says something else."""

    def solve(self, problem, y, rng, monitors=(), *, start=None):
        quiet = [monitor for monitor in monitors if not hasattr(monitor, "calls")]
        solution = super().solve(problem, y, rng, quiet, start=start)
        changed = attrs.evolve(solution, **self.change(solution))
        for monitor in monitors:
            if monitor not in quiet:
                monitor.on_end(changed)
        return changed

    def change(self, solution):
        raise NotImplementedError


class ScalesMeasurements(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        return super().solve(problem, y.div_(y.abs().max()), rng, monitors)


class ChangesOperator(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        for tensor in problem.operator.buffers():
            tensor.mul_(1 + 1e-9)
        for prior in problem.priors:
            for tensor in prior.buffers():
                tensor.mul_(1 + 1e-9)
        return super().solve(problem, y, rng, monitors, start=start)


class SeedsTorch(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        torch.manual_seed(0)
        return super().solve(problem, y, rng, monitors, start=start)


class DrawsFromPython(Right):
    def begin(self, problem, y, rng, start):
        h, m = super().begin(problem, y, rng, start)
        return h * random.random(), m


class DrawsFromNumpy(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        np.random.random()
        return super().solve(problem, y, rng, monitors, start=start)


class SqueezesOne(Changed):
    """Drops the batch axis of a single measurement."""

    def change(self, solution):
        return {"x": solution.x.squeeze(0)}


class EveryRestart(Changed):
    """Returns the latents of all restarts."""

    def change(self, solution):
        return {
            "latents": (
                solution.latents[0].repeat(2, *[1] * (solution.latents[0].ndim - 1)),
                solution.latents[1],
            )
        }


class NumbersForTensors(Changed):
    def change(self, solution):
        return {"residual": solution.residual.tolist()}


class KeepsGraph(Changed):
    def change(self, solution):
        return {"w": solution.w.requires_grad_()}


class NotANumber(Changed):
    def change(self, solution):
        return {"x": solution.x * torch.nan}


class UnknownStatus(Changed):
    def change(self, solution):
        return {"status": ("fine",) * len(solution.status)}


class OneStatusForAll(Changed):
    def change(self, solution):
        return {"status": solution.status[:1]}


class HistoryBackwards(Changed):
    def change(self, solution):
        return {"history_steps": solution.history_steps[::-1]}


class StepsMissing(Changed):
    def change(self, solution):
        return {"history_steps": solution.history_steps[1:]}


class SinglePrecisionOnly(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        return super().solve(problem, y.float(), rng, monitors, start=start)


class Unseeded(Right):
    def begin(self, problem, y, rng, start):
        return super().begin(problem, y, torch.Generator().manual_seed(torch.seed() % 2**31), start)

    def solve(self, problem, y, rng, monitors=(), *, start=None):
        kept = torch.get_rng_state()
        try:
            return super().solve(problem, y, rng, monitors, start=start)
        finally:
            torch.set_rng_state(kept)


class Remembers(Right):
    """Starts elsewhere each time."""

    memory: ClassVar[list[Tensor]] = []

    def begin(self, problem, y, rng, start):
        h, m = super().begin(problem, y, rng, start)
        self.memory.append(h)
        return h * 1.01 ** len(self.memory), m


class StaleResidual(Changed):
    """The residual of another pair, as if it had been taken before the last step."""

    def change(self, solution):
        return {"residual": solution.residual * 1.01}


class ForgottenSignal(Changed):
    def change(self, solution):
        return {"x": solution.x * 1.1}


class LastWins(Changed):
    """The pair is the best one, but the table says that it is the last."""

    def change(self, solution):
        last = solution.restarts.residual.shape[1] - 1
        return {"restarts": attrs.evolve(solution.restarts, winner=(last,) * len(solution.status))}


class AnotherTable(Changed):
    """The restarts' table is not of what is returned."""

    def change(self, solution):
        return {"restarts": attrs.evolve(solution.restarts, residual=solution.restarts.residual / 2)}


class NobodyWins(Changed):
    def change(self, solution):
        return {"restarts": attrs.evolve(solution.restarts, winner=(-1,) * len(solution.status))}


class Ascends(Right):
    def direction(self, gradient):
        return -20 * super().direction(gradient)

    def better(self, new, new_latents, old, old_latents):
        return new, new_latents

    def chosen(self, at, n):
        return Right.chosen(self, attrs.evolve(at, residual=-at.residual), n)

    def solution(self, at, latents, history, status, n):
        made = super().solution(at, latents, history, status, n)
        alone = made.restarts.residual.max(1, keepdim=True).values
        table = Restarts(alone, alone, tuple((each,) for each in made.status), (0,) * n)
        return attrs.evolve(made, restarts=table, history=made.history[:, :1])


class StepsOfTheBatch(Right):
    """One step length for the whole batch: the largest gradient decides."""

    def direction(self, gradient):
        norms = gradient.flatten(1).norm(dim=1)
        return self.length * gradient / norms[norms.isfinite()].max().clamp_min(1e-12)


class StartsByPlace(Right):
    """Other starts for every place in the batch: only the first is alone as in company."""

    def begin(self, problem, y, rng, start):
        if start is not None:
            return super().begin(problem, y, rng, start)
        drawn = [super(StartsByPlace, self).begin(problem, one[None], rng, None) for one in y]
        return tuple(torch.cat(each) for each in zip(*drawn, strict=True))


class IgnoresTheStart(Right):
    def begin(self, problem, y, rng, start):
        return super().begin(problem, y, rng, None)


class CountsWhatWasNotMeasured(Right):
    """Leaves the noise model out."""

    def posed(self, problem):
        return attrs.evolve(problem, noise=Gaussian())


class NeedsGradients(Right):
    """Stays where it is when the caller has gradients off."""

    def direction(self, gradient):
        return super().direction(gradient) * torch.is_grad_enabled()


class InTheDefaultDtype(Right):
    """Makes a number in the caller's default precision."""

    def direction(self, gradient):
        return super().direction(gradient) * torch.tensor(0.7)


class StopsWithTheFirst(Right):
    """Stops all when one is no longer finite."""

    def direction(self, gradient):
        return super().direction(gradient) if gradient.square().isfinite().all() else 0 * gradient


class NeverStarts(Right):
    def tell(self, monitors, event):
        super().tell([] if "on_start" in event.__code__.co_names else monitors, event)


class NeverEnds(Right):
    def tell(self, monitors, event):
        super().tell([] if "on_end" in event.__code__.co_names else monitors, event)


class EveryStep(Right):
    """Tells all steps, whatever ``every`` says."""

    def solve(self, problem, y, rng, monitors=(), *, start=None):
        for monitor in monitors:
            monitor.every = 1
        return super().solve(problem, y, rng, monitors, start=start)


class SilentAtTheLast(Right):
    def tell(self, monitors, event):
        last = event.__defaults__ is not None and event.__defaults__[0].step == self.steps
        super().tell([] if last else monitors, event)


class EndsWithAnother(Right):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        return attrs.evolve(super().solve(problem, y, rng, monitors, start=start))


class ListeningDraws(Right):
    def begin(self, problem, y, rng, start):
        return super().begin(problem, y, rng, start)

    def solve(self, problem, y, rng, monitors=(), *, start=None):
        torch.rand(len(monitors), generator=rng)
        return super().solve(problem, y, rng, monitors, start=start)


class FlatProgress(Right):
    def progress(self, step, at, n):
        return attrs.evolve(super().progress(step, at, n), residual=at.residual)


class StepsBackwards(Right):
    def progress(self, step, at, n):
        return attrs.evolve(super().progress(step, at, n), step=self.steps - step)


class BestOfAll(Right):
    """The best is every restart's."""

    def progress(self, step, at, n):
        return attrs.evolve(super().progress(step, at, n), best=lambda: (at.w, at.x))


class CannotBeInterrupted(Right):
    def tell(self, monitors, event):
        try:
            super().tell(monitors, event)
        except KeyboardInterrupt:
            raise SystemError("interrupted") from None


class SaysItIsDone(Right):
    def solution(self, at, latents, history, status, n):
        return super().solution(at, latents, history, Status.CONVERGED, n)


WRONG = {
    ScalesMeasurements: ("inputs_untouched", "contract: .* has changed the measurements"),
    ChangesOperator: ("inputs_untouched", "inputs untouched: the problem's"),
    SeedsTorch: ("inputs_untouched", "global random state: torch's"),
    DrawsFromNumpy: ("inputs_untouched", "global random state: numpy's"),
    SqueezesOne: ("shapes", "contract: .* returned x of shape"),
    EveryRestart: ("shapes", r"shapes: latents\[0\] of shape"),
    NumbersForTensors: ("inputs_untouched", "contract: .* returned the residual"),
    KeepsGraph: ("shapes", "shapes: w is not detached"),
    NotANumber: ("inputs_untouched", "contract: .* returned NaN or infinite values in x"),
    UnknownStatus: ("inputs_untouched", "contract: .* returned the statuses .*'fine'"),
    OneStatusForAll: ("inputs_untouched", "contract: .* returned the statuses .* for 3"),
    HistoryBackwards: ("shapes", "history: the steps"),
    StepsMissing: ("shapes", "shapes: history of shape"),
    SinglePrecisionOnly: ("dtype_and_device", "dtype: w of torch.float64"),
    Unseeded: ("repeats", "repeats: the same seed gave another w"),
    DrawsFromPython: ("repeats", "repeats: the same seed gave another w"),
    Remembers: ("repeats", "repeats: the same seed gave another"),
    StaleResidual: ("residual", "residual: it is not"),
    ForgottenSignal: ("residual", "residual: it is not"),
    LastWins: ("winner", "winner: restart 2 has the residual"),
    AnotherTable: ("winner", "winner: its residual in the table is neither"),
    NobodyWins: ("winner", "winner: -1 is none of the 3"),
    Ascends: ("descent", "descent: the residual is"),
    StepsOfTheBatch: ("neighbours", r"neighbours: the \w+ of row 0 depends"),
    StartsByPlace: ("neighbours", r"neighbours: the \w+ of row 1 depends"),
    StopsWithTheFirst: ("huge_neighbour", "huge neighbour: the first measurement's"),
    IgnoresTheStart: ("start", "start: started at an answer"),
    CountsWhatWasNotMeasured: ("missing", "missing: an entry that was not measured changes the w"),
    NeedsGradients: ("torch_state", "torch state: torch.no_grad changes the w"),
    InTheDefaultDtype: ("torch_state", "torch state: the default dtype changes the w"),
    NeverStarts: ("monitors", "monitors: told of a step before the start"),
    NeverEnds: ("monitors", "expected end"),
    EveryStep: ("monitors", "every=3, but told of steps"),
    SilentAtTheLast: ("monitors", "step 11 of 12 is the last told"),
    EndsWithAnother: ("monitors", "monitors: on_end gets another solution"),
    ListeningDraws: ("monitors", "listening changes the w"),
    FlatProgress: ("monitors", "progress: residual of shape"),
    StepsBackwards: ("monitors", "progress: step"),
    BestOfAll: ("monitors", "progress: the best w of shape"),
    CannotBeInterrupted: ("interruption", "interruption: it raises"),
    SaysItIsDone: ("interruption", "interruption: the status is"),
}

EXAMPLES = {example.name: example for example in examples(0)}
every_example = pytest.mark.parametrize("example", EXAMPLES)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_right_solver_passes(seed: int) -> None:
    check_solver(Right(), seed=seed)


def test_a_right_solver_of_one_restart_and_one_step_passes() -> None:
    check_solver(Right(steps=1, restarts=3, length=0.01))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_solver_fails_and_is_told_why(wrong: type[Solver]) -> None:
    with pytest.raises(AssertionError, match=WRONG[wrong][1]) as failure:
        check_solver(wrong())
    assert wrong.__name__ in str(failure.value)
    assert "seed 0" in str(failure.value)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_it_is_the_check_of_that_property_that_fails(wrong: type[Solver]) -> None:
    """The one meant fails, and those before it pass: the mistake is named by what it is."""
    names = [check.__name__.removeprefix("check_") for check in CHECKS]
    for name, check in zip(names, CHECKS, strict=True):
        case = Case(wrong(), examples(0)[0], 0)
        if name == WRONG[wrong][0]:
            with pytest.raises(Exception) as failure:
                check(case)
            if isinstance(failure.value, AssertionError):
                assert failure.match(WRONG[wrong][1])
            return
        check(case)


def test_every_check_has_a_solver_that_fails_it() -> None:
    assert {check for check, _ in WRONG.values()} == {
        check.__name__.removeprefix("check_") for check in CHECKS
    }


def test_a_solver_that_raises_fails_and_is_told_where() -> None:
    class Raises(Right):
        def begin(self, problem, y, rng, start):
            raise RuntimeError("not today")

    with pytest.raises(AssertionError, match=r"it raises RuntimeError\('not today'\).*Raises.*two subspaces"):
        check_solver(Raises())


def test_ctrl_c_that_comes_through_is_a_failure_too() -> None:
    class Through(Right):
        def solve(self, problem, y, rng, monitors=(), *, start=None):
            solution = super().solve(problem, y, rng, monitors, start=start)
            if Status.INTERRUPTED in solution.status:
                raise KeyboardInterrupt
            return solution

    with pytest.raises(AssertionError, match="interruption: KeyboardInterrupt is not caught"):
        check_solver(Through())


@every_example
def test_the_problems_keep_their_own_contracts(example: str) -> None:
    """What a solver is tried on is itself an operator and generators as they should be."""
    problem = EXAMPLES[example].problem
    w_shape, x_shape = (tuple(prior.signal_shape or ()) for prior in problem.priors)
    check_operator(problem.operator, shapes=[(w_shape, x_shape)])
    for prior in problem.priors:
        check_generator(prior)


def test_the_problems_differ_where_solvers_may_not_assume() -> None:
    problems = [example.problem for example in EXAMPLES.values()]
    latents = {prior.latent_shape for problem in problems for prior in problem.priors}
    assert (0,) in latents and {1, 2, 3} <= {len(shape) for shape in latents if shape is not None}
    assert {problem.operator.measurement_dims for problem in problems} == {1, 2}
    assert {prior.can_encode for problem in problems for prior in problem.priors} == {True, False}
    assert any(
        tuple(example.y.shape[1:]) != example.problem.priors[1].signal_shape for example in EXAMPLES.values()
    )
