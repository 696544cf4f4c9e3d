"""What is measured for a card: a projection, a maximum, and nothing where there is nothing."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit_gaussian.figures import closest, gaussian_figures, probable_nuisance
from tests.plugins.gaussian.classes import Case, moments_of


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_the_closest_picture_leaves_nothing_that_components_could_make(colour: str) -> None:
    moments = moments_of(colour, 3, (4, 4), 5)
    x = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left = x - closest(moments, x)
    assert 0.1 < left.norm() < (x - x.mean((2, 3), keepdim=True)).norm() or colour == "joint"
    # of axes, every combination of a component with a colour can be made
    colours = moments.rotation if colour == "joint" else torch.eye(3, dtype=torch.float64)
    turned = torch.einsum("ca,nchw->nahw", colours, left)
    rows = turned.flatten(1) if colour == "joint" else turned.flatten(2).flatten(0, 1)
    assert (rows @ moments.basis.flatten(1).T).abs().max() < 1e-9


def test_the_probable_nuisance_is_a_maximum() -> None:
    case = Case.draw(moments_of("axes", 3, (6, 6), 2), "circconv", seed=2)
    marginal = case.marginal
    found = probable_nuisance(marginal, case.linear, case.variance)

    def value(nuisance: torch.Tensor) -> torch.Tensor:
        return marginal(case.linear, nuisance, case.variance) + nuisance.square().sum(1) / 2

    assert (value(found) < value(torch.zeros_like(found)) - 0.1).all()
    units = torch.eye(3, dtype=torch.float64)
    for step in 0.1 * torch.cat([units, -units]):
        assert (value(found) <= value(found + step)).all()


def test_figures_say_where_there_is_nothing_to_measure() -> None:
    class Empty(invkit.Dataset):
        name, signal_shape, splits = "empty", (1, 4, 4), {"train": 4, "validation": 0, "test": 0}

        def take(self, indices: torch.Tensor, split: str) -> torch.Tensor:
            raise AssertionError

        def fingerprint(self) -> str:
            return ""

    assert gaussian_figures(moments_of("joint", 1, (4, 4), 1), Empty()) == {"validation_pictures": 0}
