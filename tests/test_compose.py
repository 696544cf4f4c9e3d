"""Composing by name and running in one call; configurations that give the same numbers again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import (
    ConfigError,
    InputError,
    Monitor,
    Pipeline,
    Progress,
    ShapeError,
    Solution,
    Solver,
    Spec,
    SpecError,
    WeightsError,
)
from invkit.contracts.noise import Gaussian
from invkit.contracts.problem import Problem
from invkit.files.images import write_image
from invkit.files.store import write_prior
from invkit.plugin.building import spec_of
from invkit.plugin.loading import default_manager
from invkit.solving import Stage
from invkit_altgd.altgd import AltGD
from invkit_generative.architectures import build as build_network
from invkit_noise.poisson import Poisson
from invkit_noise.robust import Robust
from tests.contracts.test_roles import ROLES
from tests.untrained import write_untrained_cnn

SOLVER = "altgd?steps=6,restarts=3,keep=3,start=random"
PRIORS = ["identity?shape=1x3x3", "identity?penalty=tv"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that specs can name files in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measurements(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pipeline(operator: Any = "circconv", priors: Any = PRIORS, solver: Any = SOLVER, **more: Any) -> Pipeline:
    return invkit.compose(operator, priors, solver, **more)


def weights_file(path: Path, seed: int) -> str:
    """An untrained kernel VAE of 12×12 pixels, written as a trained one would be; its spec."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network("paper-blur", {"size": 12, "latent": 3})
    architecture = {"name": "paper-blur", "options": {"size": 12, "latent": 3}, "output": "unit-sum"}
    card = {"format": 1, "kind": "vae", "name": "tiny", "architecture": architecture, "recipe": {}}
    card |= {"data": {}, "metrics": {}, "licence": "MIT", "versions": {}}
    write_prior(path, network.state_dict(), card)
    return f"vae:./{path.name}"


# Parts


@pytest.mark.parametrize(
    ("build", "text", "table", "base"),
    [
        (
            invkit.operator,
            "linconv?mode=valid",
            {"kind": "linconv", "mode": "valid"},
            invkit.BilinearOperator,
        ),
        (invkit.operator, "circconv?dims=1", {"kind": "circconv", "dims": 1}, invkit.BilinearOperator),
        (
            invkit.prior,
            "wavelet:haar?level=1,shape=1x8x8",
            {"kind": "wavelet", "name": "haar", "level": 1, "shape": [1, 8, 8]},
            invkit.Generator,
        ),
        (invkit.solver, "altgd?steps=7", {"kind": "altgd", "steps": 7}, invkit.Solver),
        (invkit.dataset, "motion?length=5", {"kind": "motion", "length": 5}, invkit.Dataset),
    ],
)
def test_a_string_a_table_and_a_spec_name_the_same_part(
    build: Any, text: str, table: dict[str, Any], base: type
) -> None:
    made = [build(text), build(table), build(Spec.parse(text))]
    assert all(isinstance(part, base) for part in made)
    assert len({str(spec_of(part)) for part in made}) == 1


