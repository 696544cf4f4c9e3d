"""Some of a signal's channels."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import ShapeError, SpecError
from invkit.testing import check_linear, check_operator


@pytest.mark.parametrize("options", ["first=0,total=1", "first=2,total=4", "first=1,count=2,total=4"])
def test_it_keeps_the_contract(options: str) -> None:
    check_linear(invkit.linear(f"pick?{options}"))


def test_it_takes_the_channels_asked_for() -> None:
    x = torch.randn(2, 4, 3, 3)
    assert torch.equal(invkit.linear("pick?first=1,count=2,total=4")(x), x[:, 1:3])


@pytest.mark.parametrize("options", ["first=4,total=4", "first=-1,total=4", "first=0,count=0,total=1"])
def test_channels_that_are_not_there_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=r"write e\.g\. pick"):
        invkit.linear(f"pick?{options}")


def test_a_signal_of_other_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match="write total=3"):
        invkit.linear("pick?first=0,total=4")(torch.randn(1, 3, 5, 5))


def frames(count: int) -> invkit.BilinearOperator:
    each = [invkit.linear(f"pick?first={k},total={count}") for k in range(count)]
    return invkit.stack([invkit.operator("circconv") @ (kernel, None) for kernel in each])


def test_frames_of_a_colour_picture() -> None:
    operator = frames(2)
    check_operator(operator, shapes=[((2, 3, 2), (3, 5, 4)), ((2, 3, 3), (1, 6, 5))])
    assert operator.infer_shapes((6, 5, 4), None, (3, 5, 4)) == ((2, 5, 4), (3, 5, 4))
    w, x = torch.randn(2, 2, 3, 3), torch.randn(2, 3, 6, 6)
    blur = invkit.operator("circconv")
    expected = torch.cat([blur(w[:, k, None], x) for k in range(2)], 1)
    assert torch.allclose(operator(w, x), expected)
    spectra = operator.given(w=w, x_shape=(3, 6, 6)).spectra()
    assert spectra is not None and spectra.shape == (2, 2, 1, 6, 4)
