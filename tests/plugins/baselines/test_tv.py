"""Total-variation deconvolution: its optimum, its two ways to it, real pictures, messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

import invkit
from invkit import InputError, Problem, Status
from invkit.contracts.noise import Gaussian
from invkit.metrics import psnr
from invkit.testing import check_solver
from invkit_baselines.case import Case
from invkit_baselines.differences import total_variation
from invkit_baselines.tv import TV
from tests.plugins.baselines.known import draw, given, kernels, steps_picture
from tests.solver_examples import solver_examples


class Boxed(invkit.Generator):
    """Free pixels in [0, 1]."""

    can_encode, bounds = True, (0.0, 1.0)

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = shape

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clone()

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clone()

    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        return Boxed(tuple(signal_shape))


def solve(solver: TV, operator: str, w: Tensor, y: Tensor, prior: object = "identity") -> invkit.Solution:
    x = invkit.prior(prior) if isinstance(prior, str) else prior
    problem = Problem(invkit.operator(operator), (given(w), x))
    return solver.solve(problem, y, torch.Generator().manual_seed(0))


def blurred(operator: str, n: int = 2, channels: int = 3, size: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    w, x = kernels(1, n), steps_picture(2, n, channels, size)
    y = invkit.operator(operator)(w, x)
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    return w, x, y + 0.01 * noise


@pytest.mark.parametrize("options", ["steps=6", "colour=separate,tolerance=0.05,inner=2"])
def test_keeps_the_contract(options: str) -> None:
    check_solver(invkit.solver(f"tv?{options}"), seed=5, examples=solver_examples("tv", 5)[-1:])


@pytest.mark.parametrize("operator", ["circconv", "linconv?boundary=unknown"])
def test_a_picture_that_is_not_blurred_is_denoised(operator: str) -> None:
    """It starts from the measurement, from which the data term alone would not move it."""
    w, x = torch.ones(1, 1, 1, 1), steps_picture(2, 1, 3, 40).float()
    y = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    solution = solve(TV(), operator, w, y)
    assert (solution.x - x).square().mean() < (y - x).square().mean() / 4


@pytest.mark.parametrize(
    ("operator", "colour"), [("circconv", "joint"), ("circconv", "separate"), ("linconv?mode=valid", "joint")]
)
def test_finds_the_minimum_of_what_it_minimises(operator: str, colour: str) -> None:
    """Nothing near the result is better, and a general-purpose minimiser of a smoothed TV finds no less."""
    w, _, y = blurred(operator, n=1, channels=2, size=10)
    solver = TV(weight_x=5e-3, steps=250, tolerance=1e-8, colour=colour, inner=8)
    solution = solve(solver, operator, w, y)
    forward = invkit.operator(operator)

    def value(x: Tensor) -> Tensor:
        return (forward(w, x) - y).square().sum() / 2 + 5e-3 * total_variation(x, colour)[0]

    least = float(value(solution.x))
    assert float(solution.restarts.objective) == pytest.approx(least, rel=1e-9)

    def smoothed(flat: np.ndarray) -> tuple[float, np.ndarray]:
        x = torch.tensor(flat).reshape(solution.x.shape).requires_grad_()
        down, right = x.diff(dim=2), x.diff(dim=3)
        squares = torch.nn.functional.pad(down.square(), (0, 0, 0, 1)) + torch.nn.functional.pad(
            right.square(), (0, 1)
        )
        squares = squares.sum(1) if colour == "joint" else squares
        total = (forward(w, x) - y).square().sum() / 2 + 5e-3 * (squares + 1e-8).sqrt().sum()
        (gradient,) = torch.autograd.grad(total, x)
        return float(total.detach()), gradient.flatten().numpy()

    start = solution.x.flatten().numpy()
    found = scipy.optimize.minimize(smoothed, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    assert value(torch.tensor(found.x).reshape(solution.x.shape)) >= least * (1 - 1e-4)
    for seed in range(20):
        near = solution.x + 1e-3 * (draw(seed, *solution.x.shape) - 0.5)
        assert value(near) >= least


@pytest.mark.parametrize(
    ("operator", "boxed"), [("circconv", True), ("linconv", False), ("linconv?mode=full", True)]
)
def test_divisions_and_conjugate_gradients_end_at_the_same_picture(
    operator: str, boxed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, _, y = blurred(operator, n=1, size=10)
    tight, prior = TV(weight_x=1e-2, steps=150, tolerance=0), Boxed() if boxed else "identity"
    by_division = solve(tight, operator, w, y, prior)
    monkeypatch.setattr(Case, "window", lambda self: None)
    by_gradients = solve(tight, operator, w, y, prior)
    least, other = (each.restarts.objective.item() for each in (by_division, by_gradients))
    assert least == pytest.approx(other, rel=1e-3)
    torch.testing.assert_close(by_division.x, by_gradients.x, atol=5e-3, rtol=0)


def test_bounds_are_kept_and_change_what_is_found() -> None:
    w, x, y = blurred("circconv")
    y = y + 0.55 * (x > 0.9) - 0.55 * (x < 0.1)
    free, boxed = (solve(TV(steps=200), "circconv", w, y, prior) for prior in ("identity", Boxed()))
    assert boxed.x.min() >= 0 and boxed.x.max() <= 1
    assert free.x.min() < 0 or free.x.max() > 1
    clipped = (invkit.operator("circconv")(w, free.x.clamp(0, 1)) - y).square().sum()
    assert boxed.residual.sum() < clipped


def test_a_picture_of_boxes_is_recovered_far_better_than_it_was_blurred() -> None:
    for operator in ("circconv", "linconv?boundary=replicate"):
        w, x, y = blurred(operator, n=3)
        solution = solve(TV(), operator, w, y)
        assert (psnr(solution.x, x) > psnr(y, x) + 8).all()
        assert set(solution.status) == {Status.CONVERGED}
        assert torch.equal(solution.w, w)


def test_converged_means_that_nothing_moves_any_more() -> None:
    w, _, y = blurred("circconv")
    early, late = (solve(TV(steps=500, tolerance=t), "circconv", w, y) for t in (1e-4, 1e-6))
    assert early.status == late.status == (Status.CONVERGED,) * 2
    assert (psnr(early.x, late.x) > 50).all()
    assert early.history_steps[-1] == 500


def test_steps_that_do_not_suffice_are_told() -> None:
    w, _, y = blurred("circconv")
    solution = solve(TV(steps=3, tolerance=1e-9), "circconv", w, y)
    assert solution.status == (Status.MAX_ITER,) * 2
    assert (solution.history.diff(dim=2) <= 0).all()


PUBLISHED = {"svhn": 28.5, "celeba": 28.5, "shoes": 29.0}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_inputs_with_their_true_kernels(data_folder: Path, name: str) -> None:
    """The first six; by default settings, all of them come to 29, 29 and 30 dB."""
    path = data_folder / "asim2020" / f"{name}_dev.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as arrays:
        x, y = (torch.tensor(arrays[key][:6]).movedim(-1, 1).float() / 255 for key in "xy")
        w = torch.tensor(arrays["w"][:6])[:, None].float()
    solution = solve(TV(), "circconv", w / w.sum((2, 3), keepdim=True), y)
    assert psnr(solution.x, x).mean() >= PUBLISHED[name]
    assert (psnr(solution.x, x) > psnr(y, x)).all()


def test_what_was_not_measured_is_filled_in() -> None:
    """A fifth of the pixels is lost: whatever stands there, the picture comes back."""
    w, x, y = blurred("circconv")
    mask = draw(5, *y.shape) > 0.2
    problem = Problem(invkit.operator("circconv"), (given(w), invkit.prior("identity")), noise=Gaussian(mask))
    solver = TV(steps=400, inner=8, tolerance=1e-5)
    lost = [solver.solve(problem, y.where(mask, each), torch.Generator()) for each in (0.0, 9.0)]
    whole = solve(TV(), "circconv", w, y)
    assert torch.equal(lost[0].x, lost[1].x)
    assert (psnr(lost[0].x, x) > psnr(whole.x, x) - 1.5).all()
    residual = (invkit.operator("circconv")(w, lost[0].x) - y).square().where(mask, 0).sum((1, 2, 3))
    torch.testing.assert_close(lost[0].residual, residual)


def test_weights_of_one_are_no_weights() -> None:
    w, _, y = blurred("linconv?mode=valid")
    priors, noise = (given(w), invkit.prior("identity")), Gaussian(torch.ones(y.shape))
    problem = Problem(invkit.operator("linconv?mode=valid"), priors, noise=noise)
    weighted = TV(steps=20, tolerance=0).solve(problem, y, torch.Generator())
    torch.testing.assert_close(weighted.x, solve(TV(steps=20, tolerance=0), "linconv?mode=valid", w, y).x)


def test_other_noise_is_refused() -> None:
    w, _, y = blurred("circconv", n=1)
    priors = (given(w), invkit.prior("identity"))
    problem = Problem(invkit.operator("circconv"), priors, noise=invkit.noise("robust"))
    with pytest.raises(InputError, match=r"squared residual, the noise is Robust.*Gaussian"):
        TV().solve(problem, y, torch.Generator())


def test_it_goes_on_from_a_picture() -> None:
    w, _, y = blurred("circconv")
    problem = Problem(invkit.operator("circconv"), (given(w), invkit.prior("identity")))
    end = solve(TV(steps=500, tolerance=1e-6), "circconv", w, y)
    again, anew = (TV(steps=5).solve(problem, y, torch.Generator(), start=each) for each in (end, None))
    assert (psnr(again.x, end.x) > psnr(anew.x, end.x) + 1).all()


def test_a_blind_problem_is_refused_with_what_to_type() -> None:
    y = draw(0, 1, 1, 8, 8)
    problem = Problem(invkit.operator("circconv"), (invkit.prior("identity"), invkit.prior("identity")))
    with pytest.raises(InputError, match="not blind") as error:
        TV().solve(problem, y, torch.Generator())
    assert "known:kernel.png" in str(error.value.hint)


@pytest.mark.parametrize("prior", ["nonnegative", "squares"])
def test_a_picture_without_negative_values_has_none(prior: str) -> None:
    w, x, y = blurred("circconv")
    y = y - 0.3 * (x < 0.1)
    free, bound = (solve(TV(steps=200), "circconv", w, y, each) for each in ("identity", prior))
    assert free.x.min() < -0.05 and bound.x.min() >= 0 and bound.x.max() > 0.5
    made = invkit.prior(prior).shaped(tuple(x.shape[1:]))(bound.latents[1])
    torch.testing.assert_close(made, bound.x, atol=1e-4, rtol=0)


def test_a_range_of_pictures_is_refused(tmp_path: Path) -> None:
    """With an encoder or without; wavelets make any picture, and are taken."""
    np.savez(tmp_path / "basis.npz", basis=draw(0, 3, 1, 16, 16).numpy())
    y = draw(0, 1, 1, 16, 16)
    for spec in (f"subspace:{tmp_path / 'basis.npz'}", "known:" + str(_saved(tmp_path, y[0]))):
        with pytest.raises(InputError, match="prior of x restricts") as error:
            solve(TV(), "circconv", kernels(0, 1), y, spec)
        assert "identity" in str(error.value.hint)
    with_wavelets = solve(TV(), "circconv", kernels(0, 1), y, "wavelet:db4?level=2")
    torch.testing.assert_close(with_wavelets.x, solve(TV(), "circconv", kernels(0, 1), y).x)


def _saved(folder: Path, signal: Tensor) -> Path:
    np.save(folder / "picture.npy", signal.numpy())
    return folder / "picture.npy"


@pytest.mark.parametrize(
    "options",
    [
        {"weight_x": 0.0},
        {"tau": 0.0},
        {"chroma": 0.0},
        {"steps": 0},
        {"colour": "grey"},
        {"jump": -1.0},
        {"jump": 1e30},
        {"penalty": 1e300},
    ],
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        TV(**options)


def test_beyond_an_unknown_border_nothing_is_invented() -> None:
    """The measurement has seen more than x: with the scene recovered, x's border is as good as the rest."""
    w, scene = kernels(1, 2, size=9), steps_picture(2, 2, 3, 56)
    y, x = invkit.operator("linconv?mode=valid")(w, scene), scene[..., 4:-4, 4:-4]
    y = y + 0.01 * (draw(3, *y.shape) - 0.5)
    unknown, invented = (
        solve(TV(), f"linconv?boundary={boundary}", w, y).x for boundary in ("unknown", "replicate")
    )
    assert unknown.shape == x.shape
    assert psnr(unknown, x).mean() > psnr(invented, x).mean() + 3
    frame = torch.ones_like(x, dtype=torch.bool)
    frame[..., 4:-4, 4:-4] = False
    assert (unknown - x)[frame].square().mean() < 4 * (unknown - x)[~frame].square().mean()


