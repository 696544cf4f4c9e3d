"""``darkprior``: real photographs under real blur, every option, and what it will not do."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.io import loadmat

import invkit
from invkit import Problem, Status
from invkit.errors import InputError, InvkitWarning, ShapeError, SpecError
from invkit.solving import Given, Stage, Stages
from invkit.testing import check_generator
from invkit_photographs.pyramid import Settings
from invkit_photographs.size import estimated_side, extent, largest_side

SAME = "linconv?mode=same&boundary=replicate"


def levin(folder: Path, name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sharp and blurry image (1, 255, 255), and the kernel, turned to our convention, y ≈ w * x."""
    pair = loadmat(folder / "levin" / f"{name}.mat")
    x, y, w = (torch.from_numpy(pair[key].astype(np.float32))[None] for key in "xyf")
    return x, y, w.flip(1, 2) / w.sum()


def mse_up_to_shift(x: torch.Tensor, truth: torch.Tensor, reach: int = 4) -> float:
    """The least mean squared error over shifts by half pixels, 15 pixels from the border."""
    inside = (..., slice(15, -15), slice(15, -15))
    found = np.inf
    for dy in (0.0, 0.5):
        for dx in (0.0, 0.5):
            moved = torch.from_numpy(ndimage.shift(x.numpy(), (0, dy, dx), order=1, mode="nearest"))
            for shift in product(range(-reach, reach + 1), repeat=2):
                error = (moved.roll(shift, (-2, -1)) - truth)[inside].square().mean().item()
                found = min(found, error)
    return found


def ncc(w: torch.Tensor, truth: torch.Tensor) -> float:
    """Normalised cross-correlation of two kernels at its best shift."""
    product = torch.fft.rfft2(w, (64, 64)).conj() * torch.fft.rfft2(truth, (64, 64))
    return (torch.fft.irfft2(product).max() / (w.norm() * truth.norm())).item()


def test_a_real_photograph(data_folder: Path) -> None:
    x, y, w = levin(data_folder, "im02_ker05")
    window = (slice(None), slice(60, 188), slice(60, 188))
    x, y = x[window], y[window]
    blind = invkit.compose(SAME, ["blind?size=13", "darkchannel"], "darkprior")(y)
    given = invkit.prior("blind?size=13")
    known = invkit.compose(SAME, [Given(w), "darkchannel"], "darkprior")(y)
    assert known.latents[0].shape == (1, 0) and torch.equal(known.w, w)
    assert blind.status == known.status == (Status.MAX_ITER,)
    errors = [mse_up_to_shift(each, x) for each in (y, blind.x, known.x)]
    assert errors[1] < 0.3 * errors[0] and errors[2] < errors[1] < 3 * errors[2]
    assert ncc(blind.w, w) > 0.7 and torch.equal(given(blind.latents[0])[0], blind.w)
    assert blind.w.min() >= 0 and abs(blind.w.sum().item() - 1) < 1e-5


def scene(side: int, channels: int = 1, seed: int = 0) -> torch.Tensor:
    """Rectangles of many levels on black, (1, channels, side, side), double precision."""
    rng = np.random.default_rng(seed)
    image = np.zeros((channels, side, side))
    for _ in range(40):
        top, left = rng.integers(0, side - 8, 2)
        image[:, top : top + rng.integers(4, 20), left : left + rng.integers(4, 20)] = rng.random(
            (channels, 1, 1)
        )
    return torch.from_numpy(image)[None]


def streak(size: int) -> torch.Tensor:
    """A bent line of seven pixels, (1, 1, size, size), double precision."""
    w = torch.zeros(1, 1, size, size, dtype=torch.float64)
    middle = size // 2
    for step in range(-3, 4):
        w[0, 0, middle + max(step, 0), middle + step] = 1 / 7
    return w


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operator", ["circconv", SAME, "linconv?mode=valid", "linconv?mode=full"])
def test_grey_and_colour_circular_and_not(operator: str, channels: int) -> None:
    """Of an even support, too: 10 pixels."""
    x, w = scene(72, channels), streak(10)
    y = invkit.operator(operator)(w, x)
    solution = invkit.compose(operator, ["blind?size=10", "darkchannel"], "darkprior?rounds=2")(y)
    assert solution.x.shape == x.shape and solution.w.shape == w.shape
    assert solution.x.dtype == torch.float64
    assert ncc(solution.w[0], w[0]) > 0.7
    blurry = invkit.operator(SAME)(w, x)
    assert mse_up_to_shift(solution.x[0], x[0]) < 0.5 * mse_up_to_shift(blurry[0], x[0])
    # What is returned explains the measurement.
    assert solution.residual.item() < 0.02 * y.square().sum().item()


