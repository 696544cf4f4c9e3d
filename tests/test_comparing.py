"""Several pipelines side by side: the figures are those of the metrics, the table says them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import invkit
from invkit import InputError


@pytest.fixture(scope="module")
def ways() -> dict[str, invkit.Pipeline]:
    quick = "altgd?steps=40,restarts=4,keep=2"
    return {
        "blind": invkit.compose("circconv", w="vae:blurA", x="vae:mnist", solver=quick),
        "wrong prior": invkit.compose("circconv", w="vae:blurB", x="vae:mnist", solver=quick),
    }


@pytest.fixture(scope="module")
def compared(ways: dict[str, invkit.Pipeline]) -> invkit.Compared:
    digit = invkit.example("digit")
    return invkit.compare(ways, digit.y, truth=digit.truth)


def test_the_figures_are_those_of_the_metrics(
    ways: dict[str, invkit.Pipeline], compared: invkit.Compared
) -> None:
    digit = invkit.example("digit")
    for name, pipeline in ways.items():
        found = pipeline(digit.y)
        assert np.array_equal(found.x, compared.solutions[name].x)
        scores = invkit.metrics.compare(pipeline.operator, (found.w, found.x), digit.truth).aligned
        assert compared.figures[name]["psnr"] == pytest.approx(float(scores.psnr))
        assert compared.figures[name]["kernel_ncc"] == pytest.approx(float(scores.kernel_ncc))


def test_the_table_has_a_line_for_each(compared: invkit.Compared) -> None:
    head, *rows = str(compared).splitlines()
    assert head.split() == ["psnr", "ssim", "kernel_ncc", "residual", "seconds", "status"]
    assert [row.split("  ")[0] for row in rows] == ["blind", "wrong prior"]
    assert f"{compared.figures['blind']['psnr']:.4g}" in rows[0]
    assert "<td>wrong prior</td>" in compared._repr_html_()


def test_the_figure_shows_measurement_truth_and_all(compared: invkit.Compared) -> None:
    titles = [axes.get_title() for axes in compared.plot().axes]
    assert titles[:2] == ["measured", "truth"]
    assert titles[2].startswith("blind\n") and titles[3].startswith("wrong prior\n")


def test_without_a_truth_only_the_fit_is_said(ways: dict[str, invkit.Pipeline]) -> None:
    y = torch.from_numpy(invkit.example("digit").y)[None].repeat(2, 1, 1, 1)
    made = invkit.compare(list(ways.values()), y)
    head, first, second = str(made).splitlines()
    assert head.split() == ["residual", "seconds", "status"]
    assert first.startswith("1: vae:blurA, vae:mnist, altgd") and second.startswith("2: vae:blurB")
    assert len(made.plot().axes) == 2 * 3


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(InputError, match="no pipeline"):
        invkit.compare({}, torch.zeros(28, 28))


@pytest.mark.wrong_types
def test_a_truth_that_is_no_pair_is_refused(ways: dict[str, invkit.Pipeline]) -> None:
    with pytest.raises(InputError, match="the truth must be a pair"):
        invkit.compare(ways, torch.zeros(28, 28), truth=torch.zeros(28, 28))  # type: ignore[arg-type]
