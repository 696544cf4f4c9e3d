"""The benchmark of problems runs, and its peers solve what they are made for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import problems
from benchmarks._alternating import cross_relation, spectral_als


@pytest.mark.parametrize("name", problems.RANDOM)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_peers_tensor_is_our_operator(name: str, dtype: torch.dtype) -> None:
    operator, w, x, tensor = problems.RANDOM[name](1.5, torch.Generator().manual_seed(0), dtype)
    made = np.einsum("slkn,sk,sn->l", tensor, w[0].numpy(), x[0].numpy())
    np.testing.assert_allclose(operator(w, x).flatten().numpy(), made, rtol=1e-10, atol=1e-10)


def test_alternating_least_squares_solve_an_easy_problem() -> None:
    operator, w, x, tensor = problems.calibration(4.0, torch.Generator().manual_seed(0), torch.float64)
    h, m = spectral_als(tensor, operator(w, x).flatten().numpy(), starts=5)
    assert problems.recovered(torch.from_numpy(h)[None], torch.from_numpy(m)[None], w, x)


def test_the_cross_relation_is_exact_without_noise() -> None:
    rng = np.random.default_rng(0)
    h, source = rng.standard_normal((3, 4)), rng.standard_normal(40)
    y = np.stack([np.convolve(each, source, "valid") for each in h])
    found = cross_relation(y, 4)
    np.testing.assert_allclose(found * (found * h).sum(), h, atol=1e-8)


def test_it_counts_and_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "RATIOS", (2.0,))
    monkeypatch.setattr(problems, "LENGTHS", (16,))
    result = CliRunner().invoke(
        problems.main,
        ["--trials", "1", "--only", "demixing", "--only", "retrieval", "--only", "receivers", "--json"],
    )
    assert result.exit_code == 0, result.output
    real, complex_, retrieval, receivers = json.loads(result.stdout)
    assert retrieval["recovered, %"]["complex, 4 x 16 measurements"] == 100
    for report in (real, complex_):
        assert report["recovered, %"]["lm, L = 2.0 unknowns"] == 100
    assert receivers["median relative error of the channels, 30 dB"]["lm"] < 0.1


def test_an_unknown_problem_is_refused() -> None:
    result = CliRunner().invoke(problems.main, ["--only", "deblurring"])
    assert result.exit_code != 0 and "known: channel" in result.output
