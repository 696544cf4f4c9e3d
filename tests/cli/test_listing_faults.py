"""Faulty plugins, really installed: each is shown with its state and reason, and nothing else suffers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.distributions import hook, run_invkit, write_distribution

GOOD = hook("registry.operator('goodop', 'decimal:Decimal', summary='a good one')")
CLASH = GOOD.replace("a good one", "a rival")
FAULTS = {
    "plug-raises": ("raise RuntimeError('no licence')", (), "broken", "RuntimeError: no licence"),
    "plug-old": ("1/0", ("invkit>=99",), "incompatible", "needs invkit>=99, this is invkit 0.2.0"),
    "plug-misspelt": (
        GOOD.replace("invkit_register", "invkit_registr").replace("goodop", "other"),
        (),
        "broken",
        "unknown hook 'invkit_registr' in plug_misspelt; did you mean 'invkit_register'?",
    ),
    "plug-rival": (
        CLASH,
        (),
        "broken",
        "plug-rival (plugin 'plug_rival') and plug-good (plugin 'plug_good') both claim "
        "the operator name 'goodop'",
    ),
}


def states(done_stdout: str) -> dict[str, dict[str, Any]]:
    return {plugin["distribution"]: plugin for plugin in json.loads(done_stdout)["plugins"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_distribution(folder, "plug-good", GOOD, requires=["invkit>=0.2,<0.3"])
    for name, (source, requires, _, _) in FAULTS.items():
        write_distribution(folder, name, source, requires=requires)
    return folder


def test_all_faults_at_once_are_listed(site: Path) -> None:
    done = run_invkit(site, "list-plugins", "--json")
    assert done.returncode == 1 and done.stderr == ""
    found = states(done.stdout)
    assert found["plug-good"]["status"] == "ok"
    for name, (_, _, status, reason) in FAULTS.items():
        assert (found[name]["status"], found[name]["version"]) == (status, "1.2")
        assert reason in found[name]["reason"]
        assert "pip install" in found[name]["remedy"] or "INVKIT_DISABLE_PLUGINS" in found[name]["remedy"]


def test_the_plain_table_says_the_same(site: Path) -> None:
    done = run_invkit(site, "list-plugins")
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    for name, (_, _, status, reason) in FAULTS.items():
        line = lines[name.replace("-", "_")]
        assert line.split()[1] == status and reason in line


@pytest.mark.parametrize("arguments", [["--help"], ["list", "operators"], ["describe", "goodop", "--help"]])
def test_other_commands_work_all_the_same(site: Path, arguments: list[str]) -> None:
    done = run_invkit(site, *arguments)
    assert done.returncode == 0 and done.stderr == ""


def test_the_good_one_is_used_and_the_rival_left_out(site: Path) -> None:
    done = run_invkit(site, "list", "operators", "--json")
    (mine,) = [entry for entry in json.loads(done.stdout)["operators"] if entry["name"] == "goodop"]
    assert (mine["distribution"], mine["summary"]) == ("plug-good", "a good one")


def test_an_unknown_name_mentions_what_did_not_load(site: Path) -> None:
    done = run_invkit(site, "no-such-command")
    assert done.returncode == 2 and "plug_raises" in done.stderr


def test_incompatible_and_disabled_alone_are_no_failure(tmp_path: Path) -> None:
    write_distribution(tmp_path, "plug-old", "1/0", requires=["invkit>=99"])
    write_distribution(tmp_path, "plug-raises", "1/0")
    done = run_invkit(tmp_path, "list-plugins", "--json", INVKIT_DISABLE_PLUGINS="plug_raises")
    assert done.returncode == 0
    found = states(done.stdout)
    assert found["plug-old"]["status"] == "incompatible"
    assert found["plug-raises"]["status"] == "disabled"


def test_a_plugin_that_prints_does_not_spoil_the_result(tmp_path: Path) -> None:
    write_distribution(tmp_path, "plug-chatty", "print('hello')\n" + GOOD)
    done = run_invkit(tmp_path, "list-plugins", "--json")
    assert states(done.stdout)["plug-chatty"]["status"] == "ok"
    assert done.stderr == "hello\n"


def test_a_plugin_that_imports_torch_at_the_top_works_and_is_told(tmp_path: Path) -> None:
    # A stand-in for torch: what counts is the name in sys.modules, and it loads at once.
    (tmp_path / "torch.py").write_text("")
    write_distribution(tmp_path, "plug-heavy", "import torch\n" + GOOD)
    done = run_invkit(tmp_path, "list-plugins", "--json")
    assert done.returncode == 0
    heavy = states(done.stdout)["plug-heavy"]
    assert heavy["status"] == "ok" and heavy["seconds"] > 0
    assert heavy["notes"] == ["imports torch at import time, which slows every command down"]
    assert "imports torch at import time" in run_invkit(tmp_path, "list-plugins").stdout
