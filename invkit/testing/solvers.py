"""Does a solver keep its contract?

    from invkit.testing import check_solver

    def test_my_solver():
        check_solver(MySolver(steps=50))    # AssertionError: "neighbours: …" where it does not

Checked on small problems made of the contracts alone (`invkit.testing._problems`): that a solver takes any
operator and any two generators; that what it returns has the shapes and types of a :class:`Solution`, belongs
together and is better than chance; that the seed decides everything and nothing else is touched; that
measurements do not feel each other, be one of them astronomically large; that monitors are told in order,
change nothing, and that Ctrl-C gives the best so far. Each check costs a few solves: give a solver few steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter

import attrs
import numpy as np
import torch
from torch import Tensor

from invkit.contracts.given import is_given
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution, Status
from invkit.contracts.solver import Solver
from invkit.errors import InputError, ShapeError
from invkit.testing._assertions import require, require_close, require_part, require_shape, run_checks
from invkit.testing._problems import Example
from invkit.testing._problems import examples as general_examples

#: how far, relatively, a result may be from its recomputation, or from itself beside other neighbours
_TOLERANCE = 1e-6
#: the fraction of a measurement's energy by which a solve may leave an answer that it starts at
_STAYS = 1e-2


def check_solver(solver: Solver, *, seed: int = 0, examples: Sequence[Example] = ()) -> None:
    """Check every property of the :class:`Solver` contract.

    Args:
        solver: what to check, with options that make it quick: it solves some twenty tiny problems.
        seed: random seed of the problems and of the solves.
        examples: problems that the solver takes. By default those of :mod:`invkit.testing._problems`; a
            solver that is made for some operators or priors may refuse the others of these.

    Raises:
        AssertionError: naming the property that does not hold, and the problem.
    """
    require_part(solver, Solver, "check_solver")
    for example in examples or examples_for(solver, seed):
        run_checks(CHECKS, Case(solver, example, seed), f"{solver}, {example.name}, seed {seed}")


def examples_for(solver: Solver, seed: int) -> Sequence[Example]:
    """The general problems, without those that the solver refuses; at least one is left."""
    taken, said = [], ""
    for example in general_examples(seed):
        try:
            Case(solver, example, seed).solve(example.y[:1])
        except (InputError, ShapeError) as error:
            said = str(error)
            continue
        except Exception:  # it is for the checks to say so
            pass
        taken.append(example)
    none = f"{solver} takes none of the general problems (it says: {said})"
    require(bool(taken), "examples", f"{none}; give some that it takes: check_solver(solver, examples=[…])")
    return taken


@attrs.frozen(eq=False)
class Case:
    """A solver and a problem to try it on; checks share its :attr:`solution`."""

    solver: Solver
    example: Example
    seed: int

    @property
    def problem(self) -> Problem:
        """The problem, without its measurements."""
        return self.example.problem

    @property
    def y(self) -> Tensor:
        """The measurements, in double precision."""
        return self.example.y

    @cached_property
    def solution(self) -> Solution:
        """The solution for the example's own measurements, made once."""
        return self.solve()

    def solve(
        self,
        y: Tensor | None = None,
        *,
        monitors: Sequence[Monitor] = (),
        start: Solution | None = None,
        problem: Problem | None = None,
    ) -> Solution:
        """The solution for ``y`` or the example's own measurements, always from the same seed."""
        rng = torch.Generator().manual_seed(self.seed)
        y = self.y if y is None else y
        return self.solver.solve(problem or self.problem, y, rng, monitors, start=start)


def check_inputs_untouched(case: Case) -> None:
    """Neither the measurements, the problem nor anybody's random numbers are changed."""
    y, held, numpys = case.y.clone(), _tensors(case.problem), np.random.get_state()
    # Python's own is not looked at: run-time checks of types draw from it. `check_repeats` sees who uses it.
    with torch.random.fork_rng(devices=[]):
        torch.rand(1), np.random.random()  # so that no seed leads to where they stand
        before = torch.get_rng_state(), str(np.random.get_state())
        case.solve()
        after = torch.get_rng_state(), str(np.random.get_state())
    np.random.set_state(numpys)
    require(torch.equal(y, case.y), "inputs untouched", "the measurements were changed")
    for name, tensor in _tensors(case.problem).items():
        require(torch.equal(tensor, held[name]), "inputs untouched", f"the problem's {name} was changed")
    prop = "global random state"
    require(torch.equal(before[0], after[0]), prop, "torch's was used or set, not rng")
    require(before[1] == after[1], prop, "numpy's was used or set, not rng")


