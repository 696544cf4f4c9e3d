"""The training loop: seeded, resumable to the bit, watched, on one process or several.

    run = TrainingRun([Turn("vae", network, loss)], network, data, schedule, out, seed=0)
    run.begin(resume=True)                  # goes on from the checkpoint, where there is one
    weights = run.train(watch)              # the moving average

A step is one batch and one or more turns; each turn moves the weights of one network by one loss. A VAE has
one turn, a GAN those of its players. Everything a step does is a pure function of the seed and the step's
number: the order of the data (:func:`order`), the noise of the losses (its own generator per step and turn)
and the learning rate. A checkpoint therefore holds only the step, the weights, their moving average and the
optimisers; going on from it ends in the same weights as never having stopped. Several processes take the same
steps: see :mod:`invkit.training.processes`.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import torch
from attrs.validators import ge, gt, lt
from torch import Tensor, nn

from invkit.contracts.dataset import Dataset
from invkit.errors import ConfigError, InputError
from invkit.files.atomic import atomic_write
from invkit.training.processes import Draws, Processes

__all__ = [
    *("Loss", "Optimise", "Schedule", "TrainingRun", "Turn", "Watcher"),
    *("adamw", "momentum_sgd", "order", "signals_in"),
]

Loss = Callable[[Tensor, Draws], tuple[Tensor, Mapping[str, Tensor]]]
"""Maps a batch and the turn's noise to the loss and what is logged beside it."""

Optimise = Callable[[Iterable[nn.Parameter], "Schedule"], torch.optim.Optimizer]
"""Makes the optimiser of some parameters; the learning rate is set anew at every step."""

Watcher = Callable[[int, int, Mapping[str, float], "TrainingRun"], None]
"""Told every so many steps: steps done, steps in all, what the last one logged, and the run."""


@attrs.frozen(eq=False)
class Turn:
    """One update within a step.

    Args:
        name: for the log.
        network: what is moved; two turns that name one network share its optimiser.
        loss: what it is moved by. The weights of all other networks are constants meanwhile.
        first: the step from which on the turn is taken.
        last: the step from which on it is not; None for never.
    """

    name: str
    network: nn.Module
    loss: Loss
    first: int = 0
    last: int | None = None

    def taken(self, step: int) -> bool:
        """Return whether this turn belongs to a step."""
        return self.first <= step and (self.last is None or step < self.last)


@attrs.frozen(kw_only=True)
class Schedule:
    """Length and speed of a training: a linear warm-up, then half a cosine, and a moving average."""

    #: passes over the training split
    epochs: int = attrs.field(default=16, validator=ge(1))
    #: signals a step
    batch: int = attrs.field(default=128, validator=ge(1))
    #: peak learning rate, reached after ``warmup`` steps, then falling to 0 along half a cosine
    learning_rate: float = attrs.field(default=2e-3, validator=gt(0))
    warmup: int = attrs.field(default=500, validator=ge(0))
    #: weight decay of the optimiser
    weight_decay: float = attrs.field(default=0.0, validator=ge(0))
    #: bound on the norm of the gradient
    clip: float = attrs.field(default=1e3, validator=gt(0))
    #: decay of the exponential moving average of the weights, which is what is exported
    ema: float = attrs.field(default=0.999, validator=[ge(0), lt(1)])
    #: flip every signal left to right with probability one half
    mirror: bool = False

    # Momentum of the optimiser; AdamW's β₁. It is no field: a recipe that lets its user choose makes it one.
    momentum = 0.9

    def steps(self, signals: int) -> int:
        """Return the total number of steps; the smaller batch at the end of an epoch is left out."""
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