def test_from_its_own_picture_an_unknown_border_goes_on() -> None:
    w, x, _ = blurred("linconv", n=1)
    problem = Problem(invkit.operator("linconv?boundary=unknown"), (given(w), invkit.prior("identity")))
    y = problem.operator(w, x)
    end = TV(tolerance=1e-5).solve(problem, y, torch.Generator())
    again, anew = (TV(steps=3).solve(problem, y, torch.Generator(), start=each) for each in (end, None))
    assert psnr(again.x, end.x) > psnr(anew.x, end.x)


def test_a_saturated_light_does_not_ring() -> None:
    """The light is three times as bright as what the sensor can tell."""
    w = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    w[..., 3, :] = 1 / 7
    x = torch.full((1, 1, 40, 40), 0.2, dtype=torch.float64)
    x[..., 15:25, 15:25] = 3.0
    y = (invkit.operator("circconv")(w, x) + 0.005 * (draw(4, *x.shape) - 0.5)).clamp(max=1)
    told, untold = (solve(TV(clipped=clipped), "circconv", w, y).x for clipped in (True, False))
    around = torch.ones_like(x, dtype=torch.bool)
    around[..., 14:26, 14:26] = False
    assert (told - x)[around].abs().max() < 0.5 * (untold - x)[around].abs().max()


