"""# An experiment as a file

A composition is written down with every default spelled out, and with the sha256 of every file that it
uses. Read again, it gives the same numbers, to the bit.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import invkit

digit = invkit.example("digit")
deblur = invkit.compose(
    "circconv", w="vae:blurA", x="vae:mnist", solver="altgd?steps=120,restarts=12", seed=3
)
solution = deblur(digit.y)
deblur.save_config("experiment.toml")
print(Path("experiment.toml").read_text("utf-8"))

# %%
again = invkit.load_config("experiment.toml")(digit.y)
same = bool((again.x == solution.x).all())
print("the same to the bit" if same else "different")

# %% [markdown]
# A solution is saved and loaded, too: arrays, pictures and a record.

# %%
kept = invkit.Solution.load(solution.save("kept"))
print(sorted(path.name for path in Path("kept").iterdir()))

# %%
shown = {"measured": digit.y, "solved": solution.x, "solved from the file": again.x, "loaded": kept.x}
figure, frames = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for frame, (title, picture) in zip(frames, shown.items(), strict=True):
    frame.imshow(torch.as_tensor(picture)[0].clamp(0, 1), cmap="gray")
    frame.set_title(title, fontsize=9)
    frame.axis("off")
plt.show()