@pytest.mark.parametrize(
    ("build", "spec", "error", "says"),
    [
        (invkit.operator, "circonv", SpecError, "did you mean 'circconv'"),
        (invkit.prior, "circconv", SpecError, "circconv"),
        (invkit.solver, "altgd?step=3", SpecError, "did you mean 'steps'"),
        (invkit.operator, "circconv?dims=4", SpecError, "dims"),
        (invkit.prior, "wavelet:harr", SpecError, "haar"),
        (invkit.prior, "known:nothing.png", InputError, "nothing.png"),
        (invkit.prior, "vae:./nothing.safetensors", WeightsError, "nothing"),
        (invkit.operator, {"dims": 1}, SpecError, "kind"),
        (invkit.operator, "", SpecError, "kind"),
    ],
)
def test_what_cannot_be_built_is_told(build: Any, spec: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as failure:
        build(spec)
    assert failure.value.hint  # type: ignore[attr-defined]


# Pipelines


def test_strings_tables_and_objects_give_the_same_numbers() -> None:
    y = measurements(2, 1, 8, 8)
    by_string = pipeline()
    tables: list[Any] = [{"kind": "identity", "shape": [1, 3, 3]}, {"kind": "identity", "penalty": "tv"}]
    by_table = pipeline(
        {"kind": "circconv"},
        tables,
        {"kind": "altgd", "steps": 6, "restarts": 3, "keep": [3], "start": "random"},
    )
    parts = by_string.operator, list(by_string.priors), by_string.solver
    by_object = pipeline(*parts)
    expected = by_string(y)
    for other in (by_table(y), by_object(y)):
        assert torch.equal(other.x, expected.x) and torch.equal(other.w, expected.w)
        assert torch.equal(other.residual, expected.residual)
        assert other.config == expected.config


def test_it_holds_what_it_was_composed_of() -> None:
    composed = pipeline(seed=7)
    assert spec_of(composed.operator) == spec_of(invkit.operator("circconv"))
    assert [prior.signal_shape for prior in composed.priors] == [(1, 3, 3), None]
    assert isinstance(composed.solver, Solver) and composed.seed == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        composed.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize("priors", [[], ["identity"], ["identity"] * 3, "identity", None])
def test_it_takes_exactly_two_priors(priors: Any) -> None:
    with pytest.raises(InputError, match="exactly two priors"):
        pipeline(priors=priors)


def test_the_priors_may_be_named() -> None:
    y = measurements(1, 1, 8, 8)
    by_name = invkit.compose("circconv", w=PRIORS[0], x=PRIORS[1], solver=SOLVER)
    assert by_name.to_config() == pipeline().to_config()
    assert torch.equal(by_name(y).x, pipeline()(y).x)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"w": "identity"}, "that of x is missing"),
        ({"x": "identity"}, "that of w is missing"),
        ({}, "that of w and x is missing"),
        ({"priors": PRIORS, "x": "identity"}, "priors and w or x as well"),
    ],
)
def test_priors_in_two_ways_or_half_of_them_are_refused(given: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        invkit.compose("circconv", solver=SOLVER, **given)


def test_a_solver_is_needed() -> None:
    with pytest.raises(InputError, match="needs a solver"):
        invkit.compose("circconv", PRIORS)


@pytest.mark.parametrize("seed", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)], ids=repr)
def test_a_seed_is_a_whole_number_of_any_kind(seed: Any) -> None:
    composed = pipeline(seed=seed)
    assert type(composed.seed) is int and composed.to_config()["seed"] == 3
    y = measurements(1, 1, 8, 8)
    assert torch.equal(composed(y).x, pipeline(seed=3)(y).x)
    near = invkit.project("identity", y, steps=1, seed=seed)
    assert torch.equal(near.latent, invkit.project("identity", y, steps=1, seed=3).latent)


@pytest.mark.parametrize("seed", [None, True, np.True_, 1.0, "0", -1, 2**63, [3], np.array([3])], ids=repr)
def test_any_other_seed_is_refused(seed: Any) -> None:
    composed = pipeline()
    for refuses in (
        lambda: pipeline(seed=seed),
        lambda: Pipeline(composed.operator, composed.priors, composed.solver, seed),
        lambda: attrs.evolve(composed, seed=seed),
        lambda: invkit.project("identity", measurements(8, 8), seed=seed),
    ):
        with pytest.raises(InputError, match=r"the seed is .*whole number from 0 to 2\*\*63 - 1"):
            refuses()


def test_the_seed_decides() -> None:
    y = measurements(1, 1, 8, 8)
    first, again, other = (pipeline(seed=seed)(y) for seed in (1, 1, 2))
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


def test_calls_do_not_depend_on_each_other() -> None:
    composed, y = pipeline(), measurements(1, 1, 8, 8)
    first = composed(y)
    composed(measurements(3, 3, 6, 7, seed=1))  # the identity prior takes another shape, for that call alone
    assert torch.equal(first.x, composed(y).x)
    assert composed.priors[1].signal_shape is None


