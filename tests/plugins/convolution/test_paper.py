"""Section 3 of arXiv 1802.04073: the DFT identity (7) and the closed-form gradients of the objective (6).

Three things must be known to compare (each is shown below to be needed):

- The paper's gradients are Wirtinger gradients: for real unknowns the ordinary gradient is **twice** them.
- Both expressions lack a complex conjugate as printed: it is conj(√L F C(m)) and conj(√L F B(h)) that
multiply r.
- The gradient in m is printed with a √L in front that its own factor √L F B(h) contains already.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from torch import Tensor

from invkit import Generator, Problem
from invkit_convolution.circular import CircularConvolution
from tests.strategies import seeds

L = 12
LAMBDA, GAMMA = 0.3, 0.07


class TwoLayers(Generator):
    """The paper's example ``B(h) = relu(B₂ relu(B₁ h))``, or with ``linear`` its last layer alone without the
    relu.
    """

    def __init__(self, rng: torch.Generator, latent: int, *, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        self.first = torch.randn(9, latent, generator=rng, dtype=torch.float64)
        self.second = torch.randn(L, 9, generator=rng, dtype=torch.float64)
        self.latent_shape, self.signal_shape = (latent,), (1, L)

    def forward(self, latent: Tensor) -> Tensor:
        hidden = latent @ self.first.T
        signal = (hidden if self.linear else hidden.relu()) @ self.second.T
        return (signal if self.linear else signal.relu())[:, None]

    def jacobian(self, latent: Tensor) -> Tensor:
        """The paper's Ḃ_h = diag(B₂B̃₁h > 0) B₂ · diag(B₁h > 0) B₁, for one latent."""
        if self.linear:
            return self.second @ self.first
        first = torch.diag((self.first @ latent > 0).double()) @ self.first
        return torch.diag((self.second @ first @ latent > 0).double()) @ self.second @ first


def dft(signal: Tensor) -> Tensor:
    """``F`` of the paper: unitary, entries exp(−2πi ωn/L) / √L."""
    n = torch.arange(L, dtype=torch.float64)
    angle = -2 * torch.pi * torch.outer(n, n) / L
    matrix = torch.polar(torch.ones_like(angle), angle) / L**0.5
    return matrix @ signal.to(torch.complex128)


def inverse_dft(spectrum: Tensor) -> Tensor:
    """``F*``."""
    return dft(spectrum.conj()).conj()


def wirtinger_gradients(
    prior_w: TwoLayers, prior_x: TwoLayers, h: Tensor, m: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Both gradients as in Section 3, with the conjugates put in and the √L in front left out."""
    w, x = prior_w(h[None])[0, 0], prior_x(m[None])[0, 0]
    fw, fx = L**0.5 * dft(centred(w)), L**0.5 * dft(x)
    r = dft(centred(w)) * fx - dft(y)
    gradient_w = uncentred(inverse_dft(r * fx.conj()).real)
    gradient_x = inverse_dft(r * fw.conj()).real
    return (
        prior_w.jacobian(h).T @ gradient_w + LAMBDA * h,
        prior_x.jacobian(m).T @ gradient_x + GAMMA * m,
    )


def centred(w: Tensor) -> Tensor:
    """The paper's kernels begin at their origin; ours have it at their pixel size // 2."""
    return w.roll(-(L // 2))


def uncentred(w: Tensor) -> Tensor:
    return w.roll(L // 2)


def drawn(seed: int, linear: bool) -> tuple[TwoLayers, TwoLayers, Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    priors = TwoLayers(rng, 4, linear=linear), TwoLayers(rng, 6, linear=linear)
    h, m = (prior.sample_latent(3, rng, dtype=torch.float64) for prior in priors)
    return *priors, h, m, torch.randn(3, 1, L, generator=rng, dtype=torch.float64)


@given(seeds)
def test_dft_identity(seed: int) -> None:
    """(7): ‖y − w * x‖² = ‖F y − √L F w ⊙ F x‖², and it is what the misfit says."""
    prior_w, prior_x, h, m, y = drawn(seed, linear=False)
    operator = CircularConvolution(dims=1)
    w, x = prior_w(h), prior_x(m)
    in_space = (y - operator(w, x)).flatten(1).square().sum(1)
    for i in range(3):
        spectral = dft(y[i, 0]) - L**0.5 * dft(centred(w[i, 0])) * dft(x[i, 0])
        torch.testing.assert_close(spectral.abs().square().sum(), in_space[i])
    torch.testing.assert_close(operator.misfit(y)(w, x), in_space)


@pytest.mark.parametrize("linear", [True, False], ids=["linear", "two ReLU layers"])
@given(seed=seeds)
def test_gradients_of_the_objective_are_twice_the_papers(linear: bool, seed: int) -> None:
    prior_w, prior_x, h, m, y = drawn(seed, linear)
    problem = Problem(CircularConvolution(dims=1), (prior_w, prior_x), weights=(LAMBDA, GAMMA))
    _, gradient_h, gradient_m = problem.measured(y).gradients(h, m)
    for i in range(3):
        theirs = wirtinger_gradients(prior_w, prior_x, h[i], m[i], y[i, 0])
        torch.testing.assert_close(gradient_h[i], 2 * theirs[0])
        torch.testing.assert_close(gradient_m[i], 2 * theirs[1])


def test_as_printed_they_are_no_gradients() -> None:
    """The corrections are needed: without a conjugate, or with the second √L, the numbers are others."""
    prior_w, prior_x, h, m, y = drawn(0, linear=True)
    problem = Problem(CircularConvolution(dims=1), (prior_w, prior_x))
    _, gradient_h, gradient_m = problem.measured(y).gradients(h, m)
    w, x = prior_w(h)[0, 0], prior_x(m)[0, 0]
    fw, fx = L**0.5 * dft(centred(w)), L**0.5 * dft(x)
    r = dft(centred(w)) * fx - dft(y[0, 0])

    def of_h(spectrum: Tensor) -> Tensor:
        return prior_w.jacobian(h[0]).T @ uncentred(inverse_dft(spectrum).real)

    def of_m(spectrum: Tensor) -> Tensor:
        return prior_x.jacobian(m[0]).T @ inverse_dft(spectrum).real

    torch.testing.assert_close(of_h(r * fx.conj()), gradient_h[0] / 2)
    assert not torch.allclose(of_h(r * fx), gradient_h[0] / 2, rtol=0.1)
    torch.testing.assert_close(of_m(r * fw.conj()), gradient_m[0] / 2)
    assert not torch.allclose(of_m(r * fw), gradient_m[0] / 2, rtol=0.1)
    assert not torch.allclose(L**0.5 * of_m(r * fw.conj()), gradient_m[0] / 2, rtol=0.1)
