"""Signals in a linear (affine) subspace: ``x = μ + Σᵢ zᵢ bᵢ`` with a given basis.

    numpy.savez("faces.npz", basis=components, mean=mean)      # (r, 1, 64, 64) and (1, 64, 64)
    image = invkit.prior("subspace:faces.npz")

The penalty is ``‖z‖²``: with basis vectors scaled to standard deviations (principal components times the
roots of their variances) it is the Gaussian prior's. Known subspaces on both sides are the setting of Ahmed,
Recht and Romberg, "Blind deconvolution using convex programming" (2014).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Inexact
from torch import Tensor

import invkit
from invkit.errors import InputError, ShapeError
from invkit.files.arrays import read_arrays
from invkit_classical._arrays import as_numbers, check_field, with_sha256

Field = Literal["real", "complex", "any"]


class Subspace(invkit.Generator):
    """``C(z) = μ + Bz``. Values of the signal are free: neither clipped to [0, 1] nor normalised.

    Args:
        basis: ``(r, channels, *dims)``, linearly independent, need not be orthonormal; real or complex.
        mean: ``(channels, *dims)``; None for zero.
        field: whether the coordinates z are ``real``, ``complex``, or as the measurement is (``any``); those
            of a complex basis or mean are complex.
        sha256: of the file they were read from; a configuration records it.

    Raises:
        InputError: values that are not finite, or a basis that is linearly dependent.
        ShapeError: a basis without channels or dimensions, or a mean of another shape.
    """

    basis: Tensor
    mean: Tensor
    can_encode = True
    affine = True

    def __init__(
        self, basis: Any, mean: Any = None, field: Field = "any", sha256: str | None = None
    ) -> None:
        super().__init__()
        vectors = as_numbers(basis, "the basis")
        if vectors.ndim < 3:
            raise ShapeError(
                f"the basis has shape {tuple(vectors.shape)}, expected (r, channels, *dims)",
                hint="reshape it to one signal per row, e.g. basis.reshape(r, 1, 28, 28)",
            )
        centre = as_numbers(torch.zeros_like(vectors[0]) if mean is None else mean, "the mean")
        if vectors.is_complex() or centre.is_complex():
            vectors, centre, field = vectors + 0j, centre + 0j, "complex"
        centre = centre.to(vectors)
        self.field = check_field(field)
        if centre.shape != vectors.shape[1:]:
            raise ShapeError(
                f"the mean has shape {tuple(centre.shape)}, the basis vectors {tuple(vectors.shape[1:])}",
                hint="give a mean of the basis vectors' shape",
            )
        rank = int(torch.linalg.matrix_rank(vectors.flatten(1)))
        if rank < vectors.shape[0]:
            raise InputError(
                f"the {vectors.shape[0]} basis vectors span only {rank} dimensions",
                hint="orthonormalise them first, e.g. with numpy.linalg.svd, and drop the null ones",
            )
        self.register_buffer("basis", vectors)
        self.register_buffer("mean", centre)
        self.latent_shape, self.signal_shape = (vectors.shape[0],), tuple(vectors.shape[1:])
        self.sha256 = sha256

    @classmethod
    def from_spec(cls, name: str, field: Field = "any") -> Subspace:
        """The subspace in a file: npy with the basis, or npz with ``basis`` and, optionally, ``mean``.

        Raises:
            InputError: an unreadable file, or one without a basis.
        """
        arrays, sha256 = with_sha256(Path(name), read_arrays)
        basis = arrays.get("", arrays.get("basis"))
        if basis is None:
            raise InputError(
                f"{name} holds {', '.join(arrays) or 'nothing'}, expected an array called basis",
                hint="save it with numpy.savez(path, basis=basis, mean=mean)",
            )
        return cls(basis, arrays.get("mean"), field, sha256)

    def forward(self, latent: Inexact[Tensor, "n r"]) -> Inexact[Tensor, "n *signal"]:
        signal = torch.addmm(self.mean.to(latent).reshape(1, -1), latent, self.basis.to(latent).flatten(1))
        return signal.unflatten(1, self.mean.shape)

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n r"]:
        """The least-squares coordinates ``argmin ‖μ + Bz − x‖²``, by a QR factorisation of the basis."""
        q, r = torch.linalg.qr(self.basis.to(signal).flatten(1).T)
        projected = (signal - self.mean.to(signal)).flatten(1) @ q.conj()
        return torch.linalg.solve_triangular(r, projected.T, upper=True).T
