"""How well are hyperspectral scenes unmixed? Ours, VCA + FCLS, scikit-learn's NMF, the true endmembers.

    pip install "scikit-learn>=1.5"             # the peer; without it its rows are left out
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing                     # Jasper Ridge
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --scene samson
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --missing 0.3       # ours alone accepts that
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --pixels 0.5        # each seed has another half of the pixels

Spectral angle in radians, in the best order of the endmembers, and the root mean square error of the
abundances (`invkit.metrics`), means over the seeds; seconds of CPU time of all ways side by side. `purest` and
`ice` draw nothing: their seeds differ in the entries or pixels that are left out alone. The settings of ours
are the defaults, which were chosen on Samson; Jasper Ridge's truth was used for nothing but these figures.

The scenes are `unmixing/Jasper.mat` and `Samson.mat` in the data folder: `Y` bands × pixels in Fortran's
order, `GT` endmembers × bands in a unit each, `S_GT` rows × columns × endmembers. The true abundances are those
of endmembers scaled to the maximum 1, by non-negative least squares divided by their sum; that makes Samson's
fit (its residual of 31 % is due to the brightness of the pixels).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import click
import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray

import invkit
from benchmarks._measuring import Report, reported
from invkit.contracts.dataset import data_folder
from invkit.metrics import abundance_rmse, spectral_angle

Array = NDArray[np.float64]
Factors = tuple[Array, Array]
Way = Callable[[Array, int], Factors]

FILES = {"jasper": "Jasper.mat", "samson": "Samson.mat"}


def scene(name: str) -> tuple[Array, Factors]:
    """The pixels (bands, pixels), their maximum 1, and the true endmembers and abundances."""
    found = scipy.io.loadmat(data_folder("unmixing") / FILES[name])
    y = found["Y"].astype(np.float64)
    w = found["GT"].astype(np.float64).T
    x = found["S_GT"].reshape(-1, w.shape[1], order="F").T
    return y / y.max(), (w, np.ascontiguousarray(x))


def unmixed(rank: int, solver: list[str], x: str = "nonnegative", noise: str = "gaussian?missing=nan") -> Way:
    """A way of ours."""

    def way(y: Array, seed: int) -> Factors:
        unmix = invkit.compose(
            f"matmul?rank={rank}", w="nonnegative", x=x, solver=solver, noise=noise, seed=seed
        )
        solution = unmix(y)
        return solution.w, solution.x

    return way


def true_endmembers(w: Array, x: str) -> Way:
    """Abundances by least squares of the true endmembers."""

    def way(y: Array, seed: int) -> Factors:
        prior = invkit.prior(x).shaped((1, w.shape[1], y.shape[1]))
        from invkit_unmixing.scenes import abundances

        known, pixels = torch.from_numpy(w), torch.from_numpy(y)
        return w, abundances(known.T @ known, known.T @ pixels, prior, steps=1000).numpy()

    return way


def peers(rank: int) -> dict[str, Way]:
    """scikit-learn's ways, where it is installed."""
    try:
        from sklearn.decomposition import NMF
    except ImportError:
        click.echo('scikit-learn is not installed: pip install "scikit-learn>=1.5"', err=True)
        return {}

    def factorised(normalised: bool) -> Way:
        def way(y: Array, seed: int) -> Factors:
            model = NMF(rank, init="random", random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                x = model.fit_transform((y / y.mean(0) if normalised else y).T).T
            return model.components_.T, x

        return way

    return {
        "scikit-learn NMF": factorised(False),
        "scikit-learn NMF, pixels of unit mean": factorised(True),
    }


@reported
@click.option("--scene", "name", type=click.Choice(list(FILES)), default="jasper", show_default=True)
@click.option("--seeds", default=10, show_default=True)
@click.option("--missing", default=0.0, show_default=True, help="Fraction of the entries left out.")
@click.option("--pixels", default=1.0, show_default=True, help="Fraction of the pixels taken.")
def main(name: str, seeds: int, missing: float, pixels: float) -> Report:
    """Unmix a scene in several ways; angles, errors of abundances and CPU time."""
    y, (w_true, x_true) = scene(name)
    rank = w_true.shape[1]
    ways: dict[str, Way] = {
        "ours: purest, ice": unmixed(rank, ["purest", "ice"]),
        "purest alone": unmixed(rank, ["purest"]),
    }
    if not missing:
        affine = unmixed(rank, ["vca?projection=affine"], "fractions")
        ways |= {"VCA + FCLS": unmixed(rank, ["vca"], "fractions"), "VCA (affine) + FCLS": affine}
        ways |= {
            "true endmembers, FCLS": true_endmembers(w_true, "fractions"),
            "true endmembers, of maximum 1, NNLS": true_endmembers(w_true / w_true.max(0), "nonnegative"),
        }
        ways |= peers(rank)
    figures: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.permutation(y.shape[1])[: round(pixels * y.shape[1])])
        some = y[:, kept].copy()
        some[rng.random(some.shape) < missing] = np.nan
        for way, run in ways.items():
            if seed and pixels == 1 and not missing and way.startswith(("true", "ours", "purest")):
                if way.startswith("ours"):  # again, for its time
                    began = time.process_time()
                    run(some, seed)
                    figures[way].append((*figures[way][0][:2], time.process_time() - began))
                continue
            began = time.process_time()
            found = run(some, seed)
            took = time.process_time() - began
            truth = (w_true, np.ascontiguousarray(x_true[:, kept]))
            figures[way].append((float(spectral_angle(found[0], w_true)), float(abundance_rmse(found, truth)), took))
    report: dict[str, object] = {"scene": name, "seeds": seeds, "missing": missing, "pixels": pixels}
    for way, rows in figures.items():
        angle, rmse, took = np.array(rows).mean(0)
        worst = np.array(rows).max(0)
        report[way] = {
            "spectral angle": float(angle),
            "largest": float(worst[0]),
            "abundance RMSE": float(rmse),
            "CPU s": float(took),
        }
    if "scikit-learn NMF" in figures:
        times = {way: float(np.array(rows)[:, 2].mean()) for way, rows in figures.items()}
        report["time of ours / scikit-learn's"] = times["ours: purest, ice"] / times["scikit-learn NMF"]
    return report


if __name__ == "__main__":
    main()
