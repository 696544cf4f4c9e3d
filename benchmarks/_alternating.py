"""The straightforward ways to solve bilinear problems, in NumPy: what a researcher writes in an afternoon.

    h, m = spectral_als(tensor, y, starts=20, seed=0)      # alternating least squares from spectral starts
    h = cross_relation(y, taps=8)                          # channels of receivers that share a source

They know nothing of invkit.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

Array = np.ndarray


def spectral_als(
    tensor: Array, y: Array, *, starts: int = 1, iterations: int = 500, seed: int = 0
) -> tuple[Array, Array]:
    """Alternating least squares for ``y[l] = Σ_s Σ_kn T[s, l, k, n] h[s, k] m[s, n]``.

    The first start is each source's leading singular pair of ``Σ_l conj(T[s, l]) y[l]``, the others draw m
    and begin with the same matrix times it. The best residual wins; none follows one of 1e-9.

    Returns:
        h, (sources, K), and m, (sources, N).
    """
    rng = np.random.default_rng(seed)
    lifted = np.einsum("slkn,l->skn", tensor.conj(), y)
    best, found = np.inf, None
    for start in range(starts):
        if start == 0:
            m = np.stack([np.linalg.svd(each)[2][0] for each in lifted])
        else:
            drawn = [rng.standard_normal(lifted.shape[::2]) for _ in range(2)]
            m = drawn[0] + 1j * drawn[1] if np.iscomplexobj(tensor) else drawn[0]
            m = np.einsum("skn,sk->sn", lifted, np.einsum("skn,sn->sk", lifted.conj(), m))
        h, m, residual = _als(tensor, y, m, iterations)
        if residual < best:
            best, found = residual, (h, m)
        if best < 1e-9:
            break
    assert found is not None
    return found


def cross_relation(y: Array, taps: int) -> Array:
    """Channels (receivers, taps), up to a factor, of receivers (receivers, length) that share one source.

    ``h_j * y_i = h_i * y_j`` for every two of them: the channels are the singular vector of the least
    singular value of these equations. Source: G. Xu, H. Liu, L. Tong and T. Kailath, "A least-squares
    approach to blind channel identification", IEEE Trans. Signal Process. 43(12), 1995.
    """
    count = len(y)
    windows = [np.lib.stride_tricks.sliding_window_view(each, taps)[:, ::-1] for each in y]
    rows = []
    for i, j in combinations(range(count), 2):
        row = np.zeros((len(windows[0]), count, taps), y.dtype)
        row[:, j], row[:, i] = windows[i], -windows[j]
        rows.append(row.reshape(len(row), -1))
    return np.linalg.svd(np.concatenate(rows))[2][-1].conj().reshape(count, taps)


def _als(tensor: Array, y: Array, m: Array, iterations: int) -> tuple[Array, Array, float]:
    """h, m and the relative residual, from ``m``."""
    sources, length = tensor.shape[:2]
    last = np.inf
    for _ in range(iterations):
        of_h = np.einsum("slkn,sn->lsk", tensor, m).reshape(length, -1)
        h = np.linalg.lstsq(of_h, y, rcond=None)[0].reshape(sources, -1)
        h /= np.linalg.norm(h)
        of_m = np.einsum("slkn,sk->lsn", tensor, h).reshape(length, -1)
        m = np.linalg.lstsq(of_m, y, rcond=None)[0].reshape(sources, -1)
        residual = float(np.linalg.norm(of_m @ m.reshape(-1) - y) / np.linalg.norm(y))
        if residual < 1e-9 or last - residual < 1e-7 * residual:
            break
        last = residual
    return h, m, residual
