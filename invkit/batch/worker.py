"""A worker process: ``python -m invkit.batch.worker``, started by :mod:`invkit.batch.workers`.

It reads a pickled recovery and pictures from stdin and answers on stdout. Whatever else is printed goes to
stderr. It ends as soon as the process that has started it does.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from typing import Any

import attrs

from invkit.batch.items import Failure
from invkit.batch.recovering import Result


def main() -> None:
    """Solve what comes until nothing more does."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for name in ("SIGINT", "SIGHUP"):  # the process that has started it decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def answer(kind: str, value: Any) -> None:
        try:
            pickle.dump((kind, value), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except OSError:  # nobody listens any more
            os._exit(0)

    coming: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                coming.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    first = coming.get()
    try:
        import torch

        torch.set_num_threads(1)
        recovery = pickle.loads(first)
    except Exception as error:  # a class that cannot be imported here
        answer("broken", f"{type(error).__name__}: {error}")
        return
    while True:
        outcomes = recovery(coming.get(), lambda line: answer("said", line))
        answer("done", [_told(each) for each in outcomes])


def _told(outcome: Result | Failure) -> Result | Failure:
    """What can be handed over: an exception may not be."""
    return attrs.evolve(outcome, error=None) if isinstance(outcome, Failure) else outcome


if __name__ == "__main__":
    main()
