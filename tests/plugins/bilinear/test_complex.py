"""The generic solvers with complex numbers, with both fields at once, and with tied unknowns."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import Problem
from tests.plugins.bilinear.problems import deconvolution, outer_error

every = pytest.mark.parametrize("spec", ["lm?restarts=4", "als?restarts=4", "palm?restarts=2"])


def solved(spec: str, problem: Problem, y: Tensor, **more) -> invkit.Solution:
    return invkit.solver(spec).solve(problem, y, torch.Generator().manual_seed(0), **more)


@every
@pytest.mark.parametrize("written_out", [True, False])
def test_complex_subspaces_are_recovered(
    spec: str, written_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invkit_bilinear.lifted import Lifted

    if not written_out:
        monkeypatch.setattr(Lifted, "of", lambda c: None)
    problem, y, w, x = deconvolution(length=32, size=3, dtype=torch.complex128)
    solution = solved(spec, problem, y)
    assert outer_error(solution, w, x) < 1e-6
    assert not solution.residual.is_complex() and solution.residual < 1e-16 * y.abs().square().sum()


@every
@pytest.mark.parametrize("written_out", [True, False])
def test_a_real_and_a_complex_unknown(spec: str, written_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from invkit_bilinear.lifted import Lifted

    if not written_out:
        monkeypatch.setattr(Lifted, "of", lambda c: None)
    problem, _, _, x = deconvolution(length=32, size=3, dtype=torch.complex128)
    real, _, w, _ = deconvolution(length=32, size=3)
    field = type(real.priors[0])(torch.eye(3, 32, dtype=torch.float64)[:, None], field="real")
    problem = attrs.evolve(problem, priors=(field, problem.priors[1]))
    y = problem.operator(w + 0j, x)
    solution = solved(spec, problem, y)
    assert not solution.w.is_complex() and solution.x.is_complex()
    assert outer_error(solution, w, x) < 1e-6


def test_phase_retrieval_of_real_measurements_by_a_complex_signal() -> None:
    rng = torch.Generator().manual_seed(1)
    sensing = torch.randn(64, 16, generator=rng, dtype=torch.complex128)
    x = torch.randn(1, 1, 16, generator=rng, dtype=torch.complex128)
    maps = (invkit.from_matrix(sensing.conj()), invkit.from_matrix(sensing))
    operator = invkit.operator("pointwise?dims=1") @ maps
    y = (x[0] @ sensing.T).abs().square()[None]
    for solver in ("lm", "altgd?steps=500,restarts=16,weight_x=0,anneal=1"):
        priors = ("tied?conjugate=true", "identity?field=complex")
        found = invkit.compose(operator, priors, solver)(y).x
        overlap = (found.conj() * x).sum().abs() / (found.norm() * x.norm())
        assert overlap > 1 - 1e-5


@pytest.mark.parametrize(("dtype", "ratio"), [(torch.float64, 3), (torch.complex128, 4)])
def test_phase_retrieval_as_the_tied_case(dtype: torch.dtype, ratio: int) -> None:
    n = 16
    rng = torch.Generator().manual_seed(0)
    matrix = torch.randn(ratio * n, n, generator=rng, dtype=dtype)
    x = torch.randn(1, 1, n, generator=rng, dtype=dtype)
    shapes = {"input_shape": (1, n), "output_shape": (1, ratio * n)}
    maps = [invkit.from_matrix(each, **shapes) for each in (matrix.conj().resolve_conj(), matrix)]
    operator = invkit.operator("pointwise?dims=1") @ (maps[0], maps[1])
    y = (x @ matrix.T).abs().square().to(dtype)
    pipeline = invkit.compose(operator, w="tied?conjugate=true", x=f"identity?shape=1x{n}", solver="lm")
    found = pipeline(y).x
    turned = found * torch.sgn((found.conj() * x).sum())
    torch.testing.assert_close(turned, x, rtol=1e-6, atol=1e-6)
