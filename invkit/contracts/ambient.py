"""The caller's torch state: it does not matter to a result, and it is left as it was.

    with neutral():
        solution = solver.solve(problem, y, rng)    # the same bits under autocast, inference_mode, …
    prior = following(prior, y)                     # in the precision and on the device of y

A solve, a projection and the building of a part run inside `neutral`. Randomness comes from an explicit seed
alone, which `as_seed` checks.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from invkit.arguments import whole
from invkit.errors import InputError

__all__ = ["as_device", "as_seed", "devices", "following", "neutral", "ordinary"]

Module = TypeVar("Module", bound=nn.Module)

_AUTOCAST = ("cpu", "cuda", "mps", "xpu")

_lock, _own = threading.Lock(), threading.local()
_inside = 0
"""How many threads are inside a `neutral` block."""
_found: tuple[torch.dtype, Tensor] = (torch.float32, torch.empty(0))
"""Default dtype and random stream as the first of these threads has found them."""


@contextmanager
def neutral() -> Iterator[None]:
    """Run a block in torch's state at start-up, and give the caller's back at the end.

    Inside, autocast, inference mode and ``no_grad`` are off, the default dtype is float32, the default device
    is the CPU, and the global random stream starts from a fixed seed. All threads share dtype and stream:
    when the last one leaves, it gives them back as the first one has found them.
    """
    with ExitStack() as stack:
        stack.enter_context(_shared())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in filter(torch.is_autocast_enabled, _AUTOCAST):
            stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":  # where it is entered, every operation costs more
            stack.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        torch.default_generator.manual_seed(0)
        yield


@contextmanager
def _shared() -> Iterator[None]:
    """Give back default dtype and random stream: to an outer block at once, else when no thread is inside."""
    global _inside, _found
    inner = getattr(_own, "inside", False)
    with _lock:  # so that no other thread leaves between the look and the count
        now = torch.get_default_dtype(), torch.default_generator.get_state()
        if not inner:
            _inside += 1
            _found = now if _inside == 1 else _found
    _own.inside = True
    try:
        yield
    finally:
        if inner:
            _give_back(now)
        else:
            _own.inside = False
            with _lock:
                _inside -= 1
                if not _inside:
                    _give_back(_found)


def _give_back(state: tuple[torch.dtype, Tensor]) -> None:
    dtype, random = state
    torch.set_default_dtype(dtype)
    torch.default_generator.set_state(random)


def ordinary(tensor: Tensor) -> Tensor:
    """The tensor itself, or a copy that autograd takes where it was made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor


def following(part: Module, batch: Tensor) -> Module:
    """The part in the measurement's precision and on its device: itself, or a copy where it is elsewhere.

    Real numbers stay real beside complex measurements, and complex ones complex beside real ones. A part that
    was made in inference mode is copied, too, since autograd does not take its tensors.
    """
    real, held = batch.dtype.to_real(), [*part.parameters(), *part.buffers()]

    def wanted(each: Tensor) -> torch.dtype:
        if each.is_complex():
            return real.to_complex()
        return real if each.is_floating_point() else each.dtype

    fits = all(each.dtype == wanted(each) and each.device == batch.device for each in held)
    if fits and not any(each.is_inference() for each in held):
        return part
    moved: Module = copy.deepcopy(part)._apply(  # type: ignore[no-untyped-call]
        lambda each: each.to(device=batch.device, dtype=wanted(each))
    )
    return moved


def devices() -> list[str]:
    """The names of the devices that tensors can be moved to here."""
    found = ["cpu"]
    for kind, backend in (("cuda", torch.cuda), ("xpu", torch.xpu)):
        if backend.is_available():
            found += [kind, *(f"{kind}:{number}" for number in range(backend.device_count()))]
    return [*found, *(["mps"] if torch.backends.mps.is_available() else [])]


def as_device(value: Any) -> torch.device:
    """A device by its name, ``"cuda"`` for example, or torch's own.

    Raises:
        InputError: torch has no such device here.
    """
    at_hand = devices()
    if str(value) not in at_hand:
        raise InputError(f"there is no device {str(value)!r} here", hint=f"choose of {', '.join(at_hand)}")
    return torch.device(str(value))


def as_seed(value: Any) -> int:
    """A seed as Python's own whole number.

    Args:
        value: a whole number from 0 to 2⁶³ − 1: an ``int``, a numpy integer, or an integer array or tensor of
            no axes.

    Raises:
        InputError: anything else, booleans among it.
    """
    seed = whole(value)
    if seed is None or not 0 <= seed < 2**63:
        raise InputError(f"the seed is {value!r}", hint="give a whole number from 0 to 2**63 - 1: seed=0")
    return seed
