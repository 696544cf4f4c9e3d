"""How fast is circular convolution? Ratios to other ways of computing the same, side by side in one run.

    pip install --no-deps "deepinv==0.5.*"      # the peer; without it only the rest is measured
    OMP_NUM_THREADS=1 python -m benchmarks.operators

Two things are measured, at the size of the paper's faces: the joint gradient in (w, x) of ‖y − w*x‖², and the
adjoint in w alone. Each way is called in turn, so that a busy machine slows all of them alike; figures are
medians of CPU time. The peer's ways are its `Blur` operator (spatial and FFT) and its functional form,
differentiated by autograd, and the gradient put together from its forward and its adjoints. Results are
compared before anything is timed.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from types import ModuleType

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import torch
from torch import Tensor

import invkit
from benchmarks._peers import stubs

Signals = tuple[Tensor, Tensor, Tensor]
Way = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]

UNUSED_BY_US = ("torchvision", "natsort", "h5py", "requests", "einops", "tqdm", "PIL", "matplotlib")
"""What the peer imports at its top and these measurements never reach."""


def naive_gradients(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """The textbook way: complex FFTs of zero-padded, rolled kernels, and autograd."""
    w, x = w.detach().requires_grad_(), x.detach().requires_grad_()
    height, width = w.shape[-2:]
    padded = torch.nn.functional.pad(w, (0, x.shape[-1] - width, 0, x.shape[-2] - height))
    centred = torch.roll(padded, (-(height // 2), -(width // 2)), (-2, -1))
    predicted = torch.fft.ifft2(torch.fft.fft2(centred) * torch.fft.fft2(x)).real
    return torch.autograd.grad((predicted - y).square().sum(), (w, x))


def our_gradients(misfit: invkit.Misfit) -> Way:
    """The operator's misfit, its measurement bound once as in a solver."""

    def gradients(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return misfit.value_and_gradients(w, x)[1:]

    return gradients


def our_backward(misfit: invkit.Misfit) -> Way:
    """The same through autograd, as under a generator."""

    def gradients(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        w, x = w.detach().requires_grad_(), x.detach().requires_grad_()
        return torch.autograd.grad(misfit(w, x).sum(), (w, x))

    return gradients


def peer() -> ModuleType | None:
    """deepinv, or None where it is not installed."""
    try:
        with warnings.catch_warnings(), stubs(*UNUSED_BY_US):
            warnings.simplefilter("ignore")
            import deepinv
    except ImportError as error:
        if error.name != "deepinv":
            raise
        return None
    module: ModuleType = deepinv
    return module


def peer_gradients(deepinv: ModuleType) -> dict[str, Way]:
    """The peer's ways to both gradients."""
    functional = deepinv.physics.functional

    def by_autograd(forward: Callable[[Tensor, Tensor], Tensor]) -> Way:
        def gradients(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
            w, x = w.detach().requires_grad_(), x.detach().requires_grad_()
            return torch.autograd.grad((forward(x, w) - y).square().sum(), (w, x))

        return gradients

    def by_adjoints(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        r = 2 * (functional.conv2d_fft(x, w, padding="circular") - y)
        return peer_adjoint(deepinv)(w, x, r)[0], functional.conv_transpose2d_fft(r, w, padding="circular")

    fast = deepinv.physics.Blur(padding="circular", use_fft=True)
    return {
        "deepinv Blur(use_fft=True), autograd": by_autograd(lambda x, w: fast.A(x, filter=w)),
        "deepinv conv2d_fft, autograd": by_autograd(
            lambda x, w: functional.conv2d_fft(x, w, padding="circular")
        ),
        "deepinv conv2d_fft and its adjoints": by_adjoints,
    }


def peer_adjoint(deepinv: ModuleType) -> Way:
    """The peer's adjoint in the kernel, by FFT; the kernel's one channel serves all of the image."""

    def adjoint(w: Tensor, x: Tensor, r: Tensor) -> tuple[Tensor, ...]:
        support = (w.shape[-2], w.shape[-1])
        per_channel = deepinv.physics.functional.conv_filter_transpose2d_fft(
            x, r, support, padding="circular"
        )
        return (per_channel.sum(1, keepdim=True),)

    return adjoint


def draw(batch: int, channels: int, size: int, kernel: int) -> Signals:
    """Random kernels of unit sum, images in [0, 1], and noisy measurements of other ones."""
    rng = torch.Generator().manual_seed(0)
    w = torch.rand(batch, 1, kernel, kernel, generator=rng)
    w = w / w.sum((-2, -1), keepdim=True)
    x, y = torch.rand(2, batch, channels, size, size, generator=rng)
    return w, x, y


def largest_difference(ways: dict[str, Way], signals: Signals) -> float:
    """Between any way's results and the first's, relative to each result's largest value."""
    expected, *others = (way(*signals) for way in ways.values())
    return max(
        (
            float((a - b).abs().max() / b.abs().max())
            for other in others
            for a, b in zip(other, expected, strict=True)
        ),
        default=0.0,
    )


def medians(ways: dict[str, Way], signals: Signals, repeats: int) -> dict[str, float]:
    """Milliseconds of CPU time of each way, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 2):
        for name, way in ways.items():
            start = time.process_time()
            way(*signals)
            if turn >= 2:  # the first turns warm caches and plans up
                times[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def measure(batch: int, channels: int, size: int, kernel: int, repeats: int) -> dict[str, object]:
    """Every figure, as plain data; what needs the peer is missing without it."""
    signals = draw(batch, channels, size, kernel)
    operator = invkit.operator("circconv")
    misfit = operator.misfit(signals[2])
    gradients: dict[str, Way] = {
        "invkit misfit.value_and_gradients": our_gradients(misfit),
        "invkit misfit, autograd": our_backward(misfit),
        "complex FFTs, autograd": naive_gradients,
    }
    adjoints: dict[str, Way] = {
        "invkit adjoint_w": lambda w, x, r: (operator.adjoint_w(x, r, tuple(w.shape[1:])),),
    }
    deepinv = peer()
    if deepinv is not None:
        gradients |= peer_gradients(deepinv)
        adjoints["deepinv conv_filter_transpose2d_fft"] = peer_adjoint(deepinv)
    report: dict[str, object] = {
        "size": f"batch {batch}, {channels}x{size}x{size}, kernels {kernel}x{kernel}",
        "threads": torch.get_num_threads(),
        "peer": None if deepinv is None else f"deepinv {deepinv.__version__}",
    }
    for name, ways in (("gradients", gradients), ("adjoint in w", adjoints)):
        difference = largest_difference(ways, signals)
        took = medians(ways, signals, repeats if name == "gradients" else max(5, repeats // 2))
        figures: dict[str, object] = {"milliseconds": took, "largest relative difference": difference}
        theirs = [value for way, value in took.items() if way.startswith("deepinv")]
        if theirs:
            figures["ours / best of deepinv's"] = next(iter(took.values())) / min(theirs)
        report[name] = figures
    return report


@click.command()
@click.option("--batch", default=100, show_default=True, help="Pairs of kernel and image.")
@click.option("--channels", default=3, show_default=True, help="Channels of the images.")
@click.option("--size", default=64, show_default=True, help="Side of the images in pixels.")
@click.option("--kernel", default=28, show_default=True, help="Side of the kernels in pixels.")
@click.option("--repeats", default=21, show_default=True, help="Timed turns; the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(batch: int, channels: int, size: int, kernel: int, repeats: int, as_json: bool) -> None:
    """Time circular convolution's gradients and kernel adjoint against other implementations."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    report = measure(batch, channels, size, kernel, repeats)
    if report["peer"] is None:
        click.echo('deepinv is not installed: pip install --no-deps "deepinv==0.5.*"', err=True)
    if as_json:
        json.dump(report, sys.stdout, indent=2)
        return
    click.echo(f"{report['size']}; {report['threads']} thread(s); medians of CPU time")
    for name in ("gradients", "adjoint in w"):
        figures = report[name]
        assert isinstance(figures, dict)
        click.echo(f"\n{name}")
        for way, took in figures.pop("milliseconds").items():
            click.echo(f"  {way:<42}{took:9.2f} ms")
        for label, value in figures.items():
            click.echo(f"  {label:<42}{value:9.2g}")


if __name__ == "__main__":
    main()
