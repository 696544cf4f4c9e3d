"""# Hyperspectral unmixing

Which materials are in each pixel, and how much of each? Every spectrum is a mixture of few endmembers, `Y =
W X`, both without negative values. Here pixels are lit differently, none is pure, and 30 % of the entries
are missing.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit
from invkit.metrics import abundance_rmse, spectral_angle

bands, side, materials = 100, 40, 3
rng = torch.Generator().manual_seed(0)
place = torch.linspace(0, 1, bands)[:, None, None]
centres, widths, heights = torch.rand(3, 1, materials, 5, generator=rng)
spectra = 0.1 + (heights * torch.exp(-(((place - centres) / (0.04 + 0.15 * widths)) ** 2))).sum(2)
w = spectra / spectra.amax(0)

coarse = torch.randn(1, materials, 5, 5, generator=rng)
fine = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=True)
x = torch.softmax(2.5 * fine.flatten(2)[0], 0)
light = 0.4 + 0.6 * torch.rand(1, side * side, generator=rng)
y = light * (w @ x) + 0.005 * torch.randn(bands, side * side, generator=rng)
y[torch.rand(y.shape, generator=rng) < 0.3] = torch.nan

# %%
unmix = invkit.method("unmixing", operator=f"matmul?rank={materials}", solver=["purest", "ice?weight_w=0.1"])
found = unmix(y)
angle, error = float(spectral_angle(found.w, w)), float(abundance_rmse((found.w, found.x), (w, x)))
print(f"spectral angle {angle:.3f}, RMSE of the fractions {error:.3f}")

# %% [markdown]
# The order of the materials is arbitrary: each one found is shown below the true one that it resembles
# most.

# %%
units = [each / each.norm(dim=0) for each in (w, found.w)]
order = (units[0].T @ units[1]).argmax(1)
fractions = (found.x / found.x.sum(0))[order]
figure, frames = plt.subplots(2, 4, figsize=(9, 4.4), layout="constrained")
for row, (name, ends, amounts) in enumerate((("true", w, x), ("found", found.w[:, order], fractions))):
    frames[row, 0].plot(ends / ends.amax(0))
    frames[row, 0].set_title(f"endmembers, {name}", fontsize=9)
    for number, frame in enumerate(frames[row, 1:]):
        frame.imshow(amounts[number].reshape(side, side), vmin=0, vmax=1)
        frame.set_title(f"material {number + 1}, {name}", fontsize=9, color=f"C{number}")
        frame.axis("off")
plt.show()
