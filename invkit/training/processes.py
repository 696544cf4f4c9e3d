"""The processes that train together: one by default, several under ``torchrun``.

    torchrun --nproc-per-node 2 -m invkit train vae --recipe celeba --out runs/celeba --resume

Each process takes its share of every batch and of the noise that goes with it; gradients are averaged by
DistributedDataParallel. So the loss and the steps are those of one process on the whole batch, up to the
order of sums. Only the first process writes files and shows progress.

Backends: nccl where there is a GPU for each process, else gloo. Statistics of batch norm are those of each
process's share, except on GPUs, where they are synchronised.

A process that stops answering does not hang the others for good: after :data:`PATIENCE` seconds they end, and
say which one it was.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import attrs
import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

from invkit.contracts.dataset import SampledDataset
from invkit.errors import InvkitError

__all__ = ["Draws", "Processes", "joined"]

PATIENCE = 300
"""Seconds to wait for another process; the longest a process works alone is to write a checkpoint."""

_ROLL_CALL = 10
"""Seconds to answer when it is asked which process is missing."""


@attrs.frozen
class Processes:
    """This process among those that train together; by default alone, on the CPU.

    Args:
        rank: 0 to count − 1.
        count: how many there are.
        device: where this one computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = attrs.field(factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.rank == 0

    def share(self, whole: Tensor) -> Tensor:
        """Return this process's part of what is indexed by a batch."""
        size = len(whole) // self.count
        return whole[self.rank * size : (self.rank + 1) * size]

    def wrap(self, network: nn.Module, loss: Callable[..., Any]) -> nn.Module:
        """Return a module that computes the loss; its backward pass averages the gradients of ``network``."""
        module = _Loss(network, loss)
        if self.count == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=devices)

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in bfloat16 where the device does that fast."""
        if self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over the processes of what each of them measured."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.count

    def any(self, here: bool) -> bool:
        """Return whether it is so in any of the processes."""
        if self.count == 1:
            return here
        told = torch.tensor(int(here), device=self.device)
        distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
        return bool(told)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()


@attrs.frozen(eq=False)
class Draws:
    """Noise for this process's share of a batch, cut from the noise of the whole batch.

    Args:
        generator: the same in all processes, on the CPU.
        processes: those that train; noise comes on the device of this one.
    """

    generator: torch.Generator
    processes: Processes = attrs.field(factory=Processes)

    def normal(self, *shape: int) -> Float[Tensor, "..."]:
        """Return standard normal noise; the first axis of ``shape`` is this process's share of the batch."""
        whole = torch.randn(shape[0] * self.processes.count, *shape[1:], generator=self.generator)
        return self.processes.share(whole).to(self.processes.device)

    def uniform(self, *shape: int) -> Float[Tensor, "..."]:
        """Return numbers uniform in [0, 1), as :meth:`normal` does."""
        whole = torch.rand(shape[0] * self.processes.count, *shape[1:], generator=self.generator)
        return self.processes.share(whole).to(self.processes.device)

    def signals(self, law: SampledDataset, n: int) -> Float[Tensor, "n *signal"]:
        """Return ``n`` new signals of a law of chance: this process's share of those of the whole batch."""
        whole = law.draw(n * self.processes.count, self.generator)
        return self.processes.share(whole).to(self.processes.device)


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started, or be alone; a GPU is used where there is one.

    Raises:
        InvkitError: another process does not answer; says which.
    """
    gpu = torch.cuda.is_available()
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if count == 1:
        yield Processes(device=device)
        return
    if gpu:
        torch.cuda.set_device(device)
    patience = timedelta(seconds=PATIENCE)
    distributed.init_process_group("nccl" if gpu else "gloo", timeout=patience)
    # By which the others are called when one does not answer: what has timed out can send nothing more.
    others = distributed.new_group(backend="gloo", timeout=patience)
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), device)
    except RuntimeError as error:
        missing = _missing(others, error)
        if missing is None:
            raise
        raise missing from error
    finally:
        # A wrapped network is part of a cycle and holds the group: were it to live until Python ends,
        # the threads of the group would end there, and abort the process.
        gc.collect()
        distributed.destroy_process_group()


def _missing(others: Any, error: RuntimeError) -> InvkitError | None:
    """The error that names the processes that do not answer; None where an error has another cause."""
    text = str(error).lower()
    if not any(word in text for word in ("timed out", "timeout", "connection closed", "connection reset")):
        return None
    try:
        distributed.monitored_barrier(others, timedelta(seconds=_ROLL_CALL), wait_all_ranks=True)
    except RuntimeError as answer:
        # The first process hears all the others. They hear it alone, and it ends where it misses one.
        first, count = distributed.get_rank() == 0, distributed.get_world_size()
        found = re.search(r"[Rr]anks? ([\d, ]+) failed", str(answer)) if first else None
        which = found[1].strip(" ,") if found else "0"
        unless = ", unless it names another itself" if found is None and count > 2 else ""
        return InvkitError(
            f"process {which} of {count} (from 0) did not answer for {PATIENCE} s{unless}",
            hint="see whether it was stopped or its machine is gone; then train with --resume",
        )
    return None


class _Loss(nn.Module):
    """A loss as a module, which is what DistributedDataParallel wraps."""

    def __init__(self, network: nn.Module, loss: Callable[..., Any]) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, signals: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        result: tuple[Tensor, Mapping[str, Tensor]] = self.loss(signals, draws)
        return result
