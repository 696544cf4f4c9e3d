"""Several processes: the same losses as one on the joined batch, and a killed one costs nothing but time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float32
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from invkit.contracts.dataset import SampledDataset
from invkit.errors import ConfigError
from invkit.files.store import read_prior
from invkit.training.processes import Draws, Processes
from tests.training.test_run import make_run
from tests.training.test_trainer import train

ROOT = Path(__file__).resolve().parents[2]


class Uniform(SampledDataset):
    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 2"]:
        return torch.rand(n, 2, generator=rng)


#: 400 steps; a checkpoint is written after every 50
LONG = {"epochs": 80, "learning_rate": 1e-4}
SCRIPT = f"""
import functools, sys
from pathlib import Path
from invkit.training.run import TrainingRun
TrainingRun.train = functools.partialmethod(TrainingRun.train, save_every=50)
from tests.training.test_trainer import train
train(Path(sys.argv[1]), {LONG}, resume=True)
"""


def losses(out: Path) -> dict[int, float]:
    """Return the logged loss by step, the last where a step was taken twice."""
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return {event.step: event.value for event in events.Scalars("loss")}


def shares(seed: int, count: int) -> list[Draws]:
    return [Draws(torch.Generator().manual_seed(seed), Processes(rank, count)) for rank in range(count)]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32))
def test_shares_are_cut_from_the_noise_of_the_whole_batch(count: int, size: int, seed: int) -> None:
    parts = [draws.normal(size, 3) for draws in shares(seed, count)]
    whole = Draws(torch.Generator().manual_seed(seed)).normal(size * count, 3)
    assert torch.equal(torch.cat(parts), whole)
    signals = torch.arange(size * count)
    assert torch.equal(torch.cat([Processes(rank, count).share(signals) for rank in range(count)]), signals)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32))
def test_so_are_signals_of_a_law(count: int, size: int, seed: int) -> None:
    law = Uniform("uniform", (2,), {})
    parts = [draws.signals(law, size) for draws in shares(seed, count)]
    assert torch.equal(torch.cat(parts), law.draw(size * count, torch.Generator().manual_seed(seed)))


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch of 4 cannot be shared by 3 processes; set batch=3"):
        make_run(tmp_path, processes=Processes(0, 3))


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


STOPS = """
import os, signal, sys, time
from pathlib import Path
from invkit.training import processes
processes.PATIENCE = 10
here = Path(sys.argv[1])
(here / os.environ["RANK"]).touch()
while not (here / "go").exists():       # all have imported torch: what follows takes no time
    time.sleep(0.02)
with processes.joined() as joined:
    joined.wait()
    if joined.rank == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGSTOP)
    joined.wait()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that stops a process")
@pytest.mark.parametrize("stopped", [0, 1])
def test_a_process_that_is_stopped_is_named(stopped: int, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = torch.distributed.TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    environment = {
        **os.environ,
        **{"PYTHONPATH": str(ROOT), "WORLD_SIZE": "2", "CUDA_VISIBLE_DEVICES": ""},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"},
    }
    command = [sys.executable, "-c", STOPS, str(tmp_path), str(stopped)]
    started = [
        subprocess.Popen(command, env={**environment, "RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    try:
        while not all((tmp_path / rank).exists() for rank in "01"):
            assert all(process.poll() is None for process in started)
            time.sleep(0.02)
        (tmp_path / "go").touch()
        told = started[1 - stopped].communicate()[1]
        assert f"process {stopped} of 2 (from 0) did not answer for 10 s; " in told
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
    del store


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes")
def test_two_processes_of_which_one_is_killed_take_the_steps_of_one(tmp_path: Path) -> None:
    script, out = tmp_path / "two.py", tmp_path / "two"
    script.write_text(SCRIPT)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*start, "--max-restarts", "0", str(script), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins")))}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (out / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(_children(process.pid)[-1], signal.SIGKILL)
    assert process.wait() != 0  # the other process goes down with it
    assert not (out / "line-mine.safetensors").exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    files = (train(tmp_path / "one", LONG), out / "line-mine.safetensors")
    weights = [read_prior(path).tensors for path in files]
    one, two = losses(tmp_path / "one"), losses(out)
    assert one.keys() == two.keys() == {*range(50, 401, 50)}
    assert all(two[step] == pytest.approx(one[step], rel=1e-4) for step in one)
    assert all(torch.allclose(weights[0][key], weights[1][key], atol=1e-3) for key in weights[0])
