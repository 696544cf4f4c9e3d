"""Whether a person watches, and the monitors that then show a solve.

    monitors = default_monitors() if watched() else []
"""

from __future__ import annotations

import sys

from invkit.plugin.loading import default_manager

__all__ = ["default_monitors", "watched"]


def default_monitors() -> list[str]:
    """The names of the monitors that show a solve to a person."""
    return [entry.name for entry in default_manager().registry.entries("monitor") if entry.default]


def watched() -> bool:
    """Whether a person sees what is written to stderr: on a terminal, or in a notebook."""
    return (sys.stderr is not None and sys.stderr.isatty()) or "ipykernel" in sys.modules
