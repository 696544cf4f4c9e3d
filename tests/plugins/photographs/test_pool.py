"""Quick kernels: of every support and beginning, brought to full size; and the small helpers for kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_photographs.families import correlation
from invkit_photographs.pool import BEGINNINGS, kernels_at, magnified, odd, on_square, refined
from invkit_photographs.pyramid import reduced
from tests.plugins.photographs.pictures import blocks, blur, hook, train_picture

lengths = st.integers(1, 13)


def centroid(kernel: torch.Tensor) -> torch.Tensor:
    """Rows and columns from the middle pixel."""
    places = [torch.arange(side) - side // 2 for side in kernel.shape]
    return torch.stack([(kernel.sum(1) * places[0]).sum(), (kernel.sum(0) * places[1]).sum()])


@given(length=st.floats(0.01, 200))
def test_odd_is_the_least_that_is_no_less(length: float) -> None:
    found = odd(length)
    assert found % 2 == 1 and length <= found < length + 2


@pytest.mark.parametrize(("length", "expected"), [(1.0, 1), (2.0, 3), (3.0, 3), (3.01, 5), (4.0, 5)])
def test_odd_numbers(length: float, expected: int) -> None:
    assert odd(length) == expected


@given(shape=st.tuples(lengths, lengths), half=st.integers(0, 8))
def test_the_middle_of_a_kernel_stays_the_middle(shape: tuple[int, int], half: int) -> None:
    """The middle is the pixel ``size // 2``, of even sides too."""
    kernel, side = torch.zeros(shape), 2 * half + 1
    kernel[shape[0] // 2, shape[1] // 2] = 2
    placed = on_square(kernel, side)
    assert placed.shape == (side, side) and placed[half, half] == 1 and placed.sum() == 1


@given(shape=st.tuples(lengths, lengths), seed=st.integers(0, 99))
def test_a_larger_square_only_adds_zeros(shape: tuple[int, int], seed: int) -> None:
    kernel = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) + 0.01
    placed = on_square(kernel, 15)
    assert placed.sum() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(placed[placed > 0], (kernel / kernel.sum()).flatten())
    torch.testing.assert_close(on_square(on_square(placed, 21), 15), placed)


def test_a_smaller_square_keeps_the_middle() -> None:
    kernel = torch.arange(1.0, 26).reshape(5, 5)
    torch.testing.assert_close(on_square(kernel, 3), kernel[1:4, 1:4] / kernel[1:4, 1:4].sum())


@given(factor=st.floats(1, 4), seed=st.integers(0, 99))
def test_magnified_kernels_are_kernels_about_the_same_place(factor: float, seed: int) -> None:
    kernel = np.random.default_rng(seed).random((7, 7)).astype(np.float32) + 0.1
    kernel /= kernel.sum()
    made = torch.from_numpy(magnified(kernel, factor))
    assert made.shape == (odd(7 * factor),) * 2 and made.dtype == torch.float32
    assert made.sum() == pytest.approx(1, abs=1e-5) and made.min() >= 0
    expected = factor * centroid(torch.from_numpy(kernel))
    assert (centroid(made) - expected).abs().max() < 0.6


def test_faint_entries_are_nothing() -> None:
    kernel = np.full((3, 3), 0.01, np.float32)
    kernel[1, 1] = 1
    made = magnified(kernel, 1.0)
    assert made[1, 1] == 1 and made.sum() == 1


def test_a_flat_picture_has_none() -> None:
    assert list(kernels_at(np.full((40, 40), 0.5, np.float32), 0.5, (9,))) == []


def test_one_for_each_support_and_beginning_in_pixels_of_full_size() -> None:
    small = blur(blocks(0, 56).float(), hook(), 0.005)[0, 0].numpy()
    found = list(kernels_at(small, 0.5, (5, 9)))
    assert len(found) == 2 * len(BEGINNINGS)
    assert [len(each) for each in found] == [11] * len(BEGINNINGS) + [19] * len(BEGINNINGS)
    for kernel in found:
        assert kernel.dtype == torch.float32 and kernel.sum() == pytest.approx(1, abs=1e-5)
        assert kernel.min() >= 0
    assert all(
        torch.equal(one, two) for one, two in zip(found, kernels_at(small, 0.5, (5, 9)), strict=True)
    )


def test_contrast_and_brightness_do_not_matter() -> None:
    """Pictures are brought to the same contrast: what is found is the same but for rounding."""
    small = blur(blocks(2, 56).float(), hook(), 0.005)[0, 0].numpy()
    plain, faint = ([*kernels_at(each, 1.0, (9,))] for each in (small, 0.25 * small + 0.1))
    for one, two in zip(plain, faint, strict=True):
        assert correlation(one, two) > 0.95


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_one_of_them_is_right_on_a_photograph(data_folder: Path, scale: float) -> None:
    blurry = blur(train_picture(data_folder, 20, 150), hook(), 0.01)[0, 0].numpy()
    small = reduced(blurry, scale, wrap=False).astype(np.float32)
    found = [on_square(each, 31) for each in kernels_at(small, scale, (9, 17))]
    assert max(correlation(each, on_square(hook()[0], 31)) for each in found) > 0.85


def test_a_thick_kernel_becomes_thin(data_folder: Path) -> None:
    """One that was found at half size and enlarged is about right and too thick."""
    blurry = blur(train_picture(data_folder, 20, 200), hook(), 0.005)[0, 0].numpy()
    truth = on_square(hook()[0], 31)
    found = [on_square(each, 31) for each in kernels_at(reduced(blurry, 0.5, wrap=False), 0.5, (9,))]
    thick = max(found, key=lambda each: float(correlation(each, truth)))
    thin = refined(blurry.astype(np.float32), 1.0, thick.numpy(), thin=True)
    assert thin is not None and thin.sum() == pytest.approx(1, abs=1e-5) and thin.min() >= 0
    assert correlation(on_square(thin, 31), truth) > correlation(thick, truth)
    near = torch.nn.functional.max_pool2d((thick > 0).float()[None], 5, stride=1, padding=2)[0]
    assert not (on_square(thin, 31) > 0)[near == 0].any()


def test_nothing_is_refined_of_a_flat_picture() -> None:
    assert refined(np.full((40, 40), 0.5, np.float32), 0.5, hook()[0].numpy()) is None
