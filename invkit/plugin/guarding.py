"""Code of others, run so that it cannot stop, silence or pollute the program that calls it.

    with guarded(seconds=30.0):
        importlib.import_module("someones_plugin")       # whatever happens, an Exception at most comes out

Inside the block what is printed goes to stderr. ``SystemExit`` and any other ``BaseException`` that is no
``Exception`` become a :class:`Stopped`, and so does a block that takes too long. Ctrl-C passes.

A time-out needs the main thread and a system with timers (not Windows). Code that hangs inside C, or catches
everything for ever, cannot be ended.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["Stopped", "guarded", "one_line"]

_AGAIN = 1.0  # seconds until code that caught the time-out is told again


class Stopped(Exception):
    """Code of others tried to end the program, or took too long."""


class _TooLong(BaseException):
    """The time is over; no ``except Exception`` should catch it."""


@contextlib.contextmanager
def guarded(seconds: float) -> Iterator[None]:
    """Run the block guarded; see the module.

    Args:
        seconds: the most that it may take.

    Raises:
        Stopped: the block raised a ``BaseException`` that is no ``Exception``, or took longer.
        Exception: what the block raised.
    """
    pressed = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    try:
        with contextlib.redirect_stdout(sys.stderr), _timer(seconds), _on_interrupt(interrupted):
            yield
    except Exception:
        raise
    except _TooLong:
        raise Stopped(f"it took more than {seconds:g} s") from None
    except BaseException as error:
        if pressed or isinstance(error, GeneratorExit):
            raise
        raise Stopped(one_line(error)) from error


def one_line(error: BaseException) -> str:
    """An exception's class and message in one printable line of bounded length."""
    try:
        text = " ".join(str(error)[:1000].split())
    except Exception:  # its own fault
        text = "(its message cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def _timer(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    handler = signal.signal(signal.SIGALRM, ring)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, every)


@contextlib.contextmanager
def _on_interrupt(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let Ctrl-C call a handler, where it would raise KeyboardInterrupt."""
    own, main = signal.default_int_handler, threading.main_thread()
    if threading.current_thread() is not main or signal.getsignal(signal.SIGINT) is not own:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, own)
