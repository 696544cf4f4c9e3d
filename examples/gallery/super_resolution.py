"""# Blind super-resolution

A face from a blurry picture of a quarter of its pixels: `y = D (w ∗ x) + noise`. The kernel is unknown, and
D is a detector of pixels twice as large. Written as a chain it is `circconv | downsample?factor=2`. The
face is drawn from the network that recovers it, so that no data are needed.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

rng = torch.Generator().manual_seed(2)
faces = invkit.prior("vae:celeba")
x = faces(faces.sample_latent(1, rng)).detach()
w = invkit.dataset("shake").take(torch.tensor([3]), "test")
measure = invkit.operator("circconv | downsample?factor=2")
y = measure(w, x) + 0.01 * torch.randn(1, 3, 32, 32, generator=rng)

# %%
enlarge = invkit.compose(measure, w="trajectory", x="vae:celeba", solver="altgd?steps=200,restarts=8")
solution = enlarge(y)
bicubic = torch.nn.functional.interpolate(y, scale_factor=2, mode="bicubic", align_corners=False)
before, after = (float(invkit.metrics.psnr(each.clamp(0, 1), x)) for each in (bicubic, solution.x))
print(f"PSNR bicubic {before:.1f} dB, recovered {after:.1f} dB")

# %%
shown = {
    "measured, 32 × 32": y,
    f"bicubic, {before:.1f} dB": bicubic,
    f"recovered, {after:.1f} dB": solution.x,
    "truth": x,
    "kernel": solution.w,
    "true kernel": w,
}
figure, frames = plt.subplots(1, len(shown), figsize=(10, 2.2), layout="constrained")
for frame, (title, picture) in zip(frames, shown.items(), strict=True):
    frame.imshow(picture[0].permute(1, 2, 0).clamp(0, 1), cmap="gray")
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
