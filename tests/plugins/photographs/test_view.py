"""A picture at a scale: exact transfer functions, and evidence that tells kernels apart."""

from __future__ import annotations

from math import pi
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from invkit.errors import ShapeError
from invkit_photographs.bound import bound
from invkit_photographs.derivatives import Derivatives
from invkit_photographs.pool import on_square
from invkit_photographs.view import LEAST_SIGMA, View, busiest
from tests.plugins.photographs.pictures import blocks, blur, hook, pixel, train_picture

SIGMA = 0.01


def view_of(scale: float = 1.0, sigma: float = SIGMA, part: int = 160, side: int = 40) -> View:
    grey = blur(blocks(0, side + 8).float(), hook(), SIGMA)[0, 0]
    return View.of(grey.numpy(), scale, sigma, reach=6, part=part)


def waves(view: View) -> Tensor:
    """The frequency of every entry of a transfer function, in radians a pixel of the small picture."""
    rows, columns = torch.fft.fftfreq(view.data.size[0]), torch.fft.rfftfreq(view.data.size[1])
    return 2 * pi * torch.stack(torch.meshgrid(rows, columns, indexing="ij"))


def test_at_full_size_the_evidence_is_the_bound() -> None:
    view = view_of()
    kernels = torch.cat([hook(), pixel()])
    data = Derivatives.of(torch.from_numpy(view.small)[None, None], view.data.margin[0])
    expected = -bound(data, data.transfer(kernels), 2 * SIGMA**2).value / data.count
    torch.testing.assert_close(view.evidence(kernels), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(view.transfer(kernels), data.transfer(kernels), rtol=0, atol=1e-5)


@given(
    scale=st.sampled_from([0.35, 0.5, 0.7, 1.0]),
    place=st.tuples(st.integers(-5, 5), st.integers(-5, 5)),
)
def test_a_shift_is_a_phase_at_any_scale(scale: float, place: tuple[int, int]) -> None:
    view = view_of(scale)
    moved = pixel(13).roll(place, (1, 2))
    ratio = torch.tensor(view.ratio)[:, None, None]
    phase = (waves(view) * ratio * torch.tensor(place)[:, None, None]).sum(0)
    expected = view.transfer(pixel(13)) * torch.exp(-1j * phase)
    torch.testing.assert_close(view.transfer(moved), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.7])
def test_what_made_the_picture_small_is_a_gaussian_of_half_a_pixel(scale: float) -> None:
    view = view_of(scale)
    expected = torch.exp(-0.125 * waves(view).square().sum(0))
    torch.testing.assert_close(view.transfer(pixel())[0, 0].abs(), expected, rtol=1e-4, atol=1e-5)
    there = view.transfer(pixel(), torch.tensor([scale]))
    torch.testing.assert_close(there.abs(), torch.ones_like(there.real), rtol=1e-5, atol=1e-5)
    exact = view.transfer(pixel(), torch.tensor([torch.inf]))
    torch.testing.assert_close(exact, view.transfer(pixel()))


def test_the_middle_of_a_transfer_function_is_the_sum_and_gradients_pass() -> None:
    view = view_of(0.5)
    kernels = torch.cat([hook(), 2 * hook()]).requires_grad_()
    made = view.transfer(kernels)
    torch.testing.assert_close(made[:, 0, 0, 0].real, torch.tensor([1.0, 2.0]))
    made.abs().sum().backward()
    assert kernels.grad is not None and torch.isfinite(kernels.grad).all()


@given(part=st.integers(3, 40), scale=st.sampled_from([0.5, 1.0]))
def test_what_is_judged_is_no_larger_than_the_part(part: int, scale: float) -> None:
    view = view_of(scale, part=part)
    side = min(part, round(40 * scale))
    assert view.count == 2 * (side - 1) ** 2
    assert view.small.shape == (round(40 * scale),) * 2  # the picture itself is whole


def test_noise_falls_with_the_scale_to_a_floor() -> None:
    assert view_of(0.5, 0.04).variance == pytest.approx(2 * 0.02**2)
    assert view_of(0.5, 0.0).variance == pytest.approx(2 * (LEAST_SIGMA / 0.5) ** 2)


def test_white_is_left_out_but_not_where_all_is_white() -> None:
    grey = blur(blocks(1, 48).float(), hook(), 0.0)[0, 0].clamp(0, 0.9)
    whole = View.of(grey.numpy(), 1.0, SIGMA, reach=4).count
    grey[:8] = 1.0
    assert View.of(grey.numpy(), 1.0, SIGMA, reach=4).count == whole - 2 * 8 * 39
    grey[:] = 1.0
    assert View.of(grey.numpy(), 1.0, SIGMA, reach=4).count == whole


@given(place=st.tuples(st.integers(2, 60), st.integers(2, 60)), side=st.integers(4, 30))
def test_the_busiest_part_has_the_structure(place: tuple[int, int], side: int) -> None:
    y = torch.zeros(64, 64)
    y[place[0] - 1 : place[0] + 1, place[1] - 1 : place[1] + 1] = 1
    rows, columns = busiest(y, side)
    assert rows.stop - rows.start == columns.stop - columns.start == side
    assert rows.start <= place[0] - 1 and place[0] < rows.stop
    assert columns.start <= place[1] - 1 and place[1] < columns.stop


@given(shape=st.tuples(st.integers(3, 20), st.integers(3, 20)), side=st.integers(2, 30))
def test_the_busiest_part_lies_in_the_picture(shape: tuple[int, int], side: int) -> None:
    for part, length in zip(busiest(torch.rand(shape), side), shape, strict=True):
        assert part.start >= 0 and part.stop <= length and part.stop - part.start == min(side, length)


@pytest.mark.parametrize("number", [20, 30])
def test_the_true_kernel_of_a_photograph_has_most_evidence(data_folder: Path, number: int) -> None:
    x, kernel = train_picture(data_folder, number, 150), on_square(hook()[0], 13)
    blurry = blur(x, kernel[None], SIGMA)[0, 0].numpy()
    wrong = torch.stack([pixel(13)[0], kernel.T, kernel])
    for scale in (0.5, 0.7, 1.0):
        evidence = View.of(blurry, scale, SIGMA, reach=6).evidence(wrong)
        assert evidence.argmax() == 2, scale


def test_a_picture_that_is_not_blurred_speaks_for_the_single_pixel(data_folder: Path) -> None:
    grey = blur(train_picture(data_folder, 20), pixel(1), SIGMA)[0, 0].numpy()
    wrong = torch.stack([pixel(13)[0], on_square(hook()[0], 13), torch.full((13, 13), 1 / 169)])
    for scale in (0.35, 0.5, 0.7):
        assert View.of(grey, scale, SIGMA, reach=6).evidence(wrong).argmax() == 0


def test_a_picture_of_one_pixel_is_refused() -> None:
    with pytest.raises(ShapeError, match="2 × 2 pixels"):
        View.of(torch.zeros(1, 1).numpy(), 1.0, SIGMA, reach=4)


def test_numbers_climb_the_evidence() -> None:
    """Entries of a kernel that begin as a flat square gain evidence; what they begin as stays as it is."""
    view, flat = view_of(side=64), torch.ones(49)

    def kernels(root: Tensor) -> Tensor:
        return (root.square() / root.square().sum()).reshape(1, 7, 7)

    (root,) = view.climbed([flat], [0.05], kernels, 30)
    assert torch.equal(flat, torch.ones(49))
    assert float(view.evidence(kernels(root))) > float(view.evidence(kernels(flat))) + 0.01