def test_a_white_page_stays_white() -> None:
    """White areas at the largest value, of which nothing was cut off but the noise."""
    w, x, _ = blurred("circconv", n=1, channels=1)
    x = torch.where(x > 0.5, 1.0, 0.1).double()
    y = (invkit.operator("circconv")(w, x) + 0.01 * (draw(4, *x.shape) - 0.5)).clamp(0, 1)
    told, untold = (solve(TV(clipped=clipped), "circconv", w, y).x.clamp(0, 1) for clipped in (True, False))
    assert (psnr(told, x) > psnr(untold, x) - 0.5).all()


def test_the_weight_follows_the_noise() -> None:
    """Told, estimated, or named outright; of each measurement its own; never less than for 0.004."""
    w, x, _ = blurred("circconv", n=2, size=32)
    sigma = torch.tensor([0.01, 0.04], dtype=torch.float64)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3), dtype=x.dtype)
    y = invkit.operator("circconv")(w, x) + sigma[:, None, None, None] * noise
    priors = (given(w), invkit.prior("identity"))
    known = Problem(invkit.operator("circconv"), priors, noise=Gaussian(sigma=sigma))
    told = TV().solve(known, y, torch.Generator())
    for row, level in enumerate(sigma.tolist()):
        named = solve(TV(weight_x=0.9 * level**1.5), "circconv", w[row : row + 1], y[row : row + 1])
        torch.testing.assert_close(told.x[row : row + 1], named.x, atol=1e-9, rtol=0)
    assert (psnr(solve(TV(), "circconv", w, y).x, told.x) > 40).all()
    tiny = Problem(invkit.operator("circconv"), priors, noise=Gaussian(sigma=1e-5))
    floor = solve(TV(weight_x=0.9 * 0.004**1.5), "circconv", w, y)
    torch.testing.assert_close(TV().solve(tiny, y, torch.Generator()).x, floor.x, atol=1e-9, rtol=0)


