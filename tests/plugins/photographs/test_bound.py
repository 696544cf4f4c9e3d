"""The bound: above the likelihood, what it is blind to, its gradient, and which kernel it prefers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.errors import ShapeError
from invkit_photographs.bound import Bound, Plan, bound
from invkit_photographs.derivatives import Derivatives
from tests.plugins.photographs.pictures import blocks, blur, hook, pixel, train_picture

seeds = st.integers(0, 99)


def small(seed: int, channels: int = 1) -> tuple[Derivatives, Tensor, float]:
    """Derivatives of a blurred picture in double precision, two kernels, and the derivative's variance."""
    kernels = torch.cat([hook(), pixel()]).double()
    y = blur(blocks(seed, channels=1), kernels[:1], 0.01, seed)
    return Derivatives.of(y.expand(1, channels, -1, -1), 4), kernels, 2e-4


def dense(data: Derivatives, kernel: Tensor) -> Tensor:
    """K written out: derivatives measured × pixels of the frame."""
    pixels = torch.eye(data.mask[0].numel(), dtype=kernel.dtype).reshape(-1, 1, *data.size)
    images = torch.fft.irfft2(data.transfer(kernel) * torch.fft.rfft2(pixels), s=data.size)
    return images.flatten(1).T[data.mask.flatten() > 0]


@given(seeds, st.integers(0, 4))
def test_above_the_likelihood_of_the_variances_found(seed: int, rounds: int) -> None:
    y = blur(blocks(seed, 16), hook(7).double(), 0.01, seed)
    data = Derivatives.of(y, 3)
    found = bound(data, data.transfer(hook(7).double()), 2e-4, Plan(rounds, 3))
    matrix = dense(data, hook(7).double())
    exact = torch.zeros((), dtype=torch.float64)
    for values, gamma in zip(data.values[0], found.gamma[0], strict=True):
        covariance = matrix * gamma.flatten() @ matrix.T + 2e-4 * torch.eye(len(matrix), dtype=torch.float64)
        normal = torch.distributions.MultivariateNormal(torch.zeros_like(matrix[:, 0]), covariance)
        exact = exact - normal.log_prob(values[data.mask[0, 0] > 0])
    assert found.value > exact - 1e-6


def test_without_neighbours_it_is_the_likelihood() -> None:
    data, _, s = small(0)
    found = bound(data, data.transfer(pixel().double()), s, Plan(40, 60))
    there = data.mask.expand_as(data.values) > 0
    spread = (s + found.gamma[there]).sqrt()
    exact = -torch.distributions.Normal(0.0, spread).log_prob(data.values[there]).sum()
    torch.testing.assert_close(found.value[0], exact, rtol=1e-3, atol=0)


@given(seeds, st.floats(-5, 5), st.floats(0.1, 10))
def test_level_and_unit_of_the_measurement(seed: int, level: float, unit: float) -> None:
    y = blur(blocks(seed), hook().double(), 0.01, seed)
    data, moved = Derivatives.of(y, 4), Derivatives.of(unit * (y + level), 4)
    transfer = data.transfer(hook().double())
    before, after = bound(data, transfer, 2e-4), bound(moved, transfer, 2e-4 * unit**2)
    expected = before.value + data.count * torch.tensor(unit, dtype=torch.float64).log()
    torch.testing.assert_close(after.value, expected, rtol=1e-5, atol=1e-3)


def test_a_shifted_kernel_reads_what_the_kernel_read() -> None:
    data, kernels, s = small(1)
    moved = kernels[:1].roll((1, -1), (1, 2))
    values = bound(data, data.transfer(torch.cat([kernels[:1], moved])), s).value
    torch.testing.assert_close(values[0], values[1])


@pytest.mark.parametrize("measurements", [1, 2])
def test_a_batch_is_its_candidates(measurements: int) -> None:
    data, kernels, s = small(2, channels=3)
    other = small(3, channels=3)[0]
    if measurements == 2:
        data = Derivatives(torch.cat([data.values, other.values]), data.mask, data.margin)
    kernels.requires_grad_()
    together = bound(data, data.transfer(kernels), torch.tensor([s, 2 * s], dtype=torch.float64))
    slope = torch.autograd.grad(together.value.sum(), kernels)[0]
    for row in range(2):
        own = data if measurements == 1 else data.select(torch.tensor([row]))
        alone = bound(own, data.transfer(kernels[row : row + 1]), s * (1 + row))
        torch.testing.assert_close(together.value[row], alone.value[0])
        torch.testing.assert_close(slope[row], torch.autograd.grad(alone.value, kernels)[0][row])


