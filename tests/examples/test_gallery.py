"""Every example of the gallery runs, shows what it says, and is a notebook, too."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples" / "gallery").glob("*.py"))

Names = dict[str, Any]
#: what has to hold of the names that an example leaves behind
WORKS: dict[str, Callable[[Names], bool]] = {
    "confidence": lambda n: n["doubtful"].tolist() == [False] * 3 + [True] * 3,
    "config_round_trip": lambda n: n["same"] and (n["kept"].x == n["solution"].x).all(),
    "lambda_sweep": lambda n: 0 < n["best"] < 6 and max(n["scores"]) > n["scores"][0] + 5,
    "microscopy": lambda n: n["after"] > n["before"] + 10 and abs(float(n["found"]["slope"]) - 1.54) < 0.15,
    "missing_pixels": lambda n: n["psnr"] > 22,
    "multi_frame": lambda n: n["all_four"] > max(n["one_by_one"]) + 1.5,
    "own_class": lambda n: n["after"].mean() > n["before"].mean() + 4,
    "parallel_mri": lambda n: n["before"] > 0.2 and n["after"] < 0.04,
    "plugin_in_a_notebook": lambda n: n["after"] < 0.03 < n["before"],
    "solvers_compared": lambda n: all(of["kernel_ncc"] > 0.95 for of in n["compared"].figures.values()),
    "super_resolution": lambda n: n["after"] > n["before"] + 3,
    "unmixing": lambda n: n["angle"] < 0.04 and n["error"] < 0.04,
}


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    """The script that runs the examples, as a module."""
    spec = importlib.util.spec_from_file_location("docs_gallery", ROOT / "docs" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# matplotlib asks torch's tensors for arrays in numpy's new way
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs_and_shows_what_it_says(name: str, gallery: ModuleType, tmp_path: Path) -> None:
    names, shown = gallery.run(ROOT / "examples" / "gallery" / f"{name}.py", tmp_path)
    assert WORKS[name](names)
    (picture,) = shown
    assert picture.startswith(b"\x89PNG")
    drawn = ROOT / "docs" / "images" / "gallery" / f"{name}.png"
    assert 1000 < drawn.stat().st_size < 300_000, f"type: python docs/gallery.py {name}"


def test_there_are_twelve_and_no_picture_is_left_over() -> None:
    pictures = {path.stem for path in (ROOT / "docs" / "images" / "gallery").iterdir()}
    assert set(EXAMPLES) == set(WORKS) == pictures and len(EXAMPLES) >= 12


def test_notebooks_have_the_cells_of_the_scripts(gallery: ModuleType, tmp_path: Path) -> None:
    result = CliRunner().invoke(gallery.main, ["--notebooks", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert sorted(path.stem for path in (tmp_path / "new").glob("*.ipynb")) == EXAMPLES
    for path in (tmp_path / "new").iterdir():
        made = json.loads(path.read_text("utf-8"))
        first, *rest = made["cells"]
        assert (made["nbformat"], first["cell_type"]) == (4, "markdown")
        assert first["source"][0].startswith("# ")
        code = ["".join(cell["source"]) for cell in rest if cell["cell_type"] == "code"]
        script = (ROOT / "examples" / "gallery" / f"{path.stem}.py").read_text("utf-8")
        assert len(code) >= 2 and all(each in script for each in code)
        compile("\n".join(code), path.name, "exec")
        text = ["".join(cell["source"]) for cell in rest if cell["cell_type"] == "markdown"]
        assert not any(each.startswith("#") for each in text)


def test_the_plugin_takes_ten_lines(gallery: ModuleType) -> None:
    script = (ROOT / "examples" / "gallery" / "plugin_in_a_notebook.py").read_text("utf-8")
    (cell,) = (cell.text for cell in gallery.cells(script) if "class RowGains" in cell.text)
    own = cell[cell.index("class RowGains") :]
    assert len([line for line in own.splitlines() if line.strip()]) <= 10
