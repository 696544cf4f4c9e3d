"""``invkit doctor``: is this installation sound? Exit code 1 where something is broken.

Looks at Python, torch and its devices, the data folder, the user's store, the plugins and the weights they
ship. Changes nothing and writes nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import attrs
import click

from invkit import __version__
from invkit.cli.output import json_option, report
from invkit.plugin.loading import default_manager

Verdict = Literal["ok", "note", "broken"]
_VERDICTS: dict[str, Verdict] = {"ok": "ok", "broken": "broken"}


@attrs.frozen
class Finding:
    """One thing that was looked at: ``ok``, ``note`` (worth knowing) or ``broken``."""

    what: str
    state: Verdict
    detail: str


@click.command("doctor")
@json_option
def doctor(as_json: bool) -> int:
    """Check Python, torch, devices, data folder, user store, plugins and shipped weights."""
    findings = [finding for look in _LOOKS for finding in _safely(look)]
    value = {"findings": [attrs.asdict(finding) for finding in findings]}
    report(as_json, value, ("what", "state", "detail"), map(attrs.astuple, findings))
    return int(any(finding.state == "broken" for finding in findings))


def _safely(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Run one look; whatever it raises is a finding, and the next look still happens."""
    try:
        return list(look())
    except Exception as error:  # a doctor that dies of the illness helps nobody
        what = look.__name__.strip("_").replace("_", " ")
        return [Finding(what, "broken", " ".join(f"{type(error).__name__}: {error}".split()))]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("invkit", "ok", __version__)
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "broken", f"{version}, {sys.executable}")


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("torch", "ok", str(torch.__version__))
    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    yield Finding("devices", "ok", ", ".join(["cpu", *cuda, *mps]))
    yield Finding("threads", "ok", f"{torch.get_num_threads()} of {os.cpu_count()} processors")


def _data_folder() -> Iterator[Finding]:
    folder, beside = os.environ.get("INVKIT_DATA"), Path("..") / "shared" / "data"
    if folder is not None:
        there = Path(folder).is_dir() and os.access(folder, os.R_OK)
        detail = folder if there else f"{folder} is no readable folder"
        yield Finding("data folder", "ok" if there else "broken", detail)
        return
    what = "is used" if beside.is_dir() else "is not there either"
    detail = f"INVKIT_DATA is not set; {beside} {what}"
    yield Finding("data folder", "ok" if beside.is_dir() else "note", detail)


def _user_store() -> Iterator[Finding]:
    from invkit.files.store import user_store

    store = user_store()
    existing = next(folder for folder in (store, *store.absolute().parents) if folder.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    remark = "" if writable else " cannot be written; set INVKIT_HOME to a folder that can"
    yield Finding("user store", "ok" if writable else "broken", f"{store}{remark}")


def _plugins() -> Iterator[Finding]:
    states = default_manager().states
    if not states:
        yield Finding("plugins", "broken", "none found; try `pip install --force-reinstall invkit`")
    for state in states:
        verdict = _VERDICTS.get(state.status, "note")
        detail = "; ".join(filter(None, (state.status, state.remarks)))
        yield Finding(f"plugin {state.candidate.name}", verdict, detail)


def _weights() -> Iterator[Finding]:
    from invkit.errors import InvkitError
    from invkit.files.store import find, names, read_prior

    registry = default_manager().registry
    for entry in registry.entries("prior"):
        for name in names(registry, entry.name) if registry.weights_folders(entry.name) else ():
            what = f"weights {entry.name}:{name}"
            try:
                prior = read_prior(find(registry, entry.name, name))
            except InvkitError as error:
                yield Finding(what, "broken", str(error))
            else:
                yield Finding(what, "ok", f"sha256 {prior.sha256[:16]}")


_LOOKS = (_python, _torch, _data_folder, _user_store, _plugins, _weights)
