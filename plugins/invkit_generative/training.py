"""The training loop: seeded, resumable to the bit, watched.

    run = TrainingRun(network, loss, data, schedule, out, seed=0)
    run.resume()                            # where there is a checkpoint
    weights = run.train(watch)              # the moving average

Everything a step does is a pure function of the seed and the step's number: the order of the data
(:func:`order`), the noise of the loss (its own generator per step) and the learning rate. A checkpoint
therefore holds only the step, the weights, their moving average and the optimiser; going on from it ends in
the same weights as never having stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from invkit.contracts.dataset import Dataset
from invkit.errors import ConfigError, InputError
from invkit.files.atomic import atomic_write

__all__ = ["Loss", "Schedule", "TrainingRun", "Watcher", "order"]

Loss = Callable[[Tensor, torch.Generator], tuple[Tensor, Mapping[str, Tensor]]]
"""Maps a batch and the step's noise generator to the loss and what is logged beside it."""

Watcher = Callable[[int, int, Mapping[str, float], "TrainingRun"], None]
"""Told every so many steps: steps done, steps in all, what the last one logged, and the run."""


@attrs.frozen
class Schedule:
    """How long and how fast.

    Args:
        epochs: passes over the signals.
        batch: signals a step.
        learning_rate: peak, reached by a linear warm-up that multiplies half a cosine to zero.
        warmup: steps of the warm-up.
        clip: bound on the norm of the gradient.
        ema: decay of the weights' moving average.
    """

    epochs: int
    batch: int
    learning_rate: float
    warmup: int
    clip: float
    ema: float

    def steps(self, signals: int) -> int:
        """Return the number of steps in all; an epoch's last, smaller batch is left out."""
        return self.epochs * self.steps_per_epoch(signals)

    def steps_per_epoch(self, signals: int) -> int:
        """Return the number of full batches in one pass."""
        if not signals:
            raise ConfigError("the data has no training signals", hint="choose other data")
        if signals < self.batch:
            raise ConfigError(
                f"a batch of {self.batch} needs as many signals, the data has {signals}",
                hint=f"set batch={signals}",
            )
        return signals // self.batch

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of step 0, 1, …"""
        ramp = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * step / steps))

    def decay(self, step: int) -> float:
        """Return the average's decay, smaller at first so that the untrained weights are soon forgotten."""
        return min(self.ema, (1 + step) / (10 + step))


def order(seed: int, epoch: int, signals: int) -> Tensor:
    """Return the permutation of one epoch: a pure function of seed and epoch."""
    return torch.randperm(signals, generator=_generator(seed, 0, epoch))


def _generator(seed: int, stream: int, number: int) -> torch.Generator:
    """Return a generator of its own for every (seed, stream, number).

    The mixing constants are odd, so the seeds are distinct within a stream.
    """
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + number * 0x94D049BB133111EB) % 2**63
    return torch.Generator().manual_seed(mixed)


class TrainingRun:
    """One training of one network by Adam, writing ``checkpoint.pt`` to ``out``.

    Args:
        network: what is trained, in place.
        loss: of a batch.
        data: its training split is used.
        schedule: how long and how fast.
        out: the folder of the checkpoint.
        seed: of order and noise; the network's start is the caller's.
        limit: only the first so many training signals; 0 takes all.
        fingerprint: of all that determines the result; a checkpoint of another one is refused.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        data: Dataset,
        schedule: Schedule,
        out: Path,
        *,
        seed: int,
        limit: int = 0,
        fingerprint: str = "",
    ) -> None:
        self.network, self.loss, self.data, self.schedule, self.seed = network, loss, data, schedule, seed
        self.signals = min(limit or data.splits["train"], data.splits["train"])
        self.average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self.optimiser = torch.optim.Adam(network.parameters(), schedule.learning_rate)
        self.checkpoint = out / "checkpoint.pt"
        self.fingerprint = fingerprint
        self.step = 0

    @property
    def steps(self) -> int:
        """How many steps the whole run has."""
        return self.schedule.steps(self.signals)

    def batch(self, step: int) -> Tensor:
        """Return the signals of a step."""
        epoch, place = divmod(step, self.schedule.steps_per_epoch(self.signals))
        size = self.schedule.batch
        return self.data.take(
            order(self.seed, epoch, self.signals)[place * size : (place + 1) * size], "train"
        )

    def train(self, watch: Watcher, *, save_every: int = 500, log_every: int = 50) -> dict[str, Tensor]:
        """Take the remaining steps and return the averaged weights.

        Raises:
            InputError: loss or gradient of a step is not finite. The last checkpoint is from before it.
        """
        steps = self.steps
        while self.step < steps:
            log = self._take_step(steps)
            self.step += 1
            if self.step % log_every == 0 or self.step == steps:
                watch(self.step, steps, {name: value.item() for name, value in log.items()}, self)
            if self.step % save_every == 0 or self.step == steps:
                self.save()
        return self.average

    def _take_step(self, steps: int) -> dict[str, Tensor]:
        loss, parts = self.loss(self.batch(self.step), _generator(self.seed, 1, self.step))
        self._check_finite("loss", loss)
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.step, steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.clip)
        self._check_finite("norm of the gradient", norm)  # before it spoils the weights and a checkpoint
        self.optimiser.step()
        with torch.no_grad():
            weight = 1 - self.schedule.decay(self.step)
            for name, tensor in self.network.state_dict().items():
                self.average[name].lerp_(tensor, weight)
        return {"loss": loss.detach(), "gradient_norm": norm, **parts}

    def _check_finite(self, what: str, value: Tensor) -> None:
        if not torch.isfinite(value):
            kept = f"; {self.checkpoint} is from before it" if self.checkpoint.exists() else ""
            raise InputError(
                f"the {what} of step {self.step} is {value.item()}{kept}",
                hint="lower learning_rate and train anew",
            )

    def save(self) -> None:
        """Write the checkpoint: a temporary file first, then renamed, so there is always a whole one."""
        state = {
            "step": self.step,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        with atomic_write(self.checkpoint) as file:
            torch.save(state, file)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one; return whether there was.

        Raises:
            ConfigError: it cannot be read, or is of another recipe, data set or seed.
        """
        if not self.checkpoint.exists():
            return False
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
            made_by = (state["fingerprint"], state["seed"])
        except Exception as error:  # a damaged file may raise nearly anything
            raise ConfigError(
                f"the checkpoint {self.checkpoint} cannot be read: {type(error).__name__}",
                hint="delete it to start anew",
            ) from error
        if made_by != (self.fingerprint, self.seed):
            raise ConfigError(
                f"{self.checkpoint} is of another recipe, data set or seed",
                hint="use the same, or another --out",
            )
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        return True
