"""``kernelsearch``: kernels and statuses of photographs, what is in the record, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import invkit
from invkit import Problem, Solution, Status
from invkit.errors import InputError, ShapeError, SpecError
from invkit.metrics import kernel_ncc_modulo_shift
from invkit.solving import Given
from invkit_photographs.kernelsearch import KernelSearch
from tests.plugins.photographs.pictures import blocks, blur, hook, pixel, train_picture

UNKNOWN = "linconv?mode=same&boundary=unknown"
SMALL = ("blind?size=9", "darkchannel")


def search(
    y: Tensor, solver: object = "kernelsearch", priors=SMALL, operator: str = UNKNOWN, **rest
) -> Solution:
    return invkit.compose(operator, list(priors), solver, **rest)(y)


def drawn(seed: int = 0, channels: int = 1, side: int = 40, sigma: float = 0.01) -> Tensor:
    """A blurred picture of few edges, float32, (1, channels, side, side)."""
    x = blocks(seed, side + 8, channels).float()
    return torch.cat([blur(each[:, None], hook(), sigma, seed) for each in x.unbind(1)], 1)


def test_the_radius_of_a_photograph_out_of_focus(data_folder: Path) -> None:
    disk = invkit.prior("disk?size=17,least=3,largest=5")
    w = disk(torch.zeros(1, 1))  # a radius of 4
    y = blur(train_picture(data_folder, 30, 160), w[:, 0], 0.01)
    solution = search(
        y, {"kind": "kernelsearch", "families": ["disk?size=21,largest=9"]}, ["blind", "darkchannel"]
    )
    (notes,) = solution.notes or ()
    assert solution.status == (Status.MAX_ITER,)
    assert notes["family"] == "disk" and notes["radius"] == pytest.approx(4, rel=0.1)
    assert notes["gain"] > 0.05 and 0 < notes["scale"] <= 1
    assert kernel_ncc_modulo_shift(solution.w, w) > 0.95
    assert torch.equal(solution.x, y)
    assert solution.confidence is not None and 0.5 <= float(solution.confidence) <= 1
    assert solution.noise is not None and 0.005 < float(solution.noise) < 0.02


def test_a_photograph_that_is_not_blurred(data_folder: Path) -> None:
    y = blur(train_picture(data_folder, 20, 110), pixel(1), 0.01)
    solution = search(y, priors=["blind", "darkchannel"])
    assert solution.status == (Status.SHARP,) and bool(solution.confidence.isnan().all())
    assert solution.w.max() == 1 and solution.w.sum() == 1
    assert torch.equal(solution.x, y)
    assert solution.notes is not None and solution.notes[0]["family"] == "single pixel"


def test_colour_is_its_luma() -> None:
    grey = drawn()
    colour = grey.expand(1, 3, -1, -1)
    noise = invkit.noise("gaussian?sigma=0.01")
    one, three = search(grey, noise=noise), search(colour, noise=noise)
    assert three.x.shape == colour.shape and three.w.shape == one.w.shape == (1, 1, 9, 9)
    assert one.status == three.status
    torch.testing.assert_close(one.w, three.w, rtol=0, atol=0.02)


def test_each_of_a_batch_is_as_it_is_alone() -> None:
    y = torch.cat([drawn(0), drawn(1)])
    together = search(y, {"kind": "kernelsearch", "families": ["disk?size=9,largest=4"]})
    for row in range(2):
        alone = search(y[row : row + 1], {"kind": "kernelsearch", "families": ["disk?size=9,largest=4"]})
        assert torch.equal(alone.w[0], together.w[row]) and torch.equal(alone.x[0], together.x[row])
        assert together.notes is not None and alone.notes == (together.notes[row],)
        assert alone.status == (together.status[row],)
        assert torch.equal(alone.confidence, together.confidence[row : row + 1])  # type: ignore[index,arg-type]


def test_a_flat_picture_is_not_blurred() -> None:
    y = torch.full((1, 1, 40, 40), 0.5)
    solution = search(y)
    assert solution.status == (Status.SHARP,) and torch.equal(solution.x, y) and solution.w.max() == 1


@pytest.mark.parametrize("bad", [1e200, float("inf"), float("nan")])
def test_what_has_no_energy_that_is_a_number_diverges_alone(bad: float) -> None:
    good = drawn().double()
    y = torch.cat([good, good])
    y[1, 0, 5, 5] = bad
    problem = Problem(invkit.operator(UNKNOWN), (invkit.prior(SMALL[0]), invkit.prior(SMALL[1])))
    solver = KernelSearch()
    both = solver.solve(problem, y, torch.Generator().manual_seed(0))
    alone = solver.solve(problem, good, torch.Generator().manual_seed(0))
    assert both.status == (alone.status[0], Status.DIVERGED)
    assert torch.equal(both.w[:1], alone.w) and both.w[1].max() == 1


def test_doubt_is_a_threshold_of_the_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invkit_photographs.kernelsearch.certainty", lambda outcome: 0.6)
    y = drawn()
    sure, doubted = search(y), search(y, "kernelsearch?doubt=0.7")
    assert sure.status == (Status.MAX_ITER,) and doubted.status == (Status.DOUBTFUL,)
    assert torch.equal(doubted.w, sure.w) and sure.w.max() < 1
    for each in (sure, doubted):
        assert each.confidence is not None and float(each.confidence) == pytest.approx(0.6)


def test_the_kernel_is_looked_for_in_the_crop_alone() -> None:
    y = drawn(0, side=80)
    other = y.clone()
    other[..., 40:, :] = 0.5
    crop = {"kind": "kernelsearch", "crop": [2, 1, 38, 36]}
    noise = invkit.noise("gaussian?sigma=0.01")
    one, two = (search(each, crop, noise=noise) for each in (y, other))
    assert torch.equal(one.w, two.w) and one.notes == two.notes
    spelled = search(y, "kernelsearch?crop=2x1x38x36", noise=noise)
    assert torch.equal(spelled.w, one.w)
    assert search(y, noise=noise).notes != one.notes


@pytest.mark.parametrize("operator", [UNKNOWN, "circconv", "linconv?mode=valid", "linconv?mode=full"])
def test_every_convolution_of_images(operator: str) -> None:
    """Of an even support, too; x has its shape, whatever that of y."""
    y = drawn(0, 3)
    solution = search(y, priors=["blind?size=8", "darkchannel"], operator=operator)
    grown = {"linconv?mode=valid": 7, "linconv?mode=full": -7}.get(operator, 0)
    assert solution.x.shape == (1, 3, 40 + grown, 40 + grown) and solution.w.shape == (1, 1, 8, 8)
    assert torch.isfinite(solution.x).all()


def test_the_largest_kernel_follows_from_the_picture() -> None:
    problem = Problem(invkit.operator(UNKNOWN), (invkit.prior("blind"), invkit.prior("darkchannel")))
    for side, most in ((32, 7), (100, 23), (3000, 93)):
        shaped = KernelSearch().shaped(problem, torch.zeros(1, 1, side, side + 50))
        assert shaped.priors[0].signal_shape == (1, most, most)


@pytest.mark.parametrize(
    ("solver", "match"),
    [
        ("kernelsearch?crop=1x2x3", "left, top, width, height"),
        ("kernelsearch?crop=0x0x0x40", "left, top, width, height"),
        ("kernelsearch?doubt=1.5", "doubt"),
        ({"kind": "kernelsearch", "crop": [-1, 0, 40, 40]}, "left, top, width, height"),
    ],
)
def test_options_out_of_range(solver: object, match: str) -> None:
    with pytest.raises((InputError, SpecError), match=match):
        invkit.solver(solver)


@pytest.mark.parametrize("crop", [(0, 0, 41, 40), (10, 0, 32, 32), (0, 20, 40, 32), (0, 0, 31, 40)])
def test_a_crop_that_is_not_in_the_picture(crop: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"beyond a picture|too small"):
        search(drawn(), KernelSearch(crop=crop))


@pytest.mark.parametrize("name", ["blind?size=9", "darkchannel", "identity"])
def test_families_that_are_none(name: str) -> None:
    with pytest.raises(InputError, match="no family of kernels"):
        search(drawn(), KernelSearch(families=[name]))


@pytest.mark.parametrize("shape", [(1, 31, 64), (3, 64, 12), (1, 1, 1)])
def test_pictures_that_are_too_small(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=f"{shape[2]}×{shape[1]} pixels is too small.*at least 32 pixels"):
        search(torch.rand(1, *shape))


def test_what_it_cannot_do() -> None:
    y = drawn()
    with pytest.raises(InputError, match=r"w is given.*not blind"):
        search(y, priors=[Given(hook()), "darkchannel"])
    with pytest.raises(InputError, match=r"x is given"):
        search(y, priors=["blind?size=9", Given(y[0])])
    with pytest.raises(InputError, match="kernel of a convolution"):
        search(y, priors=[invkit.prior("blind?size=40"), "identity"], operator="pointwise")
    encoderless = invkit.prior("blind?size=9")
    encoderless.can_encode = False
    with pytest.raises(InputError, match=r"pixels of w.*no encoder"):
        search(y, priors=[encoderless, "darkchannel"])
    for noise in ("poisson", "robust"):
        with pytest.raises(InputError, match="kernelsearch takes only white Gaussian noise"):
            search(y, noise=noise)
    with pytest.raises(InputError, match="kernelsearch takes only white Gaussian noise"):
        weights = torch.ones_like(y)
        weights[..., :5] = 0
        priors = (invkit.prior(SMALL[0]), invkit.prior(SMALL[1]))
        noise = invkit.contracts.noise.Gaussian(weights=weights).prepared(y)[0]
        problem = Problem(invkit.operator(UNKNOWN), priors, noise=noise)
        KernelSearch().solve(problem, y, torch.Generator())


def test_it_starts_from_nothing() -> None:
    priors = (invkit.prior(SMALL[0]), invkit.prior(SMALL[1]))
    problem, y = Problem(invkit.operator(UNKNOWN), priors), torch.full((1, 1, 32, 32), 0.5)
    found = KernelSearch().solve(problem, y, torch.Generator())
    with pytest.raises(InputError, match=r"searches by itself.*tv hold=w"):
        KernelSearch().solve(problem, y, torch.Generator(), start=found)


def test_where_kernels_may_vary_and_do_not_they_are_equal_to_the_bit() -> None:
    y = drawn(side=64)
    one = search(y, priors=["blind", "darkchannel"])
    many = search(y, priors=["blind", "darkchannel"], operator="filterflow?tiles=2x3&boundary=unknown")
    assert many.w.shape == (1, 6, *one.w.shape[2:]) and torch.equal(many.w, one.w.expand_as(many.w))
    assert many.status == one.status and torch.equal(many.confidence, one.confidence)
    assert many.notes is not None and many.notes[0].get("varies", "no") == "no"
