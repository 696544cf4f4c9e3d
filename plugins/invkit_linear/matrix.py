"""The matrix of a file, on flat signals.

    M = invkit.linear("matrix:sensing.npy")                              # (p, d): p numbers of d
    M = invkit.linear("matrix:sensing.npy?input=1x8x8")                  # of 8 × 8 images, row by row
    M = invkit.from_matrix(sensing)                                      # the same of an array at hand
"""

from __future__ import annotations

from pathlib import Path

import invkit
from invkit.contracts.matrices import Matrix
from invkit.files.arrays import read_array


class FileMatrix(Matrix):
    """``x ↦ M x`` with the matrix of an npy file."""

    sha256: str | None = None

    @classmethod
    def from_spec(
        cls, name: str, input: tuple[int, ...] | None = None, output: tuple[int, ...] | None = None
    ) -> FileMatrix:
        """The matrix of a file.

        Args:
            name: an npy file of two axes, (p, d), real or complex.
            input: ``(channels, *dims)`` of d numbers; None: ``(1, d)``.
            output: ``(channels, *dims)`` of p numbers; None: ``(1, p)``.

        Raises:
            InputError: an unreadable file, or values that are no finite numbers.
            ShapeError: no matrix, or shapes of other numbers of entries.
        """
        values, sha256 = read_array(Path(name), "a matrix")
        plain = invkit.from_matrix(values, input, output)
        made = cls(plain.values, plain.input_shape, plain.output_shape)
        made.sha256 = sha256
        return made
