"""Building by name: signatures are the option lists, and mistakes are told."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import attrs
import pytest
import torch

from invkit.errors import PluginError, ShapeError, SpecError
from invkit.plugin.building import build, spec_of
from invkit.plugin.registry import Registry
from invkit.plugin.specs import Spec


@attrs.frozen
class Descent:
    steps: int = 100
    rate: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))
    preset: Literal["paper", "public"] = "paper"
    batched: bool = True
    limit: float | None = None
    shape: tuple[int, ...] = attrs.field(factory=lambda: (1, 2))
    folder: Path | None = None


@attrs.frozen
class Preset:
    """Fills in what is left open, so that a configuration holds numbers and not only a word."""

    preset: str
    steps: int
    _rate: float
    table: dict[str, int] = attrs.field(factory=dict)

    @classmethod
    def from_spec(
        cls,
        preset: str = "slow",
        steps: int | None = None,
        rate: float = 0.0,
        table: str = "empty",
        quiet: bool = False,
    ) -> Preset:
        return cls(preset, {"slow": 1500, "fast": 10}[preset] if steps is None else steps, rate or 0.5)


class Trained:
    def __init__(self, weights: str) -> None:
        self.weights = weights

    @classmethod
    def from_spec(cls, name: str, registry: Registry, scale: float = 1.0) -> Trained:
        return cls(f"{name}*{scale}@{len(registry.entries('prior'))}")


class Needs:
    def __init__(self, shape: tuple[int, int, int]) -> None:
        if shape[0] > 3:
            raise ShapeError("too many channels")
        self.shape = shape


class Plain(torch.nn.Module):
    """Has no __init__ of its own."""


class Simple:
    """Has none either."""


class Sink:
    def __init__(self, **options: Any) -> None:
        pass


class Bare:
    def __init__(self, steps=3) -> None:  # type: ignore[no-untyped-def]
        pass


@pytest.fixture
def registry() -> Registry:
    module = ModuleType("built_by_tests")
    for cls in (Plain, Simple, Descent, Preset, Trained, Needs, Sink, Bare):
        setattr(module, cls.__name__, cls)
    sys.modules["built_by_tests"] = module
    made = Registry()
    made.solver("descent", "built_by_tests:Descent", summary="s")
    made.solver("preset", "built_by_tests:Preset", summary="s")
    made.solver("sink", "built_by_tests:Sink", summary="s")
    made.solver("bare", "built_by_tests:Bare", summary="s")
    made.prior("trained", "built_by_tests:Trained", summary="s")
    made.operator("plain", "built_by_tests:Plain", summary="s")
    made.operator("simple", "built_by_tests:Simple", summary="s")
    made.prior("needs", "built_by_tests:Needs", summary="s")
    return made


def test_defaults_and_the_resolved_spec(registry: Registry) -> None:
    solver = build(registry, "solver", Spec.parse("descent?steps=7"))
    assert solver == Descent(steps=7)
    spec = spec_of(solver)
    assert str(spec) == (
        "descent?steps=7,rate=0.1,preset=paper,batched=true,limit=none,shape=1+2,folder=none"
    )
    assert spec is not None and build(registry, "solver", spec) == solver
    assert spec_of(Descent()) is None


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("preset", "preset=slow,steps=1500,rate=0.5,table=empty,quiet=false"),
        ("preset?preset=fast", "preset=fast,steps=10,rate=0.5,table=empty,quiet=false"),
        ("preset?steps=none,table=x", "preset=slow,steps=1500,rate=0.5,table=x,quiet=false"),
        ("preset?steps=7,rate=0", "preset=slow,steps=7,rate=0.0,table=empty,quiet=false"),
    ],
)
def test_what_the_object_filled_in_is_spelled_out(registry: Registry, text: str, resolved: str) -> None:
    """What was given stays as given; the rest is the object's own field, where it has one that has a text."""
    spec = spec_of(build(registry, "solver", Spec.parse(text)))
    assert str(spec) == f"preset?{resolved}"


@pytest.mark.parametrize("name", ["plain", "simple"])
def test_a_class_without_init_has_no_options(registry: Registry, name: str) -> None:
    made = build(registry, "operator", Spec.parse(name))
    assert spec_of(made) == Spec(name)
    with pytest.raises(SpecError, match="no option 'a'; known: none"):
        build(registry, "operator", Spec.parse(f"{name}?a=1"))


def test_every_type_is_converted(registry: Registry) -> None:
    text = "descent?rate=1e-3,preset=public,batched=false,limit=2,shape=1x28x28,folder=a/b"
    made = build(registry, "solver", Spec.parse(text))
    assert made == Descent(100, 1e-3, "public", False, 2.0, (1, 28, 28), Path("a/b"))


def test_specs_from_tables_take_real_values(registry: Registry) -> None:
    table = {"kind": "descent", "steps": 3, "batched": False, "limit": None, "shape": [4, 5], "rate": 1e20}
    assert build(registry, "solver", Spec.from_dict(table)) == Descent(3, 1e20, batched=False, shape=(4, 5))


def test_from_spec_gets_the_name_and_the_registry(registry: Registry) -> None:
    made = build(registry, "prior", Spec.parse("trained:blurA?scale=2"))
    assert made.weights == "blurA*2.0@2"
    assert str(spec_of(made)) == "trained:blurA?scale=2.0"


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("solver", "descnt", r"did you mean 'descent'\?"),
        ("solver", "descent?step=3", r"no option 'step'; did you mean 'steps'\? known: steps, rate"),
        ("solver", "descent?steps=3.5", r"steps='3.5', expected a whole number"),
        ("solver", "descent?preset=best", r"expected one of paper, public"),
        ("solver", "descent?batched=perhaps", r"expected true or false"),
        ("solver", "descent?limit=x", r"expected a number or none"),
        ("solver", "descent?rate=-1", r"cannot be built: .*rate"),
        ("solver", "descent:name", r"takes no name, got 'name'"),
        ("prior", "trained", r"needs a name; write trained:NAME"),
        ("prior", "trained:x?registry=3", r"no option 'registry'"),
        ("prior", "needs", r"needs the option 'shape'"),
        ("prior", "needs?shape=1x2", r"expected 3 whole numbers separated by x"),
    ],
)
def test_mistakes_are_told(registry: Registry, kind: str, text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        build(registry, kind, Spec.parse(text))


def test_the_classes_own_errors_pass_through(registry: Registry) -> None:
    with pytest.raises(ShapeError, match="too many channels"):
        build(registry, "prior", Spec.parse("needs?shape=4x1x1"))


@pytest.mark.parametrize("text", ["sink", "bare"])
def test_signatures_that_list_no_options_are_the_plugins_fault(registry: Registry, text: str) -> None:
    with pytest.raises(PluginError, match="built_by_tests"):
        build(registry, "solver", Spec.parse(text))


def test_slotted_objects_are_forgotten_when_they_go(registry: Registry) -> None:
    from invkit.plugin import building

    before = len(building._slotted)
    solver = build(registry, "solver", Spec.parse("descent"))
    assert len(building._slotted) == before + 1
    del solver
    assert len(building._slotted) == before
