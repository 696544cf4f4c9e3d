"""Circular convolution: its definition, its convention for the kernel's origin, real data, messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import Misfit, ShapeError, SpecError
from invkit_convolution.circular import CircularConvolution
from invkit_convolution.shift import Shift
from tests.strategies import seeds

sizes = st.integers(1, 9)


def draw(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


@given(seeds, sizes, sizes, st.data())
def test_is_the_sum_of_rolled_images(seed: int, height: int, width: int, data: st.DataObject) -> None:
    """The definition: pixel (a, b) of the kernel rolls the image by (a, b) less the origin size // 2."""
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    w, x = draw(seed, (2, 1, rows, columns), (2, 3, height, width))
    expected = torch.zeros_like(x)
    for a in range(rows):
        for b in range(columns):
            expected += w[:, :, a : a + 1, b : b + 1] * x.roll((a - rows // 2, b - columns // 2), (2, 3))
    torch.testing.assert_close(CircularConvolution()(w, x), expected)


@given(seeds, sizes, sizes, st.data())
def test_agrees_with_scipy_ndimage(seed: int, height: int, width: int, data: st.DataObject) -> None:
    """`scipy.ndimage.convolve` has the same convention, even kernels included."""
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    w, x = draw(seed, (1, 1, rows, columns), (1, 1, height, width))
    expected = scipy.ndimage.convolve(x[0, 0].numpy(), w[0, 0].numpy(), mode="wrap")
    np.testing.assert_allclose(CircularConvolution()(w, x)[0, 0], expected, atol=1e-12)


@given(seeds, sizes, sizes, st.integers(1, 4))
def test_a_signal_is_an_image_of_one_column(seed: int, length: int, support: int, channels: int) -> None:
    support = min(support, length)
    w, x = draw(seed, (2, channels, support), (2, channels, length))
    image = CircularConvolution()(w[..., None], x[..., None])[..., 0]
    torch.testing.assert_close(CircularConvolution(dims=1)(w, x), image)


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (5, 5), (6, 6)])
def test_one_at_the_origin_does_not_move_the_image(size: tuple[int, int]) -> None:
    x = torch.rand(1, 2, *size)
    for support in ((1, 1), (2, 3), (4, 5), size):
        w = torch.zeros(1, 1, *support)
        w[..., support[0] // 2, support[1] // 2] = 1
        torch.testing.assert_close(CircularConvolution()(w, x), x)


@pytest.mark.parametrize(("name", "sigma"), [("svhn", 0.0104), ("celeba", 0.0104), ("shoes", 0.0104)])
def test_is_the_convolution_of_the_papers_authors(data_folder: Path, name: str, sigma: float) -> None:
    """Their blurry test images are ours up to their noise (σ = 0.01, of 8-bit images) — in every image, no
    pixel off.
    """
    file = data_folder / "asim2020" / f"{name}_dev.npz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    arrays = np.load(file)
    x, y = (torch.tensor(arrays[key], dtype=torch.float64).movedim(-1, 1) / 255 for key in "xy")
    w = torch.tensor(arrays["w"], dtype=torch.float64)[:, None]
    residual = (CircularConvolution()(w, x) - y).flatten(1).std(1)
    assert residual.max() <= 1.05 * sigma
    assert residual.mean() >= 0.007  # noise there is: a residual of zero would be another formula for y
    moved = (CircularConvolution()(w, x.roll(1, 2)) - y).flatten(1).std(1)
    assert (moved > residual).all()


@given(seeds, sizes, sizes, st.data())
def test_the_spectrum_multiplies_torchs_half_spectrum(
    seed: int, height: int, width: int, data: st.DataObject
) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    w, x = draw(seed, (2, 1, rows, columns), (2, 3, height, width))
    blur = CircularConvolution().given(w=w, x_shape=(3, height, width))
    spectrum = blur.spectrum()
    assert spectrum is not None and spectrum.shape == (2, 1, height, width // 2 + 1)
    torch.testing.assert_close(spectrum * torch.fft.rfft2(x), torch.fft.rfft2(blur(x)))
    for composed in (blur.H, blur.H @ blur):
        multipliers = composed.spectrum()
        assert multipliers is not None
        torch.testing.assert_close(multipliers * torch.fft.rfft2(x), torch.fft.rfft2(composed(x)))


def test_the_spectrum_is_differentiable_in_the_kernel() -> None:
    (w,) = draw(0, (1, 2, 3, 2))

    def power(w: torch.Tensor) -> torch.Tensor:
        spectrum = CircularConvolution().given(w=w, x_shape=(2, 4, 5)).spectrum()
        assert spectrum is not None
        return spectrum.abs().square().sum()

    assert torch.autograd.gradcheck(power, w.requires_grad_())


def test_only_the_view_of_the_image_is_sure_to_have_a_spectrum() -> None:
    w, x = draw(0, (1, 1, 3, 3), (1, 1, 6, 6))
    assert CircularConvolution().given(x=x, w_shape=(1, 3, 3)).spectrum() is None
    assert invkit.operator("linconv").given(w=w, x_shape=(1, 6, 6)).spectrum() is None
    short = invkit.operator("linconv?mode=valid").given(w=w, x_shape=(1, 6, 6))
    assert short.spectrum() is None and (short.H @ short).spectrum() is None


def test_a_measurement_shared_by_the_batch_is_transformed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    transformed: list[int] = []
    original = torch.fft.rfft

    def counting(signal: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        transformed.append(signal.shape[0])
        return original(signal, *arguments, **options)

    monkeypatch.setattr(torch.fft, "rfft", counting)
    y = torch.rand(1, 1, 8, 8).expand(50, 1, 8, 8)
    misfit = CircularConvolution().misfit(y)
    assert transformed == [1]
    misfit.select(torch.arange(20))
    assert transformed == [1]


def test_blocks_of_a_batch_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed block by block to stay in the cache is what is computed at once, to the bit."""
    import invkit_convolution._spectrum as spectrum

    operator = CircularConvolution()
    w, x, y = (signal.float() for signal in draw(0, (13, 1, 5, 4), (13, 3, 12, 10), (13, 3, 12, 10)))

    def results() -> list[torch.Tensor]:
        gradients = operator.misfit(y).value_and_gradients(w, x)
        return [operator(w, x), operator.adjoint_x(w, y), operator.adjoint_w(x, y, (1, 5, 4)), *gradients]

    monkeypatch.setattr(spectrum, "BLOCK_BYTES", 1 << 30)
    at_once = results()
    monkeypatch.setattr(spectrum, "BLOCK_BYTES", 5 * 3 * 12 * 10 * 4)
    for blockwise, whole in zip(results(), at_once, strict=True):
        assert torch.equal(blockwise, whole)


def test_one_infinite_pair_leaves_the_others_alone() -> None:
    operator = CircularConvolution()
    w, x, y = draw(0, (4, 1, 3, 3), (4, 1, 6, 6), (4, 1, 6, 6))
    sound = operator.misfit(y).value_and_gradients(w, x)
    w[2] = torch.inf
    broken = operator.misfit(y).value_and_gradients(w, x)
    others = torch.tensor([0, 1, 3])
    assert not torch.isfinite(broken[0][2])
    for found, expected in zip(broken, sound, strict=True):
        assert torch.equal(found[others], expected[others])


@given(seeds, st.integers(-3, 3), st.integers(-3, 3))
def test_shift_alignment_finds_the_shift(seed: int, down: int, right: int) -> None:
    x_true = torch.rand(1, 3, 16, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    w_true = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    w_true[..., 3:6, 3:6] = torch.rand(
        3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    x, w = x_true.roll((down, right), (2, 3)), w_true.roll((-down, -right), (2, 3))
    operator = CircularConvolution()
    torch.testing.assert_close(operator(w, x), operator(w_true, x_true))
    aligned_w, aligned_x = Shift().align(w, x, w_true, x_true)
    torch.testing.assert_close(aligned_x, x_true)
    torch.testing.assert_close(aligned_w, w_true)


def test_shift_alignment_stays_within_the_kernels_support() -> None:
    """An image further off than any kernel of this support could make it is not brought back."""
    x_true = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    w = torch.rand(1, 1, 5, 5)
    _, near = Shift().align(w, x_true.roll(4, 2), w, x_true)
    _, far = Shift().align(w, x_true.roll(5, 2), w, x_true)
    assert torch.equal(near, x_true)
    assert not torch.equal(far, x_true)


def test_a_kernel_as_large_as_the_image_wraps_when_shifted() -> None:
    w, x = draw(0, (3, 1, 6, 6), (3, 2, 6, 6))
    shift = torch.tensor([[2, -1], [0, 3], [-2, -2]])
    restricted_w, _ = Shift().restrict(w, x, shift)
    assert torch.equal(restricted_w, w)
    operator = CircularConvolution()
    torch.testing.assert_close(operator(*Shift().act(w, x, shift)), operator(w, x))


def test_a_backward_pass_through_one_argument_alone() -> None:
    """Only the gradient that is wanted is computed, and the misfit's graph serves more than one backward
    pass.
    """
    operator = CircularConvolution()
    w, x, y = draw(0, (2, 1, 3, 3), (2, 1, 6, 6), (2, 1, 6, 6))
    x.requires_grad_()
    value = operator.misfit(y)(w, x).sum()
    first = torch.autograd.grad(value, x, retain_graph=True)[0]
    second = torch.autograd.grad(value, x)[0]
    assert torch.equal(first, second)
    torch.testing.assert_close(first, Misfit(operator, y).value_and_gradients(w, x)[2])


@pytest.mark.parametrize(
    ("w_shape", "x_shape", "message"),
    [
        (
            (1, 28, 28),
            (1, 16, 16),
            "kernel of 28×28 pixels is larger than the image of 16×16.*smaller kernels",
        ),
        ((1, 3, 9), (1, 16, 8), "kernel of 3×9 pixels is larger than the image of 16×8"),
        ((2, 3, 3), (3, 8, 8), "kernel has 2 channels, the image 3.*one channel"),
        ((3, 3), (1, 8, 8), r"kernel has shape \(3, 3\).*\(channels, height, width\)"),
        ((1, 3, 3), (1, 8), "dims=1"),
    ],
)
def test_shapes_that_do_not_fit_are_named(w_shape, x_shape, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        CircularConvolution().output_shape(w_shape, x_shape)
    with pytest.raises(ShapeError, match=message):
        CircularConvolution()(torch.zeros(1, *w_shape), torch.zeros(1, *x_shape))


def test_a_colour_measurement_with_a_grey_image_prior_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"y has shape \(3, 28, 28\).*colour prior"):
        CircularConvolution().infer_shapes((3, 28, 28), (1, 5, 5), (1, 28, 28))


def test_four_dimensions_are_not_offered() -> None:
    with pytest.raises(SpecError, match=r"dims='4'.*one of 1, 2, 3"):
        invkit.operator("circconv?dims=4")


def test_the_displacement_is_that_of_the_kernels_centroid() -> None:
    w = torch.zeros(3, 1, 5, 6)
    w[0, 0, 2, 3] = 1.0  # the origin
    w[1, 0, 0, 4] = w[1, 0, 2, 4] = 0.5
    w[2, 0, 2, 3], w[2, 0, 0, 0] = 1.0, -0.1
    expected = torch.tensor([[0.0, 0.0], [1.0, -1.0], [torch.nan, torch.nan]])
    torch.testing.assert_close(Shift().displacement(w), expected, equal_nan=True)
    back, _ = Shift().act(w[1:2], torch.zeros(1, 1, 8, 8), torch.tensor([[-1, 1]]))
    assert torch.equal(Shift().displacement(back), torch.zeros(1, 2))


@pytest.mark.parametrize("largest", [(0, 0), (1, 2), (2, 1)])
@pytest.mark.parametrize(("kernels", "channels"), [(1, 1), (1, 3), (2, 1)])
def test_low_spectra_are_the_spectra_at_low_frequencies(
    largest: tuple[int, int], kernels: int, channels: int
) -> None:
    w = torch.rand(4, kernels, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    view = CircularConvolution().given(w=w.requires_grad_(), x_shape=(channels, 6, 7))
    low, spectra = view.low_spectra(largest), view.spectra()
    assert low is not None and spectra is not None
    down = [*range(largest[0] + 1), *range(6 - largest[0], 6)]
    expected = spectra[..., down, : largest[1] + 1]
    torch.testing.assert_close(low, expected)
    slope = torch.rand_like(low)
    torch.testing.assert_close(*(torch.autograd.grad(each, w, slope)[0] for each in (low, expected)))
