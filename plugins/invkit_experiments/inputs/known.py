"""A given signal as a prior.

invkit.compose("circconv", [known_signal(kernel), "vae:mnist"], "altgd")
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor

import invkit

__all__ = ["known_signal"]


def known_signal(signal: Tensor) -> invkit.Generator:
    """Return the prior that makes this one signal, (channels, height, width)."""
    with tempfile.TemporaryDirectory(prefix="invkit-") as folder:
        path = Path(folder) / "known.npy"
        np.save(path, signal.numpy(), allow_pickle=False)
        return invkit.prior({"kind": "known", "name": str(path)})
