"""Why integrate the image out? A digit smeared along 10 pixels at 30°, of which only a spectrum is known.

Takes [OUT.png]. Each kernel is judged by the joint objective, at the image that makes it least, and by the
evidence −log p(y | kernel). Both find the angle, but the joint one prefers next to no blur: the sharp image
costs more than the blurry one. The evidence also knows how many measurements a kernel could have made.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import invkit
from invkit.files.panels import write_panel
from invkit_blurs.motion import motion_kernels

TRUE, SIGMA = {"angle": 30.0, "length": 10.0}, 0.01
FAMILIES = {"angle": np.arange(0.0, 180, 3), "length": np.arange(0.25, 20, 0.75)}
INKS = {"joint": (178, 24, 43), "evidence": (33, 102, 172)}


def judged(kernels: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every kernel both ways, in nats."""
    prior, operator, n = invkit.prior("spectrum?shape=1x28x28"), invkit.operator("circconv"), len(kernels)
    marginal, blur = prior.marginal(y.expand(n, -1, -1, -1)), operator.given(w=kernels, x_shape=(1, 28, 28))
    given = (blur, y.new_zeros(n, marginal.nuisances), y.new_full((n,), SIGMA**2))
    x = marginal.mean(*given)  # a Gaussian's mean is also where it is most probable
    misfit = (y - blur(x)).square().sum((1, 2, 3)) / SIGMA**2
    return {"joint": (misfit + prior.encode(x).square().sum(1)) / 2, "evidence": marginal(*given)}


def plot(at: np.ndarray, curves: dict[str, torch.Tensor], truth: float) -> np.ndarray:
    """How far every curve is above its least value, from 0 to 10,000 nats, logarithmically."""
    picture = Image.new("RGB", (400, 240), "white")
    pen, (x, mark) = ImageDraw.Draw(picture), (20 + 360 * (v - at[0]) / np.ptp(at) for v in (at, truth))
    pen.line([(mark, 10), (mark, 230)], "grey", 2)
    for row, (name, values) in enumerate(curves.items()):
        y = 225 - 52 * np.log10(1 + (values - values.min()).numpy())
        pen.line([*zip(x, y, strict=True)], INKS[name], 2)
        pen.circle((x[y.argmax()], 225), 5, INKS[name])
        pen.text((315, 185 + 18 * row), name, INKS[name], ImageFont.load_default(14))
    return np.asarray(picture).transpose(2, 0, 1) / 255


def main(out: str = "why_evidence.png") -> None:
    """Print the best angle and the best length, draw the curves."""
    x = invkit.dataset("mnist-sample").take(torch.tensor([5]), "test")
    noise, cells = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), []
    for name, at in FAMILIES.items():
        members = [{**TRUE, name: each} for each in at]
        kernels = [motion_kernels(np.radians([k["angle"]]), k["length"], 28) for k in members]
        y = invkit.operator("circconv")(kernels[members.index(TRUE)], x) + SIGMA * noise
        curves = judged(torch.cat(kernels).double(), y.double())
        least = ", ".join(f"{way} {at[values.argmin()]:g}" for way, values in curves.items())
        print(f"{name} {TRUE[name]:g}, found by {least}")
        label = f"{name}, {at[0]:g} to {at[-1]:g}\ntrue {TRUE[name]:g}, found by {least}"
        cells.append((label, plot(at, curves, TRUE[name])))
    write_panel(out, [cells])


if __name__ == "__main__":
    main(*sys.argv[1:])
