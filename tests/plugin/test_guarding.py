"""Code of others cannot end, silence or pollute the program."""

from __future__ import annotations

import os
import signal
import time

import pytest

from invkit.plugin.guarding import Stopped, guarded, one_line


class Rude(BaseException):
    """No ``Exception``."""


class Mute(Exception):
    """Fails even when it is to be shown."""

    def __str__(self) -> str:
        raise ValueError("never")


@pytest.mark.parametrize("error", [SystemExit(0), Rude("x\ny"), KeyboardInterrupt()])
def test_what_is_no_exception_becomes_one(error: BaseException) -> None:
    with pytest.raises(Stopped, match=type(error).__name__), guarded(60.0):
        raise error


def test_exceptions_pass() -> None:
    with pytest.raises(KeyError), guarded(60.0):
        raise KeyError("a")


def test_prints_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded(60.0):
        print("chatter")
    print("result")
    assert capsys.readouterr() == ("result\n", "chatter\n")


def test_a_hang_ends_and_timers_are_as_before() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Stopped, match=r"more than 0.05 s"), guarded(0.05):
        while True:
            try:
                time.sleep(1000)
            except Exception:
                continue
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_ctrl_c_passes() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt), guarded(60.0):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1000)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_line() -> None:
    assert one_line(ValueError("a\n b")) == "ValueError: a b"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(Mute()) == "Mute: (its message cannot be shown)"
    assert len(one_line(ValueError("a" * 10**6))) < 1100