def test_colour_noise_is_held_down() -> None:
    """A grey picture with noise in colour: what channels differ by is noise."""
    w, x, _ = blurred("circconv", n=2, channels=1)
    y = invkit.operator("circconv")(w, x).expand(-1, 3, -1, -1)
    y = y + 0.03 * torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    opponent, joint = (solve(TV(colour=colour), "circconv", w, y).x for colour in ("opponent", "joint"))

    def apart(x: Tensor) -> Tensor:
        return (x - x.mean(1, keepdim=True)).square().mean()

    assert apart(opponent) < apart(joint) / 2


def test_kernels_of_several_channels_are_taken() -> None:
    w = torch.cat([kernels(seed, 1) for seed in (1, 2, 3)], 1)
    x = steps_picture(2, 1, 3)
    y = invkit.operator("circconv")(w, x) + 0.005 * (draw(3, *x.shape) - 0.5)
    assert psnr(solve(TV(), "circconv", w, y).x, x) > psnr(y, x) + 5


def test_a_clipped_or_a_masked_neighbour_does_not_matter() -> None:
    w, _, y = blurred("circconv", n=3)
    y = torch.cat([y[:1], y[1:2].clamp(max=0.6), y[2:]])
    y[2, :, 3:5, 4:6] = torch.nan
    priors = (given(w), invkit.prior("identity"))
    noise = Gaussian(missing="nan")
    together = TV().solve(Problem(invkit.operator("circconv"), priors, noise=noise), y, torch.Generator()).x
    for row in range(3):
        priors = (given(w[row : row + 1]), invkit.prior("identity"))
        problem = Problem(invkit.operator("circconv"), priors, noise=noise)
        alone = TV().solve(problem, y[row : row + 1], torch.Generator()).x
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-12, rtol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_phase_of_the_measurement_is_one_of_the_picture(weighted: bool) -> None:
    x, w = steps_picture(2, 1, 1, 12), kernels(1, 1)[:, :1]
    w = 0.5 + torch.nn.functional.interpolate(w, (12, 12)) / w.amax()
    weights = (x[0] > 0.1).double() + 0.5 if weighted else None
    problem = Problem(
        invkit.operator("pointwise"), (given(w), invkit.prior("identity")), noise=Gaussian(weights)
    )
    solver, rng = TV(weight_x=0.02, clipped=False), torch.Generator()
    turn = torch.polar(torch.ones(()).double(), torch.tensor(0.7).double())
    real, turned = (solver.solve(problem, each, rng) for each in (w * x, turn * w * x))
    torch.testing.assert_close(turned.x, turn * real.x)
    torch.testing.assert_close(turned.residual, real.residual)


