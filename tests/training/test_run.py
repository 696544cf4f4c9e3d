"""The loop: pure in seed and step, resumable to the bit, and it stops before what is not finite spoils it."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float32, Int
from torch import Tensor, nn

import invkit
from invkit.errors import ConfigError, InputError
from invkit.training.processes import Draws, Processes
from invkit.training.run import Optimise, Schedule, TrainingRun, Turn, adamw, momentum_sgd, order

SCHEDULE = Schedule(epochs=4, batch=4, learning_rate=1e-2, warmup=3, clip=10.0, ema=0.9)
STEPS = 20  # four epochs of five batches


class Numbers(invkit.Dataset):
    """Twenty fixed vectors."""

    name = "numbers"
    signal_shape = (3,)
    splits = MappingProxyType({"train": 20, "validation": 0, "test": 0})

    def take(self, indices: Int[Tensor, "n"], split: str) -> Float32[Tensor, "n 3"]:
        self.check(indices, split)
        return torch.sin(torch.arange(60.0).reshape(20, 3))[indices]

    def fingerprint(self) -> str:
        return "numbers"


class Interrupted(Exception):
    pass


def make_run(
    out: Path,
    *,
    seed: int = 0,
    fingerprint: str = "",
    poison: int | None = None,
    processes: Processes | None = None,
    optimise: Optimise = adamw,
    schedule: Schedule = SCHEDULE,
) -> TrainingRun:
    """A noisy regression; with ``poison``, the step whose loss is not finite."""
    torch.manual_seed(0)
    network = nn.Linear(3, 1).to("cpu" if processes is None else processes.device)
    run: TrainingRun

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        noise = 0.1 * draws.normal(len(signal), 1)
        error = (network(signal) - signal.sum(1, keepdim=True) - noise).square().mean()
        return error * (torch.nan if run.step == poison else 1.0), {"error": error.detach()}

    run = TrainingRun(
        [Turn("regression", network, loss)],
        network,
        Numbers(),
        schedule,
        out,
        seed=seed,
        fingerprint=fingerprint,
        processes=processes,
        optimise=optimise,
    )
    return run


def quiet(step: int, steps: int, log: Mapping[str, float], run: TrainingRun) -> None:
    pass


def stop_at(last: int) -> object:
    def watch(step: int, steps: int, log: Mapping[str, float], run: TrainingRun) -> None:
        if step == last:
            raise Interrupted

    return watch


def equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 200))
def test_an_epochs_order_is_a_permutation_that_only_seed_and_epoch_decide(
    seed: int, epoch: int, signals: int
) -> None:
    first = order(seed, epoch, signals)
    assert torch.equal(first.sort().values, torch.arange(signals))
    torch.rand(3)  # whatever else draws
    assert torch.equal(first, order(seed, epoch, signals))


def test_orders_differ_between_epochs_and_seeds() -> None:
    orders = {tuple(order(seed, epoch, 50).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_every_signal_is_seen_once_an_epoch(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for epoch in range(SCHEDULE.epochs):
        seen = torch.cat([run.batch(epoch * 5 + place) for place in range(5)])
        everything = run.data.take(torch.arange(20), "train")
        assert torch.equal(seen.sort(0).values, everything.sort(0).values)


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    schedule = Schedule(epochs=1, batch=1, learning_rate=1.0, warmup=10, clip=1.0, ema=0.99)
    rates = [schedule.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) < 1
    assert rates.index(max(rates)) in (9, 10)
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] < 1e-3


def test_the_average_forgets_its_untrained_start() -> None:
    decays = [SCHEDULE.decay(step) for step in range(200)]
    assert decays[0] == pytest.approx(0.1) and decays[-1] == SCHEDULE.ema


@pytest.mark.parametrize("signals", [0, 3])
def test_too_few_signals_for_a_batch(signals: int) -> None:
    with pytest.raises(ConfigError, match="no training signals" if not signals else "batch=3"):
        SCHEDULE.steps(signals)


def test_the_loss_falls(tmp_path: Path) -> None:
    losses: list[float] = []
    schedule = Schedule(epochs=60, batch=4, learning_rate=5e-2, warmup=3, clip=10.0, ema=0.9)
    run = make_run(tmp_path, schedule=schedule)
    run.train(lambda step, steps, log, run: losses.append(log["loss"]), log_every=1)
    assert len(losses) == 300
    assert sum(losses[-20:]) < 0.05 * sum(losses[:20])


# Interrupted before there is a checkpoint, between two, right after one, and in the last step.
@pytest.mark.parametrize("last", [1, 5, 6, 12, 19])
def test_an_interrupted_run_ends_in_the_same_weights(last: int, tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole")
    whole.train(quiet, save_every=3)
    stopped = make_run(tmp_path / "stopped")
    with pytest.raises(Interrupted):
        stopped.train(stop_at(last), save_every=3, log_every=1)  # type: ignore[arg-type]
    again = make_run(tmp_path / "stopped")
    assert again.begin(resume=True) == (last > 3)
    assert again.step == (last - 1) // 3 * 3
    again.train(quiet, save_every=3)
    assert again.step == STEPS
    assert equal(whole.average, again.average)
    assert equal(whole.network.state_dict(), again.network.state_dict())


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_with_a_checkpoint_of_its_last_step(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def watch(step: int, steps: int, log: Mapping[str, float], run: TrainingRun) -> None:
        if step == 7:
            signal.raise_signal(getattr(signal, name))

    own = signal.getsignal(getattr(signal, name))
    before = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
    signal.signal(getattr(signal, name), before)  # under nohup SIGHUP is ignored, and stays so
    request.addfinalizer(lambda: signal.signal(getattr(signal, name), own))
    whole = make_run(tmp_path / "whole").train(quiet)
    stopped = make_run(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        stopped.train(watch, log_every=1)
    assert signal.getsignal(getattr(signal, name)) == before
    assert torch.load(stopped.checkpoint, weights_only=True)["step"] == 7
    again = make_run(tmp_path / "stopped")
    assert again.begin(resume=True)
    found = again.train(quiet)
    assert all(torch.equal(found[key], whole[key]) for key in whole)


def test_a_second_signal_ends_a_run_at_once(tmp_path: Path) -> None:
    def watch(step: int, steps: int, log: Mapping[str, float], run: TrainingRun) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    run = make_run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.train(watch, log_every=1)
    assert not run.checkpoint.exists()


def test_a_run_begins_anew_or_goes_on_but_replaces_nothing(tmp_path: Path) -> None:
    assert not make_run(tmp_path).begin(resume=True)
    run = make_run(tmp_path)
    assert not run.begin(resume=False)
    run.train(quiet)
    with pytest.raises(ConfigError, match="is there already; add --resume"):
        make_run(tmp_path).begin(resume=False)
    again = make_run(tmp_path)
    assert again.begin(resume=True) and again.step == STEPS


def test_momentum_sgd_is_the_heavy_ball() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    schedule = Schedule(learning_rate=0.1, weight_decay=0.5)
    optimiser = momentum_sgd([weight], schedule)
    position, velocity = 2.0, 0.0
    for _ in range(3):
        weight.grad = torch.tensor([1.0])
        optimiser.step()
        velocity = 0.9 * velocity + 1.0 + 0.5 * position
        position -= 0.1 * velocity
    assert weight.item() == pytest.approx(position)


def test_an_interrupted_run_by_momentum_ends_in_the_same_weights(tmp_path: Path) -> None:
    def run(out: Path) -> TrainingRun:
        return make_run(out, optimise=momentum_sgd)

    whole = run(tmp_path / "whole").train(quiet)
    with pytest.raises(Interrupted):
        run(tmp_path / "cut").train(stop_at(12), save_every=5, log_every=1)  # type: ignore[arg-type]
    again = run(tmp_path / "cut")
    assert again.begin(resume=True) and again.step == 10
    assert equal(again.train(quiet), whole)
    assert not equal(whole, make_run(tmp_path / "adamw").train(quiet))


def test_a_finished_run_resumes_as_finished(tmp_path: Path) -> None:
    whole = make_run(tmp_path)
    weights = whole.train(quiet)
    again = make_run(tmp_path)
    assert again.begin(resume=True) and again.step == STEPS
    assert equal(again.train(quiet), weights)


def test_seeds_matter(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / str(seed), seed=seed).train(quiet) for seed in (0, 1)]
    assert not equal(*runs)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"fingerprint": "another"}])
def test_a_checkpoint_of_another_run_is_refused(changed: dict[str, int], tmp_path: Path) -> None:
    make_run(tmp_path).train(quiet)
    run = make_run(tmp_path, **changed)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="another recipe, data set or seed"):
        run.begin(resume=True)
    assert run.step == 0


@pytest.mark.parametrize("kept", [0, 100])
def test_a_damaged_checkpoint_is_refused(kept: int, tmp_path: Path) -> None:
    make_run(tmp_path).train(quiet)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ConfigError, match="cannot be read"):
        make_run(tmp_path).begin(resume=True)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path, poison=8)
    with pytest.raises(InputError) as caught:
        run.train(quiet, save_every=3)
    assert "the loss of step 8 is nan" in str(caught.value) and "checkpoint.pt" in str(caught.value)
    healthy = make_run(tmp_path)
    assert healthy.begin(resume=True) and healthy.step == 6
    healthy.train(quiet)
    assert equal(healthy.average, make_run(tmp_path / "whole").train(quiet))


def test_a_gradient_that_is_not_finite_spoils_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    def loss(signal: Tensor, draws: Draws) -> tuple[Tensor, Mapping[str, Tensor]]:
        zero = (run.network.weight * 0).sum()  # its square root has an infinite slope
        return (zero.sqrt() if run.step == 5 else zero) + 1.0, {}

    run.turns = [Turn("regression", run.network, loss)]
    with pytest.raises(InputError, match="norm of the gradient of step 5 is nan"):
        run.train(quiet, save_every=6)
    assert not run.checkpoint.exists()
    assert all(tensor.isfinite().all() for tensor in run.network.state_dict().values())
