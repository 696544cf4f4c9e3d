"""Solvers that follow each other: what is held, what is handed on, whose latents come out."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
import torch
from torch import Tensor

from invkit import InputError, Monitor, Problem, Progress, Solution, Solver, Status
from invkit.contracts.given import Given
from invkit.solving import Stage, Stages, is_given, run
from invkit.solving.stages import stages_of, with_w_given
from invkit.testing._problems import Subspace
from tests.solving.problems import SHAPES, Stop, descend, planes


@attrs.frozen(eq=False)
class Descent(Solver):
    """Plain descent that writes down what it is given, and says of its solution what it is told to say."""

    steps: int = 10
    said: dict[str, object] = attrs.field(factory=dict)
    seen: list[tuple[Problem, Solution | None]] = attrs.field(factory=list)

    def solve(
        self,
        problem: Problem,
        y: Tensor,
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        self.seen.append((problem, start))
        made = run(descend, problem, y, rng, monitors, steps=self.steps, restarts=3, start=start)
        return attrs.evolve(made, **self.said)


def solve(*stages: Stage, monitors: Sequence[Monitor] = (), start: Solution | None = None) -> Solution:
    problem, y = planes()
    return Stages(stages).solve(problem, y, torch.Generator().manual_seed(0), monitors, start=start)


def other_prior() -> Subspace:
    return Subspace(SHAPES[1], 4, torch.Generator().manual_seed(7))


def test_a_stage_goes_on_from_the_one_before() -> None:
    first, second = Descent(), Descent()
    solution = solve(Stage(first), Stage(second))
    alone = solve(Stage(Descent()))
    (_, none), (_, start) = first.seen[0], second.seen[0]
    assert none is None
    torch.testing.assert_close(start.x, alone.x)
    assert (solution.residual < alone.residual).all()
    assert solution.restarts.residual.shape == (3, 1)
    assert solution.seconds >= alone.seconds / 10


def test_a_held_kernel_stays_to_the_bit() -> None:
    last = Descent(steps=30)
    solution, alone = solve(Stage(Descent()), Stage(last, hold="w")), solve(Stage(Descent()))
    assert torch.equal(solution.w, alone.w) and not torch.equal(solution.x, alone.x)
    assert is_given(last.seen[0][0].priors[0])
    assert (solution.residual < alone.residual).all()
    torch.testing.assert_close(solution.latents[0], alone.latents[0])  # of the pipeline's prior


def test_the_latents_are_those_of_the_pipelines_priors() -> None:
    own, _ = planes()
    other, last = other_prior(), Descent()
    solution = solve(Stage(Descent(), x=other), Stage(last))
    assert [each.shape[1] for each in solution.latents] == [2, 3]
    torch.testing.assert_close(own.priors[1](solution.latents[1]), solution.x)
    torch.testing.assert_close(last.seen[0][1].latents[1], own.priors[1].encode(last.seen[0][1].x))
    leaves = solve(Stage(Descent()), Stage(Descent(), x=other))
    torch.testing.assert_close(leaves.latents[1], own.priors[1].encode(leaves.x))
    torch.testing.assert_close(own.priors[0](leaves.latents[0]), leaves.w)


def test_latents_of_the_own_prior_are_not_encoded_anew() -> None:
    """Between two stages of another prior of x, the latent of w is that of the pipeline's prior of w."""
    last = Descent()
    solve(Stage(Descent()), Stage(Descent(), x=other_prior()), Stage(last, hold="x"))
    problem, start = last.seen[0]
    assert isinstance(problem.priors[1], Given)
    assert start.latents[0].shape == (3, 2)


def test_noise_and_confidence_are_handed_on() -> None:
    sigma, sure = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.9, 0.5, 0.1])
    first, held, free = Descent(said={"noise": sigma, "confidence": sure}), Descent(), Descent()
    solution = solve(Stage(first), Stage(held, hold="w"))
    assert torch.equal(held.seen[0][0].noise.sigma, sigma)
    assert torch.equal(solution.noise, sigma) and torch.equal(solution.confidence, sure)
    assert solve(Stage(first), Stage(free)).confidence is None


