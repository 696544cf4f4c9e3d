"""Blind Richardson–Lucy as a solver: its iterates, its known kernels, real pictures, messages."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

import invkit
from invkit import InputError, Problem, Status
from invkit.contracts.noise import Gaussian
from invkit.metrics import psnr
from invkit.testing import check_solver
from invkit_baselines.blindrl import BlindRL
from invkit_noise.poisson import Poisson
from tests.plugins.baselines.known import draw, given, kernels, steps_picture
from tests.solver_examples import solver_examples


def solve(solver: BlindRL, operator: str, w: object, y: torch.Tensor, x: str = "identity") -> invkit.Solution:
    prior_w = invkit.prior(w) if isinstance(w, str) else w
    problem = Problem(invkit.operator(operator), (prior_w, invkit.prior(x)))
    return solver.solve(problem, y, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("options", ["steps=12", "steps=5,w_steps=2,x_steps=3,unit_sum=false"])
def test_keeps_the_contract(options: str) -> None:
    check_solver(invkit.solver(f"blindrl?{options}"), seed=5, examples=solver_examples("blindrl", 5)[-1:])


def reference(y: np.ndarray, size: int, steps: int, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """The algorithm for one image (channels, height, width), with rolled images in place of transforms."""
    offsets = [(a, b) for a in range(size) for b in range(size)]
    middle = size // 2

    def moved(image: np.ndarray, at: tuple[int, int], sign: int) -> np.ndarray:
        return np.roll(image, (sign * (at[0] - middle), sign * (at[1] - middle)), (1, 2))

    def blur(k: np.ndarray, x: np.ndarray) -> np.ndarray:
        return sum(k[at] * moved(x, at, 1) for at in offsets)

    x, k = np.maximum(y, eps), np.full((size, size), 1 / size**2)
    for _ in range(steps):
        ratio = y / np.maximum(blur(k, x), eps)
        gathered = np.array([(moved(x, at, 1) * ratio).sum() for at in offsets]).reshape(size, size)
        k = k * gathered / max(x.sum(), eps)
        k = k / k.sum()
        ratio = y / np.maximum(blur(k, x), eps)
        gathered = sum(k[at] * moved(ratio, at, -1) for at in offsets)
        x = np.maximum(x * gathered / max(k.sum(), eps), eps)
    return k, x


@pytest.mark.parametrize("size", [3, 4])
def test_iterates_are_those_of_the_formula(size: int) -> None:
    y = invkit.operator("circconv")(kernels(0, 2, size), draw(1, 2, 3, 10, 9))
    solution = solve(BlindRL(steps=15, eps=1e-10), "circconv", f"identity?shape=1x{size}x{size}", y)
    for i in range(2):
        w, x = reference(y[i].numpy(), size, 15, 1e-10)
        np.testing.assert_allclose(solution.w[i, 0], w, rtol=1e-8)
        np.testing.assert_allclose(solution.x[i], x, rtol=1e-8)


def test_with_the_true_kernel_a_picture_gets_sharper() -> None:
    w, x = kernels(0, 2), steps_picture(1, 2)
    for operator in ("circconv", "linconv"):
        y = invkit.operator(operator)(w, x)
        solution = solve(BlindRL(steps=100), operator, given(w), y)
        assert torch.equal(solution.w, w)
        assert (psnr(solution.x, x) > psnr(y, x) + 3).all()
        assert set(solution.status) == {Status.MAX_ITER}
        assert (solution.history.diff(dim=2) <= 1e-9).all()


def test_blind_it_explains_the_measurement_by_a_kernel_of_unit_sum() -> None:
    w, x = kernels(0, 2), steps_picture(1, 2)
    y = invkit.operator("circconv")(w, x)
    solution = solve(BlindRL(steps=200), "circconv", "identity?shape=1x5x5", y)
    torch.testing.assert_close(solution.w.sum((1, 2, 3)), torch.ones(2, dtype=torch.float64))
    assert (solution.w >= 0).all() and (solution.x > 0).all()
    assert (solution.residual < 1e-3 * y.square().sum((1, 2, 3))).all()


def test_values_below_zero_count_as_zero_and_bounds_are_kept() -> None:
    w = kernels(0, 1)
    y = invkit.operator("circconv")(w, steps_picture(1, 1)) - 0.3
    assert y.min() < 0
    found, clipped = (solve(BlindRL(steps=5), "circconv", given(w), each) for each in (y, y.clamp_min(0)))
    assert torch.equal(found.x, clipped.x)
    assert found.residual > clipped.residual  # of the measurement given


def test_a_published_face_gets_sharper_with_its_kernel(data_folder: Path) -> None:
    path = data_folder / "asim2020" / "celeba_dev.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as arrays:
        x, y = (torch.tensor(arrays[key][:4]).movedim(-1, 1).float() / 255 for key in "xy")
        w = torch.tensor(arrays["w"][:4])[:, None].float()
    solution = solve(BlindRL(steps=30), "circconv", given(w / w.sum((2, 3), keepdim=True)), y)
    assert psnr(solution.x, x).mean() > psnr(y, x).mean() + 2


@pytest.mark.parametrize("operator", ["circconv", "linconv"])
def test_what_was_not_measured_is_left_out(operator: str) -> None:
    w, x = kernels(0, 2), steps_picture(1, 2)
    y = invkit.operator(operator)(w, x)
    mask = draw(2, *y.shape) > 0.2
    problem = Problem(invkit.operator(operator), (given(w), invkit.prior("identity")), noise=Gaussian(mask))
    lost = [BlindRL().solve(problem, y.where(mask, each), torch.Generator()) for each in (0.0, 9.0)]
    assert torch.equal(lost[0].x, lost[1].x)
    as_zero = solve(BlindRL(), operator, given(w), y.where(mask, 0.0))
    assert (psnr(lost[0].x, x) > psnr(as_zero.x, x) + 5).all()
    assert (lost[0].history.diff(dim=2) <= 1e-9).all()
    every = attrs.evolve(problem, noise=Gaussian(torch.ones(y.shape)))
    weighted = BlindRL(steps=10).solve(every, y, torch.Generator())
    torch.testing.assert_close(weighted.x, solve(BlindRL(steps=10), operator, given(w), y).x)


def test_it_takes_the_noise_of_counts_and_no_other() -> None:
    w = kernels(0, 2)
    y = invkit.operator("circconv")(w, steps_picture(1, 2))
    problem = Problem(invkit.operator("circconv"), (given(w), invkit.prior("identity")))
    plain = BlindRL(steps=5).solve(problem, y, torch.Generator())
    mask = draw(2, *y.shape) > 0.2
    for weights in (None, mask):
        noise = Poisson(weights=weights)
        counted = BlindRL(steps=5).solve(attrs.evolve(problem, noise=noise), y, torch.Generator())
        assert torch.equal(counted.x, plain.x) == (weights is None)
        pair = invkit.operator("circconv")(counted.w, counted.x)
        torch.testing.assert_close(counted.restarts.residual[:, 0], noise(pair, y))
    with pytest.raises(InputError, match=r"likelihood of Poisson noise, the noise is Robust.*poisson"):
        BlindRL().solve(attrs.evolve(problem, noise=invkit.noise("robust")), y, torch.Generator())


def test_it_goes_on_from_a_solution() -> None:
    w, x = kernels(0, 2), steps_picture(1, 2)
    y = invkit.operator("circconv")(w, x)
    priors = (invkit.prior("identity?shape=1x5x5"), invkit.prior("identity"))
    problem = Problem(invkit.operator("circconv"), priors)
    whole = BlindRL(steps=40).solve(problem, y, torch.Generator())
    half = BlindRL(steps=20).solve(problem, y, torch.Generator())
    second = BlindRL(steps=20).solve(problem, y, torch.Generator(), start=half)
    torch.testing.assert_close((second.w, second.x), (whole.w, whole.x))
    with pytest.raises(InputError, match="has no w"):
        BlindRL().solve(problem, y, torch.Generator(), start=attrs.evolve(half, w=None))


def test_priors_that_restrict_a_signal_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "basis.npz", basis=draw(0, 3, 1, 16, 16).numpy())
    y, subspace = draw(1, 1, 1, 16, 16), f"subspace:{tmp_path / 'basis.npz'}"
    for prior_w, prior_x, name in ((subspace, "identity", "w"), ("identity", subspace, "x")):
        with pytest.raises(InputError, match=f"prior of {name} restricts") as error:
            solve(BlindRL(), "circconv", prior_w, y, prior_x)
        assert "identity" in str(error.value.hint)


@pytest.mark.parametrize("options", [{"steps": 0}, {"eps": 0.0}, {"w_steps": 0}, {"x_steps": -1}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        BlindRL(**options)
