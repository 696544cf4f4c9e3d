"""Names → classes that are imported when first used.

    >>> registry = Registry()
    >>> with registry.registering(plugin="mine", distribution="invkit-mine"):
    ...     registry.operator("circconv", "mine.circular:CircularConvolution", summary="y = w * x")
    >>> registry.entry("operator", "circconv").target
    'mine.circular:CircularConvolution'

A plugin receives the registry in its hook and calls ``registry.operator(…)``, ``registry.prior(…)``, …
Targets are strings ``"module:attribute"``: nothing heavy is imported to list what there is.
"""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partialmethod
from typing import Any

from invkit.errors import PluginError, SpecError
from invkit.plugin.guarding import one_line
from invkit.plugin.specs import GRAMMAR, KIND

KINDS = {
    "operator": "operators",
    "linear": "linear",
    "prior": "priors",
    "noise": "noise",
    "solver": "solvers",
    "method": "methods",
    "dataset": "datasets",
    "monitor": "monitors",
    "trainer": "trainers",
    "experiment": "experiments",
    "command": "commands",
}
"""What can be registered, and the word for several of it: ``invkit list operators``."""

_TARGET = re.compile(r"[\w.]+:[\w.]+")
_FOLDER = re.compile(r"[\w.]+:[\w./-]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One registered thing.

    Args:
        kind: one of `KINDS`, or ``"weights"``: a folder of trained priors.
        name: the name used in specs and on the command line; of weights, the prior kind they belong to.
        target: ``"module:attribute"``; of methods and weights, ``"package:path"``.
        summary: one line for listings.
        plugin: the entry point that registered it.
        distribution: the installed distribution it came in.
        default: whether it is used where none is named.
        cls: the class itself, where a program registered it at run time; None: it is imported from `target`.
    """

    kind: str
    name: str
    target: str
    summary: str
    plugin: str
    distribution: str
    default: bool = False
    cls: Any = dataclasses.field(default=None, repr=False)

    @property
    def place(self) -> tuple[str, str]:
        """The target's module or package, and what it names in there."""
        module, _, inside = self.target.partition(":")
        return module, inside

    @property
    def origin(self) -> str:
        """``"module:Class"`` of a class registered at run time; empty for what a plugin offers."""
        return self.target if self.cls is not None else ""

    def load(self) -> Any:
        """Import and return the target; of a method, the text of its file.

        Raises:
            PluginError: the import fails, or the module has no such attribute.
        """
        if self.cls is not None:
            return self.cls
        package, file = self.place
        try:
            if self.kind == "method":
                from importlib import resources  # slow to import

                return resources.files(package).joinpath(file).read_text(encoding="utf-8")
            return pkgutil.resolve_name(self.target)
        except (Exception, SystemExit) as error:  # whatever a plugin's module raises is the plugin's fault
            raise PluginError(
                f"the {self.kind} {self.name!r} of plugin {self.plugin!r} (distribution {self.distribution}) "
                f"cannot be imported from {self.target!r}: {one_line(error)}",
                hint=f"try `pip install --upgrade {self.distribution}`",
            ) from error


_CORE = {
    "deblur": ("deblur:deblur", "Recover sharp images and kernels from blurry images."),
    "examples": ("examples:examples", "Copy blurry example pictures to a folder."),
    "project": ("project:project", "Find the closest images in the range of a prior."),
    "zoo": ("zoo:zoo", "Draw samples of trained priors."),
    "train": ("train:train", "Train a prior, by a recipe or on a folder of pictures."),
    "datasets": ("datasets:datasets", "Download a data set."),
    "list": ("list_:list_", "List operators, priors, solvers, methods, plugins, weights ..."),
    "describe": ("describe:describe", "Explain a part, a method or an experiment."),
    "list-plugins": ("list_plugins:list_plugins", "List the plugins and their states."),
    "doctor": ("doctor:doctor", "Check this installation."),
}

CORE_COMMANDS = {
    name: Entry("command", name, f"invkit.cli.{target}", summary, "invkit", "invkit")
    for name, (target, summary) in _CORE.items()
}
"""The command line's own commands, in the order of its help; no plugin may take their names."""


class Registry:
    """Everything the plugins offer, by kind and name.

    Attributes:
        failed: names of plugins that did not load, mentioned when a name is not found.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._weights: list[Entry] = []
        self._source, self._package = ("(direct)", "(none)"), ""
        self.failed: tuple[str, ...] = ()

    # What a plugin calls -------------------------------------------------------------------------------

    def _add(self, kind: str, name: str, target: str, *, summary: str, default: bool = False) -> None:
        """Register a class by name.

        Args:
            kind: what it is: ``registry.prior(…)`` registers a prior, and so on.
            name: the name used in specs: a lower-case letter, then letters, digits, ``-`` or ``_``.
            target: ``"module:Class"``, imported on first use.
            summary: one line for listings.
            default: use it where a command line names none. Of priors: use it where a command line names a
                file of the signal, as `invkit deblur --kernel FILE` does; the file is its name.

        Raises:
            PluginError: a malformed name or target, or a name already taken.
        """
        if not KIND.fullmatch(name):
            raise PluginError(f"the {kind} name {name!r} is malformed", hint=GRAMMAR)
        pattern, form = (_FOLDER, "package:file") if kind == "method" else (_TARGET, "module:attribute")
        if not pattern.fullmatch(target):
            raise PluginError(f"the {kind} {name!r} has the target {target!r}, expected {form!r}")
        plugin, distribution = self._source
        if kind == "command" and name in CORE_COMMANDS:
            raise PluginError(f"{distribution} and invkit itself both claim the command name {name!r}")
        if not (isinstance(summary, str) and summary.isprintable()):
            raise PluginError(f"the {kind} {name!r} has the summary {summary!r}, expected one printable line")
        new = Entry(kind, name, target, summary, plugin, distribution, bool(default))
        self._check_claim(new)
        self._entries[kind, name] = new

    def _check_claim(self, new: Entry) -> None:
        """Raise PluginError where an entry's name or its claim to be the default is taken."""
        for old in self.entries(new.kind):
            if old.name == new.name:
                claim = f"the {new.kind} name {new.name!r}"
            elif new.default and old.default:
                claim = f"to be the default {new.kind}"
            else:
                continue
            raise PluginError(
                f"{new.distribution} (plugin {new.plugin!r}) and {old.distribution} (plugin {old.plugin!r}) "
                f"both claim {claim}",
                hint=f"uninstall one of them, or set INVKIT_DISABLE_PLUGINS={new.plugin}",
            )

    operator = partialmethod(_add, "operator")  # a BilinearOperator
    linear = partialmethod(_add, "linear")  # a LinearOperator
    prior = partialmethod(_add, "prior")  # a Generator
    noise = partialmethod(_add, "noise")  # a Noise
    solver = partialmethod(_add, "solver")  # a Solver
    dataset = partialmethod(_add, "dataset")  # a Dataset
    monitor = partialmethod(_add, "monitor")  # a Monitor
    trainer = partialmethod(_add, "trainer")  # a Trainer, for `invkit train NAME`
    experiment = partialmethod(_add, "experiment")  # has `methods`, each with what it is, in one line
    command = partialmethod(_add, "command")  # a click.Command, for `invkit NAME`

    def method(self, name: str, file: str, *, summary: str, default: bool = False) -> None:
        """Register a composition by name: a configuration without seed and versions.

        Args:
            name: the name used by `invkit.method` and ``--method``.
            file: a TOML file in the plugin's package, e.g. ``"methods/faces.toml"``.
            summary: one line for listings.
            default: use it where a command line names nothing at all.
        """
        self._add("method", name, f"{self._package}:{file}", summary=summary, default=default)

    def weights(self, kind: str, location: str) -> None:
        """Register a folder of trained priors shipped inside a package.

        Args:
            kind: the prior kind they belong to, e.g. ``"vae"``.
            location: ``"package:folder"``, e.g. ``"invkit_generative:weights/vae"``.

        Raises:
            PluginError: a malformed location.
        """
        if not _FOLDER.fullmatch(location):
            raise PluginError(f"weights of {kind!r} are at {location!r}, expected 'package:folder'")
        self._weights.append(Entry("weights", kind, location, "", *self._source))

    def at_run_time(self, kind: str, name: str, cls: type, *, summary: str = "") -> Entry:
        """Register a class of the running program and return its entry.

        A notebook's cell may run again: the name is then taken over by the new class.

        Args:
            kind: one of `KINDS` that are classes.
            name: the name used in specs.
            cls: the class itself; it may be defined in ``__main__`` or in a function.
            summary: one line for listings.

        Raises:
            PluginError: a malformed name, or a name that a plugin has.
        """
        if not KIND.fullmatch(name):
            raise PluginError(f"the {kind} name {name!r} is malformed", hint=GRAMMAR)
        old = self._entries.get((kind, name))
        if old is not None and old.cls is None:
            raise PluginError(
                f"the {kind} name {name!r} belongs to plugin {old.plugin!r} of {old.distribution}",
                hint="choose another name",
            )
        target = f"{cls.__module__}:{cls.__qualname__}"
        entry = Entry(kind, name, target, summary, "(run time)", "(this program)", cls=cls)
        self._entries[kind, name] = entry
        return entry

    def adopt(self, other: Registry, plugin: str) -> None:
        """Take over what a plugin has registered in a registry of its own: all of it, or nothing.

        Raises:
            PluginError: it is no longer a registry of that plugin's entries, or a name is taken.
        """
        try:
            entries, weights = dict(other._entries), list(other._weights)
            sound = all(
                type(each) is Entry and each.plugin == plugin and (each.kind, each.name) == key
                for key, each in entries.items()
            ) and all(type(each) is Entry and each.plugin == plugin for each in weights)
        except Exception:  # the hook may have put anything there
            sound = False
        if not sound:
            raise PluginError(f"the hook of {plugin!r} has ruined its registry")
        for each in entries.values():
            self._check_claim(each)
        self._entries.update(entries)
        self._weights += weights

    # What everyone else calls --------------------------------------------------------------------------

    def entries(self, kind: str) -> tuple[Entry, ...]:
        """Return all entries of a kind, sorted by name."""
        found = (entry for (its_kind, _), entry in self._entries.items() if its_kind == kind)
        return tuple(sorted(found, key=lambda entry: entry.name))

    def entry(self, kind: str, name: str) -> Entry:
        """Return one entry.

        Raises:
            SpecError: no such name; the message gives the nearest name and the list.
        """
        try:
            return self._entries[kind, name]
        except KeyError:
            raise SpecError(f"unknown {kind} {name!r}", hint=self._remedy(kind, name)) from None

    def has(self, kind: str, name: str) -> bool:
        """Return whether there is such an entry."""
        return (kind, name) in self._entries

    def entry_of(self, cls: type) -> Entry | None:
        """Return the entry of a class, or ``None`` where it has none.

        A target may name the class where another module re-exports it, so targets are compared once imported:
        those that are already, and those of the class's own package.
        """
        package, own = cls.__module__.partition(".")[0], f"{cls.__module__}:{cls.__qualname__}"
        for entry in sorted(self._entries.values(), key=lambda entry: entry.target != own):
            module, _ = entry.place
            if entry.cls is None and module not in sys.modules and module.partition(".")[0] != package:
                continue
            with suppress(PluginError):
                if entry.load() is cls:
                    return entry
        return None

    def default(self, kind: str) -> Entry:
        """Return the entry that is used where none is named.

        Raises:
            SpecError: no plugin declares one.
        """
        for entry in self.entries(kind):
            if entry.default:
                return entry
        raise SpecError(f"no {kind} was named and none is the default", hint=self._remedy(kind, ""))

    def weights_folders(self, kind: str) -> tuple[Entry, ...]:
        """Return the folders of shipped trained priors of a prior kind, in order of registration."""
        return tuple(folder for folder in self._weights if folder.name == kind)

    @contextmanager
    def registering(self, plugin: str, distribution: str, package: str = "") -> Iterator[None]:
        """Attribute what is registered inside the block to a plugin; undo all of it where the block raises.

        Args:
            plugin: the entry point's name.
            distribution: the distribution's name, for messages.
            package: the importable package that the plugin's files are in.
        """
        entries, weights = dict(self._entries), list(self._weights)
        before = self._source, self._package
        self._source, self._package = (plugin, distribution), package
        try:
            yield
        except BaseException:
            self._entries, self._weights = entries, weights
            raise
        finally:
            self._source, self._package = before

    def _remedy(self, kind: str, name: str) -> str:
        known = [entry.name for entry in self.entries(kind)]
        failed = f" (not loaded: {', '.join(self.failed)}; see `invkit list-plugins`)" if self.failed else ""
        return nearest(name, known) + failed


_MANY = 40  # names; a longer list hides the answer


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'? known: x, y, z``; only the list where nothing is near, only the question
    where the list is long.

    Args:
        name: what was given.
        known: what there is.
    """
    import difflib  # only where something went wrong

    names = list(known)
    lowered = {other.lower(): other for other in reversed(names)}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    listed = f"known: {', '.join(names) if names else 'none'}"
    if not close:
        return listed
    guess = f"did you mean {lowered[close[0]]!r}?"
    return guess if len(names) > _MANY else f"{guess} {listed}"
