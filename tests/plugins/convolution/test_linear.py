"""Linear convolution against NumPy's and SciPy's, its boundaries, its messages."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from invkit import ShapeError, SpecError
from invkit_convolution import linear
from invkit_convolution.linear import LinearConvolution
from tests.strategies import seeds

PAD = {"zero": "constant", "replicate": "edge", "reflect": "reflect", "unknown": "edge"}
NDIMAGE = {"zero": "constant", "replicate": "nearest", "reflect": "mirror", "unknown": "nearest"}
lengths = st.integers(1, 8)


def draw(seed: int, kernel: tuple[int, ...], image: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    w = torch.randn(1, 1, *kernel, generator=rng, dtype=torch.float64)
    return w, torch.randn(1, 1, *image, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("mode", ["full", "valid"])
@given(seed=seeds, kernel=st.tuples(lengths, lengths), image=st.tuples(lengths, lengths))
def test_full_and_valid_agree_with_scipy_signal(mode, seed, kernel, image) -> None:
    kernel = tuple(map(min, kernel, image)) if mode == "valid" else kernel
    w, x = draw(seed, kernel, image)
    ours = LinearConvolution(mode=mode)(w, x)[0, 0].numpy()
    np.testing.assert_allclose(ours, scipy.signal.convolve2d(x[0, 0], w[0, 0], mode), atol=1e-12)


@given(seed=seeds, kernel=st.tuples(lengths, lengths), image=st.tuples(lengths, lengths))
def test_same_agrees_with_scipy_signal_but_for_even_kernels(seed, kernel, image) -> None:
    """Even kernels have their origin one pixel further on here: the measurement lies one pixel further back
    there.
    """
    w, x = draw(seed, kernel, image)
    ours = LinearConvolution(mode="same")(w, x)[0, 0].numpy()
    whole = scipy.signal.convolve2d(x[0, 0], w[0, 0], "full")
    first = [k // 2 for k in kernel]
    np.testing.assert_allclose(ours, whole[first[0] :, first[1] :][: image[0], : image[1]], atol=1e-12)
    if all(k % 2 and k <= n for k, n in zip(kernel, image, strict=True)):
        np.testing.assert_allclose(ours, scipy.signal.convolve2d(x[0, 0], w[0, 0], "same"), atol=1e-12)


@pytest.mark.parametrize("boundary", PAD)
@given(seed=seeds, kernel=st.tuples(lengths, lengths), image=st.tuples(lengths, lengths))
def test_boundaries_agree_with_numpy_pad_and_with_ndimage(boundary, seed, kernel, image) -> None:
    kernel = tuple(min(k, n) for k, n in zip(kernel, image, strict=True))
    w, x = draw(seed, kernel, image)
    ours = LinearConvolution(boundary=boundary)(w, x)[0, 0].numpy()
    border = [(k - 1 - k // 2, k // 2) for k in kernel]
    padded = np.pad(x[0, 0].numpy(), border, mode=PAD[boundary])
    np.testing.assert_allclose(ours, scipy.signal.convolve2d(padded, w[0, 0], "valid"), atol=1e-12)
    mode = NDIMAGE[boundary]
    np.testing.assert_allclose(
        ours, scipy.ndimage.convolve(x[0, 0].numpy(), w[0, 0].numpy(), mode=mode), atol=1e-12
    )


@pytest.mark.parametrize("mode", ["full", "valid"])
@given(seed=seeds, kernel=lengths, image=lengths)
def test_signals_agree_with_numpy(mode, seed, kernel, image) -> None:
    kernel = min(kernel, image) if mode == "valid" else kernel
    w, x = draw(seed, (kernel,), (image,))
    ours = LinearConvolution(mode=mode, dims=1)(w, x)[0, 0].numpy()
    np.testing.assert_allclose(ours, np.convolve(x[0, 0], w[0, 0], mode), atol=1e-12)


@given(seed=seeds, kernel=st.tuples(lengths, lengths), image=st.tuples(lengths, lengths))
def test_beyond_an_unknown_boundary_is_a_larger_scene(seed, kernel, image) -> None:
    """Continued by its edge pixels, the scene measures as the image does; and x lies where it says."""
    w, x = draw(seed, kernel, image)
    operator = LinearConvolution(boundary="unknown")
    scene = operator.beyond((1, *kernel), (1, *image))
    assert scene is not None and scene.start == tuple((k - 1) // 2 for k in kernel)
    border = [(k - 1 - k // 2, k // 2) for k in kernel]
    whole = torch.from_numpy(np.pad(x[0, 0].numpy(), border, mode="edge"))[None, None]
    assert tuple(whole.shape[1:]) == scene.x_shape
    torch.testing.assert_close(scene.part(whole, (1, *image)), x)
    torch.testing.assert_close(scene.operator(w, whole), operator(w, x))


def test_where_borders_are_known_there_is_no_larger_scene() -> None:
    for operator in (LinearConvolution(), LinearConvolution("valid"), LinearConvolution(boundary="reflect")):
        assert operator.beyond((1, 3, 3), (1, 8, 8)) is None


@pytest.mark.parametrize("boundary", ["replicate", "reflect", "unknown"])
def test_invented_pixels_are_no_window(boundary) -> None:
    w, x = draw(0, (3, 3), (8, 8))
    assert LinearConvolution(boundary=boundary).given(w=w, x_shape=x.shape[1:]).window() is None
    assert LinearConvolution("valid").given(w=w, x_shape=x.shape[1:]).window().beyond == "unread"


def test_one_at_the_origin_does_not_move_the_image() -> None:
    x = torch.rand(2, 3, 7, 6)
    for boundary in PAD:
        for support in ((1, 1), (2, 3), (4, 5), (6, 2)):
            w = torch.zeros(2, 1, *support)
            w[..., support[0] // 2, support[1] // 2] = 1
            torch.testing.assert_close(LinearConvolution(boundary=boundary)(w, x), x)


def test_a_constant_stays_constant_under_continued_borders() -> None:
    x, w = torch.full((1, 1, 8, 8), 0.3), torch.rand(1, 1, 4, 5)
    for boundary, constant in (("replicate", True), ("reflect", True), ("zero", False)):
        y = LinearConvolution(boundary=boundary)(w / w.sum(), x)
        assert torch.allclose(y, x, atol=1e-6) == constant


def test_a_kernel_may_be_larger_than_the_image_where_that_makes_sense() -> None:
    w, x = draw(0, (9, 9), (4, 4))
    assert LinearConvolution(mode="full")(w, x).shape == (1, 1, 12, 12)
    assert LinearConvolution(boundary="replicate")(w, x).shape == x.shape
    with pytest.raises(ShapeError, match=r"kernel of 9×9 pixels is larger than the image of 4×4.*mode=same"):
        LinearConvolution(mode="valid")(w, x)
    with pytest.raises(ShapeError, match=r"4 pixels cannot be reflected 4 pixels.*replicate"):
        LinearConvolution(boundary="reflect")(w, x)


@pytest.mark.parametrize(("mode", "why"), [("full", "without end"), ("valid", "nothing beyond the border")])
@pytest.mark.parametrize("boundary", ["replicate", "reflect", "unknown"])
def test_boundaries_that_make_no_sense_are_refused(mode, why: str, boundary) -> None:
    with pytest.raises(SpecError, match=f"boundary={boundary}.*mode={mode}.*{why}.*mode=same"):
        LinearConvolution(mode=mode, boundary=boundary)


@pytest.mark.parametrize(
    ("mode", "y", "known", "expected"),
    [
        ("full", (3, 12, 11), {"w_shape": (1, 5, 4)}, ((1, 5, 4), (3, 8, 8))),
        ("full", (3, 12, 11), {"x_shape": (3, 8, 8)}, ((1, 5, 4), (3, 8, 8))),
        ("valid", (1, 4, 5), {"w_shape": (1, 5, 4)}, ((1, 5, 4), (1, 8, 8))),
        ("valid", (1, 4, 5), {"x_shape": (1, 8, 8)}, ((1, 5, 4), (1, 8, 8))),
        ("same", (1, 8, 8), {"w_shape": (1, 5, 4)}, ((1, 5, 4), (1, 8, 8))),
    ],
)
def test_the_missing_shape_follows_from_the_others(mode, y, known, expected) -> None:
    assert LinearConvolution(mode=mode).infer_shapes(y, **known) == expected


def test_nothing_tells_the_kernels_shape_of_a_same_convolution() -> None:
    with pytest.raises(ShapeError, match="shape of w does not follow"):
        LinearConvolution(mode="same").infer_shapes((1, 8, 8))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "options", [{"mode": "full"}, {"mode": "valid"}, *({"boundary": boundary} for boundary in PAD)]
)
def test_large_images_are_convolved_in_parts(options, channels, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, rng = LinearConvolution(**options), torch.Generator().manual_seed(0)
    w = torch.randn(2, channels, 4, 5, generator=rng, dtype=torch.float64)
    x = torch.randn(2, 3, 53, 70, generator=rng, dtype=torch.float64)
    whole = operator(w, x)
    monkeypatch.setattr(linear, "LARGE", 100)
    monkeypatch.setattr(linear, "PART", 17)
    torch.testing.assert_close(operator(w, x), whole, atol=1e-12, rtol=0)