def check_shapes(case: Case) -> None:
    """A solution has one row a measurement, be there several or one; the restarts' table fits."""
    for solution, n in ((case.solution, len(case.y)), (case.solve(case.y[:1]), 1)):
        priors = case.problem.priors
        _require_signals(case, solution, n, "shapes")
        if case.solver.finds_w:
            for index, (latent, prior) in enumerate(zip(solution.latents, priors, strict=True)):
                _require_finite(f"latents[{index}]", latent, (n, *(prior.latent_shape or ())), "shapes")
            _require_finite("residual", solution.residual, (n,), "shapes")
        _check_table(solution, n)


def _check_table(solution: Solution, n: int) -> None:
    restarts = solution.restarts
    _require_statuses("status", solution.status, n)
    require(len(restarts.winner) == n, "shapes", f"{len(restarts.winner)} winners, expected {n}")
    count = restarts.residual.shape[-1]
    _require_tensor("restarts.residual", restarts.residual, (n, count))
    _require_tensor("restarts.objective", restarts.objective, (n, count))
    require(len(restarts.status) == n, "status", f"{len(restarts.status)} rows of restarts, expected {n}")
    for row in restarts.status:
        _require_statuses("restarts.status", row, count)
    if solution.confidence is not None:
        _require_tensor("confidence", solution.confidence, (n,))
        sound = solution.confidence.isnan() | ((solution.confidence >= 0) & (solution.confidence <= 1))
        require(bool(sound.all()), "confidence", f"{solution.confidence.tolist()} is not in [0, 1]")
    steps = solution.history_steps
    _require_tensor("history", solution.history, (n, count, len(steps)))
    require(list(steps) == sorted(set(steps)), "history", f"the steps {steps} do not increase")
    require(isinstance(solution.seconds, float) and solution.seconds >= 0, "seconds", f"{solution.seconds!r}")


def check_residual(case: Case) -> None:
    """``residual`` is ``‖y − A(w, x)‖²`` of the very pair that is returned."""
    solution = case.solution
    if solution.w is None:
        require(bool(solution.residual.isnan().all()), "residual", "it is a number, but there is no w")
        return
    expected = (case.y - case.problem.operator(solution.w, solution.x)).flatten(1).square().sum(1)
    size = case.y.flatten(1).square().sum(1)  # a residual near zero is known as well as y is, no better
    explanation = "it is not ‖y − A(w, x)‖² of the w and x returned"
    require_close(
        solution.residual / size + 1, expected / size + 1, "residual", explanation, tolerance=_TOLERANCE
    )


def check_winner(case: Case) -> None:
    """Of the restarts followed to their end the one of least residual wins (or of least objective, where the
    solver says so), and its result is returned.
    """
    solution = case.solution
    restarts = solution.restarts
    column, what = getattr(restarts, restarts.criterion), restarts.criterion
    for row, statuses, winner in zip(column.tolist(), restarts.status, restarts.winner, strict=True):
        require(winner in range(len(row)), "winner", f"{winner} is none of the {len(row)} restarts")
        lost = (Status.DIVERGED, Status.DROPPED)
        sound = [r for r, status in zip(row, statuses, strict=True) if status not in lost and r == r]
        if sound:
            explanation = f"restart {winner} has the {what} {row[winner]:.4g}, the least is {min(sound):.4g}"
            require(row[winner] <= min(sound), "winner", explanation)
    if solution.w is None:
        return
    # A solver may go beyond its priors in the end; then the table holds the residual before that.
    made = [prior(latent) for prior, latent in zip(case.problem.priors, solution.latents, strict=True)]
    of_latents = case.problem.operator.misfit(case.y)(made[0], made[1])
    size = case.y.flatten(1).square().sum(1)
    pairs = zip(restarts.residual, restarts.winner, strict=True)
    promised = torch.stack([row[winner] for row, winner in pairs])
    errors = [(found - promised).abs() / size for found in (of_latents, solution.residual)]
    explanation = "its residual in the table is neither that of its latents nor that of its signals"
    require(bool((torch.minimum(*errors) <= _TOLERANCE).all()), "winner", explanation)