def test_complex_measurements_of_a_convolution_are_taken() -> None:
    """By conjugate gradients: divisions in the DFT are those of real signals."""
    w, _, y = blurred("circconv", n=1, channels=1, size=12)
    solver = TV(weight_x=0.02, steps=3, inner=2)
    straight, turned = solve(solver, "circconv", w, y + 0j), solve(solver, "circconv", w, 1j * y)
    torch.testing.assert_close(turned.x, 1j * straight.x)


def test_the_noise_of_complex_measurements_must_be_known() -> None:
    w, _, y = blurred("circconv", n=1, channels=1)
    with pytest.raises(InputError, match="noise of complex measurements") as caught:
        solve(TV(), "circconv", w, 1j * y)
    assert "sigma=" in caught.value.hint


def test_several_measurements_of_one_picture_are_better_than_one() -> None:
    """One picture under three kernels, a channel each."""
    w, x = kernels(1, 3).transpose(0, 1).clone(), steps_picture(2, 1, 1, 24)
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    solver, picture = (
        TV(weight_x=0.003, steps=60, clipped=False),
        invkit.prior("identity?shape=1x24x24"),
    )
    several, one = (solve(solver, "circconv", w[:, :n], y[:, :n], picture) for n in (3, 1))
    assert several.x.shape == x.shape
    assert psnr(several.x, x) > psnr(one.x, x) + 1
