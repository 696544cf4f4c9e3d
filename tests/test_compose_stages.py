"""Several solvers in turn: how they are written, what each begins with, and what the last one gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import InputError, Monitor, Pipeline, Problem, Progress, Solution, Solver, SpecError, Status
from invkit.contracts.given import is_given
from invkit.solving import Stage, Stages

PRIORS = ["identity?shape=1x3x3", "identity"]
QUICK = "altgd?steps=3,restarts=2,keep=2,start=random"
STAGES = [QUICK, f"{QUICK} x=wavelet:haar?level=1 hold=w"]
Y = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def pipeline(solver: Any, **more: Any) -> Pipeline:
    return invkit.compose("circconv", PRIORS, solver, **more)


@attrs.frozen(eq=False)
class Telling(Solver):
    """A quick solver that tells what it was given, and changes what it gives back."""

    changes: dict[str, Any] = attrs.field(factory=dict)
    seen: list[tuple[Problem, Solution | None]] = attrs.field(factory=list)

    def solve(
        self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
    ) -> Solution:
        self.seen.append((problem, start))
        return attrs.evolve(
            invkit.solver(QUICK).solve(problem, y, rng, monitors, start=start), **self.changes
        )


# Writing


def forms() -> dict[str, Any]:
    quick, wavelet = invkit.solver(QUICK), "wavelet:haar?level=1"
    table = {"kind": "altgd", "steps": 3, "restarts": 2, "keep": [2], "start": "random"}
    prior = {"kind": "wavelet", "name": "haar", "level": 1}
    return {
        "strings": STAGES,
        "a tuple": tuple(STAGES),
        "tables": [{"solver": QUICK}, {"solver": QUICK, "x": wavelet, "hold": "w"}],
        "tables of tables": [table, {"solver": table, "x": prior, "hold": "w"}],
        "objects": [quick, Stage(quick, x=invkit.prior(wavelet), hold="w")],
        "mixed": [{"solver": quick}, f"{QUICK}   hold=w x={wavelet}"],
        "stages": Stages([Stage(quick), Stage(quick, x=invkit.prior(wavelet), hold="w")]),
        "built": invkit.solver(STAGES),
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_is_the_same(form: str) -> None:
    composed, expected = pipeline(forms()[form]), pipeline(STAGES)
    assert composed.to_config() == expected.to_config()
    assert torch.equal(composed(Y).x, expected(Y).x)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_configuration_gives_the_same_numbers_again(suffix: str, tmp_path: Path) -> None:
    composed = pipeline(STAGES, noise="robust", seed=3)
    again = invkit.load_config(composed.save_config(tmp_path / f"run.{suffix}"))
    assert again.to_config() == composed.to_config()
    second = again.to_config()["solver"][1]
    assert second["hold"] == "w" and second["x"]["kind"] == "wavelet" and second["solver"]["steps"] == 3
    first, other = composed(Y), again(Y)
    assert torch.equal(first.x, other.x) and torch.equal(first.w, other.w)
    assert first.config == other.config == composed.to_config()


def test_stages_in_toml_as_one_writes_them(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        f"""
        format = 1
        operator = "circconv"
        priors = {PRIORS}
        solver = ["{QUICK}", {{ solver = "{QUICK}", x = "wavelet:haar?level=1", hold = "w" }}]
        """
    )
    assert invkit.load_config(tmp_path / "run.toml").to_config() == pipeline(STAGES).to_config()


def test_a_list_of_one_solver_is_that_solver() -> None:
    assert pipeline([QUICK]).to_config() == pipeline(QUICK).to_config()
    assert isinstance(pipeline([f"{QUICK} x=wavelet"]).solver, Stages)


@pytest.mark.parametrize(
    ("solver", "error", "says"),
    [
        ([], InputError, 'an empty list of stages; write e.g. solver=\\["evidence", "tv hold=w"\\]'),
        ([f"{QUICK} hold=w"], InputError, "the first stage holds w, but nothing has been found before it"),
        ([{"solver": QUICK, "hold": "x"}, QUICK], InputError, "the first stage holds x"),
        (
            [QUICK, {"solver": QUICK, "holds": "w"}],
            InputError,
            "the key 'holds'; it may have solver, w, x and",
        ),
        ([QUICK, f"{QUICK} hold=y"], InputError, "hold='y'; write hold=w or hold=x"),
        ([QUICK, f"{QUICK} hold=w w=identity"], InputError, "holds w and names a prior of it"),
        ([QUICK, f"{QUICK} hold=w hold=x"], InputError, "has the key 'hold' twice"),
        ([QUICK, [QUICK, QUICK]], InputError, "a stage is a list of stages"),
        ([QUICK, {"x": "identity"}], SpecError, "kind"),
        ([QUICK, "altdg hold=w"], SpecError, "did you mean 'altgd'"),
        ([QUICK, f"{QUICK} x=identty"], SpecError, "did you mean 'identity'"),
        ([QUICK, f"{QUICK} y=identity"], SpecError, "start"),
        ([QUICK, 3], InputError, "3 is no solver"),
    ],
)
def test_stages_that_cannot_be_meant_are_told(solver: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        pipeline(solver)


# Solving


def test_each_starts_from_the_one_before() -> None:
    first, second = Telling(), Telling()
    found = pipeline([first, second])(Y)
    ((_, nothing),), ((problem, start),) = first.seen, second.seen
    alone = pipeline(QUICK)(Y)
    assert nothing is None and start is not None
    assert torch.equal(start.x, alone.x) and torch.equal(start.latents[1], alone.latents[1])
    assert found.residual.sum() < alone.residual.sum()
    assert [prior.signal_shape for prior in problem.priors] == [(1, 3, 3), (1, 8, 8)]


@pytest.mark.parametrize("held", ["w", "x"])
def test_what_is_held_stays_to_the_bit(held: str) -> None:
    second = Telling()
    found, alone = pipeline([QUICK, Stage(second, hold=held)])(Y), pipeline(QUICK)(Y)  # type: ignore[arg-type]
    other = "x" if held == "w" else "w"
    assert torch.equal(getattr(found, held), getattr(alone, held))
    assert not torch.equal(getattr(found, other), getattr(alone, other))
    ((problem, _),) = second.seen
    assert [is_given(prior) for prior in problem.priors] == [held == "w", held == "x"]
    assert torch.equal(found.latents["wx".index(held)], alone.latents["wx".index(held)])


def test_a_stages_own_prior_is_its_alone() -> None:
    first, second = Telling(), Telling()
    wavelet = invkit.prior("wavelet:haar?level=1")
    composed = pipeline([Stage(first, x=wavelet), second])
    found = composed(Y)
    ((staged, _),), ((own, start),) = first.seen, second.seen
    assert type(staged.priors[1]) is type(wavelet) and staged.priors[1].signal_shape == (1, 8, 8)
    assert type(own.priors[1]) is type(composed.priors[1])
    assert start is not None and torch.equal(start.latents[1], start.x)  # as pixels, not as coefficients
    assert torch.equal(found.latents[1], found.x) and wavelet.signal_shape is None


def test_the_latents_given_back_are_those_of_the_pipelines_priors() -> None:
    found = pipeline(STAGES)(Y)
    assert torch.equal(found.latents[1], found.x) and torch.equal(found.latents[0], found.w)
    further = pipeline(STAGES)(Y, start=found)
    assert torch.isfinite(further.x).all()


def test_double_precision_meets_a_stages_prior_of_single_precision() -> None:
    y = torch.rand(28, 28, dtype=torch.float64)
    found = invkit.compose("circconv", ["vae:blurA", "identity"], [QUICK, f"{QUICK} x=vae:mnist hold=w"])(y)
    assert found.x.dtype == torch.float64


def test_a_start_is_the_first_stages() -> None:
    start = pipeline(QUICK)(Y)
    first = Telling()
    pipeline([first, QUICK])(Y, start=start)
    ((_, seen),) = first.seen
    assert seen is not None and torch.equal(seen.x, start.x)


def test_what_is_known_of_the_noise_is_handed_on() -> None:
    strength = torch.tensor([0.1, 0.2])
    second, third = Telling(), Telling({"noise": torch.tensor([0.3, 0.4])})
    found = pipeline([Telling({"noise": strength}), second, third])(Y)
    sigma = second.seen[0][0].noise.sigma
    assert sigma is not None and torch.equal(sigma, strength)
    assert found.noise.tolist() == pytest.approx([0.3, 0.4])
    assert pipeline([Telling({"noise": strength}), QUICK])(Y).noise.tolist() == strength.tolist()


@pytest.mark.parametrize("held", [True, False])
def test_confidence_and_doubt_stay_with_a_kernel_that_is_held(held: bool) -> None:
    doubt = {"confidence": torch.tensor([0.1, 0.9]), "status": (Status.DOUBTFUL, Status.MAX_ITER)}
    found = pipeline([Telling(doubt), Stage(invkit.solver(QUICK), hold="w" if held else None)])(Y)
    if held:
        assert found.status == (Status.DOUBTFUL, Status.MAX_ITER)
        assert found.confidence.tolist() == pytest.approx([0.1, 0.9])
    else:
        assert found.status == (Status.MAX_ITER, Status.MAX_ITER) and found.confidence is None


def test_what_has_diverged_stays_so() -> None:
    ends = {"status": (Status.DIVERGED, Status.CONVERGED)}
    assert pipeline([Telling(ends), QUICK])(Y).status == (Status.DIVERGED, Status.MAX_ITER)


def test_nothing_follows_an_interrupt() -> None:
    second = Telling()
    found = pipeline([Telling({"status": (Status.INTERRUPTED,) * 2}), second])(Y)
    assert found.status == (Status.INTERRUPTED,) * 2 and not second.seen


def test_a_kernel_that_diverged_is_held_at_nobodys_cost() -> None:
    kernels = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(2))
    lost = kernels.clone()
    lost[1] = torch.nan
    ended = (Status.MAX_ITER, Status.DIVERGED)
    found = pipeline([Telling({"w": lost, "status": ended}), f"{QUICK} hold=w"])(Y[:2])
    alone = pipeline([Telling({"w": kernels[:1]}), f"{QUICK} hold=w"])(Y[:1])
    assert found.status[1] is Status.DIVERGED and torch.allclose(found.x[:1], alone.x, atol=1e-5)


def test_a_signal_that_was_not_found_cannot_be_held() -> None:
    class ImageAlone(Telling):
        finds_w = False

    nothing = ImageAlone({"w": None, "latents": (None, None)})
    with pytest.raises(InputError, match="a stage holds w, which the stage before does not find"):
        pipeline([nothing, f"{QUICK} hold=w"])(Y)


def test_what_was_not_measured_is_left_out_by_every_stage() -> None:
    holes = Y.clone()
    holes[0, 0, 2, 3:6] = torch.nan
    solved = pipeline(STAGES, noise="gaussian?missing=nan")
    masked = pipeline(STAGES, noise=type(solved.noise)(weights=~holes.isnan()))
    assert torch.equal(solved(holes).x, masked(holes.nan_to_num(5.0)).x)


@attrs.define
class Heard(Monitor):
    stages: list[str] = attrs.field(factory=list)
    starts: int = 0
    ends: int = 0

    def on_start(self, steps: int, measurements: int, restarts: int) -> None:
        self.starts += 1

    def on_step(self, progress: Progress) -> None:
        self.stages.append(progress.stage)

    def on_end(self, solution: Solution) -> None:
        self.ends += 1


def test_monitors_are_told_of_each_and_of_one_end() -> None:
    heard = Heard()
    pipeline(STAGES, monitors=[heard])(Y)
    assert (heard.starts, heard.ends) == (2, 1)
    assert [text.split()[0] for text in heard.stages] == ["1/2"] * 3 + ["2/2"] * 3


def test_neighbours_do_not_matter() -> None:
    together = pipeline(STAGES)(Y)
    for row in range(2):
        torch.testing.assert_close(pipeline(STAGES)(Y[row]).x, together.x[row])
