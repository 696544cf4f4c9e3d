"""Panels: every pixel shown where it belongs, and labels that say what is seen."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from invkit.errors import OutputError
from invkit.files.panels import kernel_cell, panel, recovery_row, residual_cell, write_panel

RNG = np.random.default_rng(0)


def contains(picture: np.ndarray, block: np.ndarray) -> bool:
    """Whether `block` (height, width, 3) occurs in the picture."""
    height, width = block.shape[:2]
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    possible = np.ones((rows, columns), bool)
    for i, j in np.random.default_rng(1).integers((0, 0), (height, width), (60, 2)):
        possible &= (picture[i : i + rows, j : j + columns] == block[i, j]).all(-1)
    return any(
        np.array_equal(picture[i : i + height, j : j + width], block) for i, j in np.argwhere(possible)
    )


def enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    levels = np.rint(np.broadcast_to(image, (3, *image.shape[1:])) * 255).astype(np.uint8)
    return levels.repeat(factor, 1).repeat(factor, 2).transpose(1, 2, 0)


@given(st.sampled_from([1, 3]), st.sampled_from([(28, 5), (32, 4), (64, 2), (128, 1), (150, 1)]))
def test_images_are_enlarged_by_whole_factors_to_128_pixels(channels: int, size: tuple[int, int]) -> None:
    pixels, factor = size
    image = RNG.integers(0, 256, (channels, pixels, pixels + 3)) / 255
    assert contains(panel([[("image", image)]]), enlarged(image, factor))


def test_a_very_large_image_is_reduced() -> None:
    picture = panel([[("image", np.full((3, 2000, 1000), 0.5))]])
    assert picture.shape[0] < 720 and picture.shape[1] < 400


def test_rows_of_real_digits(mnist_folder: Path, tmp_path: Path) -> None:
    with gzip.open(mnist_folder / "t10k-images-idx3-ubyte.gz") as stream:
        digits = np.frombuffer(stream.read(16 + 3 * 784), np.uint8, offset=16).reshape(3, 1, 28, 28) / 255.0
    kernel = np.zeros((1, 28, 28))
    kernel[0, 14, 10:18] = 1 / 8
    rows = [
        recovery_row(
            blurry=0.5 * x, recovered=x, kernel=kernel, reblurred=0.5 * x + 0.01, truth=x, true_kernel=kernel
        )
        for x in digits
    ]
    assert [label.split("\n")[0] for label, _ in rows[0]] == [
        "truth", "blurry", "recovered", "true kernel", "kernel", "re-blurred", "residual"
    ]  # fmt: skip
    write_panel(tmp_path / "panel.png", rows)
    picture = np.asarray(Image.open(tmp_path / "panel.png"))
    np.testing.assert_array_equal(picture, panel(rows))
    for digit in digits:
        assert contains(picture, enlarged(digit, 5))
    assert contains(picture, enlarged(kernel * 8, 5)), "a kernel is drawn scaled to its maximum"


def test_without_truth_there_are_five_columns() -> None:
    image = RNG.random((3, 16, 16))
    row = recovery_row(blurry=image, recovered=image, kernel=torch.ones(1, 5, 5), reblurred=image)
    assert [label.split("\n")[0] for label, _ in row] == [
        "blurry",
        "recovered",
        "kernel",
        "re-blurred",
        "residual",
    ]


def test_without_a_kernel_there_is_nothing_to_blur_again() -> None:
    image = RNG.random((3, 16, 16))
    row = recovery_row(blurry=image, recovered=image, truth=image)
    assert [label for label, _ in row] == ["truth", "blurry", "recovered"]
    row = recovery_row(blurry=image, recovered=image, true_kernel=np.ones((5, 5)))
    assert [label for label, _ in row] == ["blurry", "recovered", "true kernel"]
    assert panel([row]).shape[2] == 3


def test_kernel_is_scaled_to_its_maximum() -> None:
    label, image = kernel_cell([[0.1, -0.3, 0.4]])
    assert label == "kernel"
    np.testing.assert_allclose(image, [[[0.25, 0, 1]]])
    assert kernel_cell(np.zeros((3, 3)))[1].max() == 0
    assert kernel_cell(np.full((3, 3), -1.0))[1].max() == 0


def test_residual_colours_are_symmetric_and_the_scale_is_written() -> None:
    label, image = residual_cell([[-0.2, 0.0, 0.1]])
    assert label == "residual\n±0.2"
    red, green, blue = image
    assert blue[0, 0] > red[0, 0] and red[0, 2] > blue[0, 2]
    np.testing.assert_allclose([red[0, 1], green[0, 1], blue[0, 1]], 1)
    label, image = residual_cell([[-0.2, 0.0, 0.1]], scale=0.05, label="r")
    assert label == "r\n±0.05"
    np.testing.assert_allclose(image[:, 0, 0], np.array([33, 102, 172]) / 255, atol=1e-6)


def test_colour_residual_is_grey_around_one_half() -> None:
    label, image = residual_cell(np.array([[[0.0]], [[0.5]], [[-0.5]]]))
    assert label.endswith("±0.5")
    np.testing.assert_allclose(image[:, 0, 0], [0.5, 1, 0])
    assert residual_cell(np.zeros((3, 2, 2)))[1].max() == 0.5


def test_titles_are_written_once_unless_they_change() -> None:
    image = np.zeros((28, 28))
    once = panel([[("a", image)], [("a", image)]]).shape[0]
    twice = panel([[("a", image)], [("b", image)]]).shape[0]
    caption = panel([[("a\nb", image)], [("a", image)]]).shape[0]
    assert twice > once and caption > once


def test_rows_may_differ_in_length_and_long_labels_fit() -> None:
    image = np.full((3, 128, 128), 0.3)
    picture = panel(
        [[("a", image), ("b", image)], [("a title much longer than the image is wide, by far", image)]]
    )
    assert contains(picture, enlarged(image, 1))
    assert (picture[:, [0, -1]] == 255).all(), "nothing touches the margin"


@pytest.mark.parametrize(
    "rows, match",
    [
        ([], "no images"),
        ([[]], "no images"),
        ([[("a", np.zeros(4))]], "shape"),
        ([[("a", np.zeros((2, 4, 4)))]], "shape"),
        ([[("a", np.zeros((0, 4)))]], "shape"),
        ([[("a", np.full((4, 4), np.nan))]], "NaN"),
    ],
)
def test_unfit_cells(rows: list[list[tuple[str, np.ndarray]]], match: str) -> None:
    with pytest.raises(OutputError, match=match):
        panel(rows)


def test_unfit_files_and_scales(tmp_path: Path) -> None:
    rows = [[("a", np.zeros((4, 4)))]]
    with pytest.raises(OutputError, match=r"a\.jpg"):
        write_panel(tmp_path / "a.jpg", rows)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_panel(tmp_path / "file" / "a.png", rows)
    with pytest.raises(OutputError, match="scale"):
        residual_cell(np.zeros((2, 2)), scale=0.0)


def test_kernels_of_many_places_are_a_grid_unless_all_are_equal() -> None:
    kernels = np.zeros((6, 9, 9), np.float32)
    kernels[:, 3:6, 4] = np.arange(1, 7)[:, None]
    _, picture = kernel_cell(kernels)
    assert picture.shape == (1, 2 * (3 + 2), 3 * (1 + 2))  # empty rows and columns left out
    assert picture.max() == 1 and picture[0, 1, 1] == pytest.approx(1 / 6)
    _, one = kernel_cell(np.broadcast_to(kernels[:1], kernels.shape))
    assert one.shape == (1, 9, 9)
