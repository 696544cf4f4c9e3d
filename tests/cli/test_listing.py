"""``list``, ``describe`` and ``doctor`` on a registry of the test's own."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import attrs
import pytest

from invkit.cli import describe as describe_module
from invkit.cli import doctor as doctor_module
from invkit.cli import list_ as list_module
from invkit.cli import list_plugins as list_plugins_module
from invkit.cli.main import main
from invkit.cli.output import print_json, print_table
from invkit.errors import WeightsError
from invkit.plugin.loading import Candidate, PluginManager, PluginState, default_manager
from invkit.plugin.registry import KINDS


@attrs.frozen
class Descent:
    """Steepest descent.

    Goes down.

    Args:
        steps: how many.
    """

    steps: int
    order: Literal["jacobi", "seidel"] = "jacobi"


class Decoder:
    """A decoder."""

    @classmethod
    def from_spec(cls, name: str) -> Decoder:
        return cls()


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> PluginManager:
    module = ModuleType("listed_by_tests")
    module.Descent, module.Decoder = Descent, Decoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "listed_by_tests", module)
    made = PluginManager()
    with made.registry.registering("own", "invkit-own"):
        made.registry.solver("descent", "listed_by_tests:Descent", summary="goes down", default=True)
        made.registry.prior("decoder", "listed_by_tests:Decoder", summary="decodes")
        made.registry.trainer("decoder", "listed_by_tests:Descent", summary="trains it")
        made.registry.weights("decoder", "invkit:no-such-folder")
    made.states = (PluginState(Candidate("own", "own.plugin", "invkit-own", "3.1"), "ok", seconds=0.25),)
    for user in (describe_module, doctor_module, list_module, list_plugins_module):
        monkeypatch.setattr(user, "default_manager", lambda: made)
    return made


Captured = pytest.CaptureFixture[str]


def test_list(manager: PluginManager, capsys: Captured) -> None:
    assert main(["list", "solvers"]) == 0
    assert capsys.readouterr().out == "name       summary    plugin\ndescent *  goes down  own\n"
    assert main(["list", "monitors"]) == 0
    assert capsys.readouterr().out == "name  summary  plugin\n"


def test_list_gives_trained_priors(
    manager: PluginManager, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invkit.files.store.names", lambda registry, kind: ("a", "b"))
    assert main(["list", "priors", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["priors"]
    assert record["trained"] == ["a", "b"] and record["default"] is False
    assert main(["list", "priors"]) == 0
    assert "decodes  decoder:a, decoder:b  own" in capsys.readouterr().out


def test_describe(manager: PluginManager, capsys: Captured) -> None:
    assert main(["describe", "descent"]) == 0
    shown = capsys.readouterr().out
    assert "Steepest descent.\n\nGoes down." in shown and "Args:" not in shown
    rows = [line.split("  ") for line in shown.splitlines()]
    assert [cell.strip() for cell in rows[-4] if cell.strip() not in ("", "a whole number")] == [
        "steps",
        "(required)",
    ]
    assert rows[-3][-1] == "jacobi" and "one of jacobi, seidel" in shown
    assert shown.endswith("\n\nsteps: how many.\n")


def test_describe_json_tells_prior_and_trainer_of_one_name(manager: PluginManager, capsys: Captured) -> None:
    assert main(["describe", "decoder", "--json"]) == 0
    prior, trainer = json.loads(capsys.readouterr().out)["entries"]
    assert (prior["kind"], trainer["kind"]) == ("prior", "trainer")
    assert prior["takes_name"] and prior["card"] is None and not trainer["takes_name"]
    order = {"option": "order", "type": "one of jacobi, seidel", "default": "jacobi", "what": ""}
    assert trainer["options"][1] == order


def test_describe_shows_the_card(
    manager: PluginManager, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invkit.files.store.find", lambda registry, kind, name: f"{kind}/{name}")
    monkeypatch.setattr("invkit.files.store.read_card", lambda path: {"licence": "MIT", "from": [path]})
    assert main(["describe", "decoder:faces"]) == 0
    assert '  licence: MIT\n  from: ["decoder/faces"]\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("descnt", "nothing is called 'descnt'; did you mean 'descent'?"),
        ("descent?stops=3", "no option 'stops'; did you mean 'steps'?"),
        ("Descent", "does not start with a kind"),
        ("decoder:missing", "missing"),
    ],
)
def test_describe_refuses_in_one_line(manager: PluginManager, capsys: Captured, spec: str, says: str) -> None:
    assert main(["describe", spec]) == 3
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1


def test_list_plugins_where_there_are_none(manager: PluginManager, capsys: Captured) -> None:
    manager.states = ()
    assert main(["list-plugins"]) == 0
    assert "no plugins are installed" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list-plugins"], ["list", "plugins"]])
def test_plugins_are_listed_with_the_time(
    command: list[str], manager: PluginManager, capsys: Captured
) -> None:
    assert main(command) == 0
    assert "own     ok     invkit-own 3.1  250.0 ms" in capsys.readouterr().out


def findings(capsys: Captured) -> dict[str, tuple[str, str]]:
    return {f["what"]: (f["state"], f["detail"]) for f in json.loads(capsys.readouterr().out)["findings"]}


def test_doctor_finds_all_well(
    manager: PluginManager, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("INVKIT_DATA", raising=False)
    assert main(["doctor", "--json"]) == 0
    found = findings(capsys)
    assert {"invkit", "python", "torch", "devices", "threads", "user store", "plugin own"} <= set(found)
    assert found["data folder"][0] == "note"
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert main(["doctor", "--json"]) == 0
    assert findings(capsys)["data folder"][0] == "ok"
    assert main(["doctor"]) == 0
    assert "plugin own" in capsys.readouterr().out


def test_doctor_finds_what_is_broken(
    manager: PluginManager,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    blocked = tmp_path_factory.mktemp("doctor") / "file"
    blocked.write_text("")
    monkeypatch.setenv("INVKIT_DATA", str(blocked))
    monkeypatch.setenv("INVKIT_HOME", str(blocked / "home"))
    monkeypatch.setattr("invkit.files.store.names", lambda registry, kind: ("a",))
    monkeypatch.setattr("invkit.files.store.find", lambda registry, kind, name: name)
    monkeypatch.setattr(
        "invkit.files.store.read_prior", lambda path: (_ for _ in ()).throw(WeightsError("altered"))
    )
    broken = PluginState(Candidate("bad", "bad", "plug-bad", "1"), "broken", "raises", "pip install x")
    manager.states = (dataclasses.replace(broken, status="incompatible"), broken)
    assert main(["doctor", "--json"]) == 1
    found = findings(capsys)
    assert found["data folder"] == ("broken", f"{blocked} is no readable folder")
    assert found["user store"][0] == "broken" and "INVKIT_HOME" in found["user store"][1]
    assert found["weights decoder:a"] == ("broken", "altered")
    assert found["plugin bad"] == ("broken", "broken; raises; try `pip install x`")


def test_doctor_survives_a_look_that_fails(
    manager: PluginManager, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> object:
        raise RuntimeError("no such\ndevice")

    monkeypatch.setattr("torch.cuda.device_count", fails)
    assert main(["doctor", "--json"]) == 1
    assert ("broken", "RuntimeError: no such device") in findings(capsys).values()


def test_tables_on_a_terminal_are_drawn(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_table(("a",), [("[red]x",)])
    shown = capsys.readouterr().out
    assert "[red]x" in shown and "━" in shown


def test_json_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json(float("nan"))


def test_describe_spells_all_options_out(capsys: Captured) -> None:
    assert main(["describe", "altgd?steps=7", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert "steps=7" in entry["resolved"] and "anneal=100" in entry["resolved"]


@pytest.mark.parametrize(
    ("what", "kind"), [("methods", "method"), ("noise", "noise"), ("experiments", "experiment")]
)
def test_list_what_there_is_of_a_kind(what: str, kind: str, capsys: Captured) -> None:
    assert main(["list", what, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)[what]
    entries = default_manager().registry.entries(kind)
    assert [(r["name"], r["default"]) for r in records] == [(e.name, e.default) for e in entries]
    assert records and all(r["summary"] and r["plugin"] and r["distribution"] for r in records)
    assert main(["list", what]) == 0
    shown = capsys.readouterr().out
    starred = [line.split()[0] for line in shown.splitlines() if " * " in line]
    assert starred == [entry.name for entry in entries if entry.default]


def test_every_kind_can_be_listed(capsys: Captured) -> None:
    for kind, plural in KINDS.items():
        assert main(["list", plural, "--json"]) == 0
        names = [record["name"] for record in json.loads(capsys.readouterr().out)[plural]]
        assert names == [entry.name for entry in default_manager().registry.entries(kind)]


def test_trainers_are_listed_with_their_recipes(capsys: Captured) -> None:
    assert main(["list", "trainers", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)["trainers"]}
    assert records["vae"]["recipes"]["mnist"]["architecture"] == "paper-mnist"
    assert main(["list", "trainers"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("vae "))
    assert "blurA" in line


def test_describe_an_experiment(capsys: Captured) -> None:
    assert main(["describe", "fig5", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["kind"] == "experiment" and "the measurement itself" in entry["methods"].values()
    assert main(["describe", "fig5"]) == 0
    assert "the measurement itself" in capsys.readouterr().out


def test_describe_shows_a_methods_file(capsys: Captured) -> None:
    assert main(["describe", "faces", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    text = default_manager().registry.entry("method", "faces").load()
    assert entry["kind"] == "method" and entry["file"] == text and entry["options"] == []
    assert entry["target"] == "invkit_methods:methods/faces.toml" and entry["resolved"] is None
    assert main(["describe", "faces"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("method faces: ") and shown.endswith(text) and "no options" not in shown


def test_describe_a_noise_model(capsys: Captured) -> None:
    assert main(["describe", "robust?delta=0.1", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["kind"] == "noise" and "file" not in entry
    assert [option["option"] for option in entry["options"]] == ["delta", "power", "weights", "missing"]
    assert "Huber" in entry["doc"] and "delta=0.1" in entry["resolved"]


def test_every_option_of_a_noise_model_is_explained(capsys: Captured) -> None:
    """Those that it has from its base, too."""
    for name in ("gaussian", "poisson", "robust"):
        assert main(["describe", name, "--json"]) == 0
        entries = json.loads(capsys.readouterr().out)["entries"]
        (noise,) = (entry for entry in entries if entry["kind"] == "noise")
        assert all(option["what"] for option in noise["options"])


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        ("disk?largest=6", {"prior"}),
        ("gaussian:celeba?rank=64", {"prior"}),
        ("gaussian?sigma=0.1", {"noise", "trainer"}),
        ("motion?longest=15", {"prior"}),
    ],
)
def test_describe_tells_of_the_parts_that_a_spec_fits(spec: str, kinds: set[str], capsys: Captured) -> None:
    assert main(["describe", spec, "--json"]) == 0
    assert {entry["kind"] for entry in json.loads(capsys.readouterr().out)["entries"]} == kinds


def test_describe_gives_all_of_one_name(capsys: Captured) -> None:
    """A data set and a method may be called alike."""
    assert main(["describe", "objects", "--json"]) == 0
    assert {e["kind"] for e in json.loads(capsys.readouterr().out)["entries"]} == {"method", "dataset"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["describe", "face"], 3, "nothing is called 'face'; did you mean 'faces'?"),
        (["describe", "gaussian?foo=1"], 3, "has no option 'foo'"),
        (["describe", "bench"], 3, "'bench' is a command; write invkit bench --help"),
        (["describe", "circconv | downsample?factor=2"], 3, "describe them one by one"),
        (["describe", "paper?steps=3"], 3, "method 'paper' has no option 'steps'"),
        (["describe", "robust?dleta=1"], 3, "noise 'robust' has no option 'dleta'; did you mean 'delta'?"),
        (["list", "noises"], 2, "'noise', 'solvers'"),
        (["list"], 2, "Missing argument"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    arguments: list[str], code: int, says: str, capsys: Captured
) -> None:
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1
