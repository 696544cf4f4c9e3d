"""How fast is circular convolution? Ratios to other ways of computing the same, side by side in one run.

    pip install --no-deps "deepinv==0.5.*"      # the peer; without it only the rest is measured
    OMP_NUM_THREADS=1 python -m benchmarks.operators

Two things are measured, at the size of the paper's faces: the joint gradient in (w, x) of ‖y − w*x‖², and the
adjoint in w alone. The peer's ways are its `Blur` operator (FFT) and its functional form, differentiated by
autograd, and the gradient put together from its forward and its adjoints. Results are compared as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, convolved, medians, reported
from benchmarks._peers import deepinv_or_none, version

Signals = tuple[Tensor, Tensor, Tensor]
Way = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]

def by_autograd(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Way:
    """Both gradients of a loss by autograd, as under a generator."""

    def gradients(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        w, x = w.detach().requires_grad_(), x.detach().requires_grad_()
        return torch.autograd.grad(loss(w, x, y), (w, x))

    return gradients


def of_residual(forward: Callable[[Tensor, Tensor], Tensor]) -> Way:
    """Both gradients of the squared residual by autograd."""
    return by_autograd(lambda w, x, y: (forward(w, x) - y).square().sum())


def peer_gradients(deepinv: ModuleType) -> dict[str, Way]:
    """The peer's ways to both gradients."""
    functional = deepinv.physics.functional

    def by_adjoints(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        r = 2 * (functional.conv2d_fft(x, w, padding="circular") - y)
        return peer_adjoint(deepinv, w, x, r)[0], functional.conv_transpose2d_fft(r, w, padding="circular")

    fast = deepinv.physics.Blur(padding="circular", use_fft=True)
    return {
        "deepinv Blur(use_fft=True), autograd": of_residual(lambda w, x: fast.A(x, filter=w)),
        "deepinv conv2d_fft, autograd": of_residual(
            lambda w, x: functional.conv2d_fft(x, w, padding="circular")
        ),
        "deepinv conv2d_fft and its adjoints": by_adjoints,
    }


def peer_adjoint(deepinv: ModuleType, w: Tensor, x: Tensor, r: Tensor) -> tuple[Tensor, ...]:
    """The peer's adjoint in the kernel, by FFT; the kernel's one channel serves all of the image."""
    support, functional = (w.shape[-2], w.shape[-1]), deepinv.physics.functional
    per_channel = functional.conv_filter_transpose2d_fft(x, r, support, padding="circular")
    return (per_channel.sum(1, keepdim=True),)


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


@reported
@click.option("--batch", default=100, show_default=True, help="Pairs of kernel and image.")
@click.option("--channels", default=3, show_default=True, help="Channels of the images.")
@click.option("--size", default=64, show_default=True, help="Side of the images in pixels.")
@click.option("--kernel", default=28, show_default=True, help="Side of the kernels in pixels.")
@click.option("--repeats", default=21, show_default=True, help="Timed turns; the median counts.")
def main(batch: int, channels: int, size: int, kernel: int, repeats: int) -> Report:
    """Time circular convolution's gradients and kernel adjoint against other implementations."""
    signals = draw(batch, channels, size, kernel)
    operator, deepinv = invkit.operator("circconv"), deepinv_or_none()
    misfit = operator.misfit(signals[2])  # bound to its measurement once, as in a solver
    gradients: dict[str, Way] = {
        "invkit misfit.value_and_gradients": lambda w, x, y: misfit.value_and_gradients(w, x)[1:],
        "invkit misfit, autograd": by_autograd(lambda w, x, y: misfit(w, x).sum()),
        "complex FFTs, autograd": of_residual(convolved),
    }
    adjoints: dict[str, Way] = {
        "invkit adjoint_w": lambda w, x, r: (operator.adjoint_w(x, r, tuple(w.shape[1:])),),
    }
    if deepinv is not None:
        gradients |= peer_gradients(deepinv)
        adjoints["deepinv conv_filter_transpose2d_fft"] = partial(peer_adjoint, deepinv)
    report: dict[str, object] = {
        "size": f"batch {batch}, {channels}x{size}x{size}, kernels {kernel}x{kernel}",
        "peer": version(deepinv),
    }
    for name, ways, turns in (
        ("gradients", gradients, repeats),
        ("adjoint in w", adjoints, max(5, repeats // 2)),
    ):
        difference = largest_difference(ways, signals)
        took = medians({way: partial(run, *signals) for way, run in ways.items()}, turns)
        figures: dict[str, object] = {"milliseconds": took, "largest relative difference": difference}
        theirs = [value for way, value in took.items() if way.startswith("deepinv")]
        if theirs:
            figures["ours / best of deepinv's"] = next(iter(took.values())) / min(theirs)
        report[name] = figures
    return report


if __name__ == "__main__":
    main()
