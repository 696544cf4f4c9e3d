"""What is learnt from: the measurement's own model, with new kernels and noise in every batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import invkit
from invkit.contracts.dataset import SampledDataset
from invkit.training.processes import Draws, Processes
from invkit_cnn.blurring import Blurring, restoration_loss, restored


def draws(seed: int, rank: int = 0, count: int = 1) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), Processes(rank, count))


def blurring(noise: float, operator: str = "circconv") -> Blurring:
    blurs = invkit.dataset("blurA")
    assert isinstance(blurs, SampledDataset)
    return Blurring(invkit.operator(operator), blurs, noise)


def pictures(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def test_a_batch_is_blurred_circularly_by_kernels_of_the_law() -> None:
    x, without = pictures(), blurring(0.0)
    kernels = without.blurs.draw(4, torch.Generator().manual_seed(1))
    assert torch.equal(without(x, draws(1)), invkit.operator("circconv")(kernels, x))
    assert not torch.equal(without(x, draws(1)), without(x, draws(2)))
    assert torch.equal(without(x, draws(1)), without(x, draws(1)))


def test_the_noise_has_its_standard_deviation() -> None:
    x = pictures(16)
    noise = blurring(0.05)(x, draws(3)) - blurring(0.0)(x, draws(3))
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert abs(noise.mean().item()) < 1e-3


def test_processes_share_the_batch_of_one() -> None:
    x, law = pictures(4), blurring(0.01)
    parts = [law(x[2 * rank : 2 * rank + 2], draws(7, rank, 2)) for rank in (0, 1)]
    assert torch.allclose(torch.cat(parts), law(x, draws(7)), atol=1e-6)


def test_what_is_measured_on_is_fixed_and_of_a_split_of_its_own() -> None:
    x, law = pictures(), blurring(0.01)
    assert torch.equal(law.fixed(x, "validation", 0), law.fixed(x, "validation", 0))
    quiet = blurring(0.0)
    expected = invkit.operator("circconv")(quiet.blurs.take(torch.arange(4), "validation"), x)
    assert torch.equal(quiet.fixed(x, "validation", 0), expected)
    assert not torch.allclose(quiet.fixed(x, "test", 0), expected)


class Halve(nn.Module):
    """Sees pictures in [−½, ½]: grey is zero."""

    def forward(self, y: Tensor) -> Tensor:
        return 0.5 * y


def test_networks_see_pictures_around_zero() -> None:
    grey, y = torch.full((1, 3, 4, 4), 0.5), pictures(1)
    assert torch.equal(restored(Halve(), grey), grey)
    assert torch.allclose(restored(Halve(), y) - 0.5, 0.5 * (y - 0.5), atol=1e-6)


def test_the_loss_is_the_mean_squared_error_and_its_log_the_psnr() -> None:
    x, law = pictures(), blurring(0.01)
    value, log = restoration_loss(Halve(), law)(x, draws(2))
    expected = (restored(Halve(), law(x, draws(2))) - x).square().mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert log["psnr"].item() == pytest.approx(-10 * torch.log10(expected).item(), rel=1e-5)
