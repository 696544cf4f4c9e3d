"""Priors of a few parameters, motion, Gaussian and disk: the families they generalise, their encoders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import InputError
from invkit.metrics import kernel_ncc
from invkit.testing import check_generator
from invkit_blurs.disk import Disk, disk_kernels
from invkit_blurs.disk_prior import DiskPrior
from invkit_blurs.gaussian import Gaussian, gaussian_kernels
from invkit_blurs.gaussian_prior import GaussianPrior
from invkit_blurs.laws import angle, normal, on_circle, uniform
from invkit_blurs.moments import moments
from invkit_blurs.motion import Motion, motion_kernels
from invkit_blurs.motion_prior import MotionPrior

SPECS = [
    "motion",
    "motion?size=9,longest=5",
    "gaussian-blur",
    "gaussian-blur?anisotropic=true",
    "gaussian-blur?size=9,widest=2,anisotropic=true",
    "disk",
    "disk?size=9,largest=4,least=1",
]
every_spec = pytest.mark.parametrize("spec", SPECS)
seeds = st.integers(0, 2**32 - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def column(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@every_spec
def test_they_keep_the_contract(spec: str) -> None:
    check_generator(invkit.prior(spec))


@every_spec
@given(
    seed=seeds,
    scale=st.sampled_from([0.0, 1.0, 6.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_kernels_are_non_negative_of_unit_sum_and_symmetric(
    spec: str, seed: int, scale: float, dtype: torch.dtype
) -> None:
    prior = invkit.prior(spec)
    kernels = prior(scale * prior.sample_latent(10, seeded(seed), dtype=dtype))
    assert kernels.dtype == dtype and (kernels >= 0).all()
    assert torch.allclose(kernels.double().sum((1, 2, 3)), torch.ones(10).double(), atol=1e-6)
    assert torch.allclose(kernels, kernels.flip(2, 3), atol=1e-5)


@given(turn=st.floats(-3, 3), radius=st.floats(0.1, 3), size=st.integers(2, 30), share=st.floats(0.1, 1))
def test_the_longest_motion_is_that_of_the_data_set(
    turn: float, radius: float, size: int, share: float
) -> None:
    """Latent angle 2α, any radius, length at its end: the same samples, so the same kernel."""
    longest = share * (size - 1)
    latent = torch.tensor([[radius * math.cos(turn), radius * math.sin(turn), 9.0]], dtype=torch.float64)
    expected = motion_kernels(np.array([turn / 2]), longest, size)
    assert torch.allclose(MotionPrior(size, longest)(latent).float(), expected, atol=1e-6)


def test_drawn_motions_of_the_data_set_are_in_range() -> None:
    """At the latents of their angle and length, found by the encoder and without it."""
    drawn = Motion(length=10.0).draw(20, seeded(0))
    prior = MotionPrior()
    assert kernel_ncc(prior(prior.encode(drawn)), drawn).min() > 0.998
    length = prior.longest * torch.special.ndtr(prior.encode(drawn)[:, 2])
    assert (length - 10).abs().max() < 0.25


def test_the_round_gaussian_is_that_of_the_data_set() -> None:
    prior = GaussianPrior(size=28, widest=1.5)
    latent = prior.sample_latent(20, seeded(0), dtype=torch.float64)
    sigmas = 0.5 + torch.special.ndtr(latent[:, 0])
    assert torch.allclose(prior(latent).float(), gaussian_kernels(sigmas.numpy(), 28), atol=1e-7)
    drawn = Gaussian().draw(20, seeded(1))
    assert kernel_ncc(prior(prior.encode(drawn)), drawn).min() > 0.999


@given(radius=st.floats(0.05, 8), size=st.sampled_from([16, 17]))
def test_a_disk_is_its_area_on_each_pixel(radius: float, size: int) -> None:
    """Against the shares of points of a fine grid; pixels outside are zero, those inside 1 / πr²."""
    fine = 40
    places = (torch.arange(size * fine, dtype=torch.float64) + 0.5) / fine - size / 2
    inside = (places.square()[:, None] + places.square() <= radius**2).double()
    share = inside.view(size, fine, size, fine).mean((1, 3))
    kernel = disk_kernels(column(radius), size)[0, 0]
    assert kernel.sum() == pytest.approx(1, abs=1e-9)
    assert (kernel * math.pi * radius**2 - share).abs().max() < 0.01
    assert torch.allclose(kernel, kernel.mT, atol=1e-9) and torch.allclose(kernel, kernel.flip(0), atol=1e-9)
    ends = places.view(size, fine)[:, [0, -1]]
    corners = ends.abs()
    far = (corners.amax(1).square()[:, None] + corners.amax(1).square()).sqrt() + 1 / fine
    closest = torch.where(ends.prod(1) < 0, 0, corners.amin(1))  # the middle pixel of an odd size holds 0
    near = (closest.square()[:, None] + closest.square()).sqrt() - 1 / fine
    assert torch.allclose(kernel[far < radius] * math.pi * radius**2, column(1))
    assert (kernel[near > radius] < 1e-12).all()


@given(radius=st.floats(0.6, 7.9), size=st.sampled_from([16, 17]))
def test_a_disk_grows_by_its_rim(radius: float, size: int) -> None:
    """The gradient of all mass times the area is the circumference, also where the circle meets an axis."""
    for r in (radius, round(radius), round(radius - 0.5) + 0.5):
        wanted = column(r).requires_grad_()
        area = math.pi * wanted.square() * disk_kernels(wanted, size)[:, 0, : size // 2].sum((1, 2))
        (gradient,) = torch.autograd.grad(area.sum(), wanted)
        middle = size % 2 * 2 * math.asin(min(1, 0.5 / r)) * r  # the middle row, half of which is left out
        assert float(gradient) == pytest.approx(math.pi * r - middle, rel=1e-6)


def test_the_disk_is_that_of_the_data_set() -> None:
    prior, drawn = DiskPrior(largest=6.0, least=1.0), Disk().draw(50, seeded(1))
    assert kernel_ncc(prior(prior.encode(drawn)), drawn).min() > 0.995
    radii = torch.linspace(2, 5.9, 40, dtype=torch.float64)
    found = uniform(prior.encode(disk_kernels(radii, 28))[:, 0], 1.0, 6.0)
    assert (found / radii - 1).abs().max() < 0.03


@given(seed=seeds)
def test_equal_widths_at_any_angle_are_round(seed: int) -> None:
    latent = torch.randn(5, 4, generator=seeded(seed), dtype=torch.float64)
    latent[:, 3] = latent[:, 2]
    assert torch.allclose(GaussianPrior(anisotropic=True)(latent), GaussianPrior()(latent[:, 2:3]))


@given(half=st.floats(-1.5, 1.5), first=st.floats(1, 3), second=st.floats(1, 3))
def test_the_covariance_of_an_anisotropic_gaussian(half: float, first: float, second: float) -> None:
    """R diag(σ₁², σ₂²) Rᵀ, as the dense formula says."""
    prior = GaussianPrior(size=40, widest=4.0, anisotropic=True)
    widths = [normal(column(width), 0.5, 4.0) for width in (first, second)]
    latent = torch.stack([column(math.cos(2 * half)), column(math.sin(2 * half)), *widths], dim=1)
    c, s = math.cos(half), math.sin(half)
    covariance = np.array([[c, -s], [s, c]]) @ np.diag([first**2, second**2]) @ np.array([[c, s], [-s, c]])
    spread, tilt = moments(prior(latent))
    assert np.allclose(spread, np.trace(covariance) / 2, rtol=1e-3)
    expected = [(covariance[0, 0] - covariance[1, 1]) / 2, covariance[0, 1]]
    assert np.allclose(tilt[0], expected, atol=1e-3 * np.trace(covariance))


@given(seed=seeds)
def test_numbers_are_the_parameters_of_what_is_made(seed: int) -> None:
    """The kernel of the numbers by the data sets' own formulas, in pixels and degrees."""
    rng = seeded(seed)
    disk, motion = DiskPrior(size=16, largest=7.0), MotionPrior(size=16, longest=12.0)
    gauss = GaussianPrior(size=16, widest=3.0)
    latent = [prior.sample_latent(3, rng, dtype=torch.float64) for prior in (disk, motion, gauss)]
    assert torch.allclose(disk_kernels(disk.numbers(latent[0])["radius"], 16), disk(latent[0]))
    sigmas = gauss.numbers(latent[2])["sigma"]
    assert torch.allclose(gaussian_kernels(sigmas.numpy(), 16), gauss(latent[2]).float(), atol=1e-6)
    numbers = motion.numbers(latent[1])
    assert numbers.keys() == {"length", "angle"}
    assert ((numbers["angle"] >= -90) & (numbers["angle"] <= 90)).all()
    assert ((numbers["length"] >= 0) & (numbers["length"] <= 12)).all()
    turned = torch.deg2rad(2 * numbers["angle"])
    share = normal(numbers["length"], 0.0, 12.0)
    again = torch.stack([turned.cos(), turned.sin(), share], 1)
    assert torch.allclose(motion(again), motion(latent[1]), atol=1e-3)