def test_the_measurement_is_left_as_it_is() -> None:
    y = measurements(1, 1, 8, 8).requires_grad_()
    kept = y.detach().clone()
    solution = pipeline()(y)
    assert torch.equal(y.detach(), kept) and y.grad is None
    assert not solution.x.requires_grad


@attrs.define
class Heard(Monitor):
    """Counts what it is told."""

    steps: int = 0
    ended: int = 0

    def on_step(self, progress: Progress) -> None:
        self.steps += 1

    def on_end(self, solution: Solution) -> None:
        self.ended += 1


def test_monitors_of_the_pipeline_and_of_the_call_are_told() -> None:
    always, once = Heard(), Heard()
    composed = pipeline(monitors=[always])
    composed(measurements(8, 8), monitors=[once])
    composed(measurements(8, 8))
    assert (always.steps, always.ended, once.steps, once.ended) == (12, 2, 6, 1)


# Measurements


LAYOUTS = [(8, 9), (1, 8, 9), (3, 8, 9), (2, 1, 8, 9), (2, 3, 8, 9)]


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 1, 8, 8)])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_every_layout_comes_back_without_a_w_that_was_not_found(
    shape: tuple[int, ...], library: str, folder: Path
) -> None:
    weights = write_untrained_cnn(folder / "cnn.safetensors")
    y = measurements(*shape)
    solution = pipeline(solver=f"cnn?weights={weights}")(y.numpy() if library == "numpy" else y)
    assert solution.w is None and tuple(solution.x.shape) == shape
    assert type(solution.x) is (np.ndarray if library == "numpy" else Tensor)
    assert np.abs(np.asarray(solution.x) - y.numpy()).max() < 1e-6  # an untrained network is the identity


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_every_layout_comes_back_as_it_was_given(shape: tuple[int, ...], library: str) -> None:
    y = measurements(*shape)
    solution = pipeline()(y if library == "torch" else y.numpy())
    kind = Tensor if library == "torch" else np.ndarray
    assert isinstance(solution.x, kind) and isinstance(solution.w, kind)
    assert tuple(solution.x.shape) == shape
    kernel = {2: (3, 3), 3: (1, 3, 3), 4: (shape[0], 1, 3, 3)}[len(shape)]
    assert tuple(solution.w.shape) == kernel
    batch = pipeline()(y.reshape(-1, *([1] * (3 - min(len(shape), 3))), *shape[-3:]))
    np.testing.assert_array_equal(np.asarray(solution.x).ravel(), batch.x.numpy().ravel())
    assert str(solution.x.dtype).endswith("float32")


@pytest.mark.parametrize("shape", [(9,), (2, 9), (4, 2, 9)], ids=str)
def test_signals_of_one_dimension_too(shape: tuple[int, ...]) -> None:
    composed = pipeline("circconv?dims=1", ["identity?shape=1x3", "identity"])
    solution = composed(measurements(*shape).numpy())
    assert solution.x.shape == shape
    assert solution.w.shape == {1: (3,), 2: (1, 3), 3: (shape[0], 1, 3)}[len(shape)]


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("as_path", [str, Path])
def test_a_path_is_read_and_answered_in_numpy(folder: Path, colours: int, as_path: Any) -> None:
    array = np.round(measurements(colours, 8, 9).numpy() * 255).astype(np.float32) / 255
    write_image(folder / "blurry.png", array)
    solution = pipeline()(as_path("blurry.png"))
    assert isinstance(solution.x, np.ndarray) and solution.x.shape == (colours, 8, 9)
    np.testing.assert_array_equal(solution.x, pipeline()(array).x)


