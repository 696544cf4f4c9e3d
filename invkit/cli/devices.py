"""Devices by name: those at hand, and a name checked against them.

    device("cuda")          # torch.device("cuda"), or a UsageError that lists what there is
"""

from __future__ import annotations

import torch

from invkit.errors import UsageError


def devices() -> list[str]:
    """The names of the devices that tensors can be moved to here."""
    found = ["cpu"]
    for kind, backend in (("cuda", torch.cuda), ("xpu", torch.xpu)):
        if backend.is_available():
            found += [kind, *(f"{kind}:{number}" for number in range(backend.device_count()))]
    return [*found, *(["mps"] if torch.backends.mps.is_available() else [])]


def device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        UsageError: torch has no such device here.
    """
    at_hand = devices()
    if name not in at_hand:
        raise UsageError(
            f"there is no device {name!r} here", hint=f"--device takes one of {', '.join(at_hand)}"
        )
    return torch.device(name)
