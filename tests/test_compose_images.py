"""What a pipeline makes of pictures as people have them: Pillow's, channels last, 0 to 255."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import invkit
from invkit import InputError, InvkitWarning


@pytest.fixture(scope="module")
def deblur() -> invkit.Pipeline:
    return invkit.compose("circconv", w="trajectory", x="identity", solver="altgd?steps=1,restarts=1")


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_pillow_image_is_as_its_file(mode: str, deblur: invkit.Pipeline, tmp_path: object) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (32, 40), dtype=np.uint8)
    picture = Image.fromarray(levels).convert(mode)
    path = f"{tmp_path}/a.png"
    picture.save(path)
    assert np.array_equal(deblur(picture).x, deblur(path).x)


def test_a_transparent_pillow_image_is_refused(deblur: invkit.Pipeline) -> None:
    with pytest.raises(InputError, match="transparent"):
        deblur(Image.new("RGBA", (32, 32), (1, 2, 3, 4)))


@pytest.mark.parametrize("shape", [(32, 40, 3), (2, 32, 40, 3), (32, 40, 1), (32, 40, 4)])
def test_channels_last_are_refused_with_what_to_type(shape: tuple[int, ...], deblur: invkit.Pipeline) -> None:
    with pytest.raises(InputError, match=r"put them first: y\.transpose"):
        deblur(torch.rand(shape))


def test_narrow_pictures_with_channels_first_are_taken(deblur: invkit.Pipeline) -> None:
    assert deblur(torch.rand(3, 40, 30)).x.shape == (3, 40, 30)


def test_values_up_to_255_are_remarked_on(deblur: invkit.Pipeline) -> None:
    with pytest.warns(InvkitWarning, match="values up to 255.*divide those of 8 bits by 255"):
        deblur(torch.linspace(0, 255, 32 * 32).reshape(32, 32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deblur(torch.linspace(-0.2, 1.3, 32 * 32).reshape(32, 32))


def test_measurements_that_are_no_images_may_have_any_values() -> None:
    fit = invkit.compose("pointwise", w="identity", x="identity", solver="altgd?steps=1,restarts=1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(torch.full((1, 6, 3), 100.0))


def test_an_image_that_is_a_shift_away_is_remarked_on() -> None:
    """A start holds the truth, but for a shift of both signals; one step does not take it back."""
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    w = torch.full((1, 1, 9, 9), 1e-4)
    w[..., 1, 6] = 1.0
    deblur = invkit.compose("circconv", w="simplex?size=9", x="identity", solver="altgd?steps=1,restarts=1")
    y = deblur.operator(w / w.sum(), x)
    known = deblur.with_w_given(invkit.Given(w[0] / w.sum()))
    start = known(y)  # a kernel that is given is nobody's mistake
    with pytest.warns(InvkitWarning, match=r"\+3, -2 pixels \(down, right\) from where"):
        deblur(y, start=start)
