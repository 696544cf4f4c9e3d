"""Every study with ``--quick`` on real data: it runs, leaves nothing out, and writes all of its files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from invkit.cli.main import main
from invkit.plugin.loading import default_manager
from invkit_experiments.bench import benchmark
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.solve import TRUE_KERNEL
from invkit_experiments.engine.study import Study

EXPERIMENTS = [entry.name for entry in default_manager().registry.entries("experiment")]
STUDIES = [name for name in EXPERIMENTS if isinstance(benchmark(name), Study)]
#: what is run where all of it takes long; each method is run for one class of images at least
SOME = {
    "table1": "house-numbers-blurB/paper,celeba-blurA/default-gan,celeba-blurA/cnn",
    "table2": "celeba-10/oracle,house-numbers-50/weighted",
    "table3": "celeba-blurA-range,house-numbers-blurB-test/paper",
    "fig6": "house-numbers/blurry,house-numbers/cnn,house-numbers/range",
    "fig7": "celeba/blurry,celeba/cnn,celeba/range",
    "fig8": "celeba/blurry,celeba/darkprior,celeba/range",
    "fig9": "celeba-30/blurry,house-numbers-10/oracle",
    "fig10": "celeba/blurry,celeba/paper-25,house-numbers/joint-10",
    "photographs": "jpeg/blurry,jpeg/photographs,jpeg/last-step,jpeg/tv,sharp/blurry",
    "photographs-train": "disk/darkprior",
    "text": "text/blurry,text/text,text/known",
    "levin": "levin/blurry,levin/darkprior,levin/known,levin/photographs",
    "asim2020": "svhn/public,svhn/joint,svhn/network,svhn/network-known,celeba/authors-alg2,shoes/evidence",
}

#: rows of other packages, which need not be installed
PEERS = ("skimage-rl", "skimage-wiener", "deepinv-blindrl")


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_can_be_run_with_what_is_shipped(
    name: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    study = benchmark(name)
    for row in study.methods:
        if row.partition("/")[2] not in PEERS:
            json.dumps(study.identity(row, Settings(1)))


@pytest.mark.parametrize("name", STUDIES)
def test_a_quick_look(
    name: str,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    command = ["bench", name, "--quick", "--images", "1", "--steps", "1", "--out", str(tmp_path), "--json"]
    chosen = SOME.get(name)
    assert main([*command, *(["--methods", chosen] if chosen else [])]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["left_out"] == {}
    measured = [f"{row['case']}/{row['method']}" for row in record["rows"] if row["case"] != "all"]
    assert {*measured} == {*benchmark(name).choose(chosen.split(",") if chosen else [])}
    assert all(row["images"] >= 1 and math.isfinite(row["psnr"]) for row in record["rows"])
    for kind in ("markdown", "csv", "json", "page"):
        assert Path(record["files"][kind]).stat().st_size > 0
    assert len(record["files"]["panels"]) == len({row["case"] for row in record["rows"]} - {"all"})
    for file in record["files"]["panels"]:
        with Image.open(file) as picture:
            assert picture.width > 300


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_every_method_stands_side_by_side(name: str) -> None:
    for case in benchmark(name).cases:
        names = [method.name for method in case.methods]
        assert {"blurry", "darkprior", "cnn", "paper", "network", "default", "oracle"} <= {*names}, case.name
        assert len(names) == len({*names})


def test_the_known_row_is_the_default_with_the_true_kernel() -> None:
    table = benchmark("table2")
    default, known = (
        table.identity(f"celeba-20/{name}", Settings(1))["method"] for name in ("default", "default-known")
    )
    assert known["kernel"] == TRUE_KERNEL != default["kernel"]
    assert known["pipeline"]["solver"] == default["pipeline"]["solver"]


def test_the_weighted_row_is_told_the_noise() -> None:
    identity = benchmark("table2").identity("house-numbers-30/weighted", Settings(1))
    _, weighted = identity["method"]["pipeline"]["solver"]
    assert weighted["solver"]["weight_w"] == weighted["solver"]["weight_x"] == pytest.approx(0.3**2)
