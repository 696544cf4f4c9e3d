"""The trajectory prior: its law is the family's, its range holds the family's kernels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import InputError
from invkit.metrics import kernel_ncc
from invkit.testing import check_generator
from invkit_blurs.exposure import expose
from invkit_blurs.shake import Shake, trajectories
from invkit_blurs.trajectory import Trajectory, direction_modes

seeds = st.integers(0, 2**32 - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def closest(prior: invkit.Generator, targets: torch.Tensor, starts: int, steps: int) -> torch.Tensor:
    """(n,): the largest correlation that Adam reaches in range, of all starts and steps."""
    latent = prior.sample_latent(len(targets) * starts, seeded(0)).requires_grad_()
    repeated = targets.repeat_interleave(starts, 0).flatten(1)
    optimiser, best = torch.optim.Adam([latent], 0.1), torch.zeros(len(latent))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        correlation = torch.cosine_similarity(prior(latent).flatten(1), repeated)
        best = torch.maximum(best, correlation.detach())
        (latent.grad,) = torch.autograd.grad(-correlation.sum(), latent)
        optimiser.step()
        schedule.step()
    return best.view(len(targets), starts).amax(1)


@pytest.mark.parametrize("spec", ["trajectory", "trajectory?size=9,modes=3,shortest=1,longest=9"])
def test_it_keeps_the_contract(spec: str) -> None:
    check_generator(invkit.prior(spec))


@given(
    seed=seeds, scale=st.sampled_from([0.3, 1.0, 3.0]), dtype=st.sampled_from([torch.float32, torch.float64])
)
def test_kernels_have_unit_sum_and_their_centroid_in_the_middle(
    seed: int, scale: float, dtype: torch.dtype
) -> None:
    prior = Trajectory()
    kernels = prior(scale * prior.sample_latent(20, seeded(seed), dtype=dtype))
    assert kernels.dtype == dtype and (kernels >= 0).all()
    mass = kernels.double().sum((1, 2, 3))
    assert torch.allclose(mass, torch.ones_like(mass), atol=1e-6)
    position = torch.arange(28, dtype=torch.float64) - 13.5
    for axis in (2, 3):
        assert ((kernels.double().sum((1, axis)) * position).sum(1).abs() < 1e-4).all()


@given(seed=seeds, size=st.integers(2, 30))
def test_exposure_is_the_sum_of_tents(seed: int, size: int) -> None:
    """w[i, j] is the mean of t(y − i) t(x − j) over the samples; also on whole pixels and on the border."""
    points = (torch.rand(4, 2, 50, generator=seeded(seed), dtype=torch.float64) - 0.5) * (size - 1)
    points[0] = points[0].round() if size % 2 else points[0].floor() + 0.5
    points[1, :, :10] = (size - 1) / 2
    points = points.clamp(-(size - 1) / 2, (size - 1) / 2)
    pixels = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    tents = (1 - (points[:, :, None] - pixels[:, None]).abs()).clamp(min=0)  # (4, 2, size, 50)
    expected = torch.einsum("nit,njt->nij", tents[:, 1], tents[:, 0]) / 50
    assert torch.allclose(expose(points, size)[:, 0], expected)


def test_rounding_beyond_the_border_makes_no_weight_negative() -> None:
    points = torch.tensor([[[13.5], [-13.5]]]) * (1 + 1e-6)
    kernel = expose(points, 28)
    assert (kernel >= 0).all() and kernel[0, 0, 0, 27] == 1


def test_the_curve_of_the_family_gives_the_kernel_of_the_family() -> None:
    """What the two share, from the samples on: centroid, shrinking, exposure."""
    curves = trajectories(50, seeded(5))
    curves = curves - curves.mean(axis=1, keepdims=True)
    points = torch.from_numpy(np.stack([curves.real, curves.imag], axis=1))
    points = points * (13.5 / points.abs().amax((1, 2), keepdim=True)).clamp(max=1)
    assert torch.allclose(expose(points, 28).float(), Shake().draw(50, seeded(5)), atol=1e-6)


def test_without_turns_it_is_a_straight_motion_of_the_length_asked_for() -> None:
    prior = Trajectory()
    latent = torch.zeros(1, *prior.latent_shape, dtype=torch.float64)
    latent[0, :2] = torch.tensor([math.cos(0.3), math.sin(0.3)])
    x, y = prior.curve(latent)[0]
    ends = torch.stack([x[-1] - x[0], y[-1] - y[0]])
    expected = 16.5 * torch.tensor([math.cos(0.3), math.sin(0.3)], dtype=torch.float64)
    assert torch.allclose(ends, expected)


@given(seed=seeds)
def test_samples_are_equally_far_apart_and_inside(seed: int) -> None:
    """But for the one step in which a shake comes."""
    for shakes, exceptions in ((0.0, 0), (1.0, 1)):
        prior = Trajectory(size=15, longest=15.0, shakes=shakes)
        curve = prior.curve(prior.sample_latent(20, seeded(seed), dtype=torch.float64))
        steps = curve.diff(dim=2).norm(dim=1)
        uneven = ~torch.isclose(steps, steps.amax(1, keepdim=True))
        assert (uneven.sum(1) <= exceptions).all()
        assert (curve.abs() <= 7 + 1e-9).all()


def test_a_shake_turns_the_curve_back_when_and_as_much_as_the_latent_says() -> None:
    prior = Trajectory()
    latent = torch.zeros(1, *prior.latent_shape, dtype=torch.float64)
    latent[0, 0] = 1.0
    latent[0, -2] = torch.special.ndtri(torch.tensor(0.05, dtype=torch.float64))  # half of the probability
    velocity = prior.curve(latent)[0].diff(dim=1)
    assert (velocity[0, :49] > 0).all() and (velocity[0, 50:] < 0).all()
    assert torch.allclose(velocity[1], torch.zeros_like(velocity[1]), atol=1e-12)
    latent[0, -1] = torch.special.ndtri(torch.tensor(0.75, dtype=torch.float64))
    before, _, after = prior.curve(latent)[0].diff(dim=1)[:, 48:51].T
    jump = torch.atan2(after[1], after[0]) - torch.atan2(before[1], before[0])
    expected = np.angle(1 - 2 * np.exp(0.25j))
    assert math.isclose(math.remainder(float(jump) - expected, 2 * math.pi), 0, abs_tol=1e-9)


def test_shakes_are_as_frequent_as_asked_and_as_in_the_family() -> None:
    for shakes in (0.1, 0.5):
        prior = Trajectory(shakes=shakes)
        velocity = prior.curve(prior.sample_latent(2_000, seeded(3))).diff(dim=2)
        headings = torch.nn.functional.normalize(velocity, dim=1)
        back = ((headings[:, :, 2:] * headings[:, :, :-2]).sum(1) < -0.3).any(1)
        assert abs(back.float().mean() - shakes) < 0.03
    assert Trajectory(shakes=0.0).latent_shape == (19,)


def test_a_turned_heading_turns_the_kernel() -> None:
    prior = Trajectory()
    latent = prior.sample_latent(5, seeded(1), dtype=torch.float64)
    quarter = latent.clone()
    quarter[:, 0], quarter[:, 1] = -latent[:, 1], latent[:, 0]
    assert torch.allclose(torch.rot90(prior(latent), -1, (2, 3)), prior(quarter))


def test_modes_are_the_principal_components_of_fresh_trajectories() -> None:
    """On trajectories of another seed: uncorrelated, of unit variance (the robust part), nearly all of it."""
    curves = trajectories(4_000, seeded(77))
    velocity = np.diff(curves, axis=1)
    turns = np.angle(velocity[:, 1:] / velocity[:, :-1])
    smooth = np.abs(turns).max(axis=1) < 1.5
    assert 0.05 < 1 - smooth.mean() < 0.15
    directions = np.pad(np.cumsum(turns[smooth], axis=1), ((0, 0), (1, 0)))
    directions -= directions.mean(axis=1, keepdims=True)
    modes = direction_modes()[:16]
    norms = np.linalg.norm(modes, axis=1)
    assert (np.diff(norms) < 0).all()
    gram = (modes / norms[:, None]) @ (modes / norms[:, None]).T
    assert np.allclose(gram, np.eye(16), atol=1e-10)
    scores = directions @ (modes / norms[:, None] ** 2).T
    assert np.abs(scores.var(axis=0) - 1).max() < 0.15
    assert np.abs(np.corrcoef(scores.T) - np.eye(16)).max() < 0.15
    explained = ((scores * norms) ** 2).sum() / (directions**2).sum()
    assert 0.99 < explained < 1


def test_the_modes_are_the_same_each_time() -> None:
    first = direction_modes()
    direction_modes.cache_clear()
    assert np.array_equal(first, direction_modes())


def test_the_spread_of_its_kernels_is_the_familys() -> None:
    """Root mean square distance from the centroid, quantiles over 2,000 kernels of each."""
    position = torch.arange(28) - 13.5
    square = position[:, None] ** 2 + position**2
    prior = Trajectory()
    ours = (prior(prior.sample_latent(2_000, seeded(0))) * square).sum((1, 2, 3)).sqrt()
    theirs = (Shake().draw(2_000, seeded(0)) * square).sum((1, 2, 3)).sqrt()
    levels = torch.tensor([0.25, 0.5, 0.75])
    assert torch.allclose(ours.quantile(levels), theirs.quantile(levels), rtol=0.15)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_gradients(scale: float) -> None:
    """Also of curves that are shrunk to fit."""
    prior = Trajectory(size=7, modes=3, shortest=3.0, longest=7.0)
    latent = (scale * prior.sample_latent(3, seeded(2), dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(prior, latent, eps=1e-7, atol=1e-5)


def test_the_zero_latent_has_a_kernel_and_a_finite_gradient() -> None:
    prior = Trajectory()
    latent = torch.zeros(1, *prior.latent_shape, requires_grad=True)
    kernel = prior(latent)
    (gradient,) = torch.autograd.grad(kernel.square().sum(), latent)
    assert torch.isfinite(kernel).all() and torch.isfinite(gradient).all()


def test_its_range_holds_drawn_kernels() -> None:
    """Held-out kernels of the family, few starts: the typical one is reached almost exactly."""
    reached = closest(Trajectory(), Shake().take(torch.arange(6), "test"), starts=12, steps=100)
    assert reached.median() > 0.995 and reached.min() > 0.9


def test_its_range_holds_published_kernels(data_folder: Path) -> None:
    path = data_folder / "asim2020" / "svhn_dev.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as arrays:
        kernels = torch.from_numpy(arrays["w"][:8]).reshape(-1, 1, 28, 28)
    reached = closest(Trajectory(), kernels, starts=32, steps=150)
    assert reached.median() > 0.995 and reached.min() > 0.9
    drawn = Trajectory().sample_latent(8, seeded(1))
    assert kernel_ncc(Trajectory()(drawn), kernels).median() < 0.9  # or the test says nothing


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("size=1", "size=2"),
        ("shakes=1.5", "0 to 1"),
        ("modes=0", "modes=1 to 98"),
        ("modes=99", "modes=1 to 98"),
        ("shortest=0", "0 < shortest"),
        ("shortest=9,longest=8", "shortest <= longest"),
        ("size=15", "longest <= 15"),
        ("longest=nan", "shortest <= longest"),
    ],
)
def test_misuse_is_refused(options: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        invkit.prior(f"trajectory?{options}")
