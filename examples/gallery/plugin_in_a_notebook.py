"""# A part of your own, in ten lines

A detector whose rows have gains of their own is bilinear: `y[i, j] = w[i] x[i, j]`. Write `forward`; the
adjoints and the shapes follow. Registered, it has a name like any other part.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit


class RowGains(invkit.BilinearOperator):
    """y[i, j] = w[i] x[i, j]: every row of a detector has a gain of its own."""

    def forward(self, w, x):
        return w[..., None] * x


invkit.register("operator", "row-gains", RowGains)

# %% [markdown]
# A smooth picture behind stripes. It is made of 64 products of cosines, `x = C m`: a linear map after the
# picture's latents. The gains are free.

# %%
rng = torch.Generator().manual_seed(0)
wave = torch.cos(torch.pi * torch.arange(8)[:, None] * (torch.arange(64) + 0.5) / 64)
basis = torch.einsum("ai,bj->ijab", wave, wave).reshape(64 * 64, 64)
cosines = invkit.from_matrix(basis, output_shape=(1, 64, 64))
fade = 1 / (1 + torch.arange(8)[:, None] ** 2 + torch.arange(8) ** 2).sqrt()
x = cosines((torch.randn(1, 8, 8, generator=rng) * fade).reshape(1, 1, 64))
x = x / x.abs().max()
w = 1 + 0.4 * torch.randn(1, 1, 64, generator=rng)
striped = invkit.operator("row-gains")
y = striped(w, x) + 0.01 * torch.randn(x.shape, generator=rng)

# %%
measure = striped @ (None, cosines)
solution = invkit.compose(
    measure, w="identity?shape=1x64", x="identity", solver="lm?restarts=1,start=random,steps=12"
)(y)
found = cosines(solution.x)
scale = (found * x).sum() / found.square().sum()  # a common scale of w and x cannot be told
before, after = (float((each - x).norm() / x.norm()) for each in (y, scale * found))
print(f"relative error {before:.2f} → {after:.3f}")

# %%
figure, frames = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
shown = (f"measured, error {before:.2f}", y), (f"recovered, {after:.3f}", scale * found), ("truth", x)
for frame, (title, picture) in zip(frames, shown, strict=False):
    frame.imshow(picture[0, 0], cmap="gray", vmin=-1, vmax=1)
    frame.set_title(title, fontsize=9)
    frame.axis("off")
frames[3].plot(w.flatten(), label="true")
frames[3].plot((solution.w / scale).flatten(), "--", label="found")
frames[3].set_title("gains of the rows", fontsize=9)
frames[3].legend(fontsize=8)
plt.show()
