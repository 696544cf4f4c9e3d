"""The iteratively regularised Gauss–Newton method: its step, its start, complex signals, what it refuses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit.contracts.noise import Gaussian
from invkit.errors import InputError
from invkit.solving import Candidates
from invkit_newton.irgnm import IRGNM, Linearised

seeds = st.integers(0, 1000)


def problem(dtype: torch.dtype, weights: Tensor | None = None) -> invkit.Problem:
    """Products entry by entry: three smooth gains, one image."""
    field = "complex" if dtype.is_complex else "real"
    priors = (
        invkit.prior("sobolev?scale=2,order=3,shape=3x3x4"),
        invkit.prior(f"identity?shape=1x3x4,field={field}"),
    )
    return invkit.Problem(invkit.operator("pointwise"), priors, noise=Gaussian(weights))


def noise(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def drawn(seed: int, dtype: torch.dtype, n: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Latents of both signals, and measurements that are not theirs."""
    h, m, y = (
        noise((n, *shape), seed + k, dtype) for k, shape in enumerate([(3, 3, 4), (1, 3, 4), (3, 3, 4)])
    )
    return h, m, y


@settings(max_examples=6)
@given(seed=seeds, dtype=st.sampled_from([torch.float64, torch.complex128]), weighted=st.booleans())
def test_the_derivative_and_its_adjoint(seed: int, dtype: torch.dtype, weighted: bool) -> None:
    weights = noise((3, 3, 4), seed + 7, torch.float64).abs() if weighted else None
    bound, y = problem(dtype, weights).bound(drawn(seed, dtype)[2])
    h, m, _ = drawn(seed, dtype)
    linear = Linearised(bound, y, h, m)
    change = noise(tuple(linear.flat(h, m).shape), seed + 3, torch.float64)
    dh, dm = linear.latents(change)
    assert torch.equal(linear.flat(dh, dm), change)
    step = 1e-6
    root = 1.0 if weights is None else weights.sqrt()

    def measured(t: float) -> Tensor:
        return root * bound.operator(*bound.signals(h + t * dh, m + t * dm))

    torch.testing.assert_close(
        linear(change), (measured(step) - measured(-step)) / (2 * step), atol=1e-7, rtol=1e-7
    )
    torch.testing.assert_close(linear.residual, root * y - measured(0.0))
    r = noise(tuple(y.shape), seed + 4, dtype)
    ours = (r.conj() * linear(change)).real.flatten(1).sum(1)
    torch.testing.assert_close(ours, (linear.adjoint(r) * change).sum(1))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_step_is_that_of_the_normal_equations(seed: int) -> None:
    """``(JᵀJ + αI) d = Jᵀr + α(u₀ − u)``, written out."""
    h, m, y = drawn(seed, torch.float64, n=1)
    bound = problem(torch.float64)
    solver = IRGNM(steps=1, alpha=0.3, inner=150, tolerance=0.0)
    c = Candidates(bound, y, h[None], m[None])
    away = noise((1, 48), seed + 5, torch.float64)
    c.memory |= {"level": torch.ones(1).double(), "h": c.h + away[:, :36].reshape(h.shape)}
    c.memory["m"] = c.m + away[:, 36:].reshape(m.shape)
    linear = Linearised(bound, y, h, m)
    columns = torch.stack([linear(unit[None])[0].flatten() for unit in torch.eye(48).double()], 1)
    normal = columns.T @ columns + 0.3 * torch.eye(48).double()
    right = columns.T @ linear.residual.flatten() + 0.3 * away[0]
    solver._step(c, 0)
    expected = torch.linalg.solve(normal, right)
    torch.testing.assert_close(linear.flat(c.h - h, c.m - m)[0], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_it_explains_what_it_can_and_scales_with_the_measurement(dtype: torch.dtype) -> None:
    h, m, _ = drawn(3, dtype, n=1)
    w, x = problem(dtype).signals(h, 3 + m)
    solve = invkit.compose(
        "pointwise", w="sobolev?scale=2,order=3", x="identity?shape=1x3x4", solver="irgnm?steps=25,inner=60"
    )
    y = (w * x)[0]
    solution = solve(y)
    assert solution.residual < 1e-6 * y.abs().square().sum()
    larger = solve(100 * y)
    torch.testing.assert_close(larger.x, 10 * solution.x, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(larger.w, 10 * solution.w, rtol=1e-6, atol=1e-8)


def test_more_steps_follow_the_measurement_more() -> None:
    h, m, noisy = drawn(0, torch.float64)
    w, x = problem(torch.float64).signals(h, 3 + m)
    y = (w * x + 0.1 * noisy)[0]
    found = [
        invkit.compose("pointwise", w="sobolev?scale=2,order=3", x="identity?shape=1x3x4", solver=each)(y)
        for each in ("irgnm?steps=1", "irgnm?steps=4", "irgnm?steps=12")
    ]
    first, second, third = (float(each.residual) for each in found)
    assert first > second > third


def test_parallel_mri_by_the_algebra() -> None:
    """Coils and image from every second row of k-space and its middle: better than zeros elsewhere."""
    rng = torch.Generator().manual_seed(0)
    coils = invkit.prior("sobolev?scale=6,order=16,shape=4x24x24")
    w = coils(coils.sample_latent(1, rng, dtype=torch.complex128))
    w = w / w.norm(dim=1, keepdim=True)
    x = torch.zeros(1, 1, 24, 24).double()
    x[..., 4:20, 6:18], x[..., 8:12, 8:16] = 0.5, 1.0
    sampled = torch.zeros(24, 24)
    sampled[::2], sampled[8:16, :] = 1, 1
    transform = invkit.linear("dft?centred=true")
    acquire = invkit.diagonal(sampled[None]) @ transform @ invkit.operator("pointwise")
    y = acquire(w, x.to(w))[0]
    solution = invkit.compose(
        acquire, w="sobolev?scale=6,order=16", x="identity?shape=1x24x24", solver="irgnm"
    )(y)
    found = solution.x[0].abs() * solution.w.norm(dim=0)
    filled = transform.adjoint(y[None])[0].norm(dim=0)

    def error(image: Tensor) -> float:
        return float((image - x[0, 0]).norm() / x.norm())

    assert error(found) < 0.3 * error(filled)


def test_every_scan_keeps_its_own_mask() -> None:
    rng = torch.Generator().manual_seed(0)
    masks = (torch.rand(2, 1, 3, 4, generator=rng) > 0.3).double()
    y = masks * noise((2, 3, 3, 4), 1, torch.complex128)

    def solve(masks: Tensor, y: Tensor) -> Tensor:
        acquire = invkit.diagonal(masks, each=True) @ invkit.linear("dft") @ invkit.operator("pointwise")
        options = {"w": "sobolev?scale=2,order=3", "x": "identity?shape=1x3x4", "solver": "irgnm?steps=3"}
        return invkit.compose(acquire, **options)(y).x

    alone = [solve(masks[k : k + 1], y[k : k + 1]) for k in range(2)]
    torch.testing.assert_close(solve(masks, y), torch.cat(alone))


def test_a_given_signal_stays_and_penalties_have_no_part() -> None:
    y = drawn(0, torch.float64)[2][0]
    given = noise((3, 3, 4), 9, torch.float64)
    solution = invkit.compose("pointwise", w=invkit.Given(given), x="identity?shape=1x3x4", solver="irgnm")(y)
    assert torch.equal(solution.w, given)


def test_other_noise_is_refused() -> None:
    with pytest.raises(InputError, match="irgnm minimises a squared residual") as caught:
        invkit.compose("pointwise", w="sobolev", x="identity", solver="irgnm", noise="robust")(
            torch.ones(1, 4, 4)
        )
    assert "altgd" in caught.value.hint


@pytest.mark.parametrize("options", ["steps=0", "alpha=0", "decay=1", "decay=0", "inner=0", "tolerance=-1"])
def test_bad_options_are_refused(options: str) -> None:
    with pytest.raises(invkit.InvkitError):
        invkit.solver(f"irgnm?{options}")
