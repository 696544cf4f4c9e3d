"""# How strong should the prior be?

Total variation has one weight, λ. Too small, and noise is amplified; too large, and edges are smeared away.
The kernel is known here, so that nothing else varies. Without a weight, `tv` chooses its own from the
noise.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

photo = invkit.example("photo")
x = torch.from_numpy(photo.x)[None, :, 60:188, 100:228]
w = torch.from_numpy(photo.w)[None]
blur = invkit.operator("linconv?mode=valid")
y = blur(w, x) + 0.02 * torch.randn(blur(w, x).shape, generator=torch.Generator().manual_seed(0))
margin = (x.shape[-1] - y.shape[-1]) // 2 + 4
truth = x[..., margin:-margin, margin:-margin]


def recovered(solver: str) -> tuple[torch.Tensor, float]:
    """The image by a solver, without its borders, and its PSNR in dB."""
    found = invkit.compose(blur, w=invkit.Given(w[0]), x="identity?shape=3x128x128", solver=solver)(y).x
    found = found[..., margin:-margin, margin:-margin].clamp(0, 1)
    return found, float(invkit.metrics.psnr(found, truth))


# %% [markdown]
# The same measurement, seven weights.

# %%
weights = [10.0**power for power in (-5, -4.5, -4, -3.5, -3, -2.5, -2)]
images, scores = zip(*(recovered(f"tv?weight_x={weight:g}") for weight in weights), strict=True)
_, own = recovered("tv")
for weight, score in zip(weights, scores, strict=True):
    print(f"λ = {weight:.0e}: {score:.1f} dB")
print(f"its own choice: {own:.1f} dB")

# %%
figure, frames = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
frames[0].semilogx(weights, scores, "o-")
frames[0].axhline(own, color="grey", linestyle=":", label="its own choice")
frames[0].set(xlabel="λ", ylabel="PSNR, dB")
frames[0].legend(fontsize=8)
best = scores.index(max(scores))
for frame, index, title in zip(frames[1:], (0, best, -1), ("too small", "best", "too large"), strict=True):
    frame.imshow(images[index][0].permute(1, 2, 0))
    frame.set_title(f"{title}, λ = {weights[index]:.0e}", fontsize=9)
    frame.axis("off")
plt.show()
