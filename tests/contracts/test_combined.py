"""Products of priors, and w tied to x."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import InputError, ShapeError, SpecError
from invkit.contracts.given import is_given
from invkit.testing import check_generator

SHAPE = (1, 6, 6)
RNG = torch.Generator().manual_seed(0)


def test_a_product_is_its_parts_side_by_side() -> None:
    kernel, free = invkit.prior("simplex?size=6"), invkit.prior("identity?shape=2x6x6,penalty=l1")
    both = invkit.product([kernel, free])
    assert both.signal_shape == (3, 6, 6) and both.latent_shape == (36 + 72,)
    latent = both.sample_latent(4, torch.Generator().manual_seed(0))
    signal = both(latent)
    h, m = latent[:, :36].reshape(-1, 1, 6, 6), latent[:, 36:].reshape(-1, 2, 6, 6)
    torch.testing.assert_close(signal, torch.cat([kernel(h), free(m)], 1))
    expected = kernel.penalty(h, signal[:, :1]) + free.penalty(m, signal[:, 1:])
    torch.testing.assert_close(both.penalty(latent, signal), expected)
    check_generator(both)


def test_parts_without_shape_share_what_they_are_given() -> None:
    pair = invkit.prior("product:identity?count=2").shaped((4, 5, 5))
    assert pair.signal_shape == (4, 5, 5)
    with pytest.raises(ShapeError, match="3 channels for a product of 2 parts"):
        invkit.prior("product:identity").shaped((3, 5, 5))


def test_each_part_has_the_measurement_it_belongs_to() -> None:
    given = invkit.Given(torch.rand(3, *SHAPE, generator=RNG), each=True)
    both = invkit.product([given, given]).select(torch.tensor([2, 0]))
    made = both(torch.zeros(2, 0))
    torch.testing.assert_close(made, torch.cat([given.signal, given.signal], 1)[[2, 0]])


def test_real_and_complex_parts() -> None:
    both = invkit.product(
        [invkit.prior("identity?shape=1x3x3,field=complex"), invkit.prior("simplex?size=3")]
    )
    assert both.field == "complex"
    latent = both.sample_latent(2, torch.Generator().manual_seed(0))
    signal = both(latent)
    assert signal.dtype == torch.complex64
    torch.testing.assert_close(signal[:, 1].imag, torch.zeros(2, 3, 3))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: invkit.product([]), "one prior or more"),
        (lambda: invkit.product([invkit.prior("tied")]), "none of them tied"),
        (lambda: invkit.product([invkit.prior("identity"), invkit.prior("simplex")]), "with a shape"),
        (lambda: invkit.product([invkit.prior(f"simplex?size={n}") for n in (3, 4)]), "side by side"),
        (lambda: invkit.prior("product:identity?count=0"), "count=0"),
        (lambda: invkit.prior("product"), "needs a name"),
        (lambda: invkit.prior("tied")(torch.zeros(1, 0)), "makes no signal of its latent"),
        (lambda: invkit.prior("identity").tied(torch.zeros(1, 1)), "not tied"),
        (lambda: invkit.prior("simplex").prox(torch.rand(1, 1, 15, 15), 0.1), "no proximal map"),
        (lambda: invkit.compose("circconv", ["tied", "identity"], "tv"), "ties one unknown to the other"),
        (lambda: invkit.compose("circconv", ["identity", "tied"], "altgd"), "only a prior of w may"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, says: str) -> None:
    with pytest.raises((InputError, ShapeError, SpecError), match=says):
        make()


def test_a_tied_signal_is_the_other_one() -> None:
    x = torch.randn(2, 1, 5, generator=RNG, dtype=torch.complex128)
    tied = invkit.prior("tied?conjugate=true")
    assert not is_given(tied)
    torch.testing.assert_close(tied.tied(x), x.conj())
    torch.testing.assert_close(invkit.prior("tied").tied(x), x)


def test_phase_retrieval_is_the_tied_case() -> None:
    rng = torch.Generator().manual_seed(3)
    sensing = torch.randn(64, 16, generator=rng, dtype=torch.complex128)
    x = torch.randn(1, 1, 16, generator=rng, dtype=torch.complex128)
    y = (x[0] @ sensing.T).abs().square()
    before = (invkit.from_matrix(sensing.conj()), invkit.from_matrix(sensing))
    operator = invkit.operator("pointwise?dims=1") @ before
    solver = "altgd?steps=600,restarts=24,weight_x=0,anneal=1"
    found = invkit.compose(operator, ["tied?conjugate=true", "identity?field=complex"], solver)(y[None])
    assert found.x.is_complex()
    overlap = (found.x.conj() * x).sum().abs() / (found.x.norm() * x.norm())
    assert overlap > 1 - 1e-6
    torch.testing.assert_close(found.w, found.x.conj())
