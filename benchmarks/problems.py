"""Other bilinear problems than deblurring, and the ways people solve them now, in one run.

    python -m benchmarks.problems                             # all but those of pictures: minutes
    python -m benchmarks.problems --only frames --pictures 4  # needs INVKIT_DATA/asim2020

`channel`, `calibration` and `demixing` count successes, a relative error of w xᵀ below 1 %, over the number L
of measurements that there are for each unknown; beside them alternating least squares from spectral starts,
in NumPy, with 20 starts. `retrieval` counts the same of x xᴴ from |A x|², A Gaussian, with 3 real or 4
complex measurements for each unknown. `receivers` compares noisy channels with the cross-relation method.
`frames`, `superresolution` and `flat` recover the authors' test faces: four shakes of one face and the best
of the four alone; half as many pixels, and the same enlarged by bicubic interpolation first; a flat field
shared by pictures, and their mean, smoothed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

import invkit
from benchmarks._alternating import cross_relation, spectral_als
from benchmarks._measuring import Report, reported
from invkit_classical.subspace import Subspace
from invkit_experiments.inputs.published import published

RATIOS = (1.1, 1.25, 1.5, 2.0)
"""Measurements for each unknown."""

LENGTHS = (16, 32, 64)
"""Numbers in a signal whose phases are lost."""

SEED = 1000
"""The options of the solvers were chosen on the draws of smaller seeds."""

STARTS = 20
LM = "lm?restarts=100"
"""Takes less time than the peer's starts do."""
SIGMA = 0.01
QUICK = "evidence?starts=96,keep=64x16x4,rank=8x16x32,steps=100,retries=0,leaps=0"

Drawn = tuple[invkit.BilinearOperator, Tensor, Tensor, np.ndarray]
"""An operator of plain numbers, true w and x, and the map as a tensor (sources, L, K, N) for the peer."""


def channel(ratio: float, rng: torch.Generator, dtype: torch.dtype) -> Drawn:
    """16 taps, and a message of 24 symbols in a random code that is as long as the ratio says."""
    taps, symbols = 16, 24
    length = round(ratio * (taps + symbols)) - taps + 1
    code = torch.randn(length, symbols, generator=rng, dtype=dtype)
    w, x = (torch.randn(1, 1, count, generator=rng, dtype=dtype) for count in (taps, symbols))
    shifted = [np.pad(code, ((k, taps - 1 - k), (0, 0))) for k in range(taps)]
    operator = invkit.operator("linconv?dims=1,mode=full") @ (None, invkit.from_matrix(code))
    return operator, w, x, np.stack(shifted, 1)[None]


def calibration(ratio: float, rng: torch.Generator, dtype: torch.dtype) -> Drawn:
    """Gains of sensors in a random subspace of 16 dimensions, a signal of 24 numbers that all see."""
    length = round(ratio * 40)
    gains, sensing = (torch.randn(length, count, generator=rng, dtype=dtype) for count in (16, 24))
    w, x = (torch.randn(1, 1, count, generator=rng, dtype=dtype) for count in (16, 24))
    operator = invkit.operator("pointwise?dims=1") @ (invkit.from_matrix(gains), invkit.from_matrix(sensing))
    return operator, w, x, (gains[:, :, None] * sensing[:, None]).numpy()[None]


