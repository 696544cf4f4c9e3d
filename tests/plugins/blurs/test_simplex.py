"""The free kernel: all of the simplex is in range, and the encoder is the inverse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit.errors import InputError
from invkit.testing import check_generator
from invkit_blurs.shake import Shake
from invkit_blurs.simplex import Simplex

seeds = st.integers(0, 2**32 - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("spec", ["simplex", "simplex?size=4,temperature=1"])
def test_it_keeps_the_contract(spec: str) -> None:
    check_generator(invkit.prior(spec))


@given(seed=seeds, size=st.integers(1, 9), temperature=st.floats(0.2, 2))
def test_kernels_are_the_softmax(seed: int, size: int, temperature: float) -> None:
    prior = Simplex(size, temperature)
    latent = prior.sample_latent(3, seeded(seed), dtype=torch.float64)
    powers = (latent / temperature).exp()
    assert torch.allclose(prior(latent), powers / powers.sum((1, 2, 3), keepdim=True))


@given(seed=seeds, temperature=st.floats(0.5, 2), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_the_encoder_is_the_inverse_up_to_a_constant(
    seed: int, temperature: float, dtype: torch.dtype
) -> None:
    """For kernels without pixels below 10⁻⁶; it takes the latent of least norm, and is blind to scale."""
    prior = Simplex(6, temperature)
    latent = prior.sample_latent(4, seeded(seed), dtype=dtype).clamp(-2, 2)
    centred = latent - latent.mean((1, 2, 3), keepdim=True)
    assert torch.allclose(prior.encode(5 * prior(latent)), centred, atol=1e-5)


def test_any_kernel_is_in_range() -> None:
    """Zeros are encoded as 10⁻⁶ of the sum: off by no more than a millionth a pixel."""
    prior = Simplex(28)
    kernels = Shake().draw(10, seeded(0)).double()
    made = prior(prior.encode(kernels))
    assert (made - kernels).abs().flatten(1).sum(1).max() < 2 * 28**2 * 1e-6
    point = torch.zeros(1, 1, 28, 28)
    point[0, 0, 3, 5] = 1
    assert prior(prior.encode(point))[0, 0, 3, 5] > 1 - 28**2 * 1e-6


def test_large_latents_do_not_overflow() -> None:
    prior = Simplex(5)
    kernels = prior(1e4 * prior.sample_latent(3, seeded(0)))
    assert torch.allclose(kernels.sum((1, 2, 3)), torch.ones(3))


def test_it_is_as_sparse_as_camera_shake() -> None:
    """Pixels that hold 95 % of the mass: within a factor of 1.5 of the family's at the default."""

    def needed(kernels: torch.Tensor) -> float:
        held = kernels.flatten(1).sort(1, descending=True).values.cumsum(1)
        return float(((held < 0.95).sum(1) + 1.0).median())

    def drawn(prior: Simplex) -> float:
        return needed(prior(prior.sample_latent(200, seeded(0))))

    shakes = needed(Shake().draw(200, seeded(0)))
    assert shakes / 1.5 < drawn(Simplex(28)) < 1.5 * shakes
    assert drawn(Simplex(28, temperature=0.5)) > 5 * shakes


def test_gradients() -> None:
    prior = Simplex(4)
    latent = prior.sample_latent(2, seeded(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(prior, latent)


def test_misuse_is_refused() -> None:
    with pytest.raises(InputError, match="size=1"):
        invkit.prior("simplex?size=0")
    for temperature in ("0", "-1", "inf", "nan"):
        with pytest.raises(InputError, match="positive number"):
            invkit.prior(f"simplex?temperature={temperature}")
    with pytest.raises(InputError, match="positive sum"):
        Simplex(3).encode(torch.stack([torch.ones(1, 3, 3), torch.zeros(1, 3, 3)]))
