"""Priors beside one Gaussian: clusters are found, values are what they say, and the report is whole."""

from __future__ import annotations

import json

import attrs
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

import invkit
from benchmarks import nonlinear, rankings
from benchmarks.clusters import clusters
from benchmarks.rankings import NOISE, Found, Network
from invkit.contracts.generator import Generator
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.mixture import Mixture
from invkit_gaussian.moments import Moments


def flat_class(size: int, rank: int = 2) -> Moments:
    """A class of axes that knows nothing."""
    return Moments(
        colour="axes",
        mean=torch.full((3, size, size), 0.5),
        basis=torch.zeros(rank, 1, size, size),
        spectrum=torch.full((1, size, size // 2 + 1), 1e-3),
        rotation=torch.eye(3),
        level=0.2,
        contrasts=torch.tensor([-1.5, -4.0, -5.0]),
        spread=0.5,
    )


def test_clusters_are_found() -> None:
    """Rows of two kinds, three to one, each of a plane of its own."""
    rng = torch.Generator().manual_seed(0)
    planes = torch.linalg.qr(torch.randn(36, 4, generator=rng))[0].T.reshape(2, 2, 36)
    kinds = (torch.arange(800) % 4 == 0).long()
    z = torch.randn(800, 2, generator=rng)
    rows = 4 * torch.einsum("nr,nrd->nd", z, planes[kinds]) + 0.05 * torch.randn(800, 36, generator=rng)
    found = clusters(rows, flat_class(6), 2, 2)
    shares = found.shares.sort().values
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.75], dtype=torch.float64), atol=0.02, rtol=0)
    order = found.shares.argsort(descending=True).tolist()
    for plane, part in zip(planes, (found.components[each] for each in order), strict=True):
        assert isinstance(part, Gaussian)
        held = torch.linalg.qr(part.moments.basis.flatten(1).T)[0]
        assert (plane @ held).square().sum(1).min() > 0.97


class Plane(Generator):
    """Images C(m) = 0.5 + B m."""

    can_encode = True

    def __init__(self, basis: Tensor) -> None:
        super().__init__()
        self.basis = basis
        self.latent_shape, self.signal_shape = (len(basis),), (3, 32, 32)

    def forward(self, latent: Tensor) -> Tensor:
        return 0.5 + torch.einsum("nk,kchw->nchw", latent, self.basis)

    def encode(self, signal: Tensor) -> Tensor:
        found: Tensor = torch.linalg.lstsq(self.basis.flatten(1).T, (signal - 0.5).flatten(1).T).solution.T
        return found


def of_plane() -> tuple[Plane, Found]:
    """A blurred image of a plane; the first of two candidates is the truth."""
    rng = torch.Generator().manual_seed(1)
    plane = Plane(torch.nn.functional.interpolate(torch.randn(4, 3, 8, 8, generator=rng), 32) / 20)
    kernels = invkit.prior("trajectory")
    h = kernels.sample_latent(2, rng)
    w = kernels(h)
    x = plane(torch.randn(1, 4, generator=rng)).expand(2, -1, -1, -1)
    y = invkit.operator("circconv")(w[:1], x[:1]) + NOISE * torch.randn(1, 3, 32, 32, generator=rng)
    found = Found(y.expand_as(x), h, w, x, torch.zeros(2, 3), torch.full((2,), NOISE**2), torch.zeros(2))
    return plane, found


def test_the_true_kernel_has_the_lower_minimum() -> None:
    plane, found = of_plane()
    network = Network(plane, invkit.prior("trajectory"))
    for value in (network.minimum(found), network.laplace(found)):
        assert value[0] < value[1] - 10


def test_the_determinant_is_that_of_the_linearised_network() -> None:
    plane, found = of_plane()
    network = Network(plane, invkit.prior("trajectory"))
    columns = invkit.operator("circconv")(found.w[:1].expand(4, -1, -1, -1), plane.basis).flatten(1).double()
    s2 = (found.y[:1] - invkit.operator("circconv")(found.w[:1], found.x[:1])).square().mean()
    expected = torch.logdet(torch.eye(4).double() + columns @ columns.T / s2.double())
    spread = 2 * (network.laplace(found) - network.minimum(found))[0]
    assert float(spread) == pytest.approx(float(expected), rel=0.02)


def test_refining_moves_the_kernel_that_was_chosen() -> None:
    plane, found = of_plane()
    moved = attrs.evolve(found, h=found.h + 0.05)
    moved = attrs.evolve(moved, w=invkit.prior("trajectory")(moved.h))
    refined = Network(plane, invkit.prior("trajectory")).refined(moved)
    assert len(refined.w) == 1
    before = (moved.w[0] - found.w[0]).norm()
    assert (refined.w[0] - found.w[0]).norm() < before


def test_every_figure_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(0)
    images = torch.nn.functional.interpolate(torch.rand(60, 3, 8, 8, generator=rng), 32)
    kernels = invkit.prior("trajectory")
    w = kernels(kernels.sample_latent(2, rng))
    y = invkit.operator("circconv")(w, images[:2])
    monkeypatch.setattr(nonlinear, "material", lambda count, draw: (images[:count], w[:count], y[:count]))
    monkeypatch.setattr(nonlinear, "class_images", lambda: images)
    flat = Gaussian(flat_class(32))
    monkeypatch.setattr(nonlinear, "gaussian_of", lambda images: flat)
    monkeypatch.setattr(nonlinear, "clusters", lambda rows, whole, count, rank: Mixture([flat] * count))
    monkeypatch.setattr(nonlinear, "GIVEN", "evidence?keep=1,anneal=0,steps=1")
    monkeypatch.setattr(rankings, "_STEPS", 2)
    solver = "evidence?starts=3,keep=2,steps=2"
    asked = ["--images", "1", "--solver", solver, "--clusters", "2", "--rank", "2", "--json"]
    result = CliRunner().invoke(nonlinear.main, asked)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    ways = {"best", "evidence", "2 clusters", "VAE, minimum", "VAE, Laplace", "VAE, refined", "true kernel"}
    assert set(report["mean PSNR"]) == ways
    best = report["mean PSNR"]["best"]
    assert all(report["mean PSNR"][way] <= best for way in ("evidence", "2 clusters", "VAE, Laplace"))
    plain = CliRunner().invoke(nonlinear.main, ["--images", "1", "--solver", solver, "--clusters", "0"])
    assert plain.exit_code == 0 and "true kernel" in plain.output and "VAE" not in plain.output


def test_another_solver_is_refused() -> None:
    result = CliRunner().invoke(nonlinear.main, ["--solver", "altgd", "--images", "1", "--clusters", "0"])
    assert result.exit_code != 0
