"""Installed plugins → a filled registry and one frozen `PluginState` each; no plugin can stop another.

    >>> manager = PluginManager.load(())           # no plugins at all
    >>> manager.states
    ()

    manager = default_manager()                    # what is installed, loaded once per process
    manager.registry.entries("operator")
    [state for state in manager.states if state.status == "broken"]

Two steps. `discover` is pure: it reads the metadata of what is installed and imports nothing. Then
`PluginManager.load` takes the candidates one by one: disabled? → needs another invkit? → import → check the
hook → call it with a registry of its own, whose entries are taken over where all went well. (pluggy's own
``load_setuptools_entrypoints`` stops at the first broken plugin, which is why it is not used.)
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pkgutil
import re
import sys
import time
from collections.abc import Collection, Iterable
from typing import Literal

import pluggy

from invkit.errors import PluginError
from invkit.plugin import hookspecs
from invkit.plugin.discovering import HOST, Candidate, canonical, discover
from invkit.plugin.guarding import Stopped, guarded, one_line
from invkit.plugin.registry import Registry, nearest

HEAVY = ("torch", "numpy", "scipy")
"""Modules a plugin's hook module should leave alone until something of it is used."""
_BEYOND_A_NAME = re.compile(r"[^\w.-]")


@dataclasses.dataclass(frozen=True, slots=True)
class PluginState:
    """What became of a candidate.

    Args:
        candidate: the plugin.
        status: ``ok``, ``disabled``, ``incompatible`` (needs another invkit) or ``broken``.
        reason: why it is not ``ok``, in one line; empty where it is.
        remedy: what to type, usually a pip command; empty where nothing needs doing.
        notes: remarks on a plugin that works, e.g. that it imports torch at import time.
        seconds: how long it took to load.
    """

    candidate: Candidate
    status: Literal["ok", "disabled", "incompatible", "broken"]
    reason: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def remarks(self) -> str:
        """Reason, remedy and notes in one line."""
        remedy = f"try `{self.remedy}`" if self.remedy else ""
        return "; ".join(filter(None, (self.reason, remedy, *self.notes)))


