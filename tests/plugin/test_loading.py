"""Discovery and loading: every fault stays with the plugin that has it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from invkit.plugin.loading import Candidate, PluginManager, default_manager, disabled_by_user, discover
from tests.plugin.distributions import hook, write_distribution

GOOD = hook("registry.operator('{0}', 'decimal:Decimal', summary='s')")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path in which distributions can be installed; the modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def load(site: Path, **keywords: object) -> PluginManager:
    return PluginManager.load(discover([str(site)]), **keywords)  # type: ignore[arg-type]


def test_discovery_reads_records_and_imports_nothing(site: Path) -> None:
    write_distribution(site, "plug-z", "raise SystemExit", requires=["torch>=2", "invkit<9"])
    write_distribution(site, "plug-a", "1/0", points="two = plug_a [extra]\none = plug_a:inner")
    assert discover([str(site)]) == (
        Candidate("one", "plug_a:inner", "plug-a", "1.2"),
        Candidate("two", "plug_a", "plug-a", "1.2"),
        Candidate("plug_z", "plug_z", "plug-z", "1.2", ("torch>=2", "invkit<9")),
    )
    assert "plug_a" not in sys.modules


def test_the_first_of_two_copies_on_the_path_counts_and_invkit_goes_first(tmp_path: Path) -> None:
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        write_distribution(tmp_path / folder, "twice", "", points=f"p{number} = twice")
    write_distribution(tmp_path / "b", "invkit", "", points="zz = own")
    found = discover([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [candidate.name for candidate in found] == ["zz", "p0"]


def test_a_good_plugin_registers(site: Path) -> None:
    write_distribution(
        site, "plug-good", GOOD.format("mine"), requires=["invkit>=0.2,<0.3", "torch; extra == 'x'"]
    )
    manager = load(site)
    (state,) = manager.states
    assert (state.status, state.reason, state.remedy, state.notes) == ("ok", "", "", ())
    assert state.seconds > 0
    assert manager.registry.entry("operator", "mine").distribution == "plug-good"


def test_an_entry_point_may_be_an_object_inside_a_module(site: Path) -> None:
    source = (
        "import invkit\nclass Plugin:\n    @invkit.hookimpl\n    def invkit_register(self, registry):\n"
        "        registry.prior('inner', 'decimal:Decimal', summary='s')\nplugin = Plugin()\n"
    )
    write_distribution(site, "plug-object", source, points="o = plug_object:plugin")
    assert load(site).registry.entry("prior", "inner").plugin == "o"


HALF = hook("registry.prior('half', 'decimal:Decimal', summary='s')\n    raise KeyError('later')")
MISSPELT = GOOD.format("x").replace("invkit_register", "invkit_registr")
EXTRA_ARGUMENT = GOOD.format("x").replace("(registry)", "(registry, other)")
CLASH = GOOD.format("taken")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no\\nlicence')", "importing plug_bad failed: RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def broken(:", "SyntaxError"),
        (HALF, "KeyError: 'later'"),
        (MISSPELT, "unknown hook 'invkit_registr' in plug_bad; did you mean 'invkit_register'?"),
        (EXTRA_ARGUMENT, "other"),
        ("", "implements no hook"),
        (
            CLASH,
            "plug-bad (plugin 'plug_bad') and plug-a (plugin 'plug_a') both claim the operator name 'taken'",
        ),
    ],
    ids=["raises", "exits", "needs", "syntax", "half", "misspelt", "argument", "empty", "clash"],
)
def test_a_broken_plugin_stays_alone(site: Path, source: str, reason: str) -> None:
    write_distribution(site, "plug-a", GOOD.format("taken"))
    write_distribution(site, "plug-bad", source)
    write_distribution(site, "plug-c", GOOD.format("third"))
    manager = load(site)
    first, bad, last = manager.states
    assert (first.status, bad.status, last.status) == ("ok", "broken", "ok")
    assert reason in bad.reason and "\n" not in bad.reason
    assert "plug-bad" in bad.remedy or "plug_bad" in bad.remedy
    assert [entry.name for entry in manager.registry.entries("operator")] == ["taken", "third"]
    assert manager.registry.entries("prior") == ()
    assert manager.registry.failed == ("plug_bad",)


@pytest.mark.parametrize("wanted", ["invkit>=0.3", "InvKit<0.1", "invkit==9"])
def test_another_invkit_is_needed_and_the_module_is_never_imported(site: Path, wanted: str) -> None:
    module = write_distribution(site, "plug-old", "raise AssertionError('imported')", requires=[wanted])
    (state,) = load(site, host_version="0.2.0").states
    assert state.status == "incompatible"
    assert wanted[6:] in state.reason and "0.2.0" in state.reason
    assert state.remedy == "pip install --upgrade plug-old"
    assert module not in sys.modules


@pytest.mark.parametrize(
    "fine", ["invkit>=0.1", "invkit<0.1; python_version < '3'", "invkit<0.1; extra == 'old'"]
)
def test_requirements_that_hold_or_do_not_apply(site: Path, fine: str) -> None:
    write_distribution(site, "plug-fine", GOOD.format("x"), requires=[fine])
    assert load(site, host_version="0.2.0.dev1").states[0].status == "ok"


def test_an_unreadable_requirement_is_broken(site: Path) -> None:
    write_distribution(site, "plug-odd", GOOD.format("x"), requires=["invkit >>> 3"])
    (state,) = load(site).states
    assert state.status == "broken" and "invkit >>> 3" in state.reason


def test_disabled_plugins_are_not_imported(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = write_distribution(site, "plug-off", "1/0")
    monkeypatch.setenv("INVKIT_DISABLE_PLUGINS", f" {module}, other,")
    assert disabled_by_user() == {module, "other"}
    (state,) = load(site, disabled=disabled_by_user()).states
    assert state.status == "disabled" and module not in sys.modules


def test_managers_are_independent(site: Path) -> None:
    write_distribution(site, "plug-one", GOOD.format("one"))
    first, second = load(site), load(site)
    assert first.registry is not second.registry
    assert [s.status for s in (*first.states, *second.states)] == ["ok", "ok"]


def test_the_default_manager_is_kept() -> None:
    assert default_manager() is default_manager()
