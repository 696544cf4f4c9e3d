"""`check_plugin` passes every first-party plugin's like, and fails one wrong in any single property, naming
it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

import invkit
from invkit import BilinearOperator, Registry
from invkit.plugin.loading import default_manager, discover
from invkit.testing import check_plugin


class Good(BilinearOperator):
    """The product of two signals."""

    def __init__(self, gain: float, mode: Literal["a", "b"] = "a", shape: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()

    def forward(self, w, x):
        return w * x

    def output_shape(self, w_shape, x_shape):
        return x_shape


class Undocumented(Good):
    pass


class Abstract(BilinearOperator):
    """Lacks everything."""


class Unrelated:
    """No operator at all."""


class NoAnnotation(Good):
    """An option of no type."""

    def __init__(self, gain=1.0) -> None:
        super().__init__(gain)


class Sink(Good):
    """Swallows any option."""

    def __init__(self, **options: Any) -> None:
        super().__init__(1.0)


class Unconvertible(Good):
    """An option no text stands for."""

    def __init__(self, callback: Callable[[int], int]) -> None:
        super().__init__(1.0)


class Listed(Good):
    """A list, which a text would be taken apart into."""

    def __init__(self, gains: list[float] | None = None) -> None:
        super().__init__(1.0)


class ThreeLengths(Good):
    """An option without a default, of three numbers."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(1.0)


class NoText(Good):
    """A default that cannot be written."""

    def __init__(self, steps: int = object()) -> None:
        super().__init__(1.0)


class WrongDefault(Good):
    """A default its own type does not allow."""

    def __init__(self, steps: int = "many") -> None:
        super().__init__(1.0)


def plugin(*targets: str, summary: str = "a product", name: str = "good") -> ModuleType:
    """A hook module that registers these targets of this file."""
    module = ModuleType("a_plugin")

    def invkit_register(registry: Registry) -> None:
        for number, target in enumerate(targets):
            registry.operator(
                f"{name}{number}", target if ":" in target else f"{__name__}:{target}", summary=summary
            )

    module.invkit_register = invkit.hookimpl(invkit_register)
    return module


@pytest.mark.parametrize("module", [c.module for c in discover() if c.distribution == "invkit"])
def test_first_party_plugins_pass(module: str) -> None:
    check_plugin(module)


def test_a_good_plugin_passes() -> None:
    check_plugin(plugin("Good", "ThreeLengths"))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("Missing", "target: .*Missing"),
        ("no.such.module:Good", "target: .*cannot be imported"),
        ("Undocumented", "docstring"),
        ("Abstract", "contract: .*forward"),
        ("Unrelated", "contract: .*no subclass of BilinearOperator"),
        ("NoAnnotation", "options: .*no annotation.*gain"),
        ("Sink", "options: .*options must be named"),
        ("Unconvertible", "options: .*callback"),
        ("Listed", r"options: .*'gains' of type list\[float\].*write .*tuple\[float, "),
        ("WrongDefault", "options: .*'many'.*steps"),
        ("NoText", "options: .*default <object.*steps"),
    ],
)
def test_a_wrong_target_fails(target: str, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_plugin(plugin("Good", target))


def test_a_summary_is_one_line() -> None:
    for summary in ("", "two\nlines"):
        with pytest.raises(AssertionError, match="summary"):
            check_plugin(plugin("Good", summary=summary))


def test_a_name_that_another_plugin_has_fails() -> None:
    hook = ModuleType("a_plugin")
    hook.invkit_register = invkit.hookimpl(
        lambda registry: registry.operator("circconv", f"{__name__}:Good", summary="another convolution")
    )
    with pytest.raises(AssertionError, match="names: the operator name 'circconv' belongs to plugin 'conv"):
        check_plugin(hook)


def test_a_plugin_registers_something() -> None:
    with pytest.raises(AssertionError, match="registers nothing"):
        check_plugin(plugin())


def test_a_malformed_registration_fails() -> None:
    with pytest.raises(AssertionError, match=r"registering fails.*malformed"):
        check_plugin(plugin("Good", name="No Good"))


def test_a_misspelt_hook_fails() -> None:
    module = ModuleType("a_plugin")
    module.invkit_registre = invkit.hookimpl(lambda registry: None)
    module.invkit_registre.__name__ = "invkit_registre"
    with pytest.raises(AssertionError, match=r"hook: .*invkit_registre"):
        check_plugin(module)


def test_a_module_without_hook_fails() -> None:
    with pytest.raises(AssertionError, match=r"hook: .*implements no hook"):
        check_plugin(ModuleType("a_plugin"))


def test_weights_must_be_there() -> None:
    module = plugin("Good")
    hook = module.invkit_register
    module.invkit_register = invkit.hookimpl(
        lambda registry: (hook(registry), registry.weights("good0", "invkit:no/such/folder"))[0]
    )
    with pytest.raises(AssertionError, match=r"weights: .*no/such/folder"):
        check_plugin(module)


def test_a_hook_module_that_imports_torch_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        import torch, invkit

        @invkit.hookimpl
        def invkit_register(registry):
            registry.operator("heavy", "invkit_products.outer:OuterProduct", summary="an outer product")
    """
    lines = [line.removeprefix(" " * 8) for line in code.splitlines()]
    (tmp_path / "a_heavy_plugin.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match=r"light import: .*torch"):
        check_plugin("a_heavy_plugin")


# Methods

METHOD = """
format = 1
operator = "mine0"
priors = ["identity", "identity?penalty=tv"]
solver = [{ solver = "altgd" }, { solver = "altgd", hold = "w" }]
"""


def with_method(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> ModuleType:
    """A hook module in a package with a method, which is composed of the plugin's own operator."""
    package = folder / "a_package_of_methods"
    package.mkdir()
    (package / "__init__.py").touch()
    if text is not None:
        (package / "mine.toml").write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    module = plugin(f"{__name__}:Plain", name="mine")
    own = module.invkit_register

    def invkit_register(registry: Registry) -> None:
        own(registry)
        registry.method("mine", "mine.toml", summary="a composition")

    module.invkit_register = invkit.hookimpl(invkit_register)
    module.__package__ = "a_package_of_methods"
    return module


class Plain(Good):
    """A product that needs nothing said."""

    def __init__(self) -> None:
        super().__init__(1.0)


def test_a_method_of_ones_own_parts_and_of_installed_ones_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(default_manager().registry._entries)
    check_plugin(with_method(tmp_path, monkeypatch, METHOD))
    assert default_manager().registry._entries == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"target: the method 'mine'.*mine\.toml"),
        ("no toml", r"method: 'mine' does not compose: .*mine\.toml"),
        (METHOD.replace("format = 1", ""), "method: 'mine' does not compose: no format"),
        (METHOD.replace("mine0", "mine7"), "method: .*unknown operator 'mine7'; did you mean 'mine0'"),
        (METHOD.replace("altgd", "altdg"), "method: .*unknown solver 'altdg'; did you mean 'altgd'"),
        (METHOD.replace("penalty", "penality"), "method: .*did you mean 'penalty'"),
        (METHOD.replace("hold", "holds"), "method: .*the key 'holds'"),
        (METHOD.replace('"identity", ', ""), "method: .*exactly two priors"),
        (METHOD.replace("solver = [", "sovler = ["), "method: .*no 'solver'"),
        (
            METHOD.replace("mine0", "circconv").replace('["identity"', '["vae:mnist"'),
            "method: .*makes an image",
        ),
    ],
)
def test_a_wrong_method_fails(
    text: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_plugin(with_method(tmp_path, monkeypatch, text))
