"""The progress bar: on stderr, on a terminal only, and gone when the solve is over."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from invkit.errors import InputError
from invkit_monitors.progress import ProgressBar
from tests.plugins.monitors.solving import solve


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of known width, whatever the tests run in."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def test_nothing_is_written_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    solve(ProgressBar())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_quick_solve_has_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    solve(ProgressBar(force=True))
    assert capsys.readouterr().err == ""


def test_a_notebook_has_a_line_of_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    solve(ProgressBar(after=0))
    lines = capsys.readouterr().err.split("\r")
    assert any(re.fullmatch(r"descent +80% 20/25 residual 0\.1 0:00 left *", line) for line in lines)
    assert lines[-2].strip() == lines[-1] == ""  # wiped


def test_forced_it_shows_the_whole_solve_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    solve(ProgressBar(after=0, force=True))
    captured = capsys.readouterr()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", captured.err)
    assert captured.out == ""
    for step in (0, 10, 20, 25):
        assert f"{step}/25" in text.replace(f" {step}/", f"{step}/")
    # Step 25: the best restarts have 2/25 and 4/25 (one dropped out); their lower median is 0.08.
    assert "residual 0.08" in text
    assert "descent" in text
    assert "100%" in text


def test_the_cursor_comes_back_even_where_the_end_is_never_told(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(after=0, force=True)
    bar.on_start(10, 1, 1)
    assert "\x1b[?25l" in capsys.readouterr().err
    bar.close()
    bar.close()
    assert "\x1b[?25h" in capsys.readouterr().err


def test_a_second_solve_has_its_own_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(after=0, force=True)
    solve(bar)
    capsys.readouterr()
    solve(bar, steps=7)
    assert "7/7" in capsys.readouterr().err


def test_every_must_be_positive() -> None:
    with pytest.raises(InputError, match="every=0"):
        ProgressBar(every=0)
