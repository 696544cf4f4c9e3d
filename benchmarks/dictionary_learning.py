"""How many atoms of a known dictionary are found, and how fast? `palm` beside scikit-learn.

    pip install "scikit-learn>=1.5"             # the peer; without it its rows are left out
    OMP_NUM_THREADS=1 python -m benchmarks.dictionary_learning

The problem is that of the K-SVD paper (M. Aharon, M. Elad and A. Bruckstein, IEEE Trans. Signal Processing
54, 2006), as in examples/dictionary_learning.py: 1500 signals of 20 numbers, each of 3 of 50 atoms, 5 %
noise. An atom is found where its correlation with one of the atoms learned is above 0.99. All minimise the
same objective, ``‖Y − D X‖² + λ Σ |x|``; λ is 0.1, twice scikit-learn's alpha.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import invkit
from benchmarks._measuring import Report, reported

Array = NDArray[np.float64]
Factors = tuple[Array, Array]
Way = Callable[[Array, int], Factors]

ROWS, ATOMS, SIGNALS, SPARSE, NOISE, WEIGHT = 20, 50, 1500, 3, 0.05, 0.1


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Signals and the dictionary that they are made of."""
    rng = torch.Generator().manual_seed(seed)
    d = torch.randn(ROWS, ATOMS, generator=rng, dtype=torch.float64)
    d = d / d.norm(dim=0)
    places = torch.rand(ATOMS, SIGNALS, generator=rng).argsort(0)[:SPARSE]
    values = torch.randn(SPARSE, SIGNALS, generator=rng, dtype=torch.float64)
    y = d @ torch.zeros(ATOMS, SIGNALS, dtype=torch.float64).scatter(0, places, values)
    return y + NOISE * y.std() * torch.randn(y.shape, generator=rng, dtype=torch.float64), d


def ours(y: Array, seed: int) -> Factors:
    """By `palm`, the best of four random starts."""
    solver = f"palm?restarts=4,steps=300,weight_x={WEIGHT}"
    learn = invkit.compose(
        f"matmul?rank={ATOMS}", w="atoms", x="identity?penalty=l1", solver=solver, seed=seed
    )
    solution = learn(y)
    return solution.w, solution.x


def peers() -> dict[str, Way]:
    """scikit-learn's way, where it is installed."""
    try:
        from sklearn.decomposition import DictionaryLearning
    except ImportError:
        click.echo('scikit-learn is not installed: pip install "scikit-learn>=1.5"', err=True)
        return {}

    def learnt(y: Array, seed: int) -> Factors:
        options = {"fit_algorithm": "cd", "transform_algorithm": "lasso_cd", "max_iter": 100}
        model = DictionaryLearning(ATOMS, alpha=WEIGHT / 2, random_state=seed, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = model.fit_transform(y.T).T
        return model.components_.T, x

    return {"scikit-learn DictionaryLearning": learnt}


def figures(y: Array, d: Array, found: Factors) -> tuple[float, float]:
    """The fraction of the atoms that are found, and the objective."""
    w, x = found
    units = w / np.linalg.norm(w, axis=0).clip(1e-12)
    cost = float(np.square(y - w @ x).sum() + WEIGHT * np.abs(x).sum())
    return float((np.abs(d.T @ units).max(1) > 0.99).mean()), cost


@reported
@click.option("--seeds", default=5, show_default=True)
def main(seeds: int) -> Report:
    """Learn known dictionaries; means over the seeds."""
    ways: dict[str, Way] = {"ours: palm": ours, **peers()}
    rows: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for seed in range(seeds):
        y, d = (each.numpy() for each in drawn(seed))
        for way, run in ways.items():
            began = time.process_time()
            found = run(y, seed)
            rows[way].append((*figures(y, d, found), time.process_time() - began))
    report: dict[str, object] = {"seeds": seeds}
    for way, values in rows.items():
        atoms, cost, took = np.array(values).mean(0)
        report[way] = {"atoms found": float(atoms), "objective": float(cost), "CPU s": float(took)}
    if len(ways) > 1:
        ours_took, theirs = (np.array(rows[way])[:, 2].mean() for way in ways)
        report["time of ours / scikit-learn's"] = float(ours_took / theirs)
    return report


if __name__ == "__main__":
    main()
