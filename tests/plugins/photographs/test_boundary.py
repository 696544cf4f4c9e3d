"""The smooth continuation: harmonic, periodic, and of use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.errors import ShapeError
from invkit_photographs.boundary import extend, fast_size, harmonic

lengths = st.integers(1, 9)


def _dense(top: np.ndarray, bottom: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The five-point Laplace equation as a linear system, solved."""
    height, width = len(left), len(top)
    matrix, source = np.zeros((height * width,) * 2), np.zeros(height * width)
    for i in range(height):
        for j in range(width):
            here = i * width + j
            matrix[here, here] = 4
            for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if a < 0 or a == height:
                    source[here] += (top if a < 0 else bottom)[j]
                elif b < 0 or b == width:
                    source[here] += (left if b < 0 else right)[i]
                else:
                    matrix[here, a * width + b] = -1
    return np.linalg.solve(matrix, source).reshape(height, width)


@given(lengths, lengths, st.integers(0, 99))
def test_the_fill_solves_laplaces_equation(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = [rng.random(length) for length in (width, width, height, height)]
    np.testing.assert_allclose(harmonic(*edges), _dense(*edges), atol=1e-12)


@given(lengths, lengths, st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_the_image_stays_and_the_fill_is_bounded_by_it(
    height: int, width: int, more_y: int, more_x: int, seed: int
) -> None:
    image = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    extended = extend(image, (height + more_y, width + more_x))
    assert extended.shape == (height + more_y, width + more_x) and extended.dtype == np.float32
    assert np.array_equal(extended[:height, :width], image)
    # The maximum principle, and no step larger than the image's own largest difference.
    assert extended.min() >= image.min() - 1e-6 and extended.max() <= image.max() + 1e-6


def test_a_ramp_comes_back_without_a_jump() -> None:
    ramp = np.tile(np.linspace(0, 1, 40), (40, 1))
    extended = extend(ramp, (60, 60))
    jumps = [np.abs(np.roll(extended, -1, axis) - extended).max() for axis in (0, 1)]
    assert max(jumps) < 1 / 20 + 1e-9  # 1 over 21 steps back, where the bare DFT sees a jump of 1


def test_sizes() -> None:
    assert all(size >= n + 27 for size, n in zip(fast_size((255, 100), (27, 27)), (255, 100), strict=True))
    with pytest.raises(ShapeError, match="does not fit"):
        extend(np.zeros((5, 5)), (6, 4))
