"""Parts by name: strings, dicts and specs; options by keyword; classes that are named at run time."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import invkit
from invkit import ConfigError, InputError, PluginError, Solution, Solver, Spec, SpecError, WeightsError
from invkit.parts import part
from invkit.plugin.building import spec_of
from invkit.plugin.loading import default_manager

# A string, a dict and a spec


@pytest.mark.parametrize(
    ("build", "text", "table", "base"),
    [
        (
            invkit.operator,
            "linconv?mode=valid",
            {"kind": "linconv", "mode": "valid"},
            invkit.BilinearOperator,
        ),
        (invkit.operator, "circconv?dims=1", {"kind": "circconv", "dims": 1}, invkit.BilinearOperator),
        (
            invkit.prior,
            "wavelet:haar?level=1,shape=1x8x8",
            {"kind": "wavelet", "name": "haar", "level": 1, "shape": [1, 8, 8]},
            invkit.Generator,
        ),
        (invkit.solver, "altgd?steps=7", {"kind": "altgd", "steps": 7}, invkit.Solver),
        (invkit.dataset, "motion?length=5", {"kind": "motion", "length": 5}, invkit.Dataset),
    ],
)
def test_a_string_a_table_and_a_spec_name_the_same_part(
    build: Any, text: str, table: dict[str, Any], base: type
) -> None:
    made = [build(text), build(table), build(Spec.parse(text))]
    assert all(isinstance(part, base) for part in made)
    assert len({str(spec_of(part)) for part in made}) == 1


@pytest.mark.parametrize(
    ("build", "spec", "error", "says"),
    [
        (invkit.operator, "circonv", SpecError, "did you mean 'circconv'"),
        (invkit.prior, "circconv", SpecError, "circconv"),
        (invkit.solver, "altgd?step=3", SpecError, "did you mean 'steps'"),
        (invkit.operator, "circconv?dims=4", SpecError, "dims"),
        (invkit.prior, "wavelet:harr", SpecError, "haar"),
        (invkit.prior, "known:nothing.png", InputError, "nothing.png"),
        (invkit.prior, "vae:./nothing.safetensors", WeightsError, "nothing"),
        (invkit.operator, {"dims": 1}, SpecError, "kind"),
        (invkit.operator, "", SpecError, "kind"),
    ],
)
def test_what_cannot_be_built_is_told(build: Any, spec: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as failure:
        build(spec)
    assert failure.value.hint  # type: ignore[attr-defined]


# Options by keyword


@pytest.mark.parametrize(
    ("build", "spec", "options", "text"),
    [
        (invkit.solver, "altgd", {"steps": 10, "keep": [4, 2]}, "altgd?steps=10,keep=4x2"),
        (invkit.solver, "altgd?steps=10", {"rate": 1e-3}, "altgd?steps=10,rate=1e-3"),
        (invkit.solver, "evidence", {"rank": None}, "evidence?rank=none"),
        (invkit.prior, "gaussian:celeba", {"rank": 64}, "gaussian:celeba?rank=64"),
        (invkit.prior, {"kind": "identity"}, {"penalty": "tv"}, "identity?penalty=tv"),
        (invkit.operator, Spec("circconv"), {"dims": 1}, "circconv?dims=1"),
        (invkit.dataset, "motion", {"length": np.int64(5)}, "motion?length=5"),
        (invkit.monitor, "history", {"every": 3}, "history?every=3"),
    ],
)
def test_options_by_keyword_are_options(build: Any, spec: Any, options: Any, text: str) -> None:
    assert spec_of(build(spec, **options)) == spec_of(build(text)) is not None


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: invkit.solver("altgd?steps=10", steps=10), SpecError, "the option 'steps' is given twice"),
        (lambda: invkit.solver("altgd", step=10), SpecError, "did you mean 'steps'"),
        (lambda: invkit.solver("altgd", steps=2.5), SpecError, "expected a whole number"),
        (lambda: invkit.solver("altgd", steps=True), SpecError, "expected a whole number"),
        (lambda: invkit.solver("altgd", steps=object()), SpecError, "expected text, a number"),
        (lambda: invkit.solver(invkit.solver("altgd"), steps=3), InputError, "which is built already"),
        (lambda: part("solver", 3), InputError, "3 is no solver"),
    ],
)
def test_what_is_wrong_with_them_is_told(build: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        build()


# Names at run time


class Blob(invkit.Generator):
    """A constant picture times one number."""

    def __init__(self, size: int = 5, level: float | None = None) -> None:
        super().__init__()
        self.size, self.level = size, level
        self.latent_shape, self.signal_shape = (1,), (1, size, size)

    def forward(self, latent: Tensor) -> Tensor:
        return latent[:, :, None, None].expand(-1, 1, self.size, self.size) * (self.level or 1.0)


def test_a_registered_class_is_composed_and_written_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    invkit.register("prior", "blob", Blob, "a constant")
    composed = invkit.compose("circconv", ["blob?size=3", "identity"], "altgd?steps=2,restarts=2,keep=1")
    composed.save_config("run.toml")
    config = tomllib.loads(Path("run.toml").read_text())
    where = f"{__name__}:Blob"
    assert config["priors"][0] == {"kind": "blob", "size": 3, "level": "none", "class": where}
    y = torch.rand(1, 1, 8, 8)
    assert torch.equal(invkit.load_config("run.toml")(y).x, composed(y).x)
    del default_manager().registry._entries["prior", "blob"]
    says = rf"'blob' is the class {where}.*invkit\.register\(\"prior\", \"blob\", Blob\)"
    with pytest.raises(ConfigError, match=says):
        invkit.load_config("run.toml")
    assert composed.to_config()["priors"][0]["class"] == where  # the object remembers


def test_a_cell_that_runs_again_replaces_the_class() -> None:
    for factor in (1, 2):

        @attrs.frozen
        class Scaled(Solver):
            times: int = 3

            def solve(self, *problem: Any, each: int = factor, start: Any = None) -> Solution:
                raise InputError(f"factor {each * self.times}")

        invkit.register("solver", "scaled", Scaled)
        with pytest.raises(InputError, match=f"factor {factor * 4}"):
            invkit.compose("circconv", ["identity", "identity"], "scaled?times=4")(torch.rand(4, 4))
    table = invkit.compose("circconv", ["identity"] * 2, Scaled(times=2)).to_config()["solver"]
    assert table["times"] == 2 and table["class"].endswith("<locals>.Scaled")


def test_classes_of_the_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("class Mine(base): pass", vars(main) | {"base": Blob, "__name__": "__main__"}, vars(main))
    invkit.register("prior", "mine", main.Mine)
    table = invkit.compose("circconv", ["mine", "identity"], "altgd").to_config()["priors"][0]
    assert table["class"] == "__main__:Mine" and table["size"] == 5


class Sink(Blob):
    def __init__(self, **options: Any) -> None:
        super().__init__()


class Listed(Blob):
    def __init__(self, levels: list[float] | None = None) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("kind", "name", "cls", "error", "says"),
    [
        ("prior", "vae", Blob, PluginError, "belongs to plugin 'generative'"),
        ("priors", "blob", Blob, InputError, "did you mean 'prior'"),
        ("solver", "blob", Blob, InputError, "derives from Solver"),
        ("prior", "Blob", Blob, PluginError, "malformed"),
        ("prior", "sink", Sink, PluginError, "options must be named"),
        ("prior", "listed", Listed, PluginError, r"list\[float\].*write .*tuple\[float, \.\.\.\]"),
    ],
)
def test_what_cannot_be_registered_is_told_and_leaves_no_trace(
    kind: str, name: str, cls: Any, error: type[Exception], says: str
) -> None:
    before = dict(default_manager().registry._entries)
    with pytest.raises(error, match=says):
        invkit.register(kind, name, cls)
    assert default_manager().registry._entries == before


class Levels(Blob):
    def __init__(self, levels: tuple[float, ...] = (1.0,)) -> None:
        super().__init__()
        self.levels = levels


def test_a_sequence_of_numbers_is_the_same_by_text_and_by_keyword() -> None:
    invkit.register("prior", "levels", Levels)
    for made in (invkit.prior("levels?levels=3x4"), invkit.prior("levels", levels=[3.0, 4.0])):
        assert made.levels == (3.0, 4.0)
        table = invkit.compose("circconv", [made, "identity"], "altgd").to_config()["priors"][0]
        assert table["levels"] == [3.0, 4.0]
