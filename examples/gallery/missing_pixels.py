"""# Missing pixels

Half of the pixels of a blurry digit were never measured. They are NaN, and the noise model leaves them out:
`gaussian?missing=nan`. Kernel and digit are both unknown.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

rng = torch.Generator().manual_seed(0)
x = invkit.dataset("mnist-sample").take(torch.tensor([5]), "test")
w = invkit.dataset("blurA").take(torch.tensor([7]), "test")
y = invkit.operator("circconv")(w, x) + 0.01 * torch.randn(x.shape, generator=rng)
y[torch.rand(y.shape, generator=rng) < 0.5] = torch.nan

# %%
solver = "altgd?steps=200,restarts=24"
deblur = invkit.compose("circconv", w="vae:blurA", x="vae:mnist", noise="gaussian?missing=nan", solver=solver)
solution = deblur(y)
psnr = float(invkit.metrics.psnr(solution.x.clamp(0, 1), x))
print(f"PSNR {psnr:.1f} dB from {int(y.isfinite().sum())} of {y.numel()} pixels")

# %%
shown = {
    "measured": y,
    f"recovered, {psnr:.1f} dB": solution.x,
    "truth": x,
    "kernel": solution.w,
    "true kernel": w,
}
figure, frames = plt.subplots(1, len(shown), figsize=(9, 2.3), layout="constrained")
for frame, (title, picture) in zip(frames, shown.items(), strict=True):
    colours = plt.get_cmap("gray").with_extremes(bad="tab:red")
    frame.imshow(picture[0, 0].clamp(0, 1), cmap=colours)
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