def demixing(ratio: float, rng: torch.Generator, dtype: torch.dtype) -> Drawn:
    """The sum of two sources, each of 8 taps and 12 symbols in a random code of its own."""
    length, taps, symbols = round(ratio * 40), 8, 12
    codes = [torch.randn(length, symbols, generator=rng, dtype=dtype) for _ in range(2)]
    w, x = (torch.randn(1, 2, count, generator=rng, dtype=dtype) for count in (taps, symbols))
    convolve = invkit.operator("circconv?dims=1")
    first, second = (convolve @ (None, invkit.from_matrix(code)) for code in codes)
    shifts = range(-(taps // 2), taps - taps // 2)
    tensor = [np.stack([np.roll(code.numpy(), k, 0) for k in shifts], 1) for code in codes]
    return first + second, w, x, np.stack(tensor)


RANDOM: dict[str, Callable[[float, torch.Generator, torch.dtype], Drawn]] = {
    "channel": channel,
    "calibration": calibration,
    "demixing": demixing,
}


def recovered(w: Tensor, x: Tensor, true_w: Tensor, true_x: Tensor) -> bool:
    """Whether every source's w xᵀ is within 1 %."""
    found, truth = (a[0, :, :, None] * b[0, :, None] for a, b in ((w, x), (true_w, true_x)))
    return bool(((found - truth).flatten(1).norm(dim=1) < 0.01 * truth.flatten(1).norm(dim=1)).all())


def successes(name: str, trials: int, dtype: torch.dtype) -> Report:
    """Percent recovered by `lm` and by the peer, over measurements for each unknown."""
    rates: dict[str, float] = {}
    took = dict.fromkeys(("lm", "peer"), 0.0)
    for ratio in RATIOS:
        count = dict.fromkeys(took, 0)
        for trial in range(trials):
            operator, w, x, tensor = RANDOM[name](ratio, torch.Generator().manual_seed(SEED + trial), dtype)
            y = operator(w, x)
            shape = "x".join(map(str, w.shape[1:]))
            solve = invkit.compose(operator, w=f"identity?shape={shape}", x="identity", solver=LM)
            begun = time.process_time()
            solution = solve(y)
            between = time.process_time()
            h, m = spectral_als(tensor, y.flatten().numpy(), starts=STARTS, seed=trial)
            took["lm"] += between - begun
            took["peer"] += time.process_time() - between
            count["lm"] += recovered(solution.w, solution.x, w, x)
            count["peer"] += recovered(torch.from_numpy(h)[None], torch.from_numpy(m)[None], w, x)
        for way, hits in count.items():
            rates[f"{way}, L = {ratio} unknowns"] = 100 * hits / trials
    seconds = {way: total / trials / len(RATIOS) for way, total in took.items()}
    field = "complex" if dtype.is_complex else "real"
    return {"problem": f"{name}, {field}", "recovered, %": rates, "seconds a problem": seconds}


def retrieval(trials: int) -> Report:
    """Percent of signals recovered from squared moduli alone.

    Squared moduli spread widely, and the largest would decide which start is good. So none of them pulls
    harder than one that is a third of their mean off.
    """
    rates: dict[str, float] = {}
    for dtype, times in ((torch.float64, 3), (torch.complex128, 4)):
        for length in LENGTHS:
            hits = 0
            for trial in range(trials):
                rng = torch.Generator().manual_seed(SEED + trial)
                sensing = torch.randn(times * length, length, generator=rng, dtype=dtype)
                x = torch.randn(1, 1, length, generator=rng, dtype=dtype)
                maps = (invkit.from_matrix(sensing.conj()), invkit.from_matrix(sensing))
                operator = invkit.operator("pointwise?dims=1") @ maps
                field = "complex" if dtype.is_complex else "real"
                priors = ("tied?conjugate=true", f"identity?field={field}")
                y = operator(x.conj(), x).real
                noise = f"robust?delta={float(y.mean()) / 3:.4g}"
                found = invkit.compose(operator, priors, LM, noise=noise)(y).x
                hits += recovered(found.conj(), found, x.conj(), x)
            rates[f"{field}, {times} x {length} measurements"] = 100 * hits / trials
    return {"problem": "retrieval", "recovered, %": rates}


def receivers(trials: int) -> Report:
    """Three receivers, channels of 8 taps, 100 unknown symbols: relative error of the channels."""
    operator = invkit.operator("linconv?dims=1,mode=valid")
    solve = invkit.compose(operator, w="identity?shape=3x8", x="identity?shape=1x100", solver="lm?restarts=4")
    report: dict[str, object] = {"problem": "receivers, real"}
    for decibels in (10, 20, 30):
        errors: dict[str, list[float]] = {"lm": [], "cross-relation": []}
        for trial in range(trials):
            rng = torch.Generator().manual_seed(trial)
            w, x = (
                torch.randn(1, *shape, generator=rng, dtype=torch.float64) for shape in ((3, 8), (1, 100))
            )
            y = operator(w, x)
            noise = torch.randn(y.shape, generator=rng, dtype=y.dtype)
            y = y + noise * y.norm() / noise.norm() * 10 ** (-decibels / 20)
            found = {
                "lm": solve(y).w,
                "cross-relation": torch.from_numpy(cross_relation(y[0].numpy(), 8))[None],
            }
            for way, each in found.items():
                scaled = each * (each * w).sum() / each.square().sum()
                errors[way].append(float((scaled - w).norm() / w.norm()))
        report[f"median relative error of the channels, {decibels} dB"] = {
            way: float(np.median(each)) for way, each in errors.items()
        }
    return report


def noisy(y: Tensor, seed: int) -> Tensor:
    """With Gaussian noise of deviation ``SIGMA``."""
    return y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))


def psnr(found: Tensor, x: Tensor) -> list[float]:
    """The PSNR of each image, clipped to [0, 1], in decibels."""
    return [float(each) for each in invkit.metrics.psnr(found.clamp(0, 1), x.expand(len(found), -1, -1, -1))]


def frames(number: int, x: Tensor) -> dict[str, float]:
    """Four shakes of a face: all together, and the best of the four alone."""
    kernels = invkit.dataset("shake").take(torch.arange(4 * number, 4 * number + 4), "test")
    blur, shakes = invkit.operator("circconv"), [f"pick?first={k},total=4" for k in range(4)]
    shaken = invkit.stack([blur @ (invkit.linear(each), None) for each in shakes])
    y = noisy(shaken(kernels.transpose(0, 1), x), number)
    apart = y.reshape(4, *x.shape[1:])
    alone = invkit.compose("circconv", w="trajectory", x="gaussian:celeba", solver="evidence")
    together = invkit.compose(shaken, w="product:trajectory?count=4", x="gaussian:celeba", solver=QUICK)
    return {
        "best frame, blurry": max(psnr(apart, x)),
        "best frame alone, evidence": max(psnr(alone(apart).x, x)),
        "four frames, evidence": psnr(together(y).x, x)[0],
    }


