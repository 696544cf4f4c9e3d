"""# Microscopy: a volume of counts

Blind deconvolution of beads and bars under a widefield microscope: `y ~ Poisson(w ∗ x)`. The object is
non-negative and mostly dark. The point-spread function is known but for its sharpness and its cone of
light.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

size = (16, 32, 32)
x = torch.zeros(1, *size)
for number, depth in enumerate((4, 6, 8, 10)):
    x[0, depth, 8 + 5 * number, 8:24] = 0.4 + 0.2 * number
for depth, row, column in ((5, 26, 9), (9, 5, 16), (11, 16, 27)):
    x[0, depth, row, column] = 2.0
optics, latent = invkit.prior("widefield", size=size), torch.tensor([[-0.6, 0.4]])
w = optics(latent)[0]
blurry = invkit.operator("circconv?dims=3")(w[None], x[None])[0]
counts = torch.poisson(400 * blurry / blurry.max() + 2, generator=torch.Generator().manual_seed(0))

# %%
solver = "altgd?start=image,restarts=1,keep=1,steps=300,rate=0.05"
deconvolve = invkit.compose(
    "circconv?dims=3", w="widefield?size=16x32x32", x="squares", noise="poisson", solver=solver
)
solution = deconvolve(counts / counts.max())


def psnr(volume: torch.Tensor) -> float:
    """PSNR after a fitted scale, in dB."""
    scale = (volume * x).sum() / volume.square().sum()
    return float(invkit.metrics.psnr(scale * volume, x, float(x.max()), dims=3))


before, after = psnr(counts), psnr(solution.x)
print(f"PSNR {before:.1f} → {after:.1f} dB")
found = optics.numbers(solution.latents[0].reshape(1, -1))
for name, value in optics.numbers(latent).items():
    print(f"{name} found {float(found[name]):.2f}, true {float(value):.2f}")

# %% [markdown]
# Above the largest values along the optical axis, below those along the rows; square roots, so that dim
# parts show.

# %%
shown = {
    f"counts, {before:.1f} dB": counts,
    f"recovered, {after:.1f} dB": solution.x,
    "truth": x,
    "point spread found": solution.w,
    "true point spread": w,
}
figure, frames = plt.subplots(1, 5, figsize=(9, 3), layout="constrained")
for frame, (title, volume) in zip(frames, shown.items(), strict=True):
    seen = torch.cat([volume[0].amax(0), volume[0].amax(1)]).detach()
    frame.imshow((seen / seen.max()).sqrt(), cmap="gray")
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
