"""What parts and pipelines print: the calls that make them."""

from __future__ import annotations

import copy

import pytest
import torch

import invkit


@pytest.mark.parametrize(
    ("kind", "spec", "printed"),
    [
        ("prior", "vae:blurA", "VAE('blurA')"),
        ("prior", "gaussian:mnist?rank=64", "Gaussian('mnist', rank=64)"),
        ("prior", "trajectory", "Trajectory()"),
        ("operator", "linconv?mode=valid", "LinearConvolution(mode='valid')"),
        ("operator", "circconv | downsample?factor=3", "CircularConvolution() | Downsample(factor=3)"),
        ("linear", "downsample?factor=3", "Downsample(factor=3)"),
        ("noise", "gaussian?sigma=0.1", "Gaussian(sigma=0.1)"),
    ],
)
def test_a_part_prints_as_the_call_that_makes_it(kind: str, spec: str, printed: str) -> None:
    made = getattr(invkit, kind)(spec)
    assert repr(made) == printed
    assert repr(copy.deepcopy(made).to(torch.float64)) == printed


def test_a_module_of_ones_own_prints_its_layers() -> None:
    class Own(invkit.Generator):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 3)

        latent_shape = (2,)
        signal_shape = (3,)

        def forward(self, latent: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.layer(latent)
            return out

    assert "Linear(in_features=2" in repr(Own())


def test_a_pipeline_prints_its_parts_a_line_each() -> None:
    made = invkit.compose("circconv", w="vae:blurA", x="vae:mnist", solver="altgd", seed=3)
    lines = repr(made).splitlines()
    assert lines[0] == "Pipeline(" and lines[-1] == ")"
    assert lines[1:4] == ["  operator=CircularConvolution(),", "  w=VAE('blurA'),", "  x=VAE('mnist'),"]
    assert "  seed=3," in lines