def test_a_kernel_that_is_no_number_leaves_the_others() -> None:
    data, kernels, s = small(0)
    expected = bound(data, data.transfer(kernels), s).value
    broken = torch.cat([kernels, torch.full_like(kernels[:1], torch.nan)])
    found = bound(data, data.transfer(broken), s).value
    assert torch.equal(found[:2], expected)
    assert not torch.isfinite(found[2])


def test_one_kernel_a_derivative_is_one_for_all() -> None:
    data, kernels, s = small(0, channels=2)
    transfer = data.transfer(kernels)
    torch.testing.assert_close(
        bound(data, transfer.expand(-1, 4, -1, -1), s).value, bound(data, transfer, s).value
    )


def test_the_gradient_with_all_held_is_exact() -> None:
    data, kernels, s = small(4)
    start = bound(data, data.transfer(kernels), s, Plan(3, 3))

    def held(kernels: Tensor, s: Tensor) -> Tensor:
        return bound(data, data.transfer(kernels), s, Plan(0), start).value

    inputs = kernels.requires_grad_(), torch.full((2,), s, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(held, inputs)


@pytest.mark.parametrize("number", [3, 10])
def test_the_gradient_is_nearly_that_of_the_minimum(data_folder: Path, number: int) -> None:
    truth, s = hook().double(), 2 * 0.005**2
    data = Derivatives.of(blur(train_picture(data_folder, number).double(), truth, 0.005), 4)
    wrong = ((truth + pixel()) / 2).requires_grad_()
    found = bound(data, data.transfer(wrong), s)
    along = (torch.autograd.grad(found.value.sum(), wrong)[0] * (truth - wrong)).sum().detach()

    def after(step: float) -> Tensor:
        moved = (wrong + step * (truth - wrong)).detach()
        return bound(data, data.transfer(moved), s, None, found).value[0]

    expected = (after(0.05) - after(-0.05)) / 0.1
    assert float(along) == pytest.approx(float(expected), rel=0.3)


def test_goes_on_from_where_it_was() -> None:
    data, kernels, s = small(5)
    transfer = data.transfer(kernels)
    values = [found := bound(data, transfer, s, Plan(3, 8))]
    for _ in range(4):
        found = bound(data, transfer, s, Plan(2, 8), found)
        values.append(found)
    steps = torch.stack([each.value for each in values])
    assert (steps.diff(dim=0) < 1e-6 * steps.abs().max()).all()
    residual = found.residual(data, transfer)
    assert (residual.square().sum((1, 2, 3)) < data.values.square().sum()).all()
    assert (found.z <= found.gamma).all()
    assert isinstance(found.select(torch.tensor([1])), Bound)


def test_pixels_left_out_have_no_part() -> None:
    y = blur(blocks(1), hook().double(), 0.01)
    measured = torch.ones(1, *y.shape[2:], dtype=torch.bool)
    measured[0, 4:6, 7] = False
    other = y.clone()
    other[0, 0, 4:6, 7] = 9.0
    a, b = (Derivatives.of(each, 4, measured=measured) for each in (y, other))
    transfer = a.transfer(hook().double())
    assert torch.equal(bound(a, transfer, 2e-4).value, bound(b, transfer, 2e-4).value)
    assert a.count < Derivatives.of(y, 4).count


@pytest.mark.parametrize("number", [3, 10, 20])
def test_prefers_the_true_kernel_of_a_photograph(data_folder: Path, number: int) -> None:
    x = train_picture(data_folder, number)
    truth, wrong = hook(), hook().transpose(1, 2).flip(1)
    data = Derivatives.of(blur(x, truth, 0.005), 4)
    soft = torch.nn.functional.avg_pool2d(truth, 3, 1, 1)
    values = bound(data, data.transfer(torch.cat([truth, pixel(), wrong, soft])), 2 * 0.005**2).value
    assert (values[1:] > values[0]).all()


@pytest.mark.parametrize("number", [3, 10])
def test_prefers_one_pixel_where_nothing_is_blurred(data_folder: Path, number: int) -> None:
    y = blur(train_picture(data_folder, number), pixel(), 0.01)
    data = Derivatives.of(y, 4)
    soft = torch.nn.functional.avg_pool2d(pixel(), 3, 1, 1)
    values = bound(data, data.transfer(torch.cat([pixel(), hook(), soft])), 2e-4).value
    assert (values[1:] > values[0]).all()


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="2 × 2"):
        Derivatives.of(torch.zeros(1, 1, 1, 5))
    with pytest.raises(ShapeError, match="too small"):
        Derivatives.of(torch.zeros(1, 1, 9, 9), 3, size=(10, 20))
    with pytest.raises(ShapeError, match="margin of at least 4"):
        Derivatives.of(torch.zeros(1, 1, 9, 9), 3).transfer(hook())
    with pytest.raises(ValueError, match="steps"):
        Plan(steps=0)