@pytest.mark.parametrize(
    ("hold", "expected"),
    [("w", ("doubtful", "max_iter", "diverged")), (None, ("max_iter", "max_iter", "diverged"))],
)
def test_doubt_stays_with_a_kernel_that_is_held(hold: str | None, expected: tuple[str, ...]) -> None:
    first = Descent(said={"status": (Status.DOUBTFUL, Status.MAX_ITER, Status.DIVERGED)})
    assert solve(Stage(first), Stage(Descent(), hold=hold)).status == expected


def test_sharpness_and_notes_stay_with_a_kernel_that_is_held() -> None:
    said = {"status": (Status.SHARP,) * 3, "notes": ({"gain": 0.1},) * 3}
    held = solve(Stage(Descent(said=said)), Stage(Descent(), hold="w"))
    assert held.status == (Status.SHARP,) * 3 and held.notes == said["notes"]
    free = solve(Stage(Descent(said=said)), Stage(Descent()))
    assert free.status == (Status.MAX_ITER,) * 3 and free.notes is None


def test_stages_of_a_given_kernel_begin_where_it_is_held() -> None:
    one, two, three = Descent(), Descent(), Descent()
    short = with_w_given(Stages([Stage(one), Stage(two, hold="w"), Stage(three, hold="w")]))
    assert isinstance(short, Stages)
    assert [(each.solver, each.hold) for each in short.stages] == [(two, None), (three, None)]
    assert with_w_given(Stages([Stage(one), Stage(two, hold="w")])) is two
    kept = Stages([Stage(one), Stage(two)])
    assert with_w_given(kept) is kept and with_w_given(one) is one


def test_ctrl_c_leaves_the_next_stages_out() -> None:
    last = Descent()
    solution = solve(Stage(Descent()), Stage(last), monitors=[Stop(4)])
    assert not last.seen and solution.status == (Status.INTERRUPTED,) * 3
    assert torch.isfinite(solution.x).all()


def test_monitors_are_told_of_every_stage_and_of_one_end() -> None:
    class Told(Monitor):
        def __init__(self) -> None:
            self.stages: list[str] = []
            self.ends: list[Solution] = []

        def on_step(self, progress: Progress) -> None:
            self.stages.append(progress.stage)

        def on_end(self, solution: Solution) -> None:
            self.ends.append(solution)

    told = Told()
    solution = solve(Stage(Descent(steps=2)), Stage(Descent(steps=1)), monitors=[told])
    assert told.stages == ["1/2 descent", "1/2 descent", "2/2 descent"]
    assert len(told.ends) == 1 and told.ends[0] is solution


def test_stages_begin_from_a_solution_too() -> None:
    before = solve(Stage(Descent(steps=40)))
    first = Descent()
    solution = solve(Stage(first), Stage(Descent()), start=before)
    torch.testing.assert_close(first.seen[0][1].x, before.x)
    assert (solution.residual < before.residual).all()


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ((), "an empty list of stages"),
        ((Stage(Descent(), hold="w"),), "first stage holds w"),
    ],
)
def test_bad_lists_are_refused(stages: tuple[Stage, ...], says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        Stages(stages)
    assert error.value.hint


def test_bad_stages_are_refused() -> None:
    with pytest.raises(InputError, match=r"hold='y'.*hold=w"):
        Stage(Descent(), hold="y")
    with pytest.raises(InputError, match="holds w and names a prior"):
        Stage(Descent(), w=Given(torch.ones(1, 3)), hold="w")
    with pytest.raises(InputError, match="list of stages"):
        Stage(Stages((Stage(Descent()),)))


def test_stages_are_written_as_strings_tables_and_objects() -> None:
    def build(kind: str, spec: object) -> object:
        built.append((kind, spec))
        return Descent() if kind == "solver" else Given(torch.ones(1, 3))

    built: list[tuple[str, object]] = []
    table = {"solver": {"kind": "tv"}, "hold": "w"}
    written = ["evidence?steps=3 x=gaussian:celeba", table, Stage(Descent())]
    first, second, third = stages_of(written, build).stages
    assert built == [
        ("prior", "gaussian:celeba"),
        ("solver", "evidence?steps=3"),
        ("solver", {"kind": "tv"}),
    ]
    assert (first.hold, first.w, second.hold) == (None, None, "w") and isinstance(first.x, Given)
    assert third is written[2]
    with pytest.raises(InputError, match=r"key 'y'.*solver, w, x and hold"):
        stages_of([{"solver": "tv", "y": "identity"}], build)
