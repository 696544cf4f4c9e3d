"""`invkit list datasets` and `invkit datasets fetch`: what there is, what is here, and the download."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from invkit.cli.main import main
from invkit_datasets import mnist
from invkit_datasets.downloads import Remote
from tests.plugins.datasets.server import serving


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "data"


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "datasets", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)["datasets"]}
    sample, faces = records["mnist-sample"], records["celeba"]
    assert sample["here"] and sample["splits"] == {"train": 0, "validation": 0, "test": 12}
    assert not faces["here"] and faces["splits"] is None and "celeba" in faces["reason"]
    assert "not commercial" in faces["terms"]
    assert all(record["terms"] for record in records.values())
    stated = ("blurA", "celeba", "chars74k", "images", "mnist", "svhn")
    assert all(records[name]["terms"] != "not stated" for name in stated)


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (sample,) = (line for line in lines if line.startswith("mnist-sample "))
    (faces,) = (line for line in lines if line.startswith("celeba "))
    assert "0 / 0 / 12" in sample
    assert "not here: " in faces and "not commercial" in faces


def test_fetch(
    nothing_here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b"digits"
    monkeypatch.setattr(mnist, "_REMOTE", Remote((), {"a.gz": hashlib.sha256(content).hexdigest()}))
    with serving() as server:
        server.files["a.gz"] = content
        assert main(["datasets", "fetch", "mnist", "--from", server.url]) == 0
        assert (nothing_here / "mnist" / "a.gz").read_bytes() == content
        assert "a.gz" in capsys.readouterr().out
        out = tmp_path / "elsewhere"
        command = ["datasets", "fetch", "mnist", "--from", server.url, "--out", str(out), "--json"]
        assert main([*command, "--file", "a.gz"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said == {"name": "mnist", "files": [str(out / "a.gz")]}
        assert (out / "a.gz").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["fetch", "celeba"], 3, "img_align_celeba.zip"),
        (["fetch", "images"], 3, "cannot be downloaded"),
        (["fetch", "blurA"], 3, "drawn, not downloaded"),
        (["fetch", "mnits"], 3, "did you mean 'mnist'"),
        (["fetch", "mnist", "--file", "a"], 3, "no file 'a'"),
        (["fetch"], 2, "NAME"),
        ([], 2, "invkit list datasets"),
    ],
)
def test_refused(
    arguments: list[str], code: int, says: str, nothing_here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", *arguments]) == code
    assert says in capsys.readouterr().err
    assert not nothing_here.exists()


def test_no_folder_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INVKIT_DATA")
    monkeypatch.chdir(tmp_path)
    assert main(["datasets", "fetch", "mnist"]) == 3
    assert "set INVKIT_DATA" in capsys.readouterr().err
