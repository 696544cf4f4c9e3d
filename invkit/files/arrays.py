"""One array of an npy file, with the digest that a record keeps."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from invkit.errors import InputError

__all__ = ["read_array"]


def read_array(path: Path, what: str) -> tuple[Any, str]:
    """The array of an npy file, and the sha256 of the file.

    Args:
        path: the file.
        what: what it holds, for messages: ``"weights"``.

    Raises:
        InputError: no such file, a damaged one, or one that holds Python objects.
    """
    try:
        content = path.read_bytes()
        values = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # a damaged header may raise nearly anything while numpy parses it
        raise InputError(f"cannot read {what} from {path}: {error}", hint="give an npy file") from error
    return values, hashlib.sha256(content).hexdigest()
