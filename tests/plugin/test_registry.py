"""The registry: names, defaults, clashes, roll-back, lazy import."""

from __future__ import annotations

import datetime
import email.utils  # noqa: F401 - holds a class of datetime
import sys
from pathlib import Path

import pytest

from invkit.errors import PluginError, SpecError
from invkit.plugin.registry import KINDS, Registry, nearest


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    with made.registering("first", "invkit-first"):
        made.operator("circconv", "decimal:Decimal", summary="one")
        made.operator("outer", "decimal:Decimal", summary="two", default=True)
    return made


def test_every_kind_can_be_registered() -> None:
    registry = Registry()
    for kind in KINDS:
        with registry.registering("plugin", "distribution", "package"):
            target = "folder/file.toml" if kind == "method" else "decimal:Decimal"
            getattr(registry, kind)("thing", target, summary="s", default=True)
        assert registry.entry(kind, "thing").kind == kind
        assert registry.default(kind) is registry.entry(kind, "thing")


def test_entries_are_sorted_and_know_where_they_come_from(registry: Registry) -> None:
    first, second = registry.entries("operator")
    assert (first.name, second.name) == ("circconv", "outer")
    assert (first.plugin, first.distribution) == ("first", "invkit-first")
    assert registry.default("operator") is second
    assert registry.entries("prior") == ()


def test_unknown_name_gives_the_nearest_and_the_list(registry: Registry) -> None:
    with pytest.raises(
        SpecError, match=r"unknown operator 'cirConv'; did you mean 'circconv'\? known: circconv, outer"
    ):
        registry.entry("operator", "cirConv")


def test_unknown_name_mentions_plugins_that_did_not_load(registry: Registry) -> None:
    registry.failed = ("mine",)
    with pytest.raises(SpecError, match=r"not loaded: mine; see `invkit list-plugins`"):
        registry.entry("prior", "x")


def test_no_default(registry: Registry) -> None:
    with pytest.raises(SpecError, match="no solver was named"):
        registry.default("solver")


def test_a_method_is_a_file_of_its_plugins_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_package" / "methods").mkdir(parents=True)
    (tmp_path / "a_package" / "__init__.py").touch()
    (tmp_path / "a_package" / "methods" / "good.toml").write_text("seed = 0")
    monkeypatch.syspath_prepend(tmp_path)
    made = Registry()
    with made.registering("third", "invkit-third", "a_package"):
        made.method("good", "methods/good.toml", summary="s")
        made.method("missing", "methods/missing.toml", summary="s")
    assert made.entry("method", "good").target == "a_package:methods/good.toml"
    assert made.entry("method", "good").load() == "seed = 0"
    with pytest.raises(PluginError, match=r"method 'missing' of plugin 'third'.*missing\.toml"):
        made.entry("method", "missing").load()
    assert made.entry_of(Registry) is None  # of which there is no method


@pytest.mark.parametrize("file", ["", "a method.toml", "c:\\method.toml"])
def test_a_method_names_a_file(file: str) -> None:
    registry = Registry()
    refused = pytest.raises(PluginError, match="expected 'package:file'")
    with refused, registry.registering("third", "invkit-third", "a_package"):
        registry.method("mine", file, summary="s")


@pytest.mark.parametrize("name", ["circconv", "other"])
def test_two_claims_name_both_distributions_and_leave_no_trace(registry: Registry, name: str) -> None:
    before = registry.entries("operator")
    clash = pytest.raises(PluginError, match=r"invkit-second .* and invkit-first .* both claim")
    with clash, registry.registering("second", "invkit-second"):
        registry.prior("fine", "decimal:Decimal", summary="s")
        registry.weights("fine", "package:weights")
        registry.operator(name, "decimal:Decimal", summary="s", default=True)
    assert registry.entries("operator") == before
    assert registry.entries("prior") == ()
    assert registry.weights_folders("fine") == ()


def test_the_commands_of_the_core_are_taken(registry: Registry) -> None:
    with pytest.raises(PluginError, match="invkit itself"):
        registry.command("doctor", "decimal:Decimal", summary="s")


@pytest.mark.parametrize(
    ("name", "target"), [("Bad", "m:C"), ("", "m:C"), ("ok", "m"), ("ok", "m:"), ("ok", "m:C()")]
)
def test_malformed_registrations(registry: Registry, name: str, target: str) -> None:
    with pytest.raises(PluginError):
        registry.operator(name, target, summary="s")


def test_weights(registry: Registry) -> None:
    registry.weights("vae", "package.inner:weights/vae")
    (folder,) = registry.weights_folders("vae")
    assert folder.place == ("package.inner", "weights/vae")
    with pytest.raises(PluginError, match="package:folder"):
        registry.weights("vae", "weights")


def test_targets_are_imported_on_load_only(registry: Registry) -> None:
    sys.modules.pop("colorsys", None)
    registry.monitor("hsv", "colorsys:rgb_to_hsv", summary="s")
    assert "colorsys" not in sys.modules
    assert registry.entry("monitor", "hsv").load()(0, 0, 0) == (0.0, 0.0, 0)


@pytest.mark.parametrize("target", ["no_such_module:C", "decimal:NoSuchClass"])
def test_a_target_that_cannot_be_imported_names_the_plugin_and_the_command(
    registry: Registry, target: str
) -> None:
    with registry.registering("third", "invkit-third"):
        registry.operator("bad", target, summary="s")
    with pytest.raises(PluginError, match=r"'third' .*invkit-third.*pip install --upgrade invkit-third"):
        registry.entry("operator", "bad").load()


def test_nearest_says_only_what_it_knows() -> None:
    assert nearest("vea", ["vae", "gan"]) == "did you mean 'vae'? known: vae, gan"
    assert nearest("zzz", ["vae"]) == "known: vae"
    assert nearest("vea", ["vae", *map(str, range(50))]) == "did you mean 'vae'?"
    assert nearest("x", []) == "known: none"


def test_a_class_is_registered_at_run_time() -> None:
    registry = Registry()

    class Mine:
        pass

    entry = registry.at_run_time("prior", "mine", Mine, summary="s")
    assert registry.entry("prior", "mine") is entry and entry.load() is Mine
    assert registry.has("prior", "mine") and not registry.has("solver", "mine")
    assert entry.origin == f"{__name__}:test_a_class_is_registered_at_run_time.<locals>.Mine"

    class Mended:
        pass

    assert registry.at_run_time("prior", "mine", Mended).load() is Mended
    assert registry.entry_of(Mended) == registry.entry("prior", "mine")
    assert registry.entry_of(Mine) is None


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("operator", "circconv", "belongs to plugin 'first' of invkit-first; choose another name"),
        ("operator", "Bad", "malformed"),
    ],
)
def test_what_cannot_be_registered_at_run_time(registry: Registry, kind: str, name: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        registry.at_run_time(kind, name, object)


def test_the_entry_of_a_class_that_is_imported_from_elsewhere() -> None:
    registry = Registry()
    registry.monitor("broken", "decimal:NoSuchClass", summary="s")
    registry.monitor("date", "email.utils:datetime.date", summary="re-exported")
    assert registry.entry_of(datetime.date) == registry.entry("monitor", "date")
    assert registry.entry_of(datetime.time) is None
    assert registry.entry("monitor", "date").origin == ""