def test_the_angle_of_a_motion_is_from_the_columns_to_the_rows() -> None:
    """45° goes to the right and, rows counted from above, down."""
    prior = MotionPrior(size=15)
    latent = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    assert torch.allclose(prior.numbers(latent)["angle"], torch.tensor([0.0, 45.0]))
    flat, down = prior(latent)[:, 0]
    assert flat.sum(1).max() > 0.99 and down.diagonal().sum() > 0.5 > down.flip(0).diagonal().sum()


@given(half=st.floats(-89, 89), first=st.floats(1, 3), second=st.floats(1, 3))
def test_the_numbers_of_an_anisotropic_gaussian(half: float, first: float, second: float) -> None:
    prior = GaussianPrior(size=40, widest=4.0, anisotropic=True)
    turn, widths = math.radians(2 * half), [normal(column(width), 0.5, 4.0) for width in (first, second)]
    latent = torch.stack([column(math.cos(turn)), column(math.sin(turn)), *widths], dim=1)
    found = {name: float(value) for name, value in prior.numbers(latent).items()}
    assert found == pytest.approx({"sigma_1": first, "sigma_2": second, "angle": half}, abs=1e-6)


@pytest.mark.parametrize("spec", ["trajectory", "simplex"])
def test_what_has_many_numbers_tells_none(spec: str) -> None:
    prior = invkit.prior(spec)
    assert prior.numbers(prior.sample_latent(2, seeded(0))) == {}


