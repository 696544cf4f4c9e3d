"""The one hook a plugin implements.

    # invkit_mine/plugin.py: light, imports nothing but invkit
    import invkit

    @invkit.hookimpl
    def invkit_register(registry):
        registry.operator("mine", "invkit_mine.operator:Mine", summary="y = my own map of w and x")

and in the package's ``pyproject.toml``::

    [project.entry-points.invkit]
    mine = "invkit_mine.plugin"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry

GROUP: Final = "invkit"
"""The entry-point group, and the name of the pluggy project."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def invkit_register(registry: Registry) -> None:
    """Register operators, priors, solvers, data sets, monitors, trainers, commands and weights.

    Called once per plugin, when names are first needed. Import nothing heavy here: targets are strings.

    Args:
        registry: call ``registry.operator(name, "module:Class", summary="…")`` and its siblings on it.
    """