def test_a_pipeline_on_a_device_is_the_same_pipeline(folder: Path) -> None:
    """What a GPU finds is in tests/test_accelerator.py."""
    here = pipeline(priors=["identity?shape=1x3x3", "spectrum?shape=1x6x6"])
    there, y = here.to("cpu"), measurements(1, 6, 6)
    assert torch.equal(there(y).x, here(y).x) and there.to_config() == here.to_config()
    assert there.device == torch.device("cpu") and there.priors[1] is not here.priors[1]
    with pytest.raises(InputError, match=r"there is no device 'abacus' here; choose of cpu"):
        here.to("abacus")
    write_image(folder / "a.png", measurements(1, 6, 6))
    with pytest.raises(InputError, match="no device 'abacus'"):
        invkit.map(here, "a.png", "out", device="abacus")
    assert not (folder / "out").exists()


def test_double_precision_stays_double() -> None:
    y = measurements(8, 8).double().numpy()
    solution = pipeline()(y)
    assert solution.x.dtype == solution.residual.dtype == np.float64


def test_double_precision_meets_trained_weights_of_single_precision(folder: Path) -> None:
    """numpy's numbers are double by default: that must not be anybody's trouble."""
    prior = weights_file(folder / "tiny.safetensors", seed=0)
    solution = pipeline(priors=[prior, "identity"])(measurements(16, 16).double().numpy())
    assert solution.x.dtype == solution.w.dtype == np.float64
    np.testing.assert_allclose(solution.w.sum(), 1, rtol=1e-6)


@attrs.frozen(eq=False)
class Telling(Solver):
    """Gives back all that a solution may hold."""

    def solve(
        self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
    ) -> Solution:
        found = invkit.solver(SOLVER).solve(problem, y, rng, monitors)
        n = len(y)
        more = {"x_std": found.x.abs(), "x_kernel": found.x / 2, "notes": ({"gain": 0.5},) * n}
        return attrs.evolve(found, noise=torch.ones(n), confidence=torch.ones(n), **more)


def test_everything_in_a_solution_is_numpys_for_numpy() -> None:
    y = measurements(2, 1, 8, 8)
    by_torch, by_numpy = pipeline(solver=Telling())(y), pipeline(solver=Telling())(y.numpy())

    def compare(of_torch: Any, of_numpy: Any, where: str) -> int:
        if isinstance(of_torch, Tensor):
            assert type(of_numpy) is np.ndarray, where
            np.testing.assert_array_equal(of_numpy, of_torch.numpy())
            return 1
        if attrs.has(type(of_torch)):
            names = [field.name for field in attrs.fields(type(of_torch))]
            return sum(compare(getattr(of_torch, n), getattr(of_numpy, n), n) for n in names)
        if isinstance(of_torch, tuple):
            return sum(compare(a, b, where) for a, b in zip(of_torch, of_numpy, strict=True))
        return 0

    assert compare(by_torch, by_numpy, "solution") >= 11
    json.dumps(by_numpy.summary())


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (measurements(8), InputError, r"shape \(8,\), expected 2 axes, 3 with channels or 4"),
        (measurements(1, 1, 1, 8, 8), InputError, "expected 2 axes"),
        (torch.zeros(0, 1, 8, 8), InputError, "none of them empty"),
        (torch.tensor(1.0), InputError, r"shape \(\)"),
        (measurements(8, 8) * torch.nan, InputError, "NaN or infinite"),
        (measurements(8, 8) / 0, InputError, "NaN or infinite"),
        ((measurements(8, 8) * 255).byte(), InputError, "uint8.*/ 255"),
        (measurements(8, 8).half(), InputError, "float16.*expected float32 or float64"),
        (np.zeros((8, 8), dtype=">f4"), InputError, ">f4"),
        (np.zeros((8, 8), dtype=int), InputError, "int64"),
        ([[0.0, 1.0]], InputError, "got list"),
        (None, InputError, "got NoneType"),
        ("missing.png", InputError, "missing.png"),
        (measurements(2, 2), ShapeError, "kernel"),
    ],
)
def test_what_is_no_measurement_is_told(folder: Path, given: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        pipeline()(given)


def test_a_picture_is_no_signal_of_one_dimension(folder: Path) -> None:
    write_image(folder / "blurry.png", measurements(1, 8, 8).numpy())
    with pytest.raises(InputError, match=r"blurry\.png.*signals of 1"):
        pipeline("circconv?dims=1", ["identity?shape=1x3", "identity"])("blurry.png")


def test_a_grey_prior_and_a_colour_image_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\)"):
        pipeline(priors=["identity?shape=1x3x3", "identity?shape=1x8x8"])(measurements(3, 8, 8))