def test_a_kernel_for_each_channel() -> None:
    x, w = scene(48, 3), streak(9).expand(1, 3, 9, 9)
    y = invkit.operator("circconv")(w, x)
    solution = invkit.compose(
        "circconv", [invkit.prior("blind").shaped((3, 9, 9)), "darkchannel"], "darkprior?rounds=1"
    )(y)
    assert solution.w.shape == (1, 3, 9, 9) and torch.allclose(solution.w[:, 0], solution.w[:, 2], rtol=1e-4)


def test_options_change_what_is_done() -> None:
    y = invkit.operator("circconv")(streak(9), scene(32))
    found = {}
    for options in ("", ",dark=false", ",patch=3", ",kernel_size=7", ",last_rounds=0", ",ringing=0"):
        deblur = invkit.compose("circconv", ["blind?size=9", "darkchannel"], f"darkprior?rounds=2{options}")
        found[options] = deblur(y)
    xs = [solution.x for solution in found.values()]
    assert all(not torch.equal(xs[0], other) for other in xs[1:])
    assert torch.equal(found[""].w, found[",ringing=0"].w)
    border = found[",kernel_size=7"].w.clone()
    border[..., 1:-1, 1:-1] = 0
    assert border.abs().max() == 0


def test_the_size_is_estimated_where_the_prior_has_none(data_folder: Path) -> None:
    _, y, _ = levin(data_folder, "im01_ker08")
    y = y[:, 60:220, 60:220]
    solver = invkit.solver("darkprior")
    for operator in (SAME, "circconv"):
        problem = Problem(invkit.operator(operator), (invkit.prior("blind"), invkit.prior("darkchannel")))
        shape = solver.shaped(problem, y[None]).priors[0].signal_shape
        assert shape is not None and shape[1] == shape[2] and 11 <= shape[1] <= 39
    fixed = invkit.solver("darkprior?kernel_size=15").shaped(problem, y[None])
    assert fixed.priors[0].signal_shape == (1, 15, 15)


