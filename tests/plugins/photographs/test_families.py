"""Simple shapes: which priors are families, and that the right member is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

import invkit
from invkit.errors import InputError, SpecError
from invkit_photographs.families import Candidate, family, members
from invkit_photographs.pool import on_square
from invkit_photographs.view import View
from tests.plugins.photographs.pictures import blocks, blur, hook, pixel, train_picture

DISK, GAUSSIAN, MOTION = (
    "disk?size=21,largest=9",
    "gaussian-blur?size=31,widest=6",
    "motion?size=21,longest=18",
)
SIDE = 21


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def member(spec: str, *latent: float) -> tuple[Tensor, dict[str, float]]:
    """A kernel of a family on the square, and its numbers."""
    prior, latents = invkit.prior(spec), torch.tensor([latent])
    return on_square(prior(latents)[0, 0], SIDE), {k: float(v) for k, v in prior.numbers(latents).items()}


@pytest.mark.parametrize("spec", [DISK, GAUSSIAN, MOTION, "gaussian-blur?anisotropic=true"])
def test_families(spec: str) -> None:
    assert family(spec).role == "kernel"


@pytest.mark.parametrize("spec", ["blind", "blind?size=9", "darkchannel", "sparse", "identity", "trajectory"])
def test_what_is_no_family(spec: str) -> None:
    with pytest.raises(InputError, match=r"no family of kernels.*name priors such as disk"):
        family(spec)


def test_what_is_no_prior() -> None:
    with pytest.raises(SpecError, match="nonesuch"):
        family("nonesuch")


def test_a_candidate_is_free_and_exact_by_default() -> None:
    assert (Candidate(pixel()[0]).family, Candidate(pixel()[0]).scale) == ("free", 1.0)
    assert Candidate(pixel()[0]).numbers == {}


@pytest.mark.parametrize(
    ("spec", "latent", "name", "tolerance"),
    [
        (DISK, (-0.3,), "radius", 0.1),
        (GAUSSIAN, (-0.7,), "sigma", 0.1),
        (MOTION, (1.0, 0.5, 0.3), "length", 0.15),
    ],
)
def test_the_numbers_of_a_blurred_photograph(
    data_folder: Path, spec: str, latent: tuple[float, ...], name: str, tolerance: float
) -> None:
    """From a free kernel that is somewhat off, the true one under a blur."""
    kernel, numbers = member(spec, *latent)
    y = blur(train_picture(data_folder, 20, 150), kernel[None], 0.01)[0, 0].numpy()
    view = View.of(y, 0.7, 0.01, reach=SIDE // 2)
    soft, _ = member("gaussian-blur?size=7,widest=1.5", 0.0)
    free = on_square(conv2d(kernel[None, None], soft[None, None], padding="same")[0, 0], SIDE)
    (found,) = members(view, [spec], free[None], float(view.evidence(free[None])[0]), seeded())
    assert found.family == spec.partition("?")[0] and found.scale == 1
    assert found.numbers.keys() == numbers.keys()
    assert found.numbers[name] == pytest.approx(numbers[name], rel=tolerance)
    assert found.kernel.shape == (SIDE, SIDE) and found.kernel.sum() == pytest.approx(1, abs=1e-5)
    assert view.evidence(found.kernel[None]) >= view.evidence(free[None]) - 0.003


def drawn_view() -> View:
    return View.of(blur(blocks(0, 56).float(), hook(), 0.01)[0, 0].numpy(), 1.0, 0.01, reach=SIDE // 2)


def test_one_of_each_family_repeatably_and_none_of_none() -> None:
    free = torch.stack([on_square(each[0], SIDE) for each in (hook(), pixel())])
    view, best = drawn_view(), -100.0

    def found() -> list[Candidate]:
        return list(members(view, [DISK, MOTION], free, best, seeded()))

    assert [each.family for each in found()] == ["disk", "motion"]
    for one, two in zip(found(), found(), strict=True):
        assert torch.equal(one.kernel, two.kernel) and one.numbers == two.numbers
    assert list(members(view, [], free, best, seeded())) == []


def test_a_family_that_is_far_behind_is_not_varied() -> None:
    """It is restated and no more: the random numbers are not touched."""
    free, rng = on_square(hook()[0], SIDE)[None], seeded()
    list(members(drawn_view(), [DISK], free, 1e6, rng))
    assert torch.equal(rng.get_state(), seeded().get_state())
    list(members(drawn_view(), [DISK], free, -1e6, rng))
    assert not torch.equal(rng.get_state(), seeded().get_state())


def test_variations_never_lose_evidence() -> None:
    free, view = on_square(hook()[0], SIDE)[None], drawn_view()
    values = []
    for best in (1e6, -1e6):
        (found,) = members(view, [MOTION], free, best, seeded())
        values.append(float(view.evidence(found.kernel[None])[0]))
    assert values[1] >= values[0] - 1e-6
