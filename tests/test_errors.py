"""Errors: message plus hint, exit codes, and the built-ins a Python programmer would catch."""

from __future__ import annotations

import pickle

import pytest

from invkit import errors

OTHERS = ("InvkitWarning", "MissingExtra", "counted")
CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in OTHERS]


@pytest.mark.parametrize("cls", CLASSES)
def test_text_hint_and_pickle(cls: type[errors.InvkitError]) -> None:
    assert str(cls("what")) == "what"
    error = pickle.loads(pickle.dumps(cls("what was given", hint="what to type")))
    assert str(error) == "what was given; what to type"
    assert (error.message, error.hint) == ("what was given", "what to type")


def test_a_missing_extra_says_what_to_install() -> None:
    error = pickle.loads(pickle.dumps(errors.MissingExtra("figures", "matplotlib", "plot")))
    assert str(error) == 'figures need matplotlib, which is not installed; type: pip install "invkit[plot]"'
    assert isinstance(error, ImportError) and isinstance(error, errors.InvkitError)
    assert error.exit_code == 3


@pytest.mark.parametrize("cls", CLASSES)
def test_exit_codes(cls: type[errors.InvkitError]) -> None:
    assert cls.exit_code == (2 if cls is errors.UsageError else 3)


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not errors.InvkitError])
def test_each_is_also_a_builtin(cls: type[errors.InvkitError]) -> None:
    builtin = {"OutputError": OSError, "PluginError": RuntimeError}.get(cls.__name__, ValueError)
    assert issubclass(cls, builtin)
