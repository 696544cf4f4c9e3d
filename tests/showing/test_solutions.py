"""Solutions as text, HTML and figures: what is said is what is in them."""

from __future__ import annotations

import base64
import io
import re
import sys
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from PIL import Image

import invkit
from invkit import InputError, MissingExtra, ShapeError, Solution, Status


def delta(n: int, size: int = 5) -> torch.Tensor:
    kernel = torch.zeros(n, 1, size, size)
    kernel[:, :, size // 2, size // 2] = 1.0
    return kernel


@pytest.fixture(scope="module")
def pipeline() -> invkit.Pipeline:
    return invkit.compose("circconv", w="trajectory", x="identity", solver="altgd?steps=3,restarts=2,keep=2")


@pytest.fixture(scope="module")
def y() -> torch.Tensor:
    return torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def solution(pipeline: invkit.Pipeline, y: torch.Tensor) -> Solution:
    return pipeline(y)


def pictured(figure: Any) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def titles(figure: Any) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.images]


def test_remarks_are_shown_once(solution: Solution) -> None:
    notes = ({"gain": 0.5, "remark": "look twice"}, {"remark": "look twice"})
    lines = str(attrs.evolve(solution, notes=notes)).splitlines()
    assert len(lines) == 6 and lines[5].split(maxsplit=1) == ["remark", "look twice"]


def test_text_is_five_lines(solution: Solution) -> None:
    text = str(solution)
    lines = text.splitlines()
    assert len(lines) == 5
    assert lines[0] == "Solution of 2 measurements: 2 max_iter"
    assert "(2, 1, 32, 32)" in lines[1] and "(2, 1, 28, 28)" in lines[2]
    low, high = sorted(solution.residual.tolist())
    assert f"{low:.3g} to {high:.3g}" in lines[3]
    assert "circconv, trajectory, identity, altgd; 2 candidates" in lines[4]


def test_text_of_every_status_is_counted(solution: Solution) -> None:
    ends = (Status.DOUBTFUL, Status.SHARP)
    mixed = attrs.evolve(solution, status=ends, confidence=torch.tensor([0.1, 0.9]))
    assert "1 doubtful, 1 sharp" in str(mixed)
    assert "confidence 0.1 to 0.9" in str(mixed)


def test_text_without_w_and_with_nothing_finite(solution: Solution) -> None:
    bare = attrs.evolve(
        solution, w=None, x=solution.x * torch.nan, residual=torch.full((2,), torch.nan), config=None
    )
    assert "none" in str(bare) and "no finite values" in str(bare) and "not known" in str(bare)


def test_text_names_stages_and_chains(solution: Solution) -> None:
    deblur = invkit.compose(
        "circconv | downsample?factor=2",
        w="vae:blurA",
        x="vae:mnist",
        solver=["altgd?steps=1", "altgd?steps=1 hold=w"],
    )
    text = str(attrs.evolve(solution, config=deblur.to_config()))
    assert "circconv | downsample, vae:blurA, vae:mnist, altgd, then altgd;" in text


def test_html_holds_the_lines_and_the_pictures(solution: Solution) -> None:
    page = solution._repr_html_()
    assert "2 max_iter" in page
    (data,) = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert min(picture.size) > 100


def test_html_of_signals_that_are_no_images(solution: Solution) -> None:
    long = attrs.evolve(solution, x=torch.zeros(2, 1, 9), w=torch.zeros(2, 1, 3))
    assert "<img" not in long._repr_html_()


def test_a_name_in_html_is_text(solution: Solution) -> None:
    config = {**(solution.config or {}), "operator": {"object": "m:<script>"}}
    page = attrs.evolve(solution, config=config)._repr_html_()
    assert "<script>" not in page


def test_plot_draws_what_was_found(solution: Solution) -> None:
    figure = solution.plot()
    drawn = pictured(figure)
    assert len(drawn) == 4
    expected = (solution.x[0, 0].clip(0, 1) * 255).round().numpy()
    assert np.array_equal(drawn[0], expected)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_plot_beside_measurement_and_truth(
    pipeline: invkit.Pipeline, solution: Solution, y: torch.Tensor
) -> None:
    truth = (solution.w, (solution.x + 0.1).clip(0, 1))
    figure = pipeline.plot(solution, y=y, truth=truth)
    assert titles(figure)[:3] == ["measured", "truth", titles(figure)[2]]
    psnr = invkit.metrics.compare(
        pipeline.operator, estimate=(solution.w, solution.x), truth=truth
    ).aligned.psnr
    assert f"{psnr[0]:.1f} dB" in titles(figure)[2]
    assert "NCC 1.000" in titles(figure)[4]
    assert titles(figure)[5].startswith("residual")


def test_plot_in_the_layout_of_one_array(pipeline: invkit.Pipeline, y: torch.Tensor) -> None:
    one = y[0, 0].numpy()
    found = pipeline(one)
    assert len(pictured(pipeline.plot(found, y=one, truth=(found.w, found.x)))) == 6


def test_plot_beside_the_true_image_alone(pipeline: invkit.Pipeline) -> None:
    photo = invkit.example("photo")
    found = attrs.evolve(
        pipeline(photo.y[:, :48, :48]), x=photo.x, axes_added=1, w=photo.w, status=(Status.MAX_ITER,)
    )
    figure = pipeline.plot(found, truth=np.roll(photo.x, 2, axis=1))
    assert titles(figure)[0] == "truth"
    assert float(titles(figure)[1].split()[1]) > 60  # modulo the shift it is the same


def test_curve_has_a_line_for_every_candidate(solution: Solution) -> None:
    figure = solution.curve()
    assert len(figure.axes) == 2
    lines = figure.axes[0].lines
    assert len(lines) == 2
    winner = solution.restarts.winner[0]
    assert np.allclose(lines[-1].get_ydata(), solution.history[0, winner].numpy())
    assert list(lines[-1].get_xdata()) == list(solution.history_steps)


def test_what_cannot_be_drawn_is_said(pipeline: invkit.Pipeline, solution: Solution, y: torch.Tensor) -> None:
    with pytest.raises(InputError, match="no images"):
        attrs.evolve(solution, x=torch.zeros(2, 1, 9), w=None).plot()
    with pytest.raises(InputError, match="no history"):
        attrs.evolve(solution, history=torch.zeros(2, 2, 0), history_steps=()).curve()
    with pytest.raises(InputError, match="no pair"):
        pipeline.plot(solution, truth=(solution.w, solution.x, 0))
    with pytest.raises(ShapeError):
        pipeline.plot(solution, truth=(solution.w, torch.zeros(2, 1, 8, 8)))
    with pytest.raises(InputError, match="measurements"):
        pipeline.plot(solution, y=y[:1])
    with pytest.raises(InputError, match="no pair"):
        pipeline.plot(attrs.evolve(solution, w=None), truth=(delta(2), y))


def test_without_matplotlib_the_extra_is_named(solution: Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install \"invkit\[plot\]\""):
        solution.plot()
