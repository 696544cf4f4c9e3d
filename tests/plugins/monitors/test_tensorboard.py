"""What TensorBoard reads back from the event files is what the solver reported."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from invkit import Progress
from invkit.errors import InputError, OutputError
from invkit_monitors.tensorboard import TensorBoard
from tests.plugins.monitors.solving import SOLUTION, residual, solve


def _read(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own imports
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def _scalars(events: Any, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in events.Scalars(tag)}


def test_scalars_are_best_and_median_of_each_measurement(tmp_path: Path) -> None:
    solve(TensorBoard(str(tmp_path), every=5, images_every=0))
    events = _read(tmp_path)
    assert events.Tags()["images"] == []
    assert len(events.Tags()["scalars"]) == 8
    for index in (0, 1):
        for what, offset in (("residual", 0.0), ("objective", 1.0)):
            best, median = (_scalars(events, f"{what}/{how}/{index}") for how in ("best", "median"))
            assert list(best) == list(median) == [5, 10, 15, 20, 25]
            for step in best:
                alive = [value for value in residual(step)[index].tolist() if value == value]
                assert best[step] == pytest.approx(min(alive) + offset)
                assert median[step] == pytest.approx(sorted(alive)[(len(alive) - 1) // 2] + offset)


def test_a_measurement_without_restarts_left_writes_nothing_more(tmp_path: Path) -> None:
    board = TensorBoard(str(tmp_path), every=1, images_every=0)
    board.on_start(2, 1, 1)
    for step, value in ((1, 0.5), (2, float("nan"))):
        values = torch.tensor([[value]])
        board.on_step(Progress(step, 2, values, values, best=lambda: (torch.zeros(1), torch.zeros(1))))
    board.on_end(SOLUTION)
    assert list(_scalars(_read(tmp_path), "residual/best/0")) == [1]


def test_images_come_at_intervals_and_at_the_end(tmp_path: Path) -> None:
    asked = solve(TensorBoard(str(tmp_path), every=3, images_every=10))
    events = _read(tmp_path)
    assert set(events.Tags()["images"]) == {"w/0", "w/1", "x/0", "x/1"}
    # Reports come at multiples of 3, so the first after 10 and 20 are 12 and 21.
    assert [image.step for image in events.Images("x/1")] == [12, 21, 25]
    assert asked == 3
    shapes = {(image.width, image.height) for image in events.Images("x/0")}
    assert shapes == {(8, 8)}


def test_kernels_are_shown_in_full_range_and_images_clipped(tmp_path: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    kernel, image = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    kernel[:, 0] = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    image[:, 0] = torch.tensor([[-1.0, 0.0], [1.0, 2.0]])
    solve(TensorBoard(str(tmp_path), every=25, images_every=25), best=(kernel, image))
    events = _read(tmp_path)
    pixels = {
        tag: np.asarray(
            Image.open(io.BytesIO(events.Images(tag)[0].encoded_image_string)).convert("L")
        ).tolist()
        for tag in ("w/0", "x/0")
    }
    assert pixels["x/0"] == [[0, 0], [255, 255]]
    assert pixels["w/0"][1][1] == 255
    assert pixels["w/0"][0][0] == pytest.approx(64, abs=1)


def test_signals_that_are_no_pictures_are_passed_over(tmp_path: Path) -> None:
    solve(TensorBoard(str(tmp_path), images_every=5), best=(torch.ones(2, 1, 9), torch.ones(2, 2, 4, 4)))
    assert _read(tmp_path).Tags()["images"] == []


def test_only_the_first_measurements_are_written(tmp_path: Path) -> None:
    solve(TensorBoard(str(tmp_path), measurements=1))
    tags = _read(tmp_path).Tags()
    assert {tag[-2:] for tag in tags["scalars"] + tags["images"]} == {"/0"}


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write TensorBoard's files"):
        TensorBoard(str(tmp_path / "file")).on_start(1, 1, 1)


@pytest.mark.parametrize("option", [{"every": 0}, {"images_every": -1}, {"measurements": 0}])
def test_options_out_of_range_are_refused(option: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        TensorBoard(str(tmp_path), **option)
