"""The idx format of MNIST and its relatives: a big-endian header, then bytes.

    images = read_idx(Path("t10k-images-idx3-ubyte.gz"), (10_000, 28, 28))

The header is two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of axes, and the
length of each axis as a 32-bit number. Files may be gzipped.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from invkit.errors import InputError

__all__ = ["read_idx"]

_HINT = "fetch the file again from where you got it"


def read_idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """Read an idx file of unsigned bytes.

    Args:
        path: the file, gzipped if it ends in ``.gz``.
        shape: what its header has to say.

    Raises:
        InputError: unreadable, damaged, truncated or too long, or another shape; naming the file and what
        is wrong.
    """
    content = _content(path)
    head = 4 + 4 * len(shape)
    if len(content) < head:
        raise InputError(f"{path} is truncated: {len(content)} bytes, shorter than its header", hint=_HINT)
    magic, *axes = struct.unpack(f">{1 + len(shape)}I", content[:head])
    expected_magic = 0x0800 + len(shape)
    if magic != expected_magic:
        raise InputError(
            f"{path} is no idx file of {len(shape)} axes of bytes: "
            f"it starts with {magic:#010x}, expected {expected_magic:#010x}",
            hint=_HINT,
        )
    if tuple(axes) != shape:
        raise InputError(f"{path} holds an array of shape {tuple(axes)}, expected {shape}", hint=_HINT)
    if len(content) - head != prod(shape):
        state = "truncated" if len(content) - head < prod(shape) else "too long"
        raise InputError(
            f"{path} is {state}: {len(content) - head} bytes behind the header, expected {prod(shape)}",
            hint=_HINT,
        )
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                return stream.read()
        return path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is truncated or no gzip file: {error}", hint=_HINT) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}", hint="check its permissions"
        ) from error
