"""Text: the spread about two values, and kernels that are judged by it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import InputError, SpecError, Status
from invkit.metrics import kernel_ncc_modulo_shift, psnr_modulo_shift
from invkit_datasets.pages import Pages
from invkit_photographs.twovalued import Page, certainty, read, spread

STAGES = ["kernelsearch?scene=text", "tv hold=w", "caution hold=w"]


def page(side: int, seed: int = 0) -> torch.Tensor:
    return Pages(side).draw(1, torch.Generator().manual_seed(seed))


def blurred(x: torch.Tensor, sigma: float = 0.005) -> tuple[torch.Tensor, torch.Tensor]:
    """Through a bent stroke of 9 pixels, with noise; and the kernel."""
    w = torch.zeros(1, 1, 9, 9)
    for row, column in ((6, 1), (6, 2), (5, 3), (5, 4), (4, 5), (3, 5), (2, 6), (1, 6)):
        w[..., row, column] = 1 / 8
    y = invkit.operator("linconv?mode=valid")(w, x)
    return y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(1)), w


@given(st.floats(0, 0.4), st.floats(0.6, 1), st.integers(1, 99))
def test_two_values_have_no_spread_and_are_found(low: float, high: float, dark: int) -> None:
    x = np.where(np.arange(100) < dark, low, high).reshape(10, 10)
    found, values = spread(x)
    if 5 < dark < 95:  # fewer are no percentile
        assert found < 1e-12 and values == pytest.approx((low, high))


def test_even_greys_have_a_third_whatever_the_contrast() -> None:
    greys = np.linspace(0, 1, 10_000).reshape(100, 100)
    assert spread(greys)[0] == pytest.approx(1 / 3, rel=1e-2)
    assert spread(0.3 + 0.2 * greys)[0] == pytest.approx(spread(greys)[0], rel=1e-6)


def test_one_value_is_infinitely_spread_and_no_kernel_is_believed() -> None:
    assert spread(np.full((8, 8), 0.5))[0] == math.inf
    flat = read(np.full((64, 64), 0.5, np.float32), 0.01, 15)
    assert certainty(flat) == 0 and not flat.sharp
    grey = invkit.method("text")(np.full((40, 40), 0.5, np.float32))
    assert grey.status == (Status.SHARP,) and np.isnan(grey.confidence).all()


def test_a_little_ink_is_a_tone_too() -> None:
    dot = np.zeros((32, 32))
    dot[3, 3] = 1
    assert spread(dot) == (0.0, (0.0, 1.0))


def test_a_drawing_of_few_lines_is_doubted_where_its_grey_stays() -> None:
    """Its spread is small as there is little ink, whatever the kernel."""
    drawing = np.ones((72, 72))
    drawing[[20, 40], 10:60] = drawing[10:60, 30] = 0
    box = np.convolve(np.eye(1, 7, 3)[0], np.ones(7) / 7, mode="same")
    y = np.apply_along_axis(np.convolve, 1, np.pad(drawing, ((0, 0), (3, 3)), "edge"), box, "valid")
    y = y + 0.004 * np.random.default_rng(0).normal(size=y.shape)
    page = read(y.clip(0, 1).astype(np.float32), 0.004, 15)
    right = np.zeros((15, 15))
    right[7, 4:11] = 1 / 7
    found = kernel_ncc_modulo_shift(*(torch.as_tensor(each)[None, None] for each in (page.kernel, right)))
    assert float(found) > 0.9 or certainty(page) < 0.5


@given(st.floats(1e-4, 0.3), st.floats(1.01, 10))
def test_the_more_spread_is_left_the_less_a_kernel_is_believed(left: float, more: float) -> None:
    kernel = np.ones((1, 1))
    assert certainty(Page(kernel, left, 0.3)) >= certainty(Page(kernel, left * more, 0.3))
    assert certainty(Page(kernel, left, left)) < 0.5  # nothing is gained
    assert certainty(Page(kernel, left, math.inf)) == 0


@pytest.mark.parametrize("negative", [False, True])
def test_a_blurry_page_becomes_sharp(negative: bool) -> None:
    x = page(104)
    y, w = blurred(1 - x if negative else x)
    truth = (1 - x if negative else x)[..., 4:-4, 4:-4]
    found = invkit.compose("linconv?boundary=unknown", ["blind", "darkchannel"], STAGES)(y)
    assert found.status[0] not in (Status.DOUBTFUL, Status.SHARP) and found.confidence[0] > 0.5
    assert found.notes[0]["spread"] < found.notes[0]["before"]
    assert kernel_ncc_modulo_shift(found.w, w) > 0.9
    before, after = (psnr_modulo_shift(each, truth) for each in (y, found.x))
    assert after > before + 6


def test_a_page_that_is_not_blurred_stays_as_it_is() -> None:
    y = page(96) + 0.005 * torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    found = invkit.compose("linconv?boundary=unknown", ["blind", "darkchannel"], STAGES)(y)
    assert found.status == (Status.SHARP,) and torch.equal(found.x, y) and found.confidence.isnan().all()


def test_a_photograph_is_doubtful_and_hardly_changed(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    x = invkit.dataset("bsds500?size=80").take(torch.tensor([3]), "validation").mean(1, keepdim=True)
    y, _ = blurred(x)
    found = invkit.compose("linconv?boundary=unknown", ["blind", "darkchannel"], STAGES)(y)
    assert found.status == (Status.DOUBTFUL,) and "photographs" in found.notes[0]["remark"]
    assert (found.x - y).square().mean().sqrt() <= 0.0101


def test_no_more_than_a_part_is_read_in_a_crop_too() -> None:
    grey = np.zeros((340, 340), np.float32)
    text = invkit.solver("kernelsearch", scene="text", crop=(10, 10, 300, 280))
    assert text._part(grey).shape == (256, 256)
    assert invkit.solver("kernelsearch", crop=(10, 10, 300, 280))._part(grey).shape == (280, 300)


def test_families_are_of_photographs() -> None:
    solver = invkit.solver("kernelsearch?scene=text", families=["disk?size=41,largest=20"])
    with pytest.raises(InputError, match="leave families out"):
        invkit.compose("linconv?boundary=unknown", ["blind", "darkchannel"], solver)(torch.rand(64, 64))
    with pytest.raises(SpecError, match="expected one of photograph, text"):
        invkit.solver("kernelsearch?scene=page")
