"""# Parallel MRI with unknown coils

Coil j measures `y_j = M F(w_j ⊙ x)`: the image times the coil's sensitivity, the Fourier transform F, and
the mask M of what was sampled. A phantom is seen by six coils at every second row and column, and at 12 ×
12 samples in the middle. Image and sensitivities are both unknown.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

size, coils, sigma = 64, 6, 0.005
rows, columns = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
ellipses = [
    (1, 0, 0, 0.9, 0.7),
    (-0.6, 0, 0, 0.8, 0.6),
    (0.4, -0.2, -0.25, 0.35, 0.15),
    (0.3, 0.45, 0, 0.15, 0.3),
]
x = sum(v * (((rows - r) / h) ** 2 + ((columns - c) / b) ** 2 < 1) for v, r, c, h, b in ellipses)
angle = 2 * torch.pi * torch.arange(coils)[:, None, None] / coils
across, along = 1.1 * angle.sin(), 1.1 * angle.cos()
away = (rows - across) ** 2 + (columns - along) ** 2
w = torch.polar(torch.exp(-away / 1.5), angle + 0.8 * (columns * across - rows * along))

# %%
transform, rng = invkit.linear("dft?centred=true"), torch.Generator().manual_seed(0)
sampled = torch.zeros(size, size)
sampled[::2, ::2] = sampled[26:38, 26:38] = 1
y = transform((w * x)[None])[0]
y = sampled * (y + sigma * torch.randn(y.shape, generator=rng, dtype=y.dtype))

# %% [markdown]
# First coils and image together, then the image once more for the coils found, by total variation.

# %%
acquire = invkit.diagonal(sampled[None]) @ transform @ invkit.operator("pointwise")
image = f"identity?shape=1x{size}x{size}"
both = invkit.compose(acquire, w="sobolev", x=image, solver="irgnm")(y)
found = both.w / both.w.norm(dim=0).clamp_min(1e-6)
noise = invkit.noise("gaussian", sigma=float((both.residual / (coils * sampled.sum())).sqrt()))
recovered = invkit.compose(acquire, w=invkit.Given(found), x=image, solver="tv", noise=noise)(y).x[0].abs()

filled, truth = transform.adjoint(y[None])[0].norm(dim=0), (w * x).norm(dim=0)
before, after = (float((each - truth).norm() / truth.norm()) for each in (filled, recovered))
print(f"relative error zero-filled {before:.3f}, recovered {after:.3f}")

# %%
shown = [("truth", truth), (f"zero-filled, {before:.2f}", filled), (f"recovered, {after:.2f}", recovered)]
shown += [(f"coil {j + 1}", found[j].abs()) for j in range(2)]
figure, frames = plt.subplots(1, 5, figsize=(9, 2.2), layout="constrained")
for frame, (title, picture) in zip(frames, shown, strict=True):
    frame.imshow(picture, cmap="gray", vmin=0)
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
