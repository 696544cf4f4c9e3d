"""Registers the dark-channel-prior solver and its priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import invkit

if TYPE_CHECKING:
    from invkit.plugin.registry import Registry


@invkit.hookimpl
def invkit_register(registry: Registry) -> None:
    """Nothing yet."""
