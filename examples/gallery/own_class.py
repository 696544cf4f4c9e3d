"""# A class of images of your own

Learn from a folder what its pictures look like, then deblur others of that class, blind. Here the class is
synthetic: things in front of a plain background. Put your own pictures into the folder instead.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import invkit
from invkit.files.images import write_image

folder = Path("things")
folder.mkdir(exist_ok=True)
things = invkit.dataset("objects")


def small(numbers: torch.Tensor, split: str) -> torch.Tensor:
    """Things of 32 × 32 grey pixels."""
    return torch.nn.functional.avg_pool2d(things.take(numbers, split), 2).mean(1, keepdim=True)


for number, picture in enumerate(small(torch.arange(250), "train")):
    write_image(folder / f"{number:03}.png", picture)

# %% [markdown]
# A Gaussian prior looks at the pictures and chooses its own recipe. It takes seconds.

# %%
trained = invkit.train("gaussian", folder, out="run", progress=False)
print(f"{trained.prior}: {trained.card['recipe']['rank']} components")

# %% [markdown]
# Three things that the prior has not seen, blurred by shaken cameras that nothing was fitted to.

# %%
deblur = invkit.compose(
    "circconv", w="trajectory", x=trained.prior, solver="evidence?starts=32,keep=8x4,retries=0,leaps=0"
)
x = small(torch.arange(3), "test")
w = invkit.dataset("shake?size=32").take(torch.arange(3), "test")
y = deblur.operator(w, x) + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

solution = deblur(y)
found = invkit.metrics.compare(deblur.operator, (solution.w, solution.x), (w, x)).aligned
before, after = invkit.metrics.psnr(y.clamp(0, 1), x), found.psnr
print(f"mean PSNR {before.mean():.1f} → {after.mean():.1f} dB")

# %%
figure, frames = plt.subplots(3, 3, figsize=(6, 6.6), layout="constrained")
for row, pictures in enumerate(zip(y, solution.x, x, strict=True)):
    titles = (f"blurry, {before[row]:.1f} dB", f"recovered, {after[row]:.1f} dB", "truth")
    for frame, title, picture in zip(frames[row], titles, pictures, strict=True):
        frame.imshow(picture[0].clamp(0, 1), cmap="gray")
        frame.set_title(title, fontsize=9)
        frame.axis("off")
plt.show()
