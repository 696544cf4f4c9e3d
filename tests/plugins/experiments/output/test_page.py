"""The page: whole in one file, escaped, and alive in a browser: sorting, sliding, choosing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import numpy as np
import pytest
from PIL import Image

from invkit_experiments.output.page import page
from invkit_experiments.output.panels import decoded, encoded
from invkit_experiments.output.report import Report
from tests.plugins.experiments.output.browser import chromium, opened, pictured
from tests.plugins.experiments.small import Halved

HOSTILE = "</script><script>document.title='broken'</script><!-- data --> & \"quoted\" 'so' <b>"


@pytest.fixture(scope="module")
def report(small_report: Report) -> Report:
    return attrs.evolve(small_report, left_out={"mixed/hostile": HOSTILE, "straight/hostile": HOSTILE})


@pytest.fixture
def file(report: Report, tmp_path: Path) -> Path:
    path = tmp_path / "small.html"
    path.write_text(page(report, report.gallery), "utf-8")
    return path


def test_nothing_is_fetched(report: Report) -> None:
    text = page(report, report.gallery)
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import|https?://", text)
    pictures = json.loads(re.findall(r'id="pictures">(.*?)</script>', text, re.DOTALL)[0])
    assert set(pictures) == {
        f"{case}/{i}" for case in ("straight", "mixed") for i in (0, 1)
    }  # as many as shown
    for entry in pictures.values():
        uris = [entry["blurry"], entry["original"], entry["kernel"], *(each[1] for each in entry["methods"])]
        assert all(uri.startswith("data:image/png;base64,") for uri in uris)


def test_texts_are_escaped(report: Report) -> None:
    text = page(report, report.gallery)
    assert "<b>not</b>" not in text and "a &lt;small&gt; study" in text and "digits &amp; straight" in text
    assert "<script>document" not in text and text.count("</script>") == 2
    assert not re.findall(r"<!-- \w+ -->", text.replace("&lt;!-- data --&gt;", ""))
    assert text.count(Halved().what.replace("<", "&lt;").replace(">", "&gt;")) == 4  # table and settings
    assert text.count("mixed/hostile, straight/hostile") == 1


def test_hostile_pictures_data_cannot_end_the_script(report: Report) -> None:
    assert report.gallery is not None
    cell = next(cell for cell in report.gallery.cells if cell.method == "halved")
    named = attrs.evolve(cell, method=HOSTILE)
    text = page(report, attrs.evolve(report.gallery, cells=[named]))
    assert text.count("</script>") == 2
    data = json.loads(re.findall(r'id="pictures">(.*?)</script>', text, re.DOTALL)[0])
    assert data["straight/0"]["methods"][0][0] == HOSTILE


def test_sorting(file: Path, report: Report, tmp_path: Path) -> None:
    columns = """const names = () => [...document.querySelectorAll("#figures tbody tr")].map(
        row => row.cells[0].textContent + "/" + row.cells[1].textContent);
      const buttons = [...document.querySelectorAll("#figures th button")];
      const head = title => buttons.find(button => button.textContent === title);
      const seen = [names()];"""
    script = f"""{columns}
      head("PSNR").click(); seen.push(names());
      head("PSNR").click(); seen.push(names());
      head("printed PSNR").click(); seen.push(names());
      head("method").click(); seen.push(names());
      seen.push([...document.querySelectorAll("th")].map(th => th.getAttribute("aria-sort")));
      return seen;"""
    original, falling, rising, printed, method, marks = opened(file, script, tmp_path)
    study_rows = {f"{row['case']}/{row['method']}": row for row in report.rows}
    assert original == list(study_rows)
    by_psnr = sorted(study_rows, key=lambda name: -study_rows[name]["psnr"])
    assert falling == by_psnr and rising == by_psnr[::-1]
    assert printed[0] == "straight/halved"  # the only one with a figure; the rest follow
    assert [name.split("/")[1] for name in method] == ["halved", "halved", "blurry", "blurry"]
    assert marks.count("descending") == 1 and marks[1] == "descending"


def test_slider_and_choice(file: Path, tmp_path: Path) -> None:
    script = """const figure = document.querySelector("figure[data-picture='mixed/1']");
      const [under, over] = figure.querySelectorAll("img"), slider = figure.querySelector("input");
      const select = figure.querySelector("select"), seen = [];
      const look = () => seen.push(
        [under.src, over.src, over.alt, getComputedStyle(over).clipPath, over.naturalWidth]);
      look();
      slider.value = 20; slider.dispatchEvent(new Event("input")); look();
      select.value = 1; select.dispatchEvent(new Event("change")); look();
      const beside = [...figure.querySelectorAll(".beside div")].map(
        each => [each.textContent, each.firstChild.naturalWidth, each.style.visibility]);
      return {seen, beside, options: [...select.options].map(option => option.textContent)};"""
    found = opened(file, script, tmp_path)
    first, slid, chosen = found["seen"]
    assert first[2] == "halved" and "50%" in first[3] and first[4] == 28
    assert "20%" in slid[3] and slid[1] == first[1]
    assert chosen[2] == "original" and chosen[1] != first[1] and chosen[0] == first[0]
    sizes = [("truth", 28), ("its kernel", 28), ("kernel found", 28)]
    assert [tuple(each[:2]) for each in found["beside"]] == sizes
    assert re.fullmatch(r"halved, \d+\.\d dB", found["options"][0]) and found["options"][1] == "original"


def test_it_opens_on_the_best_method_that_finds_a_kernel(report: Report, tmp_path: Path) -> None:
    assert report.gallery is not None
    cell = next(cell for cell in report.gallery.cells if cell.method == "halved")
    worse = attrs.evolve(cell, method="worse", figures={"psnr": 1.0})
    told = {name: uri for name, uri in cell.pictures.items() if name != "kernel"}
    oracle = attrs.evolve(cell, method="oracle", figures={"psnr": 99.0}, pictures=told)
    file = tmp_path / "best.html"
    file.write_text(page(report, attrs.evolve(report.gallery, cells=[worse, cell, oracle])), "utf-8")
    script = """const select = document.querySelector("select");
      return select.selectedOptions[0].textContent;"""
    assert opened(file, script, tmp_path).startswith("halved, ")


def test_printed_figures_stand_beside_the_measured_ones(report: Report) -> None:
    assert report.gallery is not None
    titles = re.findall(r"<button>(.*?)</button>", page(report, report.gallery))
    assert titles[titles.index("PSNR") + 1] == "printed PSNR"
    assert titles[titles.index("SSIM") + 1] == "printed SSIM"


def test_it_is_drawn(file: Path, tmp_path: Path) -> None:
    chromium()
    with Image.open(pictured(file, tmp_path)) as picture:
        assert np.asarray(picture.convert("L")).std() > 10  # text and pictures, not a blank sheet


def test_pictures_survive_the_way_through_text() -> None:
    import torch

    for channels in (1, 3):
        image = torch.randint(0, 256, (channels, 9, 7)).float() / 255
        np.testing.assert_allclose(decoded(encoded(image)), image.numpy(), atol=1e-6)
