"""``invkit bench phase``: how many measurements a blind deconvolution in subspaces takes, solver by solver.

    invkit bench phase --images 50 --methods real/lm,real/als

    y = w ∗ x (circular),   w = the first K = 20 entries of L,   x = C m with Gaussian C (L × 20), N = 20

All of h, m and C are drawn from N(0, 1), real or complex, anew for each trial. A trial is a success where the
relative error of ``w xᵀ`` is below 1 %. Each trial is solved at every ratio L/(K + N), by all methods from
the same numbers. Solvers have their default options. Times are those of the CPU.

``lm-robust`` is tried at 3 (K + N) alone: a quarter of the entries are replaced by Gaussian numbers of five
times their root mean square. It is ``lm`` with 400 starts, and the noise model is ``robust`` with a power of
0.5. Its residual is that to the entries before.

Peers: ``numpy``, a straightforward spectral start and alternating least squares of one start, with numpy
alone; ``pyproximal``, that package's PALM from the same spectral start, where it is installed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import attrs
import numpy as np
import torch
from torch import Tensor

import invkit
from invkit.records import versions, written
from invkit_experiments.engine.benchmark import FORMAT, Benchmark, Settings
from invkit_experiments.engine.solve import hurried, uninterrupted
from invkit_experiments.output.curves import Curves
from invkit_experiments.output.tables import Column, Row
from invkit_experiments.studies.phase_peers import alternating, lifted, palm, pyproximal

__all__ = ["PHASE", "deconvolution", "spoiled"]

OPERATOR = "circconv?dims=1"
CASES = {"real": torch.float64, "complex": torch.complex128}
RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0)
SIZE = 20
SUCCESS = 0.01

ROBUST, ROBUST_SOLVER, ROBUST_NOISE = "lm-robust", "lm?restarts=400", "robust?delta=0.03,power=0.5"
WRONG, GROSS = 0.25, 5.0
"""The fraction of entries that are wrong, and their size over that of the sound ones."""

PEER_STEPS = {"numpy": 1000, "pyproximal": 3000}

SOLVERS = {
    "lm": "Levenberg–Marquardt with variable projection, 20 spectral starts",
    ROBUST: f"the same with 400 starts, noise={ROBUST_NOISE}, a quarter of the entries grossly wrong",
    "als": "alternating least squares, 10 spectral starts",
    "palm": "inertial PALM, 10 spectral starts",
    "altgd": "alternating gradient descent on the latents, 64 random starts, successive halving",
}
PEERS = {
    "numpy": "peer: spectral start and alternating least squares, numpy alone, one start",
    "pyproximal": "peer: pyproximal's PALM from the same spectral start",
}


@attrs.frozen(eq=False)
class Trial:
    """One problem: the priors, the bases of both signals, the truth and the measurement, of batch 1."""

    priors: tuple[invkit.Generator, invkit.Generator]
    basis: Tensor
    w: Tensor
    x: Tensor
    y: Tensor


def deconvolution(length: int, seed: int, dtype: torch.dtype, size: int = SIZE) -> Trial:
    """A short filter ∗ a signal in a Gaussian subspace.

    Args:
        length: L, of the measurement.
        seed: of the trial's own random stream.
        dtype: real or complex.
        size: K and N.
    """
    rng = torch.Generator().manual_seed(seed)
    basis = torch.randn(size, 1, length, generator=rng, dtype=dtype)
    h, m = torch.randn(2, 1, size, generator=rng, dtype=dtype)
    priors = _subspace(torch.eye(size, length, dtype=dtype)[:, None]), _subspace(basis)
    w, x = priors[0](h), priors[1](m)
    return Trial(priors, basis, w, x, invkit.operator(OPERATOR)(w, x))


def spoiled(y: Tensor, seed: int) -> Tensor:
    """The measurement, a quarter of its entries grossly wrong."""
    rng = torch.Generator().manual_seed(seed)
    wrong = torch.randperm(y.numel(), generator=rng)[: round(WRONG * y.numel())]
    size = GROSS * y.abs().square().mean().sqrt()
    drawn = size * torch.randn(len(wrong), generator=rng, dtype=y.dtype)
    return y.flatten().index_copy(0, wrong, drawn).reshape(y.shape)


def _subspace(basis: Tensor) -> invkit.Generator:
    """The prior of a basis, by its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "basis.npy"
        np.save(path, basis.numpy())
        return invkit.prior(f"subspace:{quote(str(path))}")


