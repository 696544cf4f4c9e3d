"""The pictures that come with invkit: each is what it says, with the truth it was made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import invkit
from invkit import InputError
from invkit.packaged import examples


@pytest.mark.parametrize("name", examples())
def test_an_example_is_its_truth_blurred(name: str) -> None:
    """A circular convolution, with noise of σ = 0.01 and 8 bits, but for the border of a photograph."""
    made = invkit.example(name)
    w, x = (torch.from_numpy(each)[None] for each in made.truth)
    blurred = invkit.operator("circconv")(w, x)[0].numpy()
    inside = (..., slice(16, -16), slice(16, -16)) if name == "photo" else ...
    off = (made.y - blurred)[inside]
    if name == "digit":  # black pixels are clipped at zero
        off = off[made.y[inside] > 0.05]
    assert off.std() == pytest.approx(0.01, rel=0.1)
    assert abs(off.mean()) < 0.002
    assert np.isclose(made.w.sum(), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", examples())
def test_an_example_names_a_method_and_terms(name: str) -> None:
    made = invkit.example(name)
    assert isinstance(invkit.method(made.method), invkit.Pipeline)
    assert made.terms and made.summary
    assert made.y.dtype == made.x.dtype == made.w.dtype == np.float32
    assert "array" not in repr(made)


def test_the_digit_is_recovered() -> None:
    digit = invkit.example("digit")
    deblur = invkit.method(digit.method)
    found = deblur(digit.y)
    figures = invkit.metrics.compare(deblur.operator, (found.w, found.x), digit.truth)
    assert figures.aligned.psnr > invkit.metrics.psnr(digit.y, digit.x) + 10


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="there are face, photo, digit"):
        invkit.example("cat")