class PluginManager:
    """The plugins of one process (or of one test), loaded.

    Attributes:
        registry: what the plugins that work have registered.
        states: one record a plugin, in the order of loading.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.states: tuple[PluginState, ...] = ()

    @classmethod
    def load(
        cls,
        candidates: Iterable[Candidate],
        *,
        disabled: Collection[str] = (),
        host_version: str | None = None,
        seconds: float | None = None,
    ) -> PluginManager:
        """Load candidates, each in isolation.

        Args:
            candidates: usually ``discover()``.
            disabled: names of plugins to leave out.
            host_version: what ``Requires-Dist: invkit`` is held against; this invkit's version if ``None``.
            seconds: the most that importing one may take; ``$INVKIT_PLUGIN_SECONDS``, or 30, if ``None``.

        Returns:
            A manager whose registry holds what the working plugins registered. Raises for no plugin's fault.
        """
        from invkit import __version__

        manager = cls()
        for candidate in candidates:
            manager._add(candidate, disabled, host_version or __version__, seconds or seconds_by_user())
        return manager

    def _add(
        self, candidate: Candidate, disabled: Collection[str], host_version: str, seconds: float
    ) -> None:
        before, start = set(sys.modules), time.perf_counter()
        state = self._try(candidate, disabled, host_version, seconds)
        heavy = [name for name in HEAVY if name in sys.modules and name not in before]
        notes = tuple(f"imports {name} at import time, which slows every command down" for name in heavy)
        state = dataclasses.replace(state, seconds=time.perf_counter() - start, notes=notes)
        self.states = (*self.states, state)
        if state.status in ("broken", "incompatible"):
            self.registry.failed = (*self.registry.failed, candidate.name)

    def _try(
        self, candidate: Candidate, disabled: Collection[str], host_version: str, seconds: float
    ) -> PluginState:
        for other in (state.candidate for state in self.states):
            if other.name == candidate.name:  # its name would disable both
                reason = f"{other.distribution} has a plugin of that name already"
                return PluginState(candidate, "broken", reason, f"pip uninstall {candidate.distribution}")
        if candidate.name in disabled:
            reason = "named in INVKIT_DISABLE_PLUGINS"
            return PluginState(candidate, "disabled", reason, "unset INVKIT_DISABLE_PLUGINS")
        upgrade = f"pip install --upgrade {candidate.distribution}"
        if candidate.problem:
            again = f"pip install --force-reinstall {candidate.distribution}"
            return PluginState(candidate, "broken", candidate.problem, again)
        try:
            wanted = _unmet(candidate, host_version)
            if wanted is not None:
                reason = f"needs {wanted}, this is invkit {host_version}"
                return PluginState(candidate, "incompatible", reason, upgrade)
            # A registry of its own, so that the worst that a hook can do is to ruin that one.
            own = Registry()
            with guarded(seconds):
                module = _import(candidate)
                package = candidate.module.partition(":")[0].rpartition(".")[0]
                with own.registering(candidate.name, candidate.distribution, package):
                    call_hook(module, candidate.module, own)
            self.registry.adopt(own, candidate.name)
        except PluginError as error:
            return PluginState(candidate, "broken", error.message, error.hint or upgrade)
        except Stopped as error:
            without = f"INVKIT_DISABLE_PLUGINS={candidate.name}"
            return PluginState(candidate, "broken", f"importing {candidate.module} failed: {error}", without)
        except Exception as error:  # whatever a plugin raises stays with the plugin
            return PluginState(candidate, "broken", one_line(error), upgrade)
        return PluginState(candidate, "ok")


def call_hook(module: object, called: str, registry: Registry) -> None:
    """Call a module's hook, which fills the registry; pluggy checks its arguments.

    Raises:
        PluginError: the module has no hook, or one that invkit does not know.
    """
    host = pluggy.PluginManager(hookspecs.GROUP)
    host.add_hookspecs(hookspecs)
    known = list(vars(host.hook))
    host.register(module)
    callers = host.get_hookcallers(module) or ()
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown:
        raise PluginError(f"unknown hook {unknown[0]!r} in {called}; {nearest(unknown[0], known)}")
    if not callers:
        raise PluginError(
            f"{called} implements no hook, expected @invkit.hookimpl on invkit_register(registry)"
        )
    host.hook.invkit_register(registry=registry)


def disabled_by_user() -> frozenset[str]:
    """Return the plugin names in the environment variable ``INVKIT_DISABLE_PLUGINS``, separated by commas."""
    names = os.environ.get("INVKIT_DISABLE_PLUGINS", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def seconds_by_user() -> float:
    """Return the seconds that importing a plugin may take: ``$INVKIT_PLUGIN_SECONDS``, else 30."""
    try:
        seconds = float(os.environ.get("INVKIT_PLUGIN_SECONDS", ""))
    except ValueError:
        seconds = 0.0
    return seconds if 0 < seconds < float("inf") else 30.0


@functools.cache
def default_manager() -> PluginManager:
    """Return the manager of what is installed here, loaded at the first call and kept."""
    return PluginManager.load(discover(), disabled=disabled_by_user())


def _unmet(candidate: Candidate, host_version: str) -> str | None:
    """Return the requirement on invkit that this version does not meet, or ``None``."""
    if canonical(candidate.distribution) == HOST:  # its extras name it
        return None
    for line in candidate.requires:
        if canonical(_BEYOND_A_NAME.split(line, maxsplit=1)[0]) != HOST:
            continue
        from packaging.requirements import InvalidRequirement, Requirement  # slow to import, rarely needed

        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise PluginError(f"the requirement {line!r} cannot be read: {error}") from error
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(host_version, prereleases=True):
            return f"{requirement.name}{requirement.specifier}"
    return None


def _import(candidate: Candidate) -> object:
    module, _, attribute = candidate.module.partition(":")
    try:
        found: object = pkgutil.resolve_name(f"{module}:{attribute}")
    except Exception as error:
        raise PluginError(f"importing {candidate.module} failed: {one_line(error)}") from error
    return found
