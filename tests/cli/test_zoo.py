"""``invkit list weights`` and ``invkit zoo``: what is shipped and installed, from the cards; and samples."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import invkit
from invkit.cli.main import main
from invkit.files.images import read_image
from invkit.files.store import install
from tests.untrained import write_untrained, write_untrained_cnn

Captured = pytest.CaptureFixture[str]


def records(capsys: Captured) -> dict[str, dict[str, object]]:
    assert main(["list", "weights", "--json"]) == 0
    return {record["prior"]: record for record in json.loads(capsys.readouterr().out)["weights"]}


def table(capsys: Captured) -> dict[str, str]:
    assert main(["list", "weights"]) == 0
    return {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}


def test_everything_shipped_has_size_terms_and_figures(capsys: Captured) -> None:
    found = records(capsys)
    assert {"vae:blurA", "vae:mnist", "vae:celeba"} <= set(found)
    for record in found.values():
        assert record["terms"] and record["metrics"] and record["shipped"]
        assert record["bytes"] == Path(str(record["path"])).stat().st_size <= 12_000_000
    assert sum(int(str(record["bytes"])) for record in found.values()) <= 62_000_000


def test_the_table(capsys: Captured) -> None:
    lines = table(capsys)
    assert lines["prior"].split()[:2] == ["prior", "MB"]
    assert "24.89 dB" in lines["vae:mnist"] and "CC BY-SA 3.0" in lines["vae:mnist"]
    assert "NCC 0.9975" in lines["vae:blurA"]


def test_installed_priors_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    install(write_untrained(tmp_path / "mine.safetensors", "paper-mnist"), "vae", "mine")
    assert records(capsys)["vae:mine"]["shipped"] is False
    assert "vae:mine (yours)" in table(capsys)


def test_weights_of_solvers_are_listed_by_the_spec_that_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    install(write_untrained_cnn(tmp_path / "mine.safetensors"), "cnn", "mine")
    record = records(capsys)["cnn?weights=mine"]
    assert (record["part"], record["shipped"]) == ("solver", False)
    assert invkit.solver(str(record["prior"])).sha256
    sheet = tmp_path / "sheet.png"
    assert main(["zoo", "cnn?weights=mine", "vae:mnist", "--samples", "1", "--sheet", str(sheet)]) == 0
    assert read_image(sheet).shape[1] < 2 * 128  # one row: a network that deblurs has no samples


def test_a_sheet_of_samples(tmp_path: Path, capsys: Captured) -> None:
    sheets = []
    for name, more in (("one", []), ("two", []), ("three", ["--seed", "1"])):
        path = tmp_path / f"{name}.png"
        named = ["vae:mnist", "denoiser:photographs", "vae:blurA"]  # a denoiser makes nothing by itself
        assert main(["zoo", *named, "--samples", "2", "--sheet", str(path), *more]) == 0
        assert str(path) in capsys.readouterr().out
        sheets.append(read_image(path))
    assert (sheets[0] == sheets[1]).all() and (sheets[0] != sheets[2]).any()
    _, height, width = sheets[0].shape
    assert width > 2 * 128 and height > 2 * 128 and sheets[0].std() > 0.1


def test_a_prior_by_the_path_of_its_weights(tmp_path: Path, capsys: Captured) -> None:
    path = records(capsys)["vae:mnist"]["path"]
    sheets = [tmp_path / name for name in ("path.png", "name.png")]
    for spec, sheet in zip((f"vae:{path}", "vae:mnist"), sheets, strict=True):
        assert main(["zoo", spec, "--samples", "1", "--sheet", str(sheet)]) == 0
    assert f"vae:{path}" in capsys.readouterr().out and all(sheet.exists() for sheet in sheets)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["vae:mnst", "--sheet", "sheet.png"], 3, "vae:mnist"),
        (["vae:./none.safetensors", "--sheet", "sheet.png"], 3, "none.safetensors"),
        (["vae:mnist"], 2, "--sheet"),
        (["--sheet", "sheet.jpg"], 3, "sheet.png"),
        (["--samples", "0", "--sheet", "sheet.png"], 2, "--samples"),
    ],
)
def test_bad_input(
    arguments: list[str],
    code: int,
    says: str,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["zoo", *arguments]) == code
    assert says in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_list_needs_no_torch() -> None:
    code = "import sys; from invkit.cli.main import main as run; run(['list', 'weights']); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_file_that_cannot_be_read_is_named_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path))
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "bad.safetensors").write_text("garbage")
    assert main(["list", "weights"]) == 1
    out, err = capsys.readouterr()
    assert "vae:blurA" in out and "bad.safetensors" in err and err.count("\n") == 1
    assert main(["list", "weights", "--json"]) == 1
    (unreadable,) = json.loads(capsys.readouterr().out)["unreadable"]
    assert "bad.safetensors" in unreadable