@attrs.frozen(kw_only=True)
class Phase(Benchmark):
    """Success over the ratio L/(K + N), trial by trial."""

    heads: ClassVar[tuple[Column, ...]] = (
        Column("case", "numbers"),
        Column("method", "method"),
        Column("trials", "trials", "d"),
    )
    draws_bars: ClassVar[bool] = False

    @property
    def methods(self) -> Mapping[str, str]:
        return {f"{case}/{name}": what for case in CASES for name, what in {**SOLVERS, **PEERS}.items()}

    def identity(self, row: str, settings: Settings) -> Mapping[str, Any]:
        _, _, name = row.partition("/")
        own: Mapping[str, Any]
        if name in SOLVERS:
            own = {"solver": written("solver", _solver(name, settings), strict=True), "versions": versions()}
            if name == ROBUST:
                own = {**own, "noise": ROBUST_NOISE, "wrong": [WRONG, GROSS]}
        else:
            own = {"peer": name, "steps": _steps(name, settings)}
            if name == "pyproximal":
                pyproximal()
                own = {**own, "version": version(name)}
        ratios = list(_ratios(name, settings))
        return {"format": FORMAT, "experiment": self.name, "row": row, "ratios": ratios, **own}

    def size(self, row: str, settings: Settings) -> int:
        return settings.count

    def place(self, row: str, index: int, settings: Settings) -> tuple[str, str, Mapping[str, Any]]:
        seed = settings.seed + index
        return f"{self.name}/{row.partition('/')[0]}", f"{row.partition('/')[2]}-{index:03d}", {"seed": seed}

    def measure(self, row: str, index: int, settings: Settings) -> dict[str, Any]:
        case, _, name = row.partition("/")
        solve = partial(_solved, name, settings) if name in SOLVERS else partial(_peer, name, settings)
        record, began = {}, time.perf_counter()
        for ratio in _ratios(name, settings):
            trial = deconvolution(round(2 * SIZE * ratio), settings.seed + index, CASES[case])
            spent = time.process_time()
            w, x = solve(trial, settings.seed + index)
            spent = time.process_time() - spent
            left = trial.y - invkit.operator(OPERATOR)(w, x)
            record[f"{ratio:g}"] = {
                "error": _outer_error(w, x, trial),
                "residual": float(left.abs().square().sum().sqrt() / trial.y.abs().square().sum().sqrt()),
                "cpu": spent,
            }
        return {"trial": record, "seconds": time.perf_counter() - began}

    def row(self, row: str, identity: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Row:
        case, _, name = row.partition("/")
        made: dict[str, Any] = {"case": case, "method": name, "trials": len(records)}
        good = []
        for ratio in identity["ratios"]:
            trials = [each["trial"][f"{ratio:g}"] for each in records]
            right = [each for each in trials if each["error"] < SUCCESS]
            made[f"at_{ratio:g}"] = len(right) / len(trials)
            made[f"cpu_{ratio:g}"] = sum(each["cpu"] for each in trials) / len(trials)
            good += right
        made["cpu"] = sum(made[f"cpu_{ratio:g}"] for ratio in identity["ratios"]) / len(identity["ratios"])
        made["residual"] = max((each["residual"] for each in good), default=None)
        return {**made, "settings": {key: identity[key] for key in ("solver", "steps") if key in identity}}

    def curves(self, rows: Sequence[Row]) -> Mapping[str, Curves]:
        """One picture for real and one for complex numbers."""
        found = {}
        for case in dict.fromkeys(row["case"] for row in rows):
            lines = {
                row["method"]: [(ratio, row[f"at_{ratio:g}"]) for ratio in RATIOS if f"at_{ratio:g}" in row]
                for row in rows
                if row["case"] == case and row["method"] != ROBUST
            }
            found[case] = Curves("L / (K + N)", lines, f"success rate, {case} numbers, K = N = {SIZE}")
        return found


def _solved(name: str, settings: Settings, trial: Trial, seed: int) -> tuple[Tensor, Tensor]:
    solver, y, noise = _solver(name, settings), trial.y, "gaussian"
    if name == ROBUST:
        y, noise = spoiled(y, seed), ROBUST_NOISE
    pipeline = invkit.compose(OPERATOR, trial.priors, solver, seed, noise=noise)
    solution = uninterrupted(pipeline(y, monitors=[]))
    return solution.w, solution.x


def _peer(name: str, settings: Settings, trial: Trial, seed: int) -> tuple[Tensor, Tensor]:
    method = palm if name == "pyproximal" else alternating
    tensor = lifted(trial.basis[:, 0].numpy(), SIZE)
    h, m = method(tensor, trial.y[0, 0].numpy(), _steps(name, settings))
    w, x = (prior(torch.from_numpy(each)[None]) for prior, each in zip(trial.priors, (h, m), strict=True))
    return w, x


def _solver(name: str, settings: Settings) -> invkit.Solver:
    return hurried(invkit.solver(ROBUST_SOLVER if name == ROBUST else name), settings)


def _steps(name: str, settings: Settings) -> int:
    return settings.steps or PEER_STEPS[name]


def _ratios(name: str, settings: Settings) -> tuple[float, ...]:
    """All of them; two for a quick look."""
    if name == ROBUST:
        return RATIOS[-1:]
    return RATIOS if settings.steps is None else RATIOS[-2:]


def _outer_error(w: Tensor, x: Tensor, trial: Trial) -> float:
    """The relative error of ``w xᵀ``."""
    found, true = (a.flatten()[:, None] * b.flatten() for a, b in ((w, x), (trial.w, trial.x)))
    return float((found - true).norm() / true.norm())


PHASE = Phase(
    name="phase",
    count=50,
    columns=(
        *(Column(f"at_{ratio:g}", f"{ratio:g}", ".0%") for ratio in RATIOS),
        Column("cpu", "CPU seconds a problem", ".3f"),
        Column("residual", "largest relative residual of a success", ".0e"),
    ),
)
"""Blind deconvolution in random subspaces, real and complex."""