def test_a_longer_blur_gets_a_larger_kernel() -> None:
    x = scene(160, seed=1)
    sides = []
    for length in (3, 9, 21):
        w = torch.zeros(1, 1, 25, 25, dtype=torch.float64)
        w[..., 12, 12 - length // 2 : 13 + length // 2] = 1 / length
        y = invkit.operator("circconv")(w, x)[0, 0].numpy()
        sides.append(estimated_side(y, Settings(rounds=2, patch=21), wrap=True))
        assert length <= sides[-1] <= 3 * length + 8
    assert sides == sorted(sides) and sides[0] < sides[-1]
    assert extent(np.eye(5)) == 5 and largest_side((100, 400)) == 23


def test_each_picture_of_a_batch_has_a_kernel_of_its_own_size() -> None:
    """Estimated once; the same picture, alone or not, and the same kernel but for a border of zeros."""
    x, lengths = scene(80, seed=1), (3, 17)
    w = torch.zeros(2, 1, 25, 25, dtype=torch.float64)
    for kernel, length in zip(w, lengths, strict=True):
        kernel[0, 12, 12 - length // 2 : 13 + length // 2] = 1 / length
    y = invkit.operator("circconv")(w, x.expand(2, 1, 80, 80))
    solver = invkit.solver("darkprior?rounds=1,last_rounds=1")
    priors = (invkit.prior("blind"), invkit.prior("darkchannel"))
    problem = solver.shaped(Problem(invkit.operator("circconv"), priors), y)
    together = solver.solve(problem, y, torch.Generator())
    sides = []
    for row in range(2):
        alone = solver.solve(Problem(problem.operator, priors), y[row : row + 1], torch.Generator())
        side = alone.w.shape[-1]
        border = (together.w.shape[-1] - side) // 2
        assert torch.equal(together.x[row], alone.x[0]) and together.status[row] == alone.status[0]
        torch.testing.assert_close(together.w[row], torch.nn.functional.pad(alone.w[0], [border] * 4))
        sides.append(side)
    assert sides[0] < sides[1] == together.w.shape[-1]
    turned = problem.select(torch.tensor([1, 0]))
    flipped = solver.solve(turned, y.flip(0), torch.Generator())
    assert torch.equal(flipped.x.flip(0), together.x)
    prior = problem.priors[0]
    check_generator(prior)
    torch.testing.assert_close(prior(together.latents[0]), together.w)


def test_each_picture_has_its_own_given_kernel() -> None:
    x = scene(48)
    w = torch.cat([streak(9), streak(9).flip(3)])
    y = invkit.operator("circconv")(w, x.expand(2, 1, 48, 48))
    solver = invkit.solver("darkprior")

    def solve(w: torch.Tensor, y: torch.Tensor) -> invkit.Solution:
        priors = (Given(w, each=True), invkit.prior("darkchannel"))
        return solver.solve(Problem(invkit.operator("circconv"), priors), y, torch.Generator())

    together = solve(w, y)
    assert torch.equal(together.w, w)
    for row in (0, 1):
        assert mse_up_to_shift(together.x[row], x[0]) < 0.2 * mse_up_to_shift(y[row], x[0])
        assert torch.equal(together.x[row : row + 1], solve(w[row : row + 1], y[row : row + 1]).x)


def test_it_deconvolves_with_the_kernel_of_the_stage_before() -> None:
    y = invkit.operator("circconv")(streak(9), scene(48))
    solver, last = invkit.solver("darkprior?rounds=2"), invkit.solver("darkprior?ringing=0.5")
    priors = (invkit.prior("blind?size=9"), invkit.prior("darkchannel"))
    problem, rng = Problem(invkit.operator("circconv"), priors), torch.Generator()
    whole = solver.solve(problem, y, rng)
    held = Stages((Stage(solver), Stage(last, hold="w"))).solve(problem, y, rng)
    assert torch.equal(held.w, whole.w) and not torch.equal(held.x, whole.x)
    with pytest.raises(InputError, match=r"from coarse to fine.*hold=w"):
        solver.solve(problem, y, rng, start=whole)


def test_other_noise_is_refused() -> None:
    y, priors = torch.rand(1, 1, 12, 12), (invkit.prior("blind?size=3"), invkit.prior("darkchannel"))
    problem = Problem(invkit.operator("circconv"), priors, noise=invkit.noise("robust"))
    with pytest.raises(InputError, match="darkprior takes only white Gaussian noise"):
        invkit.solver("darkprior").solve(problem, y, torch.Generator())


def test_what_it_refuses() -> None:
    y = torch.rand(1, 1, 12, 12)
    rng = torch.Generator()
    with pytest.raises(InputError, match=r"kernel of a convolution.*altgd"):
        invkit.compose("pointwise", ["identity", "identity"], "darkprior")(y)
    encoderless = invkit.prior("blind?size=3")
    encoderless.can_encode = False
    with pytest.raises(InputError, match=r"pixels of w.*no encoder"):
        invkit.compose("circconv", [encoderless, "darkchannel"], "darkprior")(y)
    with pytest.raises(ShapeError, match="blind\\?size=7"):
        invkit.compose("circconv", ["blind?size=5", "darkchannel"], "darkprior?kernel_size=7")(y)
    with pytest.raises(ShapeError, match="at least 4 pixels"):
        problem = Problem(
            invkit.operator("circconv"), (invkit.prior("blind?size=3"), invkit.prior("identity"))
        )
        invkit.solver("darkprior").solve(problem, y[..., :3], rng)
    for bad in ("patch=4", "kernel_size=0", "tv=0", "rounds=0"):
        with pytest.raises(SpecError, match=bad.split("=")[0]):
            invkit.solver(f"darkprior?{bad}")


def test_a_measurement_of_infinite_energy_diverges_alone() -> None:
    good = invkit.operator("circconv")(streak(9), scene(48))
    y = torch.cat([good, 1e200 * good])
    deblur = invkit.compose("circconv", ["blind?size=9", "darkchannel"], "darkprior?rounds=1")
    with pytest.warns(InvkitWarning, match=r"images are taken to be in \[0, 1\]"):
        solution = deblur(y)
    assert solution.status == (Status.MAX_ITER, Status.DIVERGED)
    assert torch.equal(solution.x[:1], deblur(good).x) and torch.isfinite(solution.x).all()


def test_a_flat_picture_has_no_kernel_to_find() -> None:
    solution = invkit.compose("circconv", ["blind?size=5", "darkchannel"], "darkprior")(
        torch.full((1, 16, 16), 0.5)
    )
    assert torch.allclose(solution.x, torch.full((1, 16, 16), 0.5), atol=1e-4)
    assert torch.isfinite(solution.w).all() and abs(solution.w.sum().item() - 1) < 1e-5


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_kernels(size: int) -> None:
    x = scene(24)
    solution = invkit.compose("circconv", [f"blind?size={size}", "darkchannel"], "darkprior?dark=false")(x)
    assert solution.w.shape == (1, 1, size, size) and solution.w.sum().item() == pytest.approx(1)
    assert torch.isfinite(solution.x).all() and solution.status == (Status.MAX_ITER,)
