"""Colour axes: principal, and a change of coordinates that can be undone."""

from __future__ import annotations

import torch

from invkit_gaussian.colour import colour_axes, to_axes, to_channels


def test_colour_axes_diagonalise_the_colours() -> None:
    x = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    axes, deviations = colour_axes(x)
    turned = torch.einsum("nca,nchw->nahw", axes, x - x.mean((2, 3), keepdim=True)).flatten(2)
    expected = torch.diag_embed(deviations.square())
    torch.testing.assert_close(turned @ turned.mT / 30, expected)
    assert (deviations.diff(dim=1) <= 0).all()


def test_a_turn_is_the_matrix_times_the_channels_and_is_undone() -> None:
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    axes = colour_axes(x)[0]
    for rotation in (axes, axes[:1]):
        g = to_axes(rotation, x)
        torch.testing.assert_close(g[1, :, 2, 3], rotation[-1].T @ x[1, :, 2, 3])
        torch.testing.assert_close(to_channels(rotation, g), x)


def test_an_image_that_is_not_finite_stays_alone() -> None:
    x = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    alone = colour_axes(x[:1])
    x[1, 0, 0, 0] = torch.nan
    axes, deviations = colour_axes(x)
    torch.testing.assert_close((axes[:1], deviations[:1]), alone)
