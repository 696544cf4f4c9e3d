"""Windows over a picture: each pixel in one at least, and blended by a partition of unity."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit_gaussian.windows import Layout

sides = st.tuples(st.integers(1, 6), st.integers(1, 6))


@given(sides, st.tuples(st.integers(0, 9), st.integers(0, 9)), st.integers(1, 3))
def test_windows_of_a_picture_are_blended_to_it(
    window: tuple[int, int], more: tuple[int, int], overlap: int
) -> None:
    size = (window[0] + more[0], window[1] + more[1])
    layout = Layout.over(size, window, overlap=overlap)
    picture = torch.rand(2, 3, *size, dtype=torch.float64)
    cut = layout.cut(picture)
    assert cut.shape[2:] == (len(layout.index), window[0] * window[1])
    torch.testing.assert_close(layout.blended(cut), picture)
    torch.testing.assert_close(layout.blended(cut, torch.zeros_like(cut)), picture)


def test_deviations_are_blended_so_that_their_variances_are() -> None:
    layout = Layout.over((7, 9), (4, 4), overlap=2)
    rng = torch.Generator().manual_seed(0)
    apart = torch.randn(20_000, *layout.index.shape, generator=rng)
    made = layout.blended(torch.zeros_like(apart), apart)
    torch.testing.assert_close(made.var(0), torch.ones(7, 9), rtol=0.06, atol=0)


def test_of_a_large_picture_a_few_windows_are_spread_over_all_of_it() -> None:
    layout = Layout.over((1000, 1000), (20, 20), overlap=6, few=True)
    assert len(layout.index) == 96**2
    assert layout.index.min() == 0 and layout.index.max() == 1000**2 - 1


def test_a_step_leaves_out_pixels_between() -> None:
    layout = Layout.over((5, 7), (5, 7), overlap=1, step=2)
    picture = torch.arange(35.0).reshape(5, 7)
    assert layout.window == (3, 4)
    torch.testing.assert_close(layout.cut(picture)[0], picture[::2, ::2].flatten())
