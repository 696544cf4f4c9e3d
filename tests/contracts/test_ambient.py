"""The caller's torch state: results do not depend on it, and it is left as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.ambient import neutral


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def random_stream() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        yield


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "plain": nullcontext,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference": torch.inference_mode,
    "no grad": torch.no_grad,
    "dtype": default_dtype,
    "device": default_device,
    "device block": lambda: torch.device("meta"),
    "random": random_stream,
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
}


def state() -> tuple[Any, ...]:
    return (
        torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.default_generator.get_state().tolist(),
    )


def solved(y: Tensor) -> list[Tensor]:
    solve = invkit.compose("circconv", ["vae:blurA", "vae:mnist"], "altgd?steps=4,restarts=3,keep=2")
    found = solve(y)
    return [found.x, found.w, found.residual, found.history, *found.latents]


def solved_otherwise(y: Tensor) -> list[Tensor]:
    solver = "evidence?starts=4,keep=2,steps=3,rank=none"
    found = invkit.compose("circconv", ["trajectory", "spectrum"], solver)(y)
    return [found.x, found.w, found.noise, *found.latents]


def projected(y: Tensor) -> list[Tensor]:
    found = invkit.project("vae:mnist", y, steps=3)
    return [found.signal, found.latent, found.mse]


def built(y: Tensor) -> list[Tensor]:
    parts = [invkit.prior(spec) for spec in ("vae:mnist", "gaussian:celeba?rank=2", "identity?shape=1x3x3")]
    return [each for part in parts for each in (*part.parameters(), *part.buffers())]


@pytest.fixture(scope="module")
def expected() -> dict[Any, list[Tensor]]:
    y = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return {work: work(y) for work in (solved, solved_otherwise, projected, built)}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("where", STATES)
@pytest.mark.parametrize("work", [solved, solved_otherwise, projected, built])
def test_results_do_not_depend_on_it_and_it_is_left_alone(work: Any, where: str, expected: Any) -> None:
    y = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with STATES[where]():
        if where == "inference":
            y = y.clone()  # an inference tensor
        before = state()
        found = work(y)
        assert state() == before
    for ours, theirs in zip(found, expected[work], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)  # dtype and device as well
        assert not ours.is_inference() and not ours.requires_grad


def test_what_was_built_in_inference_mode_works_outside() -> None:
    y = torch.rand(1, 1, 28, 28)
    expected = solved(y)[0]
    with torch.inference_mode():
        solve = invkit.compose("circconv", ["vae:blurA", "vae:mnist"], "altgd?steps=4,restarts=3,keep=2")
    assert torch.equal(solve(y).x, expected)


class Own(invkit.Generator):
    """The user's own, built where the user is."""

    def __init__(self) -> None:
        super().__init__()
        self.basis = torch.nn.Parameter(torch.eye(9).reshape(9, 1, 3, 3))
        self.latent_shape, self.signal_shape = (9,), (1, 3, 3)

    def forward(self, latent: Tensor) -> Tensor:
        return torch.einsum("nr,rchw->nchw", latent, self.basis)


def test_an_object_made_in_inference_mode_is_taken_and_left_as_it_is() -> None:
    y = torch.rand(1, 1, 8, 8)
    expected = invkit.compose("circconv", [Own(), "identity"], "altgd?steps=3,restarts=2,keep=1")(y).x
    with torch.inference_mode():
        prior = Own()
    found = invkit.compose("circconv", [prior, "identity"], "altgd?steps=3,restarts=2,keep=1")(y)
    assert torch.equal(found.x, expected) and prior.basis.is_inference()


def test_an_error_gives_the_state_back() -> None:
    with default_dtype(), torch.no_grad():
        before = state()
        with pytest.raises(ZeroDivisionError), neutral():
            assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
            torch.rand(3)
            raise ZeroDivisionError
        assert state() == before


def test_threads_that_overlap_leave_the_state_as_the_first_has_found_it() -> None:
    """The first to enter is the first to leave, and the second has seen another state."""
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with neutral():
            entered.set()
            leave.wait(30)

    with default_dtype(), random_stream():
        before = torch.get_rng_state()
        thread = threading.Thread(target=first)
        thread.start()
        assert entered.wait(30)
        with neutral():
            leave.set()
            thread.join(30)
            torch.rand(3)
            with neutral():
                assert torch.get_default_dtype() == torch.float32
            assert torch.get_default_dtype() == torch.float32
        assert torch.get_default_dtype() == torch.float64
        assert torch.equal(torch.get_rng_state(), before)