# Priors whose shape follows


@pytest.mark.parametrize(
    ("operator", "priors", "y_shape", "w_shape", "x_shape"),
    [
        ("circconv", ["known:kernel.npy", "identity?penalty=tv"], (1, 8, 8), (1, 3, 3), (1, 8, 8)),
        ("circconv", ["known:kernel.npy", "wavelet:haar?level=2"], (3, 8, 8), (1, 3, 3), (3, 8, 8)),
        ("circconv", ["known:kernel.npy?normalise=sum", "wavelet?level=1"], (8, 6), (3, 3), (8, 6)),
        ("linconv?mode=valid", ["known:kernel.npy", "identity"], (1, 8, 8), (1, 3, 3), (1, 10, 10)),
        ("linconv?mode=full", ["known:kernel.npy", "identity"], (1, 8, 8), (1, 3, 3), (1, 6, 6)),
        ("pointwise", ["identity", "wavelet:db2?level=1"], (1, 8, 8), (1, 8, 8), (1, 8, 8)),
        ("outer", ["identity", "identity"], (1, 5, 4), (1, 5), (1, 4)),
        ("matmul", ["identity?shape=1x5x2", "identity"], (1, 5, 4), (1, 5, 2), (1, 2, 4)),
    ],
)
def test_shapes_follow_from_operator_and_measurement(
    folder: Path, operator: str, priors: list[str], y_shape: Any, w_shape: Any, x_shape: Any
) -> None:
    np.save("kernel.npy", np.full((3, 3), 1 / 9, dtype=np.float32))
    solution = pipeline(operator, priors)(measurements(*y_shape))
    assert tuple(solution.w.shape) == w_shape and tuple(solution.x.shape) == x_shape
    if priors[0].startswith("known"):
        assert torch.equal(solution.w.reshape(3, 3), torch.full((3, 3), 1 / 9))


# The problem by itself


@pytest.fixture
def shapings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the measurements that a solver was asked to shape a problem for."""
    asked: list[tuple[int, ...]] = []
    shaped = Solver.shaped

    def counting(self: Solver, problem: Problem, y: Tensor) -> Problem:
        asked.append(tuple(y.shape))
        return shaped(self, problem, y)

    monkeypatch.setattr(Solver, "shaped", counting)
    return asked


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_shapes_are_worked_out_without_solving_and_once(
    library: str, shapings: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, y = pipeline(), measurements(8, 9)
    expected = composed(y)
    given = y if library == "torch" else y.numpy()
    with monkeypatch.context() as without:
        without.setattr(type(composed.solver), "solve", lambda *_, **__: pytest.fail("solved"))
        problem = composed.problem_for(given)
    assert [prior.signal_shape for prior in problem.priors] == [(1, 3, 3), (1, 8, 9)]
    assert shapings == [(1, 1, 8, 9)] * 2
    found = composed(given, problem=problem)
    assert len(shapings) == 2
    np.testing.assert_array_equal(np.asarray(found.x), expected.x.numpy())
    assert found.config == expected.config


def test_a_problem_of_another_shape_is_refused() -> None:
    composed = pipeline()
    problem = composed.problem_for(measurements(8, 9))
    with pytest.raises(ShapeError, match=r"\(1, 8, 9\)"):
        composed(measurements(8, 8), problem=problem)


def test_a_problem_keeps_its_shapes_and_not_its_noise() -> None:
    """What was not measured is each measurement's own."""
    composed = pipeline(noise="gaussian?missing=nan")
    problem = composed.problem_for(measurements(8, 8))
    holes = measurements(8, 8)
    holes[2, 3] = torch.nan
    assert torch.equal(composed(holes, problem=problem).x, composed(holes).x)


