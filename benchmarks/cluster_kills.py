"""Is every picture done exactly once, while workers of a cluster are killed and its scheduler is restarted?

    python -m benchmarks.cluster_kills                           # 600 pictures, a worker killed every 20 s
    python -m benchmarks.cluster_kills --pictures 120 --every 5

It needs the extra `dask`. The pictures are solved without a cluster first. Then a scheduler and workers are
started as processes of their own; every so many seconds one of the workers is killed by SIGKILL and a new one
started. In the middle the scheduler is killed, too: the run ends with an error, and the same call is made
again. At the end the folder must be the one of the first run: the same files, the same bits, the same records
in the table.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import click

import invkit
from benchmarks._measuring import Report, reported
from benchmarks._small_pictures import giving_back, write_pictures
from benchmarks.kills import results

ONLY = ("sharp", "kernel_exact")


def table(folder: Path) -> list[str]:
    """The lines of all indexes, without what depends on the time."""
    lines = [line for path in folder.glob("records*.jsonl") for line in path.read_text().splitlines()]
    kept = ("image", "image_sha256", "configuration", "status", "files", "sha256")
    return sorted(json.dumps({key: json.loads(line)[key] for key in kept}) for line in lines)


@attrs.define
class Machines:
    """A scheduler and its workers, each a process."""

    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = attrs.field(factory=list)
    port: int = 0
    #: one thread at a time kills and starts workers
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start it, at the port that it had."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = _started("distributed.cli.dask_scheduler", *options)

    def start_worker(self) -> None:
        """Start one more, with one thread; it looks for the scheduler for a minute."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        self.workers.append(_started("distributed.cli.dask_worker", self.address, *options))

    def replace_workers(self) -> None:
        """Start all anew: a worker that has lost its scheduler ends by itself, sooner or later."""
        with self.lock:
            lost, self.workers = self.workers, []
            for each in lost:
                each.kill()
                each.wait()
                self.start_worker()

    def kill_worker(self, rng: random.Random) -> None:
        """Kill one of them, and start another."""
        with self.lock:
            self.workers = [each for each in self.workers if each.poll() is None]
            if self.workers:
                victim = self.workers.pop(rng.randrange(len(self.workers)))
                victim.send_signal(signal.SIGKILL)
                victim.wait()
            self.start_worker()


def _started(module: str, *options: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    command = [sys.executable, "-m", module, *options]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@contextmanager
def machines(workers: int) -> Iterator[Machines]:
    """Machines that are there for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        made = Machines(port=probe.getsockname()[1])
    made.start_scheduler()
    for _ in range(workers):
        made.start_worker()
    try:
        yield made
    finally:
        for each in (*made.workers, made.scheduler):
            if each is not None:
                each.kill()
                each.wait()


@reported
@click.option("--pictures", default=600, show_default=True)
@click.option("--seconds", default=0.5, show_default=True, help="That each picture takes.")
@click.option("--workers", default=2, show_default=True)
@click.option("--every", default=20.0, show_default=True, help="Seconds between two kills.")
@click.option("--restarts", default=1, show_default=True, help="Of the scheduler.")
@click.option("--seed", default=0)
def main(pictures: int, seconds: float, workers: int, every: float, restarts: int, seed: int) -> Report:
    """Kill workers and the scheduler, and look at what they leave."""
    if importlib.util.find_spec("distributed") is None:
        raise click.ClickException("this needs the extra `dask`: pip install 'invkit[dask]'")
    rng, over, kills = random.Random(seed), threading.Event(), 0
    with tempfile.TemporaryDirectory() as place, machines(workers) as there:
        source, plain, out = (Path(place) / name for name in ("pictures", "plain", "out"))
        write_pictures(source, pictures)
        pipeline = giving_back(seconds=seconds)
        invkit.map(pipeline, source, plain, jobs=workers, only=ONLY)

        def disturb() -> None:
            nonlocal kills
            while not over.wait(every):
                there.kill_worker(rng)
                kills += 1

        def finished() -> int:
            return len(list(out.glob("*.json")))

        def restart(number: int, ended: threading.Event) -> None:
            while finished() < pictures * number // (restarts + 1):
                if ended.wait(0.2):
                    return
            assert there.scheduler is not None
            there.scheduler.kill()
            there.scheduler.wait()
            time.sleep(1)
            there.start_scheduler()
            there.replace_workers()

        disturbing = threading.Thread(target=disturb)
        disturbing.start()
        began, errors = time.perf_counter(), []
        try:
            for number in range(1, restarts + 2):
                ended = threading.Event()
                killer = threading.Thread(target=restart, args=(number, ended))
                if number <= restarts:
                    killer.start()
                try:
                    invkit.map(pipeline, source, out, cluster=there.address, only=ONLY)
                except invkit.InvkitError as error:
                    errors.append(str(error))
                ended.set()
                if number <= restarts:
                    killer.join()
        finally:
            over.set()
            disturbing.join()
        undisturbed, found = results(plain), results(out)
        return {
            "pictures": pictures,
            "workers": workers,
            "workers killed": kills,
            "runs that ended with an error": len(errors),
            "seconds": time.perf_counter() - began,
            "pictures not exactly once in the table": len(set(table(out)) ^ set(table(plain)))
            + len(table(out))
            - len(set(table(out))),
            "files that are not of an undisturbed run": sum(
                found.get(name) != undisturbed.get(name) for name in {*found, *undisturbed}
            ),
        }


if __name__ == "__main__":
    main()
