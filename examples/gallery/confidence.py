"""# When to believe a result

A solver that knows what its prior can do says how sure it is of each result. Three digits and three pieces of
a photograph are blurred alike, and all are recovered by a prior of digits. It fits the digits. A result
that is likely to be wrong is `doubtful`.
"""

# %%
import matplotlib.pyplot as plt
import torch

import invkit

digits = invkit.dataset("mnist-sample").take(torch.arange(3), "test")
photo = torch.from_numpy(invkit.example("photo").x).mean(0)
corners = [(100 + 20 * k, 40 + 50 * k) for k in range(3)]
pieces = torch.stack([photo[None, top : top + 28, left : left + 28] for top, left in corners])
x = torch.cat([digits, pieces])
w = invkit.dataset("blurA").take(torch.arange(6), "test")
noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
y = invkit.operator("circconv")(w, x) + 0.01 * noise

# %%
solver = "evidence?starts=24,keep=8x2,steps=30,retries=0,leaps=0"
deblur = invkit.compose("circconv", w="vae:blurA", x="gaussian:mnist", solver=solver)
solution = deblur(y)
psnr = invkit.metrics.compare(deblur.operator, (solution.w, solution.x), (w, x)).aligned.psnr
doubtful = torch.tensor([status == "doubtful" for status in solution.status])
for number, (p, c, d) in enumerate(zip(psnr, solution.confidence, doubtful, strict=True)):
    print(f"{'digit' if number < 3 else 'piece'}: {p:.1f} dB, confidence {c:.2f}{', doubtful' if d else ''}")

# %%
figure, frames = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for mark, those, name in (("o", ~doubtful, "not doubtful"), ("x", doubtful, "doubtful")):
    frames[0].scatter(solution.confidence[those], psnr[those], marker=mark, label=name)
frames[0].set(xlabel="confidence", ylabel="PSNR, dB")
frames[0].legend(fontsize=8)
rows = [torch.cat(list(each[:, 0].clamp(0, 1)), 1) for each in (y, solution.x, x)]
frames[1].imshow(torch.cat(rows), cmap="gray")
frames[1].set_title("blurry, recovered, truth", fontsize=9)
frames[1].axis("off")
plt.show()
