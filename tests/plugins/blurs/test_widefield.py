"""The microscope's point-spread function: Born and Wolf's integral, what it conserves, its parameters."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.errors import InputError
from invkit.testing import check_generator
from invkit_blurs.widefield import Widefield

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(2, 7), st.integers(2, 9), st.integers(2, 9))


def drawn(prior: Widefield, seed: int, n: int = 3) -> Tensor:
    return prior.sample_latent(n, torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", ["5x6x7", "2x2x2", "4x9x8"])
def test_it_keeps_the_contract(size: str) -> None:
    check_generator(invkit.prior(f"widefield?size={size}"))


@given(seed=seeds, size=sizes)
def test_kernels_are_non_negative_of_unit_sum_and_symmetric(seed: int, size: tuple[int, int, int]) -> None:
    kernels = Widefield(size)(drawn(Widefield(size), seed))
    assert (kernels >= 0).all() and torch.allclose(kernels.sum((1, 2, 3, 4)), torch.ones(3).double())
    for axis, length in enumerate(size, start=2):
        odd = kernels.narrow(
            axis, 1 - length % 2, length - 1 + length % 2
        )  # an even one's first has no match
        assert torch.equal(odd, odd.flip(axis))
    assert torch.equal(kernels.flatten(1).argmax(1), torch.full((3,), _middle(size)))


def _middle(size: tuple[int, int, int]) -> int:
    depth, rows, columns = size
    return ((depth // 2) * rows + rows // 2) * columns + columns // 2


def test_every_slice_holds_the_same_light() -> None:
    """Where the cone of light stays within the frame."""
    prior = Widefield((7, 41, 41), sharpest=1.0, widest=1.1, flattest=0.9, steepest=1.1)
    light = prior(torch.zeros(1, 2).double()).sum((0, 1, 3, 4))
    assert torch.allclose(light, light.mean(), rtol=0.1)


def test_in_focus_it_is_the_airy_pattern_and_along_the_axis_a_squared_sinc() -> None:
    """The two closed forms, at points sampled as the voxels are."""
    prior = Widefield((9, 9, 9), sharpest=2.0, widest=2.5, flattest=0.5, steepest=0.6)
    latent = torch.zeros(1, 2).double()
    numbers = prior.numbers(latent)
    alpha = 3.8317059702075125 / float(numbers["radius"])
    beta = alpha * float(numbers["slope"]) / 2

    def airy(r: Tensor) -> Tensor:
        return (torch.special.bessel_j1(alpha * r) / (alpha * r)).square()

    def along(z: Tensor) -> Tensor:
        return (torch.sin(beta * z / 2) / (beta * z)).square()

    # Against sums over samples: separable forms hold at z = 0 and at r = 0 alone, so voxels are compared
    # where the other coordinate is nearly there.
    fine = Widefield((9, 9, 9), sharpest=2.0, widest=2.5, flattest=1e-6, steepest=1e-5)
    flat = fine(latent)[0, 0]  # no light is ever out of focus: every slice is the Airy pattern
    offsets = torch.tensor([-0.25, 0.25]).double()
    grid = torch.arange(9).double()[:, None] - 4 + offsets
    r = (grid.reshape(-1, 1).square() + grid.reshape(-1).square()).sqrt()
    expected = airy(r).reshape(9, 2, 9, 2).sum((1, 3))
    assert torch.allclose(flat[0] / flat[0].sum(), expected / expected.sum(), atol=1e-9)

    narrow = Widefield((9, 3, 3), sharpest=60.0, widest=61.0, flattest=40.0, steepest=41.0)
    numbers = narrow.numbers(latent)
    alpha = 3.8317059702075125 / float(numbers["radius"])
    beta = alpha * float(numbers["slope"]) / 2
    column = narrow(latent)[0, 0, :, 1, 1]
    sinc = along(grid).sum(1)
    assert torch.allclose(column / column.sum(), sinc / sinc.sum(), rtol=1e-3)


@given(first=st.floats(-2, 2), second=st.floats(-2, 2))
def test_the_numbers_stay_within_their_ranges(first: float, second: float) -> None:
    prior = Widefield((3, 4, 4), sharpest=0.7, widest=3.0, flattest=0.5, steepest=2.0)
    found = prior.numbers(torch.tensor([[first, second]], dtype=torch.float64))
    assert 0.7 < float(found["radius"]) < 3 and 0.5 < float(found["slope"]) < 2
    middle = prior.numbers(torch.zeros(1, 2))
    assert float(middle["radius"]) == pytest.approx(math.sqrt(0.7 * 3))


def test_forward_derivatives_are_there() -> None:
    """Solvers of least squares take products with the Jacobian: both ways agree."""
    prior = Widefield((3, 5, 4)).double()
    latent, tangent = drawn(prior, 0), drawn(prior, 1)
    made, moved = torch.func.jvp(prior, (latent,), (tangent,))
    residual = torch.randn(made.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, pullback = torch.func.vjp(prior, latent)
    assert torch.allclose((moved * residual).sum(), (tangent * pullback(residual)[0]).sum())


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"size": (1, 4, 4)}, "size="),
        ({"size": (4, 4)}, "size="),
        ({"sharpest": 0.0}, "sharpest < widest"),
        ({"sharpest": 5.0}, "sharpest < widest"),
        ({"flattest": 4.0}, "flattest < steepest"),
        ({"steepest": math.inf}, "flattest < steepest"),
    ],
)
def test_bad_options_say_what_to_write(options: dict[str, object], hint: str) -> None:
    with pytest.raises(InputError) as caught:
        Widefield(**options)  # type: ignore[arg-type]
    assert hint in caught.value.hint
