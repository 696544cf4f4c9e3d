"""How well are hyperspectral scenes unmixed? Ours, VCA + FCLS, scikit-learn's NMF, the true endmembers.

    pip install "scikit-learn>=1.5"             # the peer; without it its rows are left out
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing                     # Jasper Ridge
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --scene samson
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --missing 0.3       # ours alone accepts that
    OMP_NUM_THREADS=1 python -m benchmarks.unmixing --pixels 0.5        # another half for each seed

Spectral angle, in the best order of the endmembers, and root mean square error of the abundances
(`invkit.metrics`), means over the seeds; seconds of CPU time of all ways side by side. The error is given
twice: of fractions of endmembers rescaled to the maximum 1, as the truth is defined, and of fractions as
each way has them. `purest` and `ice` draw nothing, so without `--missing` and `--pixels` their seeds are
all alike.

The settings of ours are the defaults, and their weight was chosen on Samson. The method itself was designed
with the figures of both scenes in view: robust norms, the weight by brightness and the choice among more
candidates than endmembers are there because Jasper Ridge defeats what does without them.

The scenes are `unmixing/Jasper.mat` and `Samson.mat` in the data folder: `Y` bands × pixels in Fortran's
order, `GT` endmembers × bands in a unit each, `S_GT` rows × columns × endmembers. The true abundances are
those of endmembers scaled to the maximum 1, by non-negative least squares divided by their sum; that makes
Samson's fit (its residual of 31 % is due to the brightness of the pixels).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment

import invkit
from benchmarks._measuring import Report, reported
from invkit.contracts.dataset import data_folder
from invkit.files.mat import read_mat
from invkit.metrics import abundance_rmse, spectral_angle
from invkit_unmixing.scenes import abundances

Array = NDArray[np.float64]
Factors = tuple[Array, Array]
Way = Callable[[Array, int], Factors]

OURS, NMF_ROW = ["purest", "ice"], "scikit-learn NMF"
FILES = {"jasper": "Jasper.mat", "samson": "Samson.mat"}


def scene(name: str) -> tuple[Array, Factors]:
    """The pixels (bands, pixels), their maximum 1, and the true endmembers and abundances."""
    found = read_mat(data_folder("unmixing") / FILES[name], ["Y", "GT", "S_GT"])
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
        NMF_ROW: factorised(False),
        f"{NMF_ROW}, pixels of unit mean": factorised(True),
    }


@reported
@click.option("--scene", "name", type=click.Choice(list(FILES)), default="jasper", show_default=True)
@click.option("--seeds", default=10, show_default=True)
@click.option("--missing", default=0.0, show_default=True, help="Fraction of the entries left out.")
@click.option("--pixels", default=1.0, show_default=True, help="Fraction of the pixels taken.")
@click.option("--picture", type=click.Path(dir_okay=False), help="Save maps: above true ones, below ours.")
def main(name: str, seeds: int, missing: float, pixels: float, picture: str | None) -> Report:
    """Unmix a scene in several ways; angles, errors of abundances and CPU time."""
    y, (w_true, x_true) = scene(name)
    rank = w_true.shape[1]
    ways: dict[str, Way] = {
        "ours: purest, ice": unmixed(rank, OURS),
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
    figures: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.permutation(y.shape[1])[: round(pixels * y.shape[1])])
        some = y[:, kept].copy()
        some[rng.random(some.shape) < missing] = np.nan
        truth = (w_true, np.ascontiguousarray(x_true[:, kept]))
        for way, run in ways.items():
            began = time.process_time()
            w, x = run(some, seed)
            took = time.process_time() - began
            found = (spectral_angle(w, w_true), abundance_rmse((w, x), truth))
            plain = abundance_rmse((w / w.max(0).clip(1e-12), x), truth)
            figures[way].append((*map(float, (*found, plain)), took))
        if picture and not seed:
            save_maps(picture, *unmixed(rank, OURS)(y, seed), w_true, x_true)
    report: dict[str, object] = {"scene": name, "seeds": seeds, "missing": missing, "pixels": pixels}
    for way, rows in figures.items():
        (angle, rmse, plain, took), worst = np.array(rows).mean(0), np.array(rows).max(0)
        report[way] = {
            "spectral angle, mrad": float(1e3 * angle),
            "spectral angle, mrad, largest": float(1e3 * worst[0]),
            "abundance RMSE, %": float(100 * rmse),
            "abundance RMSE, %, largest": float(100 * worst[1]),
            "abundance RMSE, %, endmembers not rescaled": float(100 * plain),
            "CPU s": float(took),
        }
    if NMF_ROW in figures:
        times = {way: float(np.array(rows)[:, 3].mean()) for way, rows in figures.items()}
        report["time of ours / scikit-learn's"] = times["ours: purest, ice"] / times[NMF_ROW]
    return report


def save_maps(path: str, w: Array, x: Array, w_true: Array, x_true: Array) -> None:
    """The fractions as maps, above them the true ones."""
    units = [each / np.linalg.norm(each, axis=0) for each in (w_true, w)]
    amounts = x * w.max(0)[:, None]
    ours = (amounts / amounts.sum(0))[linear_sum_assignment(-units[0].T @ units[1])[1]]
    side = round(x.shape[1] ** 0.5)
    rows = [np.concatenate([m.reshape(side, side).T for m in maps], 1) for maps in (x_true, ours)]
    Image.fromarray(np.uint8(255 * np.concatenate(rows).clip(0, 1))).save(path)


if __name__ == "__main__":
    main()