@given(seed=seeds, size=st.integers(2, 9))
def test_moments_are_those_of_the_weighted_covariance(seed: int, size: int) -> None:
    """Of kernels off the centre, too."""
    kernel = torch.rand(1, 1, size, size, generator=seeded(seed), dtype=torch.float64)
    rows, columns = np.indices((size, size)).reshape(2, -1)
    covariance = np.cov(np.stack([columns, rows]), aweights=kernel.numpy().ravel(), ddof=0)
    spread, tilt = moments(kernel)
    assert np.allclose(spread, np.trace(covariance) / 2)
    assert np.allclose(tilt[0], [(covariance[0, 0] - covariance[1, 1]) / 2, covariance[0, 1]])


@every_spec
def test_the_encoder_finds_what_was_drawn(spec: str) -> None:
    prior = invkit.prior(spec)
    kernels = prior(prior.sample_latent(100, seeded(3)))
    found = kernel_ncc(prior(prior.encode(3 * kernels)), kernels)
    assert found.median() > 0.999 and found.min() > 0.9


@every_spec
def test_degenerate_kernels_have_finite_latents(spec: str) -> None:
    prior = invkit.prior(spec)
    flat = torch.ones(prior.signal_shape)
    point = torch.zeros(prior.signal_shape)
    point[0, 4, 4] = 1
    latent = prior.encode(torch.stack([flat, point, 0 * flat]))
    assert torch.isfinite(latent).all() and torch.isfinite(prior(latent)).all()