@contextmanager
def _signalled() -> Iterator[list[int]]:
    """The signals that ask a program to end, as they come: the first of them interrupts nothing.

    Those that are ignored stay so. Outside the main thread none is seen.
    """
    seen: list[int] = []
    here = threading.current_thread() is threading.main_thread()
    asked = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.getsignal(each) for each in asked if here}

    def note(number: int, frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    try:
        for each, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(each, note)
        yield seen
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def signals_in(data: Dataset, limit: int) -> int:
    """Return the number of training signals: all of them where ``limit`` is 0, else at most so many."""
    return min(limit or data.splits["train"], data.splits["train"])


def order(seed: int, epoch: int, signals: int) -> Tensor:
    """Return the permutation of one epoch: a pure function of seed and epoch."""
    return torch.randperm(signals, generator=_generator(seed, 0, epoch))


def _generator(seed: int, stream: int, number: int) -> torch.Generator:
    """Return the generator of (seed, stream, number); odd constants keep a stream's seeds distinct."""
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + number * 0x94D049BB133111EB) % 2**63
    return torch.Generator().manual_seed(mixed)


def adamw(parameters: Iterable[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW with β₁ the schedule's momentum and β₂ = 0.999.

    Source: Loshchilov and Hutter, arXiv 1711.05101.
    """
    return torch.optim.AdamW(
        parameters,
        schedule.learning_rate,
        betas=(schedule.momentum, 0.999),
        weight_decay=schedule.weight_decay,
    )


def momentum_sgd(parameters: Iterable[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
    """Stochastic gradient descent with heavy-ball momentum; the weight decay is added to the gradient."""
    return torch.optim.SGD(
        parameters, schedule.learning_rate, momentum=schedule.momentum, weight_decay=schedule.weight_decay
    )


class TrainingRun:
    """One training, writing ``checkpoint.pt`` to ``out``.

    Args:
        turns: what a step does, in order.
        network: whose weights are averaged.
        data: its training split is used.
        schedule: how long and how fast.
        out: the folder of the checkpoint.
        seed: of order and noise; the networks' start is the caller's.
        limit: see `signals_in`.
        fingerprint: of all that determines the result; a checkpoint of another one is refused.
        processes: those that train together; by default this one alone.
        optimise: what moves the weights.

    Attributes:
        signals: how many there are.
        steps: how many the whole run has.
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        network: nn.Module,
        data: Dataset,
        schedule: Schedule,
        out: Path,
        *,
        seed: int,
        limit: int = 0,
        fingerprint: str = "",
        processes: Processes | None = None,
        optimise: Optimise = adamw,
    ) -> None:
        self.turns, self.network, self.data, self.schedule, self.seed = turns, network, data, schedule, seed
        self.processes = processes or Processes()
        self.signals = signals_in(data, limit)
        self.steps = schedule.steps(self.signals)
        if schedule.batch % self.processes.count:
            raise ConfigError(
                f"a batch of {schedule.batch} cannot be shared by {self.processes.count} processes",
                hint=f"set batch={schedule.batch // self.processes.count * self.processes.count}",
            )
        self.networks = list({id(turn.network): turn.network for turn in turns}.values())
        self.average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self.optimisers = [optimise(moved.parameters(), schedule) for moved in self.networks]
        self.checkpoint = out / "checkpoint.pt"
        self.fingerprint = fingerprint
        self.step = 0
        #: seconds spent waiting for data since the last log
        self.waited = 0.0

    def batch(self, step: int) -> Tensor:
        """Return this process's share of the signals of a step."""
        epoch, place = divmod(step, self.schedule.steps_per_epoch(self.signals))
        size = self.schedule.batch
        chosen = order(self.seed, epoch, self.signals)[place * size : (place + 1) * size]
        signals = self.data.take(self.processes.share(chosen), "train")
        if self.schedule.mirror:
            flipped = self.processes.share(
                torch.rand(size, generator=_generator(self.seed, 2**16, step)) < 0.5
            )
            signals = torch.where(flipped[:, None, None, None], signals.flip(-1), signals)
        return signals

    def train(self, watch: Watcher, *, save_every: int = 500, log_every: int = 50) -> dict[str, Tensor]:
        """Take the remaining steps and return the averaged weights.

        Raises:
            InputError: loss or gradient of a step is not finite. The last checkpoint is from before it.
            KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP, at any of the processes. The step is finished first,
                and the checkpoint written; a second signal does not wait for that.
        """
        steps = self.steps
        wrapped = [self.processes.wrap(turn.network, turn.loss) for turn in self.turns]
        # The next batch is read while this one is worked on.
        with ThreadPoolExecutor(1) as reader, _signalled() as seen:
            ahead = reader.submit(self.batch, self.step) if self.step < steps else None
            while self.step < steps:
                assert ahead is not None
                started = time.perf_counter()
                signals = ahead.result().to(self.processes.device, non_blocking=True)
                self.waited += time.perf_counter() - started
                if self.step + 1 < steps:
                    ahead = reader.submit(self.batch, self.step + 1)
                log = self._take_step(signals, wrapped, steps)
                self.step += 1
                if self.step % log_every == 0 or self.step == steps:
                    self._tell(watch, steps, log)
                stop = self.processes.any(bool(seen)) and self.step < steps
                if self.step % save_every == 0 or self.step == steps or stop:
                    self.save()
                if stop:
                    raise KeyboardInterrupt
        return self.average

    def _tell(self, watch: Watcher, steps: int, log: Mapping[str, Tensor]) -> None:
        means = {name: self.processes.mean(value).item() for name, value in log.items()}
        if self.processes.first:
            watch(self.step, steps, means, self)
        self.waited = 0.0

    def _take_step(self, signals: Tensor, wrapped: Sequence[nn.Module], steps: int) -> dict[str, Tensor]:
        log: dict[str, Tensor] = {}
        for number, (turn, module) in enumerate(zip(self.turns, wrapped, strict=True)):
            if turn.taken(self.step):
                draws = Draws(_generator(self.seed, 1 + number, self.step), self.processes)
                log |= self._take_turn(turn, module, signals, draws, steps)
        with torch.no_grad():
            weight = 1 - self.schedule.decay(self.step)
            for name, tensor in self.network.state_dict().items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, weight)
                else:
                    self.average[name].copy_(tensor)
        return log

    def _take_turn(
        self, turn: Turn, module: nn.Module, signals: Tensor, draws: Draws, steps: int
    ) -> dict[str, Tensor]:
        moved = [network is turn.network for network in self.networks]
        for network, is_moved in zip(self.networks, moved, strict=True):
            network.requires_grad_(is_moved)
        optimiser = self.optimisers[moved.index(True)]
        for group in optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.step, steps)
        optimiser.zero_grad(set_to_none=True)
        with self.processes.autocast():
            loss, parts = module(signals, draws)
        self._check_finite("loss", loss)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(turn.network.parameters(), self.schedule.clip)
        self._check_finite("norm of the gradient", norm)  # before it spoils the weights and a checkpoint
        optimiser.step()
        leading = next(turn for turn in self.turns if turn.taken(self.step))  # its loss is logged as the loss
        prefix = "" if turn is leading else f"{turn.name}_"
        return {f"{prefix}loss": loss.detach(), f"{prefix}gradient_norm": norm, **parts}

    def _check_finite(self, what: str, value: Tensor) -> None:
        if not torch.isfinite(value):
            kept = f"; {self.checkpoint} is from before it" if self.checkpoint.exists() else ""
            raise InputError(
                f"the {what} of step {self.step} is {value.item()}{kept}",
                hint="lower learning_rate and train anew",
            )

    def save(self) -> None:
        """Write the checkpoint atomically."""
        if self.processes.first:
            state = {
                "step": self.step,
                "seed": self.seed,
                "fingerprint": self.fingerprint,
                "networks": [network.state_dict() for network in self.networks],
                "average": self.average,
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            }
            with atomic_write(self.checkpoint) as file:
                torch.save(state, file)
        self.processes.wait()

    def begin(self, *, resume: bool) -> bool:
        """Go on from the checkpoint, if asked to and there is one; return whether there was.

        Raises:
            ConfigError: not asked to, and there is a checkpoint, which the run would replace; or it cannot be
                read, or is of another recipe, data set or seed.
        """
        if not self.checkpoint.exists():
            return False
        if not resume:
            raise ConfigError(
                f"{self.checkpoint} is there already",
                hint="add --resume to go on from it, or choose another --out",
            )
        try:
            state: dict[str, Any] = torch.load(
                self.checkpoint, weights_only=True, map_location=self.processes.device
            )
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
        for network, weights in zip(self.networks, state["networks"], strict=True):
            network.load_state_dict(weights)
        for optimiser, moments in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(moments)
        self.average = state["average"]
        self.step = state["step"]
        return True