def check_descent(case: Case) -> None:
    """What is found is no worse than what the priors draw at random, in the median."""
    n, draws = len(case.y), 51
    rng = torch.Generator().manual_seed(case.seed + 1)
    latents = [prior.sample_latent(n * draws, rng, dtype=case.y.dtype) for prior in case.problem.priors]
    drawn = case.problem.measured(case.y.repeat_interleave(draws, 0))(latents[0], latents[1]).residual
    solution = case.solution
    if solution.w is None:
        return  # without a w there is no residual to judge it by
    ratio = solution.residual / drawn.reshape(n, draws).median(1).values
    explanation = f"the residual is {ratio.mean().item():.3g} times that of random latents, in the mean"
    require(bool(ratio.mean() <= 1), "descent", explanation)


def check_repeats(case: Case) -> None:
    """The same seed gives the same solution, to the bit, whatever was solved in between."""
    first = case.solution
    case.solve(case.y.flip(0))
    _require_same(first, case.solve(), "repeats", "the same seed gave another {}")


def check_neighbours(case: Case) -> None:
    """A measurement's solution depends neither on what else is in the batch nor on where it stands in it."""
    whole = case.solution
    for row in range(len(case.y)):
        alone = case.solve(case.y[row : row + 1])
        explanation = f"the {{}} of row {row} depends on the other rows"
        _require_alike(case, alone, 0, whole, row, "neighbours", explanation)
    equal = case.solve(case.y[:1].expand_as(case.y))
    for row in range(1, len(case.y)):
        explanation = f"rows 0 and {row} of equal measurements have another {{}}"
        _require_alike(case, equal, 0, equal, row, "neighbours", explanation)


def check_huge_neighbour(case: Case) -> None:
    """… not even if that is so large that its square is infinite."""
    huge = 1e200 * case.y[:1].flatten(1).flip(1).reshape(case.y[:1].shape)
    alike, beside = case.solution, case.solve(torch.cat([case.y[:1], huge.expand_as(case.y[1:])]))
    explanation = "the first measurement's {} is spoilt by a neighbour of 1e200"
    _require_alike(case, alike, 0, beside, 0, "huge neighbour", explanation)


def check_start(case: Case) -> None:
    """Started at the answer, a solve stays there; a solver that takes no start refuses one.

    Where w is given, what is left is linear and where it begins need not matter: then it ends no worse than
    without a start.
    """
    rng = torch.Generator().manual_seed(case.seed + 2)
    n, priors = len(case.y), case.problem.priors
    h, m = (prior.sample_latent(n, rng, dtype=case.y.dtype) for prior in priors)
    w, x = priors[0](h), priors[1](m)
    y: Tensor = case.problem.operator(w, x)
    found = case.solve(y)
    if found.w is None:
        return  # what finds no w cannot be started at the answer
    answer = attrs.evolve(found, w=w, x=x, latents=(h, m), residual=torch.zeros_like(found.residual))
    try:
        solution = case.solve(y, start=answer)
    except InputError:
        return
    size = y.flatten(1).square().sum(1)
    left = solution.residual / size
    allowed = torch.full_like(left, _STAYS)
    if is_given(priors[0]):
        allowed = allowed.maximum((1 + _STAYS) * found.residual / size)
    ends = f"it ends at {left.max():.3g} of the measurement's energy"
    require(bool((left <= allowed).all()), "start", f"started at an answer of residual 0, {ends}")