@pytest.mark.parametrize("spec", ["motion?size=5", "gaussian-blur?size=8,widest=2", *SPECS[4:]])
def test_gradients(spec: str) -> None:
    prior = invkit.prior(spec)
    latent = prior.sample_latent(3, seeded(2), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(prior, latent, eps=1e-7, atol=1e-5)


@given(seed=seeds, low=st.floats(-5, 5), span=st.floats(0.1, 9))
def test_the_laws_and_their_inverses(seed: int, low: float, span: float) -> None:
    latent = torch.randn(50, generator=seeded(seed), dtype=torch.float64)
    values = uniform(latent, low, low + span)
    assert ((low <= values) & (values <= low + span)).all()
    assert torch.allclose(normal(values, low, low + span), latent.clamp(-3.719, 3.719), atol=1e-3)
    directions = latent.view(25, 2)
    circle = on_circle(directions)
    assert torch.allclose(circle, directions / directions.norm(dim=1, keepdim=True))
    assert torch.allclose(angle(circle), angle(directions))


def test_drawn_parameters_are_uniform() -> None:
    """Kolmogorov's distance below its 0.1 % point, 1.95 / √n."""
    latent = torch.randn(4_000, 3, generator=seeded(0), dtype=torch.float64)
    steps = torch.linspace(0, 1, 4_000, dtype=torch.float64)
    for values in (uniform(latent[:, 2], 0.0, 1.0), angle(latent[:, :2]) / (2 * math.pi) + 0.5):
        assert (values.sort().values - steps).abs().max() < 1.95 / math.sqrt(4_000)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("motion?size=1", "size=2"),
        ("motion?size=9,longest=9", "up to 8"),
        ("motion?longest=0", "above 0"),
        ("gaussian-blur?size=1", "size=2"),
        ("gaussian-blur?widest=0.5", "narrowest < widest"),
        ("gaussian-blur?narrowest=0.05", "0.1 <= narrowest"),
        ("gaussian-blur?size=9", "widest <= 2.25"),
        ("gaussian-blur?widest=nan", "narrowest < widest"),
        ("disk?size=1", "size=2"),
        ("disk?largest=0.5", "least < largest"),
        ("disk?least=0.1", "0.5 <= least"),
        ("disk?size=9", "largest <= 4.5"),
        ("disk?largest=nan", "least < largest"),
    ],
)
def test_misuse_is_refused(spec: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        invkit.prior(spec)


@pytest.mark.parametrize("spec", [*SPECS, "trajectory", "simplex"])
def test_the_callers_default_dtype_and_device_do_not_matter(spec: str) -> None:
    prior = invkit.prior(spec)
    latent = prior.sample_latent(2, seeded(0))
    expected = prior(latent)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = prior(latent)
            code = prior.encode(found) if prior.can_encode else latent
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == code.dtype == torch.float32 and torch.equal(found, expected)


def test_kernels_are_drawn_whatever_the_default_device() -> None:
    expected = motion_kernels(np.array([0.1]), 3.0, 9)
    drawn = Motion(3.0, 9).draw(2, seeded(0))
    with torch.device("meta"):
        assert torch.equal(motion_kernels(np.array([0.1]), 3.0, 9), expected)
        assert motion_kernels(np.zeros(0), 3.0, 9).shape == (0, 1, 9, 9)
        assert torch.equal(Motion(3.0, 9).draw(2, seeded(0)), drawn)