def flat(number: int, x: Tensor) -> dict[str, float]:
    """A flat field shared by faces: relative error of the field, its scale fitted."""
    side = x.shape[-1]
    waves = cosines(side)
    field = Subspace(0.2 * waves[1:, None], mean=torch.ones(1, side, side))
    rng = torch.Generator().manual_seed(number)
    w = field(field.sample_latent(1, rng))
    y = noisy(w * x.reshape(1, -1, side, side), number)
    prior: Any = invkit.prior("gaussian:celeba")
    of_class = prior.moments
    face = Subspace(of_class.basis[:64], mean=of_class.mean)  # faces are about 0.05 off the span
    solver = "lm?restarts=1,steps=10,start=random,weight_w=2.5e-3,weight_x=2.5e-3"
    solve = invkit.compose("pointwise", w=field, x=invkit.product([face] * len(x)), solver=solver)
    mean, usual = y.mean((0, 1)), of_class.mean.mean(0)
    return {
        "no correction": apart(torch.ones_like(w), w),
        "mean picture, smoothed": apart(smoothed(mean, waves), w),
        "mean picture over the class's, smoothed": apart(smoothed(mean / usual, waves), w),
        "lm": apart(solve(y).w, w),
    }


def cosines(side: int, degree: int = 3) -> Tensor:
    """Products of cosines along both axes, of total degree up to 3; the constant first."""
    at = (torch.arange(side) + 0.5) / side
    wave = [torch.cos(torch.pi * k * at) for k in range(degree + 1)]
    pairs = sorted((i + j, i, j) for i in range(degree + 1) for j in range(degree + 1 - i))
    return torch.stack([wave[i][:, None] * wave[j] for _, i, j in pairs])


def smoothed(picture: Tensor, waves: Tensor) -> Tensor:
    """The least-squares fit of the cosines."""
    columns = waves.flatten(1).T
    return (columns @ torch.linalg.lstsq(columns, picture.reshape(-1, 1)).solution).reshape(picture.shape)


def apart(found: Tensor, truth: Tensor) -> float:
    """The relative error with the scale fitted."""
    found, truth = found.flatten(), truth.flatten()
    return float((found * (found @ truth) / (found @ found) - truth).norm() / truth.norm())


def superresolution(number: int, x: Tensor) -> dict[str, float]:
    """Every second pixel of a blurred face, in each direction, by a detector that takes means."""
    kernel = invkit.dataset("shake").take(torch.tensor([number]), "test")
    operator = invkit.operator("circconv | downsample?factor=2")
    y = noisy(operator(kernel, x), number)
    larger = torch.nn.functional.interpolate(y, scale_factor=2, mode="bicubic", align_corners=False)
    enlarged = invkit.compose("circconv", w="trajectory", x="gaussian:celeba", solver=QUICK)
    solve = invkit.compose(operator, w="trajectory", x="vae:celeba", solver="altgd?steps=400,restarts=16")
    return {
        "bicubic": psnr(larger, x)[0],
        "bicubic, then evidence": psnr(enlarged(larger).x, x)[0],
        "altgd": psnr(solve(y).x, x)[0],
    }


OF_PICTURES: dict[str, Callable[[int, Tensor], dict[str, float]]] = {
    "frames": frames,
    "superresolution": superresolution,
}


def of_pictures(name: str, count: int) -> Report:
    """The means over the authors' first faces."""
    faces = published("celeba").x
    rows = [OF_PICTURES[name](number, faces[number : number + 1]) for number in range(count)]
    means = {f"{way}, PSNR in dB": float(np.mean([row[way] for row in rows])) for way in rows[0]}
    return {"problem": name, "pictures": count, **means}


@reported
@click.option("--trials", default=20, show_default=True, help="Draws of each random problem.")
@click.option("--pictures", default=4, show_default=True, help="Faces of each problem of pictures.")
@click.option("--only", multiple=True, help="Only these problems.")
def main(trials: int, pictures: int, only: tuple[str, ...]) -> Iterator[Report]:
    """Compare invkit with the usual ways on bilinear problems other than deblurring."""
    known = [*RANDOM, "retrieval", "receivers", "flat", *OF_PICTURES]
    unknown = set(only) - set(known)
    if unknown:
        raise click.BadParameter(f"no problem {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    for name in only or (*RANDOM, "retrieval", "receivers"):
        if name in RANDOM:
            yield successes(name, trials, torch.float64)
            yield successes(name, trials, torch.complex128)
        elif name == "retrieval":
            yield retrieval(trials)
        elif name == "receivers":
            yield receivers(trials)
        elif name == "flat":
            faces = published("celeba").x[:12]
            rows = [flat(seed, faces) for seed in range(pictures)]
            errors = {way: float(np.mean([row[way] for row in rows])) for way in rows[0]}
            yield {"problem": "flat, twelve faces", "fields": pictures, "mean relative error": errors}
        else:
            yield of_pictures(name, pictures)


if __name__ == "__main__":
    main()