# Noise


@pytest.mark.parametrize(
    ("text", "table", "made"),
    [
        ("robust?delta=0.1", {"kind": "robust", "delta": 0.1}, Robust(delta=0.1)),
        ("poisson", {"kind": "poisson"}, Poisson()),
        ("gaussian?sigma=0.1", {"kind": "gaussian", "sigma": 0.1}, Gaussian(sigma=0.1)),
    ],
)
def test_noise_is_a_part_like_the_others(text: str, table: dict[str, Any], made: Any, folder: Path) -> None:
    y = measurements(8, 8)
    by_name = pipeline(noise=text)
    expected = by_name(y)
    for other in (pipeline(noise=table), pipeline(noise=made), pipeline(noise=Spec.parse(text))):
        assert torch.equal(other(y).x, expected.x)
    config = by_name.to_config()
    assert config["noise"].items() >= table.items() and pipeline(noise=table).to_config() == config
    by_name.save_config("run.toml")
    assert invkit.load_config("run.toml").to_config() == config
    assert torch.equal(invkit.load_config("run.toml")(y).x, expected.x)
    assert not torch.equal(pipeline()(y).x, expected.x)


def test_noise_is_gaussian_where_nothing_else_is_said() -> None:
    assert pipeline().to_config()["noise"]["kind"] == "gaussian"
    config = {"operator": "circconv", "priors": PRIORS, "solver": SOLVER}
    assert invkit.load_config(config).to_config() == pipeline().to_config()


def test_noise_that_is_none_is_told() -> None:
    with pytest.raises(SpecError, match="unknown noise 'posson'; did you mean 'poisson'"):
        pipeline(noise="posson")
    with pytest.raises(ConfigError, match="the noise Robust was given as an object"):
        pipeline(noise=Robust()).to_config()


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "robust"])
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_what_was_not_measured_does_not_matter(kind: str, library: str) -> None:
    y = measurements(2, 1, 8, 8)
    holes = y.clone()
    holes[0, 0, 2, 3:6] = holes[1, 0, 5, 5] = torch.nan
    with pytest.raises(InputError, match="NaN or infinite") as refusal:
        pipeline(noise=kind)(holes)
    assert "missing=nan" in str(refusal.value.hint)
    given = holes if library == "torch" else holes.numpy()
    solution = pipeline(noise=f"{kind}?missing=nan")(given)
    assert np.isfinite(np.asarray(solution.x)).all() and np.isfinite(np.asarray(solution.residual)).all()
    masked = invkit.noise(kind).__class__(weights=~holes.isnan())
    for value in (-3.0, 1.0, torch.inf):
        again = pipeline(noise=masked)(holes.nan_to_num(value))
        np.testing.assert_array_equal(np.asarray(solution.x), again.x.numpy())
        np.testing.assert_array_equal(np.asarray(solution.residual), again.residual.numpy())


def test_weights_of_another_shape_are_told_before_solving() -> None:
    with pytest.raises(ShapeError, match=r"weights of shape \(3, 3\) for measurements of shape \(1, 1, 8"):
        pipeline(noise=Gaussian(torch.ones(3, 3)))(measurements(8, 8))


def test_a_solver_that_knows_gaussian_noise_alone_says_so() -> None:
    with pytest.raises(InputError, match="evidence takes only white Gaussian noise on all entries"):
        pipeline("circconv", ["simplex?size=3", "spectrum"], "evidence?starts=4", noise="robust")(
            measurements(16, 16)
        )


# Roles


@pytest.fixture(scope="module")
def kernels_and_images() -> tuple[list[invkit.Generator], list[invkit.Generator]]:
    registry = default_manager().registry
    specs = [spec for spec in ROLES if registry.has("prior", spec.partition(":")[0])]
    made = [invkit.prior(spec) for spec in specs]
    return [each for each in made if each.role == "kernel"], [each for each in made if each.role == "image"]


