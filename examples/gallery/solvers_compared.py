"""# Which solver? Three side by side

The same blurry digit, three compositions. `invkit.compare` gives each the same measurement and makes a
table and a figure.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

x = invkit.dataset("mnist-sample").take(torch.tensor([5]), "test")
w = invkit.dataset("blurA").take(torch.tensor([7]), "test")
y = invkit.operator("circconv")(w, x) + 0.01 * torch.randn(
    x.shape, generator=torch.Generator().manual_seed(0)
)

# %%
search = "evidence?starts=96,keep=12x4,steps=60,retries=0"
ways = {
    "networks": invkit.compose(
        "circconv", w="vae:blurA", x="vae:mnist", solver="altgd?steps=200,restarts=24"
    ),
    "evidence": invkit.compose("circconv", w="vae:blurA", x="gaussian:mnist", solver=search),
    "known kernel": invkit.compose("circconv", w=invkit.Given(w[0]), x="identity", solver="tv"),
}
compared = invkit.compare(ways, y, truth=(w, x))
print(compared)

# %% [markdown]
# The network finds kernel and digit, and comes within 1 dB of total variation that is told the kernel.
# The evidence finds as good a kernel; its Gaussian knows digits less well than the network.

# %%
shown = {"measured": y, **{name: found.x for name, found in compared.solutions.items()}, "truth": x}
figure, frames = plt.subplots(1, len(shown), figsize=(9, 2.3), layout="constrained")
for frame, (name, picture) in zip(frames, shown.items(), strict=True):
    psnr = compared.figures.get(name, {}).get("psnr")
    frame.imshow(picture[0, 0].clamp(0, 1), cmap="gray")
    frame.set_title(name if psnr is None else f"{name}, {psnr:.1f} dB", fontsize=9)
    frame.axis("off")
plt.show()
