"""Patches: the evidence is that of windows, the image that of all of them; one kernel is found."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import invkit
from invkit.errors import InputError, ShapeError, SpecError
from invkit.metrics import kernel_ncc, psnr
from invkit.testing import check_generator
from invkit_gaussian.bounded import Bounded
from invkit_gaussian.fitting import fit
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.moments import Moments
from invkit_gaussian.patches import Patches
from tests.plugins.gaussian.classes import moments_of

#: of a class, its pictures and their kernels
PATCH, PICTURE, KERNEL = (10, 11), (11, 12), (3, 2)
CLASSES = [
    moments_of("joint", 1, PATCH, 4, contrast=True, texture=True),
    moments_of("joint", 3, PATCH, 0),
    moments_of("axes", 3, PATCH, 3),
]


class Windows:
    """Measurements, and all windows of one along a colour axis by plain slicing."""

    def __init__(self, moments: Moments, n: int = 2) -> None:
        like: dict[str, Any] = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
        self.moments, self.channels = moments, len(moments.mean)
        self.operator = invkit.operator("circconv")
        self.w = torch.rand(n, 1, *KERNEL, **like)
        self.y = torch.rand(n, self.channels, *PICTURE, **like)
        self.prior = Patches(Gaussian(moments)).shaped((self.channels, *PICTURE))
        assert isinstance(self.prior, Patches)
        self.nuisance = torch.randn(n, self.prior.marginal(self.y).nuisances, **like) / 2
        self.variance = 0.01 + torch.rand(n, **like) / 50
        self.linear = self.operator.given(w=self.w, x_shape=(self.channels, *PICTURE))

    def value(self, rank: int | None = None) -> Tensor:
        assert isinstance(self.prior, Patches)
        return self.prior.marginal(self.y, rank=rank)(self.linear, self.nuisance, self.variance)

    def covariance(self) -> Tensor:
        """Σ of the class, typical contrasts in their place, channels in colour coordinates."""
        plain = Gaussian(self.moments)
        (k,) = plain.latent_shape or ()
        b = plain(torch.eye(k, dtype=torch.float64)) - plain(torch.zeros(1, k, dtype=torch.float64))
        return (b.flatten(1).T @ b.flatten(1)).reshape(self.channels, math.prod(PATCH), self.channels, -1)


def test_the_evidence_is_that_of_windows_side_by_side() -> None:
    """Of a grey class, zeros for its nuisance: N times the mean of −log N(u; PKμ, C) over all windows."""
    case = Windows(CLASSES[0])
    case.moments = attrs.evolve(case.moments, texture=torch.zeros(2, 0).double())
    case.prior = Patches(Gaussian(case.moments)).shaped((1, *PICTURE))
    case.nuisance = torch.zeros(2, 1).double()
    sigma, (high, wide) = case.covariance()[0, :, 0], (8, 10)  # n − k + 1
    top, left = 3 - 1 - 3 // 2, 2 - 1 - 2 // 2
    for rank, step in ((None, 1), (16, 2)):
        for row in range(2):
            patch = case.operator.given(w=case.w[row : row + 1], x_shape=(1, *PATCH))
            a = patch.matrix(1, case.y)[0].reshape(*PATCH, -1)[top : top + high, left : left + wide]
            a = _means(a.permute(2, 0, 1), step)[..., ::step, ::step].flatten(1).T
            mean = a @ case.moments.mean.flatten()
            noise = case.variance[row] / step**2 * torch.eye(len(a), dtype=torch.float64)
            law = MultivariateNormal(mean, a @ sigma @ a.T + noise)
            cut = [
                _means(case.y[row, 0, i : i + high, j : j + wide], step)[::step, ::step].flatten()
                for i in range(PICTURE[0] - high + 1)
                for j in range(PICTURE[1] - wide + 1)
            ]
            expected = -law.log_prob(torch.stack(cut)).mean() * math.prod(PICTURE) / (high * wide)
            torch.testing.assert_close(case.value(rank)[row], expected)


@pytest.mark.parametrize("moments", CLASSES)
@pytest.mark.parametrize("rank", [2, 64, None])
@pytest.mark.parametrize("bounded", [False, True])
def test_gradients_are_those_of_the_value(moments: Moments, rank: int | None, bounded: bool) -> None:
    case = Windows(moments)
    inner = Bounded(Gaussian(moments), 0.3, 0.6) if bounded else Gaussian(moments)
    prior = Patches(inner).shaped((case.channels, *PICTURE))
    assert isinstance(prior, Patches)
    marginal = prior.marginal(case.y, rank=rank)

    def value(w: Tensor, nuisance: Tensor, variance: Tensor) -> Tensor:
        return marginal(
            case.operator.given(w=w, x_shape=(case.channels, *PICTURE)), nuisance, variance
        )

    inputs = [each.clone().requires_grad_() for each in (case.w, case.nuisance, case.variance)]
    assert torch.autograd.gradcheck(value, inputs, atol=1e-3, rtol=1e-3)
    assert not bounded or (value(*inputs) >= case.value(rank)).all()


@pytest.mark.parametrize("moments", CLASSES)
def test_any_convolution_that_keeps_the_size_is_the_same(moments: Moments) -> None:
    case = Windows(moments)
    assert isinstance(case.prior, Patches)
    marginal = case.prior.marginal(case.y)
    for name in ("linconv", "linconv?boundary=unknown"):
        other = invkit.operator(name).given(w=case.w, x_shape=(case.channels, *PICTURE))
        torch.testing.assert_close(marginal(other, case.nuisance, case.variance), case.value())
        one, two = (marginal.mean(each, case.nuisance, case.variance) for each in (other, case.linear))
        torch.testing.assert_close(one, two)


def test_the_image_is_every_windows_posterior_mean_blended() -> None:
    """A picture as large as a patch, a kernel of one pixel: one window, and the posterior mean of all."""
    moments = moments_of("joint", 1, PATCH, 4)
    y = torch.rand(1, 1, *PATCH, dtype=torch.float64)
    linear = invkit.operator("circconv").given(w=torch.ones(1, 1, 1, 1).double(), x_shape=(1, *PATCH))
    arguments = (linear, torch.zeros(1, 0).double(), torch.full((1,), 0.02).double())
    whole = Patches(Gaussian(moments), (1, *PATCH)).marginal(y)
    torch.testing.assert_close(whole.mean(*arguments), Gaussian(moments).marginal(y).mean(*arguments))
    torch.testing.assert_close(whole(*arguments), Gaussian(moments).marginal(y)(*arguments))


def test_draws_are_about_the_mean_as_the_posterior_says() -> None:
    moments = moments_of("joint", 1, PATCH, 4)
    y = torch.rand(1, 1, *PATCH, dtype=torch.float64).expand(600, -1, -1, -1)
    linear = invkit.operator("circconv").given(w=torch.ones(1, 1, 1, 1).double(), x_shape=(1, *PATCH))
    arguments = (linear, torch.zeros(600, 0).double(), torch.full((600,), 0.02).double())
    rng = torch.Generator().manual_seed(0)
    drawn = Patches(Gaussian(moments), (1, *PATCH)).marginal(y).sample(*arguments, rng)
    single = Gaussian(moments).marginal(y)
    other = single.sample(*arguments, rng)
    torch.testing.assert_close(drawn.mean(0), single.mean(*arguments)[0], atol=0.05, rtol=0)
    assert (drawn.var(0) / other.var(0)).log().abs().mean() < 0.1


def test_candidates_and_measurements_are_alone() -> None:
    case = Windows(CLASSES[2])
    assert isinstance(case.prior, Patches)
    marginal = case.prior.marginal(case.y)
    index = torch.tensor([1, 0, 1])
    linear = case.operator.given(w=case.w[index], x_shape=(3, *PICTURE))
    arguments = (linear, case.nuisance[index], case.variance[index])
    torch.testing.assert_close(marginal.select(index)(*arguments), case.value()[index])
    alone = case.prior.marginal(case.y[1:])
    one = case.operator.given(w=case.w[1:], x_shape=(3, *PICTURE))
    torch.testing.assert_close(alone(one, case.nuisance[1:], case.variance[1:]), case.value()[1:])


def test_a_picture_of_the_classs_size_is_as_without() -> None:
    digit = invkit.dataset("mnist-sample").take(torch.arange(1), "test")
    solver = "evidence?starts=8,keep=4x2,steps=6,retries=0,leaps=0,finish=1"
    found, without = (
        invkit.compose("circconv", ["trajectory?size=13,longest=13", prior], solver)(digit)
        for prior in ("patches:gaussian:mnist", "gaussian:mnist")
    )
    assert torch.equal(found.x, without.x) and torch.equal(found.w, without.w)


def test_it_is_a_generator() -> None:
    prior = invkit.prior("patches:gaussian:mnist%3Frank=8")
    assert isinstance(prior, Patches)
    check_generator(prior, signal_shape=(1, 30, 41))
    assert prior.sha256 == invkit.prior("gaussian:mnist").sha256
    middle = prior.shaped((1, 40, 50))
    (k,) = middle.latent_shape or ()
    assert middle(torch.zeros(1, k)).shape == (1, 1, 40, 50)


def test_what_has_no_patches_is_refused() -> None:
    prior = invkit.prior("patches:gaussian:mnist")
    with pytest.raises(ShapeError, match="no smaller"):
        prior.shaped((1, 27, 60))
    with pytest.raises(ShapeError, match="as many channels"):
        prior.shaped((3, 60, 60))
    with pytest.raises(ShapeError, match=r"call prior\.shaped"):
        prior(torch.zeros(1, 3))
    with pytest.raises(SpecError, match="patches:gaussian:NAME"):
        invkit.prior("patches:spectrum")
    with pytest.raises(SpecError, match="patches:gaussian:NAME"):
        invkit.prior("patches:bounded:spectrum")


def test_operators_and_kernels_without_windows_are_refused() -> None:
    y = torch.rand(1, 1, 40, 40)

    def solve(operator: str, w: str) -> None:
        invkit.compose(operator, [w, "patches:gaussian:mnist"], "evidence?starts=2,keep=2,steps=1")(y)

    with pytest.raises(ShapeError, match="at most 21 pixels"):
        solve("circconv", "trajectory")
    with pytest.raises(InputError, match="one kernel for the whole picture"):
        solve("filterflow", "trajectory?size=13,longest=13")
    with pytest.raises(InputError, match="keeps the picture's size"):
        solve("pointwise", "identity")


@pytest.mark.parametrize("prior", ["gaussian:mnist", "bounded:gaussian:mnist"])
def test_the_refusal_of_a_larger_picture_says_what_to_type(prior: str) -> None:
    with pytest.raises(ShapeError, match=f"name patches:{prior}.*trajectory.size=14,longest=14"):
        invkit.compose("circconv", ["trajectory", prior], "evidence")(torch.rand(1, 1, 40, 60))
    with pytest.raises(ShapeError, match="choose priors whose shapes fit"):
        invkit.compose("circconv", ["trajectory", prior], "evidence")(torch.rand(1, 1, 20, 60))


@pytest.mark.parametrize("grey", [True, False])
def test_photographs_larger_than_the_class_are_deblurred_blind(grey: bool, data_folder: Path) -> None:
    """One real photograph by patches of others, a motion that the evidence finds without bounds."""
    if not (data_folder / "photographs" / "bsds500_train_val.zip").is_file():
        pytest.skip(f"no photographs at {data_folder}")
    colours = 1 if grey else 3
    squares = invkit.dataset(f"bsds500?size=24,grey={str(grey).lower()}")
    seen = squares.take(torch.arange(0, squares.splits["train"], 61), "train")
    moments = fit(lambda: iter(seen.split(200)), (colours, 24, 24), rank=24, colour="joint", texture=True)
    large = invkit.dataset(f"bsds500?size=100,grey={str(grey).lower()}")
    scene = large.take(torch.tensor([5]), "validation")
    w = invkit.prior("motion?size=11,longest=10")
    kernel = w(torch.tensor([[0.8, 0.9, 0.5]])[:, : (w.latent_shape or (0,))[0]])
    y = invkit.operator("linconv?mode=valid")(kernel, scene)
    y = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    x = scene[:, :, 5:-5, 5:-5]
    solver = "evidence?starts=24,keep=8x4x2,steps=40,rank=8x24,retries=0,leaps=0,doubt=0"
    found = invkit.compose("linconv?boundary=unknown", [w, Patches(Gaussian(moments))], solver)(y)
    assert found.x.shape == x.shape
    assert (kernel_ncc(found.w, kernel) > 0.9).all()
    assert (psnr(found.x, x) > psnr(y, x) + 1).all()


def _means(pictures: Tensor, step: int) -> Tensor:
    """The mean of every ``step`` × ``step`` pixels."""
    return pictures.unfold(-2, step, 1).unfold(-2, step, 1).mean((-1, -2))

