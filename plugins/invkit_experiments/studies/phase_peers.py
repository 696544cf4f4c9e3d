"""The peers of ``invkit bench phase``, on numpy arrays: what a user would write, or another package's solver.

tensor = lifted(basis)                          # (L, K, N): y = Σ T[:, i, j] h_i m_j
h, m = alternating(tensor, y, steps=1000)
h, m = palm(tensor, y, steps=3000)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invkit.errors import InputError

__all__ = ["alternating", "lifted", "palm", "pyproximal"]

Array = NDArray[Any]

_ENOUGH = 1e-11
"""The relative residual at which a peer stops."""


def lifted(basis: Array, size: int) -> Array:
    """The products of the first ``size`` unit vectors of length L with the basis vectors (N, L): all shifts.

    The kernel's origin is its pixel ``L // 2``, as invkit's is.
    """
    origin = basis.shape[1] // 2
    return np.stack([np.roll(basis, k - origin, axis=1) for k in range(size)]).transpose(2, 0, 1)


def alternating(tensor: Array, y: Array, steps: int) -> tuple[Array, Array]:
    """Spectral start, then least squares in h and in m in turn until nothing is left."""
    h, m = _spectral(tensor, y)
    for _ in range(steps):
        h = np.linalg.lstsq(tensor @ m, y, rcond=None)[0]
        columns = np.einsum("pij,i->pj", tensor, h)
        m = np.linalg.lstsq(columns, y, rcond=None)[0]
        if np.linalg.norm(columns @ m - y) < _ENOUGH * np.linalg.norm(y):
            break
    return h, m


def palm(tensor: Array, y: Array, steps: int) -> tuple[Array, Array]:
    """pyproximal's PALM from the spectral start, with no penalties: ½‖y − A(h, m)‖²."""
    package = pyproximal()
    h, m = _spectral(tensor, y)
    made: tuple[Array, Array] = package.optimization.palm.PALM(
        _misfit(package, tensor, y, h, m), None, None, h, m, gammaf=1.1, gammag=1.1, niter=steps
    )
    return made


def pyproximal() -> Any:
    """The package.

    Raises:
        InputError: it is not installed.
    """
    try:
        import_module("pyproximal.optimization.palm")
        return import_module("pyproximal")
    except ImportError as error:
        raise InputError(
            f"the method pyproximal needs the package pyproximal: {error}",
            hint="pip install -c constraints.txt pyproximal",
        ) from error


def _spectral(tensor: Array, y: Array) -> tuple[Array, Array]:
    """The leading singular pair of the adjoint map, its size shared."""
    u, _, vh = np.linalg.svd(np.einsum("pij,p->ij", tensor.conj(), y))
    made = np.einsum("pij,i,j->p", tensor, u[:, 0], vh[0])
    size = np.vdot(made, y) / np.vdot(made, made)
    root = np.sqrt(abs(size))
    return root * u[:, 0], size / root * vh[0]


def _misfit(package: Any, tensor: Array, y: Array, h: Array, m: Array) -> Any:
    """½‖y − A(h, m)‖² as pyproximal's bilinear function, with its exact Lipschitz constants."""

    class Misfit(package.utils.bilinear.BilinearOperator):  # type: ignore[misc]
        def __init__(self) -> None:
            self.x, self.y, self.sizex, self.sizey = h.copy(), m.copy(), len(h), len(m)

        def __call__(self, x: Array, y_: Array | None = None) -> float:
            x, other = (x[: self.sizex], x[self.sizex :]) if y_ is None else (x, y_)
            return 0.5 * float(np.linalg.norm(y - self._of(other) @ x) ** 2)

        def gradx(self, x: Array) -> Array:
            columns = self._of(self.y)
            return columns.conj().T @ (columns @ x - y)

        def grady(self, y_: Array) -> Array:
            columns = np.einsum("pij,i->pj", tensor, self.x)
            return columns.conj().T @ (columns @ y_ - y)

        def grad(self, x: Array) -> Array:
            return np.concatenate([self.gradx(x[: self.sizex]), self.grady(x[self.sizex :])])

        def lx(self, x: Array) -> float:
            return float(np.linalg.norm(np.einsum("pij,i->pj", tensor, x), 2) ** 2)

        def ly(self, y_: Array) -> float:
            return float(np.linalg.norm(self._of(y_), 2) ** 2)

        def _of(self, other: Array) -> Array:
            columns: Array = tensor @ other
            return columns

    return Misfit()
