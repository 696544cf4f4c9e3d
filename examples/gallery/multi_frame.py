"""# Several frames of one scene

Four shaken pictures of one digit, all four kernels unknown: `y_k = w_k ∗ x + noise`. An operator broadcasts
a picture of one channel over four kernels, and the prior of w is four independent ones. What one shake has
lost another has kept.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

frames_taken, sigma = 4, 0.03
x = invkit.dataset("mnist-sample").take(torch.tensor([3]), "test")
w = invkit.dataset("shake").take(torch.arange(frames_taken), "test").transpose(0, 1)  # kernels are channels
shaken = invkit.operator("circconv")
y = shaken(w, x) + sigma * torch.randn(1, frames_taken, 28, 28, generator=torch.Generator().manual_seed(0))

# %%
solver = "evidence?starts=48,keep=24x8,rank=8x16,steps=50,retries=0,leaps=0"
alone = invkit.compose(shaken, w="trajectory", x="gaussian:mnist", solver=solver)(y.transpose(0, 1))
together = invkit.compose(
    shaken, w=f"product:trajectory?count={frames_taken}", x="gaussian:mnist", solver=solver
)(y)


def psnr(pictures: torch.Tensor) -> list[float]:
    """PSNR of each picture, in dB."""
    return invkit.metrics.psnr(pictures.clamp(0, 1), x.expand_as(pictures)).tolist()


one_by_one, (all_four,) = psnr(alone.x), psnr(together.x)
print(f"PSNR from one frame {max(one_by_one):.1f} dB at best, from all four {all_four:.1f} dB")

# %%
figure, frames = plt.subplots(2, 5, figsize=(8.5, 3.8), layout="constrained")
first = [(f"frame {k + 1}", y[0, k]) for k in range(4)] + [("truth", x[0, 0])]
second = [(f"from it alone, {one_by_one[k]:.1f} dB", alone.x[k, 0]) for k in range(4)]
second += [(f"from all four, {all_four:.1f} dB", together.x[0, 0])]
for frame, (title, picture) in zip(frames.flat, first + second, strict=True):
    frame.imshow(picture.clamp(0, 1), cmap="gray")
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