def check_missing(case: Case) -> None:
    """Entries that were not measured are left out, whatever stands there; or such noise is refused."""
    weights = torch.ones_like(case.y)
    weights.flatten(1)[:, ::5] = 0
    problem = attrs.evolve(case.problem, noise=Gaussian(weights=weights).prepared(case.y)[0])
    try:
        left_out = case.solve(case.y * weights, problem=problem)
    except InputError:
        return
    other = case.solve(case.y + (1 - weights) * 3.0, problem=problem)
    _require_same(left_out, other, "missing", "an entry that was not measured changes the {}")


def check_torch_state(case: Case) -> None:
    """Where the caller has gradients off or a float64 default, the solution is the same."""
    plain = case.solution
    with torch.no_grad():
        _require_same(plain, case.solve(), "torch state", "torch.no_grad changes the {}")
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64 if before == torch.float32 else torch.float32)
        _require_same(plain, case.solve(), "torch state", "the default dtype changes the {}")
    finally:
        torch.set_default_dtype(before)


def check_dtype_and_device(case: Case) -> None:
    """The solution has the measurements' dtype and device."""
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        for dtype in (torch.float32, torch.float64):
            solution = case.solve(case.y.to(device=device, dtype=dtype))
            for name, found in _numbers(solution).items():
                require(found.dtype == dtype, "dtype", f"{name} of {dtype} measurements is {found.dtype}")
                where = f"{name} of measurements on {device} is on {found.device}"
                require(name == "history" or found.device.type == device, "device", where)


def check_monitors(case: Case) -> None:
    """Monitors are told start, steps and end, in this order and with sound progress, and change nothing."""
    silent = case.solution
    for every in (1, 3):
        listener = Listener(case.problem, len(case.y), every)
        told = case.solve(monitors=[listener])
        _require_same(silent, told, "monitors", "listening changes the {}")
        require(listener.calls[:1] == ["start"], "monitors", f"told {listener.calls[:1]}, expected start")
        require(listener.calls[-1:] == ["end"], "monitors", f"{listener.calls[-1:]} is last, expected end")
        between = set(listener.calls[1:-1])
        explanation = f"told {between} between start and end, expected steps"
        require(between <= {"step", "start"} and "step" in between, "monitors", explanation)
        require(listener.solution is told, "monitors", "on_end gets another solution than the caller")
        late = [step for step, steps in listener.steps if step % every and step != steps]
        require(not late, "monitors", f"every={every}, but told of steps {late[:5]}")
        step, steps = listener.steps[-1]
        require(step == steps, "monitors", f"step {step} of {steps} is the last told")


def check_interruption(case: Case) -> None:
    """Ctrl-C at the first step gives a sound solution with the status ``interrupted``."""
    try:
        solution = case.solve(monitors=[Interrupting()])
    except KeyboardInterrupt as error:
        raise AssertionError("interruption: KeyboardInterrupt is not caught") from error
    expected = (Status.INTERRUPTED,) * len(case.y)
    require(solution.status == expected, "interruption", f"the status is {solution.status}")
    _require_signals(case, solution, len(case.y), "interruption")


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_inputs_untouched,
    check_shapes,
    check_dtype_and_device,
    check_repeats,
    check_residual,
    check_winner,
    check_descent,
    check_neighbours,
    check_huge_neighbour,
    check_start,
    check_missing,
    check_torch_state,
    check_monitors,
    check_interruption,
)
"""In this order: what writes into its inputs, or gives other numbers each time, fails where that is the
question.
"""


class Interrupting(Monitor):
    """Presses Ctrl-C at the first step."""

    def on_step(self, progress: Progress) -> None:
        raise KeyboardInterrupt


