"""What a run says of itself: the pace, lines for a log, a bar on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from invkit_experiments.output.watching import Bar, Lines, Pace, Watcher, watcher_for

ROWS = {"a/slow": ("slow", 4), "a/fast": ("fast", 4)}


def test_time_left_is_each_rows_own() -> None:
    pace = Pace({"slow": 4, "fast": 4, "unknown": 2})
    assert pace.left is None
    pace.done("slow", 10.0)
    pace.done("fast", 2.0)
    assert pace.progress == (2, 10) and pace.left == 3 * 10 + 3 * 2 + 2 * 6
    pace.done("slow", 20.0)
    assert pace.left == 2 * 15 + 3 * 2 + 2 * 8.5
    pace.drop("unknown")
    assert pace.left == 2 * 15 + 3 * 2 and pace.progress == (3, 8)


def test_lines_name_each_row_once_and_say_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    lines = Lines(clock=lambda: now)
    lines.begin(ROWS)
    for there in (True, False):
        lines.start("a/slow", there=there)
        now += 20
        lines.done("a/slow", 20.0)
    lines.left_out(["a/fast"], "no weights")
    lines.end()
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "[1/2] a/slow: slow (kept from an earlier run)",
        "2 of 8 done, about 2 min left",
        "a/fast is left out: no weights",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_only_on_a_terminal_and_where_no_other_is_drawn(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert isinstance(watcher_for(bars=True), Bar if terminal else Lines)
    assert isinstance(watcher_for(bars=False), Lines)


def test_the_bar_shows_what_is_done_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    bar = Bar()
    bar.begin(ROWS)
    bar.start("a/slow", there=False)
    bar.done("a/slow", 100.0)
    bar.left_out(["a/fast"], "no [weights]")
    bar.end()
    shown = stream.getvalue()
    assert "1/8" in shown and "a/slow" in shown and "min left" in shown
    assert "a/fast is left out: no [weights]" in shown
    assert shown.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_a_watcher_that_says_nothing_can_be_told_everything(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher()
    watcher.begin(ROWS)
    watcher.start("a/slow", there=False)
    watcher.done("a/slow", 1.0)
    watcher.left_out(["a/fast"], "why")
    watcher.end()
    assert capsys.readouterr() == ("", "")


def test_rows_left_out_for_one_reason_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.begin(ROWS)
    lines.left_out([*ROWS], "no weights")
    others = f"{next(iter(ROWS))} and {len(ROWS) - 1} more"
    assert capsys.readouterr().err == f"{others} are left out: no weights\n"
    assert lines.pace.progress == (0, 0)