def test_exchanged_priors_are_refused_in_a_stage_too(kernels_and_images: Any) -> None:
    kernels, images = kernels_and_images
    assert len(kernels) >= 4 and len(images) >= 4
    good = kernels[0], images[0]
    for kernel in kernels:
        for image in images:
            with pytest.raises(InputError, match=r"makes an image.*makes a kernel.*exchange them"):
                pipeline(priors=[image, kernel])
            pipeline(priors=[kernel, image], solver=[Stage(AltGD(), w=kernel, x=image)])
            for wrong in ({"w": image}, {"x": kernel}, {"w": image, "x": kernel}):
                with pytest.raises(InputError, match=r"the prior of [wx], .* makes an? "):
                    pipeline(priors=good, solver=[AltGD(), Stage(AltGD(), **wrong)])


# Configurations


@pytest.fixture
def composed(folder: Path) -> Pipeline:
    """With a name, options given and left at none, weights, and a seed."""
    priors = [weights_file(folder / "tiny.safetensors", seed=0), "wavelet:haar?level=2"]
    return pipeline("circconv", priors, SOLVER, seed=3)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_configuration_gives_the_same_numbers_again(composed: Pipeline, folder: Path, suffix: str) -> None:
    y = measurements(2, 1, 16, 16)
    path = composed.save_config(folder / f"run.{suffix}")
    again = invkit.load_config(path)
    assert again.to_config() == composed.to_config()
    first, second = composed(y), again(y)
    for name in ("x", "w", "residual", "history"):
        assert torch.equal(getattr(first, name).nan_to_num(), getattr(second, name).nan_to_num())
    assert first.config == second.config == composed.to_config()


def test_a_configuration_spells_everything_out(composed: Pipeline, folder: Path) -> None:
    config = tomllib.loads(composed.save_config("run.toml").read_text())
    assert config["format"] == 1 and config["seed"] == 3
    assert config["operator"] == {"kind": "circconv", "dims": 2}
    assert config["priors"][0]["name"] == "./tiny.safetensors"
    assert len(config["priors"][0]["sha256"]) == 64
    assert config["priors"][1] == {"kind": "wavelet", "name": "haar", "level": 2, "shape": "none"}
    spelled = {"steps": 6, "keep": [3], "order": "jacobi", "anneal": 100.0}
    assert config["solver"] == config["solver"] | spelled
    assert config["versions"].keys() >= {"invkit", "torch"}
    assert config == json.loads(composed.save_config("run.json").read_text()) == composed.to_config()


def test_a_configuration_may_be_a_dict_and_be_short() -> None:
    by_dict = invkit.load_config({"operator": "circconv", "priors": PRIORS, "solver": SOLVER})
    y = measurements(8, 8)
    assert by_dict.seed == 0
    assert torch.equal(by_dict(y).x, pipeline()(y).x)


def test_the_solution_carries_its_configuration(composed: Pipeline) -> None:
    solution = composed(measurements(16, 16))
    assert solution.config == composed.to_config()
    json.dumps(solution.summary())


def test_other_weights_under_the_same_name_are_refused(composed: Pipeline, folder: Path) -> None:
    composed.save_config("run.toml")
    weights_file(folder / "tiny.safetensors", seed=1)
    with pytest.raises(ConfigError, match=r"the file of prior 'vae:\./tiny\.safetensors.*is not the one"):
        invkit.load_config("run.toml")
    text = "\n".join(line for line in Path("run.toml").read_text().splitlines() if "sha256" not in line)
    Path("run.toml").write_text(text)  # as the hint says
    invkit.load_config("run.toml")


