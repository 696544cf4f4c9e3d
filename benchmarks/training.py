"""How much does the training engine cost? Its step against the bare one, side by side in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.training

The bare step is what nobody can do without: forward, backward and AdamW of the recipe's network and loss, on
one batch that is in memory. The engine's step reads and mirrors its batch, draws its noise, clips, checks for
values that are not finite, averages the weights and (here at every step) logs. Both ways are called in turn,
so that a busy machine slows them alike; figures are medians of CPU time of the whole process, the reading
thread included.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click
import torch
from torch import Tensor

from benchmarks._measuring import Report, reported
from invkit.contracts.dataset import Dataset
from invkit.training.networks import untrained
from invkit.training.recipes import structure
from invkit.training.run import TrainingRun, Turn
from invkit_generative.architectures import ARCHITECTURES
from invkit_generative.losses import evidence_bound
from invkit_generative.recipe import VAERecipe
from invkit_generative.trainer import VAETrainer


class Random(Dataset):
    """Signals of noise, in memory as bytes, as decoded data sets are."""

    def __init__(self, shape: tuple[int, ...], count: int) -> None:
        self.name, self.signal_shape = "random", shape
        self.splits = {"train": count, "validation": 0, "test": 0}
        self.signals = torch.randint(256, (count, *shape), dtype=torch.uint8)

    def take(self, indices: Tensor, split: str) -> Tensor:
        return self.signals[indices].float() / 255

    def fingerprint(self) -> str:
        return ""


def compare(name: str, repeats: int) -> Report:
    """Time the engine's step and the bare one by the recipe of a VAE."""
    torch.manual_seed(0)
    recipe = structure(VAETrainer().recipes()[name], VAERecipe)
    network = untrained(ARCHITECTURES, recipe, seed=0)
    data = Random(network.signal_shape, 20 * recipe.batch)
    bare = _bare_step(recipe, data)
    times: dict[str, list[float]] = {"bare": [], "engine": []}
    began = time.process_time()

    def watch(step: int, steps: int, log: object, run: TrainingRun) -> None:
        nonlocal began
        times["engine"].append(time.process_time() - began)
        began = time.process_time()
        bare()
        times["bare"].append(time.process_time() - began)
        began = time.process_time()

    turns = [Turn("vae", network, evidence_bound(network, recipe.likelihood, recipe.variance, recipe.output))]
    schedule = attrs.evolve(recipe, epochs=repeats // 20 + 1)
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(turns, network, data, schedule, Path(folder), seed=0)
        run.train(watch, save_every=10**9, log_every=1)
    median = {way: 1e3 * statistics.median(values[3:]) for way, values in times.items()}
    ratio = median["engine"] / median["bare"]
    return {"recipe": name, "batch": recipe.batch, "milliseconds": median, "engine / bare": ratio}


def _bare_step(recipe: VAERecipe, data: Random) -> Callable[[], None]:
    """Forward, backward and AdamW of a network of its own, written out."""
    network = untrained(ARCHITECTURES, recipe, seed=0)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-5, weight_decay=recipe.weight_decay)
    signal = data.take(torch.arange(recipe.batch), "train")
    pixels = signal[0].numel()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        mean, log_variance = network.encode(signal)
        made = network.decode(mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = (made - signal).square().mean() * pixels / (2 * recipe.variance) + divergence
        loss.backward()
        optimiser.step()

    return step


@reported
@click.option("--recipe", "names", multiple=True, default=("celeba", "housenumbers"), show_default=True)
@click.option("--repeats", default=40, show_default=True, help="Timed steps; the median counts.")
def main(names: tuple[str, ...], repeats: int) -> Iterator[Report]:
    """Time the training engine's step against the bare step, for recipes with a Gaussian likelihood."""
    return (compare(name, repeats) for name in names)


if __name__ == "__main__":
    main()
