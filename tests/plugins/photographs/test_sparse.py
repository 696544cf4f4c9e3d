"""The prior ``sparse``: its contract, its marginal for every convolution, and ``evidence`` with it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

import invkit
from invkit.contracts.linear import LinearOperator
from invkit.errors import InputError, ShapeError
from invkit.metrics import kernel_ncc_modulo_shift, psnr, psnr_modulo_shift
from invkit.testing import check_generator
from invkit_photographs.bound import Plan, bound
from invkit_photographs.derivatives import Derivatives
from invkit_photographs.sparse import Sparse
from tests.plugins.photographs.pictures import blocks, blur, hook, train_picture

SIGMA = 0.01
CONVOLUTIONS = ["linconv?mode=valid", "linconv?mode=full", "linconv?mode=same", "circconv"]


def measured(operator: str, channels: int = 1, n: int = 1) -> tuple[Tensor, LinearOperator, Tensor]:
    """A picture of few edges, its blur, and a noisy measurement, in double precision."""
    x, w = blocks(0, 32, channels).expand(n, -1, -1, -1), hook(7)[:, None].double().expand(n, -1, -1, -1)
    linear = invkit.operator(operator).given(w=w, x_shape=tuple(x.shape[1:]))
    y = linear(x)
    return x, linear, y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)


def arguments(n: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(n, 0, dtype=torch.float64), torch.full((n,), SIGMA**2, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 9, 1)])
def test_keeps_the_contract(shape: tuple[int, ...]) -> None:
    check_generator(Sparse(), signal_shape=shape)
    check_generator(Sparse(0.1), signal_shape=shape)


def test_the_penalty_counts_derivatives() -> None:
    image = torch.zeros(1, 2, 4, 4)
    image[0, 0, :, 2:] = 0.3
    prior = Sparse(0.1).shaped((2, 4, 4))
    assert prior.penalty(image, image) == pytest.approx(4 * math.log(10), rel=1e-5)


def test_valid_convolutions_have_the_bound_of_the_package() -> None:
    _, linear, y = measured("linconv?mode=valid")
    data = Derivatives.of(y, 3)
    found = Sparse().marginal(y)(linear, *arguments(1))
    expected = bound(data, data.transfer(hook(7).double()), 2 * SIGMA**2).value
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operator", CONVOLUTIONS)
def test_the_posterior_mean_is_a_better_picture(operator: str, channels: int) -> None:
    x, linear, y = measured(operator, channels)
    marginal = Sparse().marginal(y)
    mean = marginal.mean(linear, *arguments(1))
    inner = (..., slice(6, -6), slice(6, -6))
    inside = {"linconv?mode=valid": (3, 3), "linconv?mode=full": (-3, -3)}.get(operator, (0, 0))[0]
    blurred = pad(y, (inside,) * 4, "replicate" if inside > 0 else "constant")
    assert psnr(mean[inner], x[inner]) > psnr(blurred[inner], x[inner]) + 4
    drawn = marginal.sample(linear, *arguments(1), torch.Generator().manual_seed(0))
    assert psnr(mean[inner], x[inner]) > psnr(drawn[inner], x[inner]) > psnr(blurred[inner], x[inner])
    again = marginal.sample(linear, *arguments(1), torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)


def test_candidates_are_independent_and_selected() -> None:
    _, linear, y = measured("linconv?mode=valid", n=3)
    y = y * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)[:, None, None, None]
    marginal, (nuisance, variance) = Sparse().marginal(y), arguments(3)
    values, means = marginal(linear, nuisance, variance), marginal.mean(linear, nuisance, variance)
    index = torch.tensor([2, 0, 2])
    chosen = marginal.select(index)
    torch.testing.assert_close(chosen(linear, nuisance, variance), values[index])
    torch.testing.assert_close(chosen.mean(linear, nuisance, variance), means[index], rtol=1e-3, atol=1e-3)
    same = marginal.select(torch.ones(3, dtype=torch.long))
    torch.testing.assert_close(same(linear, nuisance, variance), values[[1, 1, 1]])


def test_a_kernel_for_each_channel() -> None:
    x, _, _ = measured("circconv", channels=2)
    w = torch.stack([hook(7), hook(7).flip(1)], 1).double().requires_grad_()
    linear = invkit.operator("circconv").given(w=w, x_shape=tuple(x.shape[1:]))
    y = linear(x).detach()
    value = Sparse().marginal(y)(linear, *arguments(1))
    value.sum().backward()
    assert w.grad is not None
    assert torch.isfinite(w.grad).all()
    assert w.grad.abs().amax((0, 2, 3)).min() > 0


def test_a_rank_is_an_effort() -> None:
    _, linear, y = measured("linconv?mode=valid")
    values = [float(Sparse().marginal(y, rank=rank)(linear, *arguments(1))) for rank in (0, 16, 36, None)]
    assert values == sorted(values, reverse=True)
    assert Sparse().marginal(y, rank=4000).plan == Sparse().marginal(y).plan == Plan()


def test_evidence_finds_the_kernel_of_a_photograph(data_folder: Path) -> None:
    motion = invkit.prior("motion?size=9,longest=8")
    w = motion(motion.sample_latent(8, torch.Generator().manual_seed(1)))
    w = w[w.square().sum((1, 2, 3)).argsort()[:1]]  # the longest
    x = train_picture(data_folder, 20, 72)
    solution = invkit.compose(
        "linconv?mode=valid",
        [motion, Sparse()],
        "evidence?starts=32,keep=8x2,steps=20,rank=8x16,retries=0,leaps=0,finish=0,doubt=0",
        noise="gaussian?sigma=0.005",
    )(blur(x, w[:, 0], 0.005))
    assert kernel_ncc_modulo_shift(solution.w, w) > 0.95
    blurred = pad(blur(x, w[:, 0], 0.0), (4,) * 4, "replicate")
    assert psnr_modulo_shift(solution.x, x) > psnr_modulo_shift(blurred, x) + 2


def test_refuses_what_is_no_convolution() -> None:
    reflect = "linconv?mode=same&boundary=reflect"
    _, linear, y = measured(reflect)
    with pytest.raises(InputError, match="mode=valid"):
        Sparse().marginal(y)(linear, *arguments(1))
    with pytest.raises(InputError, match=r"eps=0\.005"):
        Sparse(0.0)
    with pytest.raises(ShapeError, match="images"):
        Sparse().shaped((1, 9))
