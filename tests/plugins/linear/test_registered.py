"""Every registered linear map keeps the contract and says what it does not take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit import InputError, ShapeError, SpecError
from invkit.plugin.loading import default_manager
from invkit.testing import check_linear

SPECS = (
    "crop?margin=1",
    "dft",
    "dft?centred=true",
    "downsample",
    "downsample?factor=2,by=first",
    "downsample?factor=1",
    "gradient",
)


def test_every_registered_map_is_here() -> None:
    registered = {entry.name for entry in default_manager().registry.entries("linear")}
    assert registered == {spec.partition("?")[0] for spec in SPECS} | {"mask", "matrix", "pick"}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("shape", [(1, 6), (2, 6, 4), (1, 4, 6, 4)])
def test_contract(spec: str, shape: tuple[int, ...]) -> None:
    check_linear(invkit.linear(spec), shapes=[shape])


def test_the_maps_of_files(tmp_path: Path) -> None:
    mask, matrix = np.arange(24.0).reshape(4, 6) % 5, np.arange(60.0).reshape(5, 12) % 7
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "matrix.npy", matrix)
    masked = invkit.linear(f"mask:{tmp_path}/mask.npy")
    check_linear(masked, shapes=[(1, 4, 6), (3, 4, 6)])
    x = torch.rand(2, 3, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(masked(x), torch.from_numpy(mask) * x)
    flat = invkit.linear(f"matrix:{tmp_path}/matrix.npy?input=1x3x4,output=5x1")
    check_linear(flat)
    y = flat(x[:, :1, :3, :4])
    torch.testing.assert_close(y.flatten(1), x[:, 0, :3, :4].flatten(1) @ torch.from_numpy(matrix).T)
    pipeline = invkit.compose(
        ["pointwise", f"mask:{tmp_path}/mask.npy"], ["identity?shape=1x4x6", "identity"], "altgd?steps=1"
    )
    config = pipeline.to_config()
    assert len(config["operator"][1]["sha256"]) == 64
    np.save(tmp_path / "mask.npy", mask + 1)
    with pytest.raises(invkit.ConfigError, match="is not the one"):
        invkit.load_config(config)


def test_the_dft_is_unitary_and_centred_where_asked() -> None:
    x = torch.randn(2, 1, 5, 6, dtype=torch.complex128)
    plain, centred = invkit.linear("dft"), invkit.linear("dft?centred=true")
    torch.testing.assert_close(plain(x), torch.fft.fft2(x, norm="ortho"))
    torch.testing.assert_close(plain.adjoint(plain(x)), x)
    point = torch.zeros(1, 1, 5, 6)
    point[..., 2, 3] = 1
    torch.testing.assert_close(centred(point), torch.full((1, 1, 5, 6), 30**-0.5, dtype=torch.complex64))


def test_blocks_are_averaged_or_sampled() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    expected = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    torch.testing.assert_close(invkit.linear("downsample?factor=2")(x), expected)
    first = invkit.linear("downsample?factor=2,by=first")(x)
    torch.testing.assert_close(first, torch.tensor([[[[0.0, 2.0], [8.0, 10.0]]]]))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: invkit.linear("crop"), "needs the option 'margin'"),
        (lambda: invkit.linear("crop?margin=-1"), "margin=-1"),
        (lambda: invkit.linear("crop?margin=3").shaped((1, 6, 6)), "leaves nothing"),
        (lambda: invkit.linear("downsample?factor=0"), "factor=0"),
        (lambda: invkit.linear("downsample?by=last"), "one of mean, first"),
        (lambda: invkit.linear("downsample?factor=4").shaped((1, 6, 8)), "do not divide"),
        (lambda: invkit.linear("gradient").input_for((3, 4, 4)), "no 3 channels"),
        (lambda: invkit.linear("dft").shaped((3,)), "signal of shape"),
        (lambda: invkit.linear("mask:none.npy"), "cannot read a mask"),
        (lambda: invkit.linear("matrix:none.npy"), "cannot read a matrix"),
        (lambda: invkit.linear("dtf"), "did you mean 'dft'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, says: str) -> None:
    with pytest.raises((InputError, ShapeError, SpecError), match=says):
        make()
