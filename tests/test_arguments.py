"""Arguments of another type are refused in words, by every public entry point that takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator

import invkit
from invkit import InputError, InvkitError
from invkit.arguments import as_count, as_name, as_number, as_path, number, whole

Y = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)


@given(st.integers())
def test_whole_numbers_are_themselves_in_whatever_form(value: int) -> None:
    assert whole(value) == value
    if abs(value) < 2**31:
        assert whole(np.int64(value)) == whole(np.array(value)) == whole(torch.tensor(value)) == value


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), 1.0, "1", None, [1]], ids=str)
def test_what_is_no_whole_number_is_none(value: Any) -> None:
    assert whole(value) is None


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_are_themselves_in_whatever_form(value: float) -> None:
    assert number(value) == number(np.float32(value)) == number(torch.tensor(value)) == value


@pytest.mark.parametrize(
    "value", [True, np.True_, "1", b"1", None, [1.0], np.ones(1), 1j, float("nan"), float("inf"), 10**400]
)
def test_what_is_no_finite_number_is_none(value: Any) -> None:
    assert number(value) is None
    assert number(np.complex64(2 + 5j)) is None and number(torch.tensor(2 + 5j)) is None


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_counts(value: Any) -> None:
    assert as_count(np.int64(3), "steps") == 3 and as_count(0, "steps", least=0) == 0
    with pytest.raises(InputError, match=r"steps is .*; give a whole number, 1 or more"):
        as_count(value, "steps")


def test_numbers_names_and_paths(tmp_path: Path) -> None:
    assert as_number(0, "rate") == 0.0 and as_name("a", "it", "see the list") == "a"
    assert as_path(str(tmp_path), "it") == as_path(tmp_path, "it") == tmp_path
    with pytest.raises(InputError, match=r"rate is 0; give a positive number"):
        as_number(0, "rate", positive=True)
    with pytest.raises(InputError, match=r"rate is -1; give a number, 0 or more"):
        as_number(-1, "rate")
    with pytest.raises(InputError, match=r"it must be a text, got None; see the list"):
        as_name(None, "it", "see the list")
    with pytest.raises(InputError, match=r"it must be a path, got bytes"):
        as_path(b"x", "it")


def pipeline() -> invkit.Pipeline:
    return invkit.compose("circconv", ["identity?shape=1x3x3", "identity"], "altgd?steps=2,restarts=1")


def without_adjoint() -> LinearOperator:
    return LinearOperator((4, 4), matvec=lambda v: v)


ENTRIES: dict[str, tuple[Callable[..., Any], str]] = {
    "compare, a pipeline": (lambda: invkit.compare(pipeline(), Y), "takes pipelines by name, got Pipeline"),
    "compare, a text": (lambda: invkit.compare("lm", Y), "takes pipelines by name, got str"),
    "compare, None": (lambda: invkit.compare(None, Y), "takes pipelines by name, got NoneType"),
    "compare, a spec": (lambda: invkit.compare({"a": "lm"}, Y), "takes pipelines by name, got str"),
    "compare, a number": (lambda: invkit.compare({3: pipeline()}, Y), "a pipeline must be a text"),
    "train, pictures": (lambda: invkit.train(Y), "a trainer must be a text, got ndarray"),
    "train, data": (lambda: invkit.train("gaussian", Y), "the data.* must be a path, got ndarray"),
    "train, recipe": (lambda: invkit.train("vae", recipe=3), "the name of a recipe must be"),
    "train, changes": (lambda: invkit.train("vae", recipe="mnist", changes=[3]), "changes are .*a dict"),
    "train, seed": (lambda: invkit.train("vae", recipe="mnist", seed="x"), "the seed is 'x'"),
    "train, out": (lambda: invkit.train("vae", recipe="mnist", out=3), "out, .*, must be a path, got int"),
    "train, name": (lambda: invkit.train("vae", recipe="mnist", name=3), "3 cannot name a trained prior"),
    "method": (lambda: invkit.method(["faces"]), "the name of a method must be a text, got list"),
    "example": (lambda: invkit.example(None), "the name of an example must be a text, got None"),
    "register, kind": (lambda: invkit.register(3, "a", invkit.Generator), "the kind must be a text"),
    "register, name": (lambda: invkit.register("prior", 3, invkit.Generator), "the name must be a text"),
    "project, restarts": (lambda: invkit.project("identity", Y, restarts=1.5), "restarts is 1.5"),
    "project, steps": (lambda: invkit.project("identity", Y, steps="3"), "steps is '3'"),
    "project, weight": (lambda: invkit.project("identity", Y, weight="1"), "weight is '1'; give a number"),
    "project, rate": (lambda: invkit.project("identity", Y, rate=None), "rate is None; give a positive"),
    "psnr, peak": (lambda: invkit.metrics.psnr(Y, Y, peak="1"), "expected a positive peak, got '1'"),
    "psnr, dims": (lambda: invkit.metrics.psnr(Y, Y, dims=1.0), r"dims is 1\.0; give dims=1"),
    "shift_align": (lambda: invkit.metrics.shift_align(Y, Y, border=2.5), r"border is 2\.5; give a whole"),
    "from_scipy": (lambda: invkit.from_scipy(without_adjoint()), "rmatvec is not defined; .* with rmatvec"),
    "linear": (lambda: float("nan") * invkit.linear("dft"), "nan times an operator"),
    "denoiser": (lambda: invkit.denoiser(3), "a denoiser is a function of noisy images"),
    "denoiser, channels": (lambda: invkit.denoiser(lambda x, sigma: x, "1"), "channels is '1'"),
    "Given": (lambda: invkit.Given(np.full((1, 3, 3), np.nan)), "NaN or infinite values"),
    "load_config": (lambda: invkit.load_config(3), "a configuration must be a path, got int"),
    "load": (lambda: invkit.Solution.load(None), "the folder of a solution must be a path, got None"),
    "save": (lambda: pipeline()(Y).save(3), "the folder to write to must be a path, got int"),
    "a measurement": (lambda: pipeline()(torch.rand(8, 8, device="meta")), "a meta tensor"),
    "a problem": (lambda: pipeline()(Y, problem=3), "the problem is not of this pipeline"),
    "plot": (lambda: pipeline().plot(3), "solution must be a solution, got int"),
}


@pytest.mark.wrong_types
@pytest.mark.parametrize("entry", ENTRIES)
def test_another_type_is_refused_in_words(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, says = ENTRIES[entry]
    with pytest.raises(InvkitError, match=says) as refusal:
        call()
    assert refusal.value.hint and not any(tmp_path.iterdir())
