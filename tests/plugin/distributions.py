"""Real installed distributions in a temporary folder: a module and the dist-info that pip would write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HOOK = """
import invkit

@invkit.hookimpl
def invkit_register(registry):
    {body}
"""


def write_distribution(
    folder: Path, name: str, source: str, *, requires: Sequence[str] = (), points: str | None = None
) -> str:
    """Write distribution ``name`` with one module; return the name of both module and entry point."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        "Version: 1.2",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "entry_points.txt").write_text(f"[invkit]\n{points or f'{module} = {module}'}\n")
    return module


def hook(body: str) -> str:
    """Return the source of a plugin module whose hook is ``body``."""
    return HOOK.format(body=body)


def run_invkit(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m invkit`` in a process of its own that also sees the distributions in ``folder``."""
    return run_python(folder, "-m", "invkit", *arguments, **environment)


def run_python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own that also sees the distributions in ``folder``."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join(map(str, (folder, root, root / "plugins")))
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, *arguments], env=env, capture_output=True, text=True, errors="replace", timeout=120
    )
