"""Building by name: signatures are the option lists, and mistakes are told."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import attrs
import numpy as np
import pytest
import torch

from invkit.errors import PluginError, ShapeError, SpecError
from invkit.plugin.building import build, named, signature_of, spec_of, table_of
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

    steps: int
    _rate: float
    limit: float | None = None

    @classmethod
    def from_spec(
        cls,
        preset: str = "slow",
        steps: int | None = None,
        rate: float = 0.0,
        limit: float | None = None,
    ) -> Preset:
        return cls({"slow": 1500, "fast": 10}[preset] if steps is None else steps, rate or 0.5, limit)


@attrs.frozen
class Fine:
    size: int = 2
    depth: int = 3


@attrs.frozen
class Stages:
    steps: int = attrs.field(default=100, validator=attrs.validators.ge(1))
    _rate: float = 0.1
    fine: Fine = attrs.field(factory=lambda: Fine(depth=9))


@attrs.frozen
class Weights:
    w: float
    x: float = 1.0


@attrs.frozen
class Grouped:
    """Its options are in records, one in a record of its own."""

    weights: Weights
    path: Stages = attrs.field(factory=lambda: Stages(steps=50))
    chunk: int = 8


@attrs.frozen
class Twice:
    first: Fine = attrs.field(factory=Fine)
    second: Fine = attrs.field(factory=Fine)


@attrs.frozen
class Reserved:
    sha256: str = ""


@attrs.frozen
class Listed:
    gains: list[float] | None = None


@attrs.frozen
class ListedInside:
    inner: Listed = attrs.field(factory=Listed)


class Mapped:
    """Nothing of what is no option stands in ``from_spec``."""

    def __init__(self, network: dict[str, Any]) -> None:
        self.network = network

    @classmethod
    def from_spec(cls, name: Any, registry: Any, size: int = 2) -> Mapped:
        return cls({name: size})


@attrs.frozen(slots=False)
class Carrying:
    """Holds what no option says, and has room for a memory."""

    network: object
    chunk: int = 8

    @classmethod
    def from_spec(cls, weights: str, chunk: int = 8) -> Carrying:
        return cls(weights.upper(), chunk)


@attrs.frozen
class Loaded(Carrying):
    """The same; its copies lose what its slots do not hold."""


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


CLASSES = (
    Plain, Simple, Descent, Preset, Grouped, Twice, Reserved, Loaded, Carrying, Trained, Needs, Sink, Bare,
    Listed, ListedInside, Mapped,
)  # fmt: skip


@pytest.fixture
def registry() -> Registry:
    module = ModuleType("built_by_tests")
    for cls in CLASSES:
        setattr(module, cls.__name__, cls)
    sys.modules["built_by_tests"] = module
    made = Registry()
    solvers = ["Descent", "Preset", "Grouped", "Twice", "Reserved", "Loaded", "Carrying", "Sink", "Bare"]
    for name in [*solvers, "Listed", "ListedInside"]:
        made.solver(name.lower(), f"built_by_tests:{name}", summary="s")
    made.dataset("mapped", "built_by_tests:Mapped", summary="s")
    made.prior("trained", "built_by_tests:Trained", summary="s")
    made.operator("plain", "built_by_tests:Plain", summary="s")
    made.operator("simple", "built_by_tests:Simple", summary="s")
    made.prior("needs", "built_by_tests:Needs", summary="s")
    return made


def test_defaults_and_the_resolved_spec(registry: Registry) -> None:
    solver = build(registry, "solver", Spec.parse("descent?steps=7"))
    assert solver == Descent(steps=7)
    spec = spec_of(solver, registry)
    assert str(spec) == (
        "descent?steps=7,rate=0.1,preset=paper,batched=true,limit=none,shape=1+2,folder=none"
    )
    assert spec is not None and build(registry, "solver", spec) == solver


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("preset", "steps=1500,rate=0.5,limit=none"),
        ("preset?preset=fast", "steps=10,rate=0.5,limit=none"),
        ("preset?steps=7,rate=0", "steps=7,rate=0.5,limit=none"),
    ],
)
def test_a_preset_is_spelled_out(registry: Registry, text: str, resolved: str) -> None:
    """The fields say what the object is; the word that chose them would be a lie after `attrs.evolve`."""
    made = build(registry, "solver", Spec.parse(text))
    spec = spec_of(made, registry)
    assert str(spec) == f"preset?{resolved}"
    assert spec is not None and build(registry, "solver", spec) == made


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made)), attrs.evolve],
    ids=["copy", "deepcopy", "pickle", "evolve"],
)
@pytest.mark.parametrize("text", ["descent?steps=7,shape=4x5", "grouped?w=2,size=5,rate=0.5"])
def test_the_spec_is_read_off_the_fields(registry: Registry, text: str, again: Any) -> None:
    made = build(registry, "solver", Spec.parse(text))
    assert spec_of(again(made), registry) == spec_of(made, registry) is not None


def test_a_changed_field_changes_the_spec(registry: Registry) -> None:
    changed = attrs.evolve(build(registry, "solver", Spec.parse("descent?steps=7")), steps=8, shape=[3])
    spec = spec_of(changed, registry)
    assert spec is not None and (spec.options["steps"], spec.options["shape"]) == ("8", "3")
    back = attrs.evolve(changed, steps=9, shape=(1, 2))
    assert spec_of(Descent(steps=9), registry) == spec_of(back, registry)


@pytest.mark.parametrize("steps", [2.5, True, "many", None, [1], Exception, torch.ones(2)], ids=repr)
def test_a_value_that_no_text_gives_back_has_no_spec(registry: Registry, steps: Any) -> None:
    assert spec_of(Descent(steps=steps), registry) is None
    assert spec_of(Descent(shape=("",)), registry) is None  # type: ignore[arg-type]


def test_an_unregistered_class_has_no_spec(registry: Registry) -> None:
    @attrs.frozen
    class Faster(Descent):
        pass

    assert spec_of(Faster(), registry) is None


# Records within a solver


def test_the_fields_of_records_are_options(registry: Registry) -> None:
    options = signature_of(registry.entry("solver", "grouped")).options
    assert [(option.key, option.type_name) for option in options] == [
        ("w", "a number"),
        ("x", "a number"),
        ("steps", "a whole number"),
        ("rate", "a number"),
        ("size", "a whole number"),
        ("depth", "a whole number"),
        ("chunk", "a whole number"),
    ]
    assert [option.default for option in options][1:] == [1.0, 50, 0.1, 2, 9, 8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grouped?w=2", Grouped(Weights(2.0), Stages(50, 0.1, Fine(2, 9)), 8)),
        ("grouped?w=2,x=3,depth=4", Grouped(Weights(2.0, 3.0), Stages(50, 0.1, Fine(2, 4)), 8)),
        ("grouped?w=0,rate=1,chunk=1", Grouped(Weights(0.0), Stages(50, 1.0, Fine(2, 9)), 1)),
    ],
)
def test_records_are_made_of_their_options(registry: Registry, text: str, expected: Grouped) -> None:
    """What is not given is as in the record that the field has by default."""
    made = build(registry, "solver", Spec.parse(text))
    assert made == expected
    spec = spec_of(made, registry)
    assert spec is not None and build(registry, "solver", spec) == made
    assert list(spec.options) == ["w", "x", "steps", "rate", "size", "depth", "chunk"]


def test_mistakes_in_records_are_told(registry: Registry) -> None:
    for text, says in (
        ("grouped", r"needs the option 'w'"),
        ("grouped?w=1,stepz=3", r"did you mean 'steps'\? known: w, x, steps, rate, size, depth, chunk"),
        ("grouped?w=1,steps=0", r"cannot be built: .*steps"),
        ("grouped?w=1,path=3", r"no option 'path'"),
    ):
        with pytest.raises(SpecError, match=says):
            build(registry, "solver", Spec.parse(text))


@pytest.mark.parametrize(
    ("text", "says"), [("twice", "the option 'size' twice"), ("reserved", "the parameter 'sha256'")]
)
def test_options_of_one_name_are_the_plugins_fault(registry: Registry, text: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        build(registry, "solver", Spec.parse(text))


# Objects that remember


def test_an_object_that_holds_more_than_options_remembers_its_spec(registry: Registry) -> None:
    made = build(registry, "solver", Spec.parse("carrying?weights=a"))
    for again in (made, copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        what = named(again, registry)
        assert what is not None and not what.derived and str(what.spec) == "carrying?weights=a,chunk=8"
    assert named(attrs.evolve(made, network="B"), registry) is None
    loaded = build(registry, "solver", Spec.parse("loaded?weights=a"))
    assert named(loaded, registry) is not None and named(copy.copy(loaded), registry) is None


def test_tables_hold_typed_values(registry: Registry) -> None:
    made = build(registry, "solver", Spec.parse("descent?rate=inf,shape=4x5,folder=a/b,batched=no"))
    spec = spec_of(made, registry)
    assert spec is not None
    table = table_of(spec, "solver", registry)
    assert table == {
        "kind": "descent",
        "steps": 100,
        "rate": "inf",
        "preset": "paper",
        "batched": False,
        "limit": "none",
        "shape": [4, 5],
        "folder": "a/b",
    }
    assert type(table["steps"]) is int and type(table["batched"]) is bool
    assert build(registry, "solver", Spec.from_dict(table)) == made


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


@pytest.mark.parametrize("number", [np.int64(3), np.int8(3), np.array(3), torch.tensor(3)], ids=repr)
def test_numbers_of_other_libraries_are_numbers(registry: Registry, number: Any) -> None:
    table = {"kind": "descent", "steps": number, "rate": np.float64(0.25), "batched": np.False_}
    assert build(registry, "solver", Spec.from_dict(table)) == Descent(3, 0.25, batched=False)


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


@pytest.mark.parametrize("name", ["listed", "listedinside"])
def test_an_option_that_no_text_can_stand_for_is_the_plugins_fault(registry: Registry, name: str) -> None:
    """Also inside a record."""
    says = r"the parameter 'gains' of type list\[float\].*write .*tuple\[float, \.\.\.\]"
    with pytest.raises(PluginError, match=says):
        build(registry, "solver", Spec.parse(name))


def test_what_is_no_option_may_be_of_any_type(registry: Registry) -> None:
    assert build(registry, "dataset", Spec.parse("mapped:a?size=3")).network == {"a": 3}
