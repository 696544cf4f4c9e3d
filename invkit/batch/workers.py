"""Who solves the pictures: this process, or several others on one machine.

    with Processes(recovery, 4) as crew:
        for outcome in crew.run(items):         # in the order in which they are done
            ...

A worker process reads pictures and gives back results; it writes nothing and dies with this process. Each
computes with one thread. Small pictures of one size are solved together where that was asked for. A process
that dies costs the pictures it was at: each is tried once more alone at the end, when nothing else takes
memory.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Any

import attrs
import torch

from invkit.batch.items import Failure, Item
from invkit.batch.recovering import Recovery, Result, Say
from invkit.errors import InputError

__all__ = ["Crew", "Inline", "Processes"]

Outcome = Result | Failure


class Inline:
    """This process solves one picture after another.

    Args:
        recovery: what is done with a picture.
        threads: how many it computes with; None: as many as torch has.
        say: told in a line what is known before a solve.
        most: pictures that may be solved together.
    """

    def __init__(
        self, recovery: Recovery, threads: int | None = None, say: Say | None = None, most: int = 1
    ) -> None:
        self._recovery, self._threads, self._say, self._most = recovery, threads, say, most
        self._before = torch.get_num_threads()

    def __enter__(self) -> Inline:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.set_num_threads(self._before)

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Outcome]]:
        """Give each picture with what came out."""
        for batch in _batches(self._recovery, items, self._most):
            for item, first in zip(batch, self._recovery(batch, self._say), strict=True):
                outcome = first
                if isinstance(first, Failure) and first.passing:
                    gc.collect()
                    (outcome,) = self._recovery([item], self._say)
                yield item, outcome


class Processes:
    """Worker processes solve several pictures at a time.

    Args:
        recovery: what is done with a picture.
        devices: a process for each, with its tensors on that device.
        say: told in a line what is known before a solve, from any thread.
        most: pictures that may be solved together.

    Raises:
        InputError: the pipeline has a part that cannot be handed to another process.
    """

    def __init__(
        self, recovery: Recovery, devices: list[str], say: Say | None = None, most: int = 1
    ) -> None:
        self._recovery, self._say, self._devices, self._most = recovery, say, devices, most
        self._pool = ThreadPoolExecutor(len(devices))  # a thread waits for each process
        self._workers: dict[int, _Worker] = {}
        self._free = list(devices)
        try:
            self._recoveries = {
                device: pickle.dumps(attrs.evolve(recovery, device=device)) for device in set(devices)
            }
        except Exception as error:  # pickle raises whatever an object's own code does
            raise _not_to_be_handed_over(error) from error

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in list(self._workers.values()):
            worker.kill()
        self._pool.shutdown(cancel_futures=True)

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Outcome]]:
        """Give each picture with what came out, in the order in which they are done."""
        running: dict[Future[list[Outcome]], list[Item]] = {}
        alone: list[Item] = []

        def done(*, all_of_them: bool) -> Iterator[tuple[Item, Outcome]]:
            while running and (all_of_them or len(running) > 2 * len(self._devices)):
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    for item, outcome in zip(running.pop(future), future.result(), strict=True):
                        if isinstance(outcome, Failure) and outcome.passing:
                            alone.append(item)
                        else:
                            yield item, outcome

        for batch in _batches(self._recovery, items, self._most):
            running[self._pool.submit(self._solve, batch)] = batch
            yield from done(all_of_them=False)
        yield from done(all_of_them=True)
        for item in alone:
            for worker in self._workers.values():
                worker.kill()  # so that one has all the memory
            yield item, self._pool.submit(self._solve, [item]).result()[0]

    def _solve(self, batch: list[Item]) -> list[Outcome]:
        """In a thread of its own: hand pictures to this thread's worker."""
        thread = threading.get_ident()
        worker = self._workers.get(thread)
        if worker is None or worker.dead:
            device = worker.device if worker else self._free.pop()
            worker = self._workers[thread] = _Worker(device, self._recoveries[device])
        return worker.solve(batch, self._say)


class _Worker:
    """A process that solves what it is given, one batch at a time."""

    def __init__(self, device: str, recovery: bytes) -> None:
        self.device, self.dead = device, False
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "invkit.batch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self._first: bytes | None = recovery

    def solve(self, batch: list[Item], say: Say | None) -> list[Outcome]:
        """What came out for each picture; passing failures where the process died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            if self._first is not None:
                pickle.dump(self._first, self._process.stdin)
                self._first = None
            pickle.dump(batch, self._process.stdin)
            self._process.stdin.flush()
            while True:
                kind, value = pickle.load(self._process.stdout)
                if kind == "done":
                    outcomes: list[Outcome] = value
                    return outcomes
                if kind == "broken":
                    raise _not_to_be_handed_over(value)
                if say is not None:
                    say(value)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.kill()
            code = self._process.returncode
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            hint = "the memory may be too small for it" if code == -9 else None
            message = f"its process ended {how}, also when it was tried once more alone"
            return [Failure(str(item), message, hint, foreseen=False, passing=True) for item in batch]

    def kill(self) -> None:
        """End it at once."""
        self.dead = True
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not sent yet cannot be
                if stream is not None:
                    stream.close()


Crew = Inline | Processes


def _batches(recovery: Recovery, items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """The pictures in order, those that may be solved together in lists of at most so many."""
    waiting: list[Item] = []
    shared = None
    for item in items:
        own = recovery.together(item) if most > 1 else None
        if waiting and (own is None or own != shared or len(waiting) == most):
            yield waiting
            waiting = []
        shared = own
        waiting.append(item)
    if waiting:
        yield waiting


def _not_to_be_handed_over(why: Any) -> InputError:
    return InputError(
        f"the pipeline cannot be sent to worker processes: {why}",
        hint="define its classes in a module that can be imported, or use one job: jobs=1",
    )