class Listener(Monitor):
    """Writes down what it is told, and looks whether it can be."""

    def __init__(self, problem: Problem, measurements: int, every: int) -> None:
        self.every, self.problem, self.measurements = every, problem, measurements
        self.calls: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.solution: Solution | None = None
        self.restarts = 0

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.calls.append("start")
        self.restarts = restarts
        require(measurements == self.measurements, "monitors", f"told of {measurements} measurements")
        require(steps >= 1 and restarts >= 1, "monitors", f"told of {steps} steps, {restarts} restarts")

    def on_step(self, progress: Progress) -> None:
        require("start" in self.calls, "monitors", "told of a step before the start")
        self.calls.append("step")
        step, steps = progress.step, progress.steps
        require(0 <= step <= steps, "progress", f"step {step} of {steps}")
        last = self.steps[-1] if self.steps else (0, steps)
        # A solver of several stages may count each of them anew.
        require(step > last[0] or last[0] == last[1], "progress", f"step {step} after {last[0]}")
        self.steps.append((step, steps))
        for name, found in (("objective", progress.objective), ("residual", progress.residual)):
            _require_tensor(name, found, (self.measurements, self.restarts), "progress")
        for name, best, prior in zip("wx", progress.best(), self.problem.priors, strict=True):
            if best is not None or name == "x":
                shape = (self.measurements, *(prior.signal_shape or ()))
                _require_tensor(f"the best {name}", best, shape, "progress")

    def on_end(self, solution: Solution) -> None:
        self.calls.append("end")
        self.solution = solution


def _numbers(solution: Solution) -> dict[str, Tensor]:
    """All tensors of a solution, by name."""
    names = ("w", "x", "residual", "history", "restarts.objective", "restarts.residual")
    numbers = {name: attrgetter(name)(solution) for name in names}
    numbers |= {f"latents[{index}]": latent for index, latent in enumerate(solution.latents)}
    return {name: found for name, found in numbers.items() if found is not None}


def _tensors(problem: Problem) -> dict[str, Tensor]:
    """Copies of all tensors that a problem holds."""
    modules = {"operator": problem.operator, "prior of w": problem.priors[0], "prior of x": problem.priors[1]}
    return {
        f"{name}'s {key}": tensor.detach().clone()
        for name, module in modules.items()
        for key, tensor in [*module.named_parameters(), *module.named_buffers()]
    }


def _require_tensor(name: str, found: object, shape: tuple[int, ...], prop: str = "shapes") -> Tensor:
    require(isinstance(found, Tensor), prop, f"{name} is a {type(found).__name__}, expected a tensor")
    assert isinstance(found, Tensor)
    require_shape(found, shape, prop, name)
    require(not found.requires_grad, prop, f"{name} is not detached from the graph")
    return found


def _require_finite(name: str, found: object, shape: tuple[int, ...], prop: str) -> None:
    tensor = _require_tensor(name, found, shape, prop)
    require(bool(torch.isfinite(tensor).all()), prop, f"{name} is not finite")


def _require_signals(case: Case, solution: Solution, n: int, prop: str) -> None:
    """A solution has ``n`` finite signals, with no ``w`` where the solver says that it finds none."""
    for name, found, prior in zip("wx", (solution.w, solution.x), case.problem.priors, strict=True):
        if name == "w" and not case.solver.finds_w:
            require(found is None, prop, "w is there, but the solver says that it finds none")
            continue
        _require_finite(name, found, (n, *(prior.signal_shape or ())), prop)


def _require_statuses(name: str, found: Sequence[object], count: int) -> None:
    require(len(found) == count, "status", f"{name} has {len(found)} entries, expected {count}")
    for status in found:
        require(isinstance(status, Status), "status", f"{name} has {status!r}, which is no invkit.Status")


def _require_same(first: Solution, second: Solution, prop: str, explanation: str) -> None:
    """Equal to the bit; NaN equals NaN."""
    for (name, one), other in zip(_numbers(first).items(), _numbers(second).values(), strict=True):
        alike = one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())
        require(alike and torch.equal(one.isnan(), other.isnan()), prop, explanation.format(name))
    require(first.status == second.status, prop, explanation.format("status"))


def _require_alike(
    case: Case, one: Solution, row: int, other: Solution, place: int, prop: str, explanation: str
) -> None:
    """A row of one solution agrees with a row of another; sums of another order are allowed for."""
    for name in ("x",) if one.w is None else ("w", "x", "residual"):
        found, expected = _numbers(other)[name][place], _numbers(one)[name][row]
        if name == "residual":  # one near zero is known as well as y is, no better
            size = case.y.flatten(1).square().sum(1).min()
            found, expected = found / size + 1, expected / size + 1
        require_close(found, expected, prop, explanation.format(name), tolerance=_TOLERANCE)
    require(other.status[place] == one.status[row], prop, explanation.format("status"))
