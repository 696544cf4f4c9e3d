"""What every kernel family promises, and what each one looks like in numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InputError
from invkit_blurs import plugin
from invkit_blurs.disk import Disk
from invkit_blurs.exposure import splat
from invkit_blurs.gaussian import Gaussian, gaussian_kernels
from invkit_blurs.motion import Motion, motion_kernels
from invkit_blurs.paper import Blur30, BlurA, BlurB
from invkit_blurs.shake import Shake, trajectories

FAMILIES: dict[str, SampledDataset] = {
    family.name: family for family in (Motion(), Gaussian(), Disk(), BlurA(), BlurB(), Blur30(), Shake())
}
every_family = pytest.mark.parametrize("name", FAMILIES)
seeds = st.integers(0, 2**32 - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moments(kernels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centroids (n, 2) from the centre and covariances (n, 2, 2), as (row, column), of unit-sum kernels."""
    size = kernels.shape[-1]
    position = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    grid = torch.stack(torch.meshgrid(position, position, indexing="ij"), -1).reshape(-1, 2)
    mass = kernels.double().flatten(1)
    centroid = mass @ grid
    second = torch.einsum("np,pi,pj->nij", mass, grid, grid)
    return centroid, second - centroid[:, :, None] * centroid[:, None, :]


class Recorder:
    """Stands in for a registry."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def dataset(self, name: str, target: str, *, summary: str) -> None:
        self.targets[name] = target

    def prior(self, name: str, target: str, *, summary: str) -> None:
        """Tested beside their own modules."""


def test_every_family_is_registered_and_tested_here() -> None:
    recorder = Recorder()
    plugin.invkit_register(recorder)
    built = {f"{type(family).__module__}:{type(family).__name__}" for family in FAMILIES.values()}
    assert set(recorder.targets) == set(FAMILIES)
    assert set(recorder.targets.values()) == built


@every_family
@given(seed=seeds)
def test_kernels_are_blurs(name: str, seed: int) -> None:
    """Float32, non-negative, unit sum, centred on (size - 1) / 2."""
    family = FAMILIES[name]
    kernels = family.draw(20, seeded(seed))
    assert kernels.shape == (20, *family.signal_shape) and kernels.dtype == torch.float32
    assert (kernels >= 0).all()
    assert torch.allclose(kernels.double().sum((1, 2, 3)), torch.ones(20, dtype=torch.float64), atol=1e-6)
    centroid, _ = moments(kernels)
    assert centroid.abs().max() < 1e-5


@every_family
@given(seed=seeds, n=st.integers(0, 40), more=st.integers(1, 40))
def test_a_seed_draws_the_same_kernels_to_the_bit(name: str, seed: int, n: int, more: int) -> None:
    """However many are drawn, the first are the same; and the next draw from the generator gives others."""
    family, rng = FAMILIES[name], seeded(seed)
    few = family.draw(n, rng)
    assert torch.equal(few, family.draw(n + more, seeded(seed))[:n])
    after = family.draw(more, rng)
    assert not torch.equal(after, family.draw(n + more, seeded(seed))[:more])


@every_family
def test_blocks_of_the_rasteriser_leave_no_seam(name: str) -> None:
    many = FAMILIES[name].draw(2_100, seeded(3))
    assert torch.equal(many[:5], FAMILIES[name].draw(5, seeded(3)))
    assert len(torch.unique(many.flatten(1), dim=0)) > 2_000


@every_family
def test_splits_hold_different_kernels(name: str) -> None:
    index = torch.arange(40)
    kernels = torch.cat([FAMILIES[name].take(index, split) for split in ("train", "validation", "test")])
    assert len(torch.unique(kernels.flatten(1), dim=0)) == 120


def test_motions_of_many_lengths_are_uniform_between_the_shortest_and_the_longest() -> None:
    """By second moments, L² / 12 + at most 1/2; the angles are those of one length."""
    ranged, fixed = Motion(20.0, 28, shortest=8.0), Motion(20.0, 28)
    _, covariance = moments(ranged.draw(500, seeded(2)))
    lengths = (12 * covariance.diagonal(dim1=1, dim2=2).sum(1)).sqrt()
    assert 7.9 < lengths.min() < 9 and 19.5 < lengths.max() < 20.3
    assert float(lengths.mean()) == pytest.approx(14.1, abs=0.6)
    assert torch.equal(Motion(20.0, 28, shortest=20.0).draw(9, seeded(2)), fixed.draw(9, seeded(2)))
    assert ranged.fingerprint() != fixed.fingerprint()


def test_families_of_one_law_have_their_own_splits() -> None:
    index = torch.arange(4)
    assert not torch.equal(FAMILIES["motion"].take(index, "test"), FAMILIES["blurA"].take(index, "test"))


@given(angle=st.floats(-7, 7), length=st.floats(0.5, 27))
def test_motion_turned_by_half_a_turn_is_itself(angle: float, length: float) -> None:
    forth, back = motion_kernels(np.array([angle, angle + math.pi]), length, 28)
    assert torch.allclose(forth, back, atol=1e-6)
    assert torch.allclose(forth, forth.flip(1, 2), atol=1e-6)


@given(angle=st.floats(-7, 7))
def test_motion_turned_by_a_quarter_is_the_turned_kernel(angle: float) -> None:
    here, quarter = motion_kernels(np.array([angle, angle + math.pi / 2]), 10.0, 28)
    assert torch.allclose(torch.rot90(here, -1, (1, 2)), quarter, atol=1e-6)


@given(angle=st.floats(-7, 7), length=st.floats(2, 27))
def test_second_moments_of_motion(angle: float, length: float) -> None:
    """L²/12 along the segment, 0 across it; plus at most 1/4, samples spread over two pixels an axis."""
    _, covariance = moments(motion_kernels(np.array([angle]), length, 28))
    along = torch.tensor([math.sin(angle), math.cos(angle)], dtype=torch.float64)
    across = torch.tensor([math.cos(angle), -math.sin(angle)], dtype=torch.float64)
    tolerance = length**2 / 12 * 0.01  # midpoint rule
    assert -tolerance <= float(along @ covariance[0] @ along) - length**2 / 12 <= 0.251
    assert -1e-6 <= float(across @ covariance[0] @ across) <= 0.251


def test_horizontal_motion_in_closed_form() -> None:
    """Length 10 along x between two middle rows: each has half of a box of ten pixels blurred by a tent."""
    kernel = motion_kernels(np.zeros(1), 10.0, 28)[0, 0]
    row = torch.zeros(28)
    row[9:19] = 0.1
    row[[8, 19]] = 0.1 / 8
    row[[9, 18]] = 0.1 * 7 / 8
    assert torch.allclose(kernel[13], row / 2, atol=2e-4) and torch.allclose(kernel[14], row / 2, atol=2e-4)
    assert float(kernel[:13].sum() + kernel[15:].sum()) == 0


def test_angles_are_uniform() -> None:
    """For uniform angles the mean covariance is isotropic, within 5 standard errors."""
    n, length = 4_000, 10.0
    _, covariance = moments(FAMILIES["motion"].draw(n, seeded(0)))
    error = length**2 / 12 / math.sqrt(2 * n)
    assert abs(float((covariance[:, 0, 0] - covariance[:, 1, 1]).mean())) < 5 * 2**0.5 * error * 1.1
    assert abs(float(covariance[:, 0, 1].mean())) < 5 * error


@given(sigma=st.floats(0.8, 4))
def test_gaussians_have_their_variance_and_are_separable(sigma: float) -> None:
    """From 0.8 pixels on; sampled at the pixels, a narrower Gaussian is wider than its sigma says."""
    kernel = gaussian_kernels(np.array([sigma]), 28)
    _, covariance = moments(kernel)
    expected = sigma**2 * torch.eye(2, dtype=torch.float64)
    assert torch.allclose(covariance[0], expected, rtol=0.03, atol=1e-3)
    rows, columns = kernel[0, 0].sum(1), kernel[0, 0].sum(0)
    assert torch.allclose(torch.outer(rows, columns), kernel[0, 0], atol=1e-6)


def test_gaussian_sigmas_fill_their_range() -> None:
    _, covariance = moments(FAMILIES["gaussian"].draw(2_000, seeded(0)))
    _, extremes = moments(gaussian_kernels(np.array([0.5, 0.51, 1.49, 1.5]), 28))
    variances, (lowest, low, high, highest) = covariance[:, 0, 0], extremes[:, 0, 0]
    assert lowest <= variances.min() < low and high < variances.max() <= highest


def test_blur_b_is_half_motion_and_half_gaussian() -> None:
    _, covariance = moments(FAMILIES["blurB"].draw(3_000, seeded(1)))
    total = covariance.diagonal(dim1=1, dim2=2).sum(1).mean()
    gaussian = 2 * (1.5**3 - 0.5**3) / 3  # twice the mean of sigma²
    assert float(total) == pytest.approx(0.5 * (100 / 12 + 1 / 3) + 0.5 * gaussian, rel=0.03)


@pytest.mark.parametrize(("name", "length"), [("blurA", 10), ("blur30", 30)])
def test_lengths_of_the_papers_motions(name: str, length: int) -> None:
    _, covariance = moments(FAMILIES[name].draw(300, seeded(2)))
    largest = torch.linalg.eigvalsh(covariance)[:, 1]
    assert torch.all((largest - length**2 / 12).abs() < 0.3)


def test_blur30_fits_its_support() -> None:
    """The extreme case: along an axis it reaches the last but one pixel and no mass is cut."""
    kernel = motion_kernels(np.array([0.0]), 30.0, 32)[0, 0]
    support = torch.nonzero(kernel.sum(0))
    assert (int(support.min()), int(support.max())) == (0, 31)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)


@given(seed=seeds)
def test_trajectories_move_at_constant_speed(seed: int) -> None:
    paths = trajectories(30, seeded(seed))
    steps = np.abs(np.diff(paths, axis=1))
    lengths = steps.sum(axis=1)
    assert (paths[:, 0] == 0).all()
    assert np.allclose(steps, steps[:, :1], rtol=1e-6)
    assert np.allclose(lengths, lengths.round(), atol=1e-6) and lengths.min() > 4.9 and lengths.max() < 28.1


def test_trajectory_lengths_are_uniform_from_5_to_28() -> None:
    paths = trajectories(6_000, seeded(0))
    lengths = np.rint(np.abs(np.diff(paths, axis=1)).sum(axis=1)).astype(int)
    counts = np.bincount(lengths, minlength=29)[5:]
    assert len(counts) == 24
    assert np.abs(counts - 250).max() < 5 * math.sqrt(250)


def test_trajectories_turn_as_the_model_says() -> None:
    """Near its start a trajectory's heading wanders by a g per step; reversals come at the rate p a."""
    steps = np.diff(trajectories(4_000, seeded(1)), axis=1)
    turns = np.angle(steps[:, 1:] / steps[:, :-1])[:, 1:]
    early = turns[:, :8]
    assert np.square(early[np.abs(early) < 1]).mean() == pytest.approx(0.01**2 * 100 / 3, rel=0.12)
    assert (np.abs(turns) > 2).mean() == pytest.approx(0.1 * 0.01, rel=0.25)


