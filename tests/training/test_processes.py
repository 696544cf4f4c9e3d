"""Several processes: the same losses as one on the joined batch, and a killed one costs nothing but time."""

from __future__ import annotations

import os
import signal
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


class Uniform(SampledDataset):
    def draw(self, n: int, rng: torch.Generator) -> Float32[Tensor, "n 2"]:
        return torch.rand(n, 2, generator=rng)


RECIPE = ["vae", "--recipe", "blurA", "--set", "limit=256", "--set", "batch=16", "--set", "warmup=2"]


def command(out: Path, *more: str, processes: int = 1) -> list[str]:
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        start += ["--max-restarts", "0", "-m"]
    return [*start, "invkit", "train", *RECIPE, "--out", str(out), *more]


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


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    epochs = ("--set", "epochs=7")  # 112 steps: two entries in the log, and the last
    finished(command(tmp_path / "one", *epochs))
    finished(command(tmp_path / "two", *epochs, processes=2))
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys() == {50, 100, 112}
    assert all(two[step] == pytest.approx(one[step], rel=1e-4) for step in one)
    first, second = (read_prior(tmp_path / name / "vae-blurA.safetensors").tensors for name in ("one", "two"))
    assert all(torch.allclose(first[key], second[key], atol=1e-3) for key in first)


def finished(arguments: list[str]) -> None:
    """Run a training to its end; where it fails, what it said is the message."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def killed(arguments: list[str], out: Path, victim: str) -> subprocess.Popen[bytes]:
    """Start a training, and kill -9 a process of it once there is a checkpoint."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "checkpoint.pt").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    target = process.pid if victim == "itself" else _children(process.pid)[-1]
    os.kill(target, signal.SIGKILL)
    return process


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


LONG = ("--set", "epochs=45")  # 720 steps; the first checkpoint is written after 500


def test_a_killed_training_resumes_to_the_same_file(tmp_path: Path) -> None:
    finished(command(tmp_path / "whole", *LONG))
    killed(command(tmp_path / "cut", *LONG), tmp_path / "cut", "itself").wait()
    assert not (tmp_path / "cut" / "vae-blurA.safetensors").exists()
    finished(command(tmp_path / "cut", *LONG, "--resume"))
    whole, cut = (tmp_path / name / "vae-blurA.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes")
def test_one_of_two_processes_is_killed_and_the_job_ends_at_the_same_loss(tmp_path: Path) -> None:
    finished(command(tmp_path / "whole", *LONG, processes=2))
    arguments = command(tmp_path / "cut", *LONG, "--resume", processes=2)
    assert killed(arguments, tmp_path / "cut", "a child").wait() != 0  # the other process goes down with it
    assert not (tmp_path / "cut" / "vae-blurA.safetensors").exists()
    finished(arguments)
    whole, cut = losses(tmp_path / "whole"), losses(tmp_path / "cut")
    assert cut[720] == pytest.approx(whole[720], rel=1e-5)
