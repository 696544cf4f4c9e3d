"""Whether a person watches, and what shows a solve to one."""

from __future__ import annotations

import io
import sys
from types import ModuleType

import pytest

import invkit
from invkit.watched import default_monitors, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "notebook", "expected"),
    [
        (io.StringIO(), False, False),
        (Terminal(), False, True),
        (io.StringIO(), True, True),
        (None, False, False),
    ],
)
def test_a_person_watches_a_terminal_or_a_notebook(
    stderr: io.StringIO | None, notebook: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert watched() == expected


def test_the_monitors_that_show_a_solve_are_registered() -> None:
    shown = default_monitors()
    assert shown and all(isinstance(invkit.monitor(name), invkit.Monitor) for name in shown)