def test_shake_is_bent_but_not_a_scribble() -> None:
    """As the published kernels of this family: rms extent 1.1 to 7.7 pixels, median about 4.5."""
    _, covariance = moments(FAMILIES["shake"].draw(2_000, seeded(0)))
    extent = covariance.diagonal(dim1=1, dim2=2).sum(1).sqrt()
    assert float(extent.max()) < 28 / math.sqrt(12) + 0.2
    assert 4.0 < float(extent.median()) < 5.2
    flatness = torch.linalg.eigvalsh(covariance)
    bent = (flatness[:, 0] > 0.05 * flatness[:, 1]).double().mean()
    assert 0.3 < float(bent) < 0.9


@given(seed=seeds, size=st.sampled_from([13, 14, 45, 56]))
def test_shakes_of_another_size_are_blurs_too(seed: int, size: int) -> None:
    kernels = Shake(size, shortest=size // 2).draw(10, seeded(seed))
    assert kernels.shape == (10, 1, size, size) and (kernels >= 0).all()
    centroid, _ = moments(kernels)
    assert centroid.abs().max() < 1e-4
    assert torch.allclose(kernels.double().sum((1, 2, 3)), torch.ones(10, dtype=torch.float64), atol=1e-6)


def test_a_larger_shake_is_the_same_curve_magnified() -> None:
    """Lengths are whole pixels of either size, and twice a whole number is one."""
    small = trajectories(20, seeded(4), (14, 14))
    assert np.allclose(trajectories(20, seeded(4), (28, 28), scale=2.0), 2 * small)
    lengths = np.abs(np.diff(trajectories(50, seeded(4), (30, 45), 45 / 28), axis=1)).sum(axis=1)
    assert lengths.min() > 29.9 and lengths.max() < 45.1


@given(
    points=st.lists(st.tuples(st.floats(-3.5, 3.5), st.floats(-3.5, 3.5)), min_size=1, max_size=6),
)
def test_splat_keeps_mass_and_centroid(points: list[tuple[float, float]]) -> None:
    """Also for samples on the very edge of the grid."""
    curve = torch.tensor([points], dtype=torch.float64).mT
    kernel = splat(curve, 8)
    centroid, _ = moments(kernel)
    assert (kernel >= 0).all() and float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    assert torch.allclose(centroid.flip(1), curve.mean(2), atol=1e-5)


@pytest.mark.parametrize(("x", "y"), [(-2.5, -2.5), (2.5, -2.5), (-2.5, 2.5), (2.5, 2.5), (0.5, 1.5)])
def test_splat_of_a_sample_on_a_pixel_lights_that_pixel_alone(x: float, y: float) -> None:
    expected = torch.zeros(6, 6)
    expected[int(y + 2.5), int(x + 2.5)] = 1
    assert torch.equal(splat(torch.tensor([[[x], [y]]], dtype=torch.float64), 6)[0, 0], expected)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Motion(length=28.0, size=28),
        lambda: Motion(length=0.0),
        lambda: Motion(length=float("nan")),
        lambda: Motion(size=1),
        lambda: Motion(shortest=11.0),
        lambda: Motion(shortest=0.0),
        lambda: Gaussian(low=0.0),
        lambda: Gaussian(low=2.0, high=1.0),
        lambda: Gaussian(high=8.0),
        lambda: Gaussian(size=0),
        lambda: Disk(low=0.1),
        lambda: Disk(low=2.0, high=1.0),
        lambda: Disk(high=15.0),
        lambda: Disk(size=1),
        lambda: Shake(size=1),
        lambda: Shake(shortest=0),
        lambda: Shake(shortest=9, longest=8),
        lambda: Shake(size=13, longest=14),
    ],
)
def test_options_that_make_no_kernel(build: object) -> None:
    with pytest.raises(InputError, match="size"):
        build()  # type: ignore[operator]