def test_a_solvers_weights_are_written_down_and_checked_too(folder: Path) -> None:
    write_untrained_cnn(folder / "cnn.safetensors")
    composed = pipeline(solver="cnn?weights=./cnn.safetensors")
    config = tomllib.loads(composed.save_config("run.toml").read_text())
    assert config["solver"]["weights"] == "./cnn.safetensors" and len(config["solver"]["sha256"]) == 64
    y = measurements(16, 16)
    assert torch.equal(invkit.load_config("run.toml")(y).x, composed(y).x)
    write_untrained_cnn(folder / "cnn.safetensors", seed=1)
    with pytest.raises(ConfigError, match=r"the file of solver 'cnn.*is not the one"):
        invkit.load_config("run.toml")


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"format": 2}, ConfigError, "newer invkit"),
        ({"format": "1"}, ConfigError, "format"),
        ({"operator": None}, ConfigError, "no 'operator'"),
        ({"priors": None}, ConfigError, "no 'priors'"),
        ({"solver": None}, ConfigError, "no 'solver'"),
        ({"priors": "identity"}, ConfigError, "exactly two priors"),
        ({"priors": ["identity"]}, ConfigError, "exactly two priors"),
        ({"seed": "0"}, ConfigError, "seed"),
        ({"seed": True}, ConfigError, "seed"),
        ({"seed": 10**23}, ConfigError, "the seed is 10{23}|more than 64 bits"),
        ({"seed": -1}, ConfigError, "the seed is -1"),
        ({"seed": 1.0}, ConfigError, "the seed is 1.0"),
        ({"operator": {"object": "mine:Own"}}, ConfigError, "object of class mine:Own"),
        ({"sed": 1}, ConfigError, "'sed'; did you mean 'seed'"),
        ({"operator": "circonv"}, SpecError, "did you mean 'circconv'"),
        ({"operator": {"kind": "circconv", "dim": 2}}, SpecError, "did you mean 'dims'"),
        ({"solver": {"steps": 3}}, SpecError, "kind"),
    ],
)
@pytest.mark.parametrize("how", ["dict", "file"])
def test_a_configuration_that_is_wrong_is_told(
    folder: Path, changes: dict[str, Any], error: type[Exception], says: str, how: str
) -> None:
    config = {"format": 1, "operator": "circconv", "priors": PRIORS, "solver": SOLVER, **changes}
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "run.json").write_text(json.dumps(config))
    with pytest.raises(error, match=says):
        invkit.load_config(config if how == "dict" else "run.json")


def test_a_solver_is_given_a_problem_in_the_shape_and_precision_of_the_measurement(folder: Path) -> None:
    """A solver need not know where they come from. Nothing is copied that fits."""
    seen: list[Problem] = []

    class Seeing(Solver):
        def solve(
            self, problem: Problem, y: Tensor, rng: torch.Generator, monitors: Any = (), *, start: Any = None
        ) -> Solution:
            seen.append(problem)
            return invkit.solver(SOLVER).solve(problem, y, rng, monitors)

    np.save("basis.npy", np.eye(4, dtype=np.float32).reshape(4, 1, 2, 2))
    composed = pipeline(solver=Seeing(), priors=["subspace:basis.npy", "identity"])
    composed(measurements(8, 9))
    composed(measurements(8, 9).double())
    assert [prior.signal_shape for prior in seen[0].priors] == [(1, 2, 2), (1, 8, 9)]
    assert seen[0].operator is composed.operator and seen[0].priors[0] is composed.priors[0]
    assert {buffer.dtype for buffer in seen[1].priors[0].buffers()} == {torch.float64}
    assert {buffer.dtype for buffer in composed.priors[0].buffers()} == {torch.float32}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("Allocator: can't allocate memory: …")])
def test_a_solve_that_does_not_fit_into_memory_says_what_to_do(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def solve(*_: Any, **__: Any) -> Solution:
        raise error

    made = pipeline()
    monkeypatch.setattr(type(made.solver), "solve", solve)
    with pytest.raises(InputError, match=r"does not fit into memory.*fewer restarts"):
        made(measurements(1, 1, 8, 8))


def test_other_faults_of_a_solver_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(*_: Any, **__: Any) -> Solution:
        raise RuntimeError("a defect")

    made = pipeline()
    monkeypatch.setattr(type(made.solver), "solve", solve)
    with pytest.raises(RuntimeError, match="a defect"):
        made(measurements(1, 1, 8, 8))
