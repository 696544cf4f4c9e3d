"""Drawn inputs: by number and seed alone, from the splits they name, in range where they say so."""

from __future__ import annotations

import json

import attrs
import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_experiments.inputs import drawn
from invkit_experiments.inputs.drawn import Drawn
from invkit_experiments.inputs.sources import Measured

DIGITS = Drawn("mnist-sample", "test", "blurA")


def test_a_measurement_follows_the_model() -> None:
    one = DIGITS.one(2, seed=0)
    assert one.y.shape == one.x.shape == (1, 1, 28, 28) and one.kernel_size == 28
    noise = one.y - invkit.operator("circconv")(one.w, one.x)
    assert noise.std() == pytest.approx(0.01, rel=0.1) and abs(noise.mean()) < 0.002
    torch.testing.assert_close(one.w.sum(), torch.tensor(1.0))


def test_seed_and_number_decide() -> None:
    assert torch.equal(DIGITS.one(1, 3).y, DIGITS.one(1, 3).y)
    assert not torch.equal(DIGITS.one(1, 3).y, DIGITS.one(1, 4).y)
    images = torch.cat([DIGITS.one(index, 0).x for index in range(12)])
    assert len({image.numpy().tobytes() for image in images}) == 12  # each digit once
    assert not torch.equal(images, invkit.dataset("mnist-sample").take(torch.arange(12), "test"))
    noises = [
        DIGITS.one(i, 0).y - invkit.operator("circconv")(DIGITS.one(i, 0).w, DIGITS.one(i, 0).x)
        for i in (0, 1)
    ]
    assert abs(torch.corrcoef(torch.cat(noises).flatten(1))[0, 1]) < 0.2


def test_noise_levels_share_image_kernel_and_pattern() -> None:
    quiet, loud = (Drawn("mnist-sample", "test", "blurA", sigma).one(5, 0) for sigma in (0.1, 0.3))
    assert torch.equal(quiet.x, loud.x) and torch.equal(quiet.w, loud.w)
    clean = invkit.operator("circconv")(quiet.w, quiet.x)
    torch.testing.assert_close(3 * (quiet.y - clean), loud.y - clean)


def test_identity_says_all_of_it_and_nothing_twice() -> None:
    identities = [
        DIGITS.identity(0, 0),
        DIGITS.identity(1, 0),
        DIGITS.identity(0, 1),
        Drawn("mnist-sample", "test", "blurB").identity(0, 0),
        Drawn("mnist-sample", "test", "blurA", 0.02).identity(0, 0),
        Drawn("mnist-sample", "test", "blurA", in_range="vae:mnist").identity(0, 0),
    ]
    assert len({json.dumps(each) for each in identities}) == len(identities)
    assert DIGITS.identity(0, 0) == identities[0]


def test_range_images_are_in_range() -> None:
    drawn._drawn.cache_clear()
    drawn._closest.cache_clear()
    ranged, plain = Drawn("mnist-sample", "test", "blurA", in_range="vae:mnist").one(0, 0), DIGITS.one(0, 0)
    prior = invkit.prior("vae:mnist")
    with torch.no_grad():
        assert torch.equal(ranged.x, prior(prior.encode(plain.x)))
    assert torch.equal(ranged.w, plain.w) and not torch.equal(ranged.x, plain.x)


def test_no_more_than_there_are() -> None:
    with pytest.raises(InputError, match="--images 12"):
        DIGITS.one(12, 0)


@pytest.mark.parametrize(("images", "kernels"), [("mnist-sample", "blurA"), ("blurA", "mnist-sample")])
def test_a_split_without_signals_is_refused(images: str, kernels: str) -> None:
    source = Drawn(images, "validation", kernels, apart=True)
    for draw in (source.size, lambda: source.one(0, 0)):
        with pytest.raises(InputError, match="'mnist-sample' has no signals in its split validation"):
            draw()


def test_pictures_that_are_no_kernels_are_refused() -> None:
    with pytest.raises(InputError, match="mnist-sample holds no kernels"):
        attrs.evolve(DIGITS, kernels="mnist-sample").size()
    assert attrs.evolve(DIGITS, kernels="mnist-sample", operator="pointwise").size() == 12


def test_a_quick_look_searches_less_and_says_so() -> None:
    ranged = Drawn("mnist-sample", "test", "blurA", in_range="vae:mnist")
    assert ranged.hurried(5).search == 5 and ranged.hurried(10_000) == ranged
    assert ranged.hurried(5).identity(0, 0) != ranged.identity(0, 0)


def test_extent_of_a_kernel() -> None:
    w = torch.zeros(1, 1, 8, 8)
    w[0, 0, 4, 4] = 1.0
    x = torch.zeros(1, 1, 9, 9)
    assert Measured(x, x, w).kernel_extent == 1  # the origin, size // 2
    w[0, 0, 3, 6] = 1.0
    assert Measured(x, x, w).kernel_extent == 5
    w[0, 0, 0, 0] = 1.0
    assert Measured(x, x, w).kernel_extent == 7  # odd, and within the support
    assert 9 <= DIGITS.one(0, 0).kernel_extent <= 13  # motion of length 10
