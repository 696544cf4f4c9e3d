"""Does a plugin's hook register things that load, describe themselves and can be built by name?

    from invkit.testing import check_plugin
    check_plugin("my_package.plugin")       # AssertionError: "options: solver 'mine' has no annotation on …"

Nothing needs to be installed for it: the module alone is loaded, into a registry of its own.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from types import ModuleType
from typing import Any

import pluggy

from invkit.configurations import load_config
from invkit.errors import InvkitError, PluginError
from invkit.files.config import parse_config
from invkit.plugin.building import REQUIRED, OptionField, signature_of
from invkit.plugin.converting import convert
from invkit.plugin.loading import call_hook, default_manager
from invkit.plugin.registry import KINDS, Entry, Registry
from invkit.plugin.specs import option_text
from invkit.testing._assertions import require

CONTRACTS = {
    "operator": "invkit.contracts.bilinear:BilinearOperator",
    "linear": "invkit.contracts.linear:LinearOperator",
    "prior": "invkit.contracts.generator:Generator",
    "noise": "invkit.contracts.noise:Noise",
    "solver": "invkit.contracts.solver:Solver",
    "dataset": "invkit.contracts.dataset:Dataset",
    "monitor": "invkit.contracts.monitor:Monitor",
    "trainer": "invkit.contracts.trainer:Trainer",
    "command": "click:Command",
}
"""The class that what is registered under each kind derives from."""


def check_plugin(module_or_name: ModuleType | str) -> None:
    """Check a plugin's hook module and everything it registers.

    Args:
        module_or_name: the module an entry point of the group ``invkit`` points to, or its import name.

    Raises:
        AssertionError: naming the property that does not hold, and for which registered name.
    """
    module = importlib.import_module(module_or_name) if isinstance(module_or_name, str) else module_or_name
    registry = _registered(module)
    entries = [entry for kind in KINDS for entry in registry.entries(kind)]
    require(len(entries) > 0, "hook", f"{module.__name__} registers nothing")
    installed = default_manager().registry
    for entry in entries:
        if installed.has(entry.kind, entry.name):
            other = installed.entry(entry.kind, entry.name)
            taken = f"the {entry.kind} name {entry.name!r} belongs to plugin {other.plugin!r} of "
            require(other.target == entry.target, "names", f"{taken}{other.distribution}")
        if entry.kind == "method":
            _check_method(entry, registry)
        elif entry.kind == "experiment":
            _check_experiment(entry)
        else:
            _check_class(entry)
        for folder in registry.weights_folders(entry.name):
            package, path = folder.place
            found = resources.files(package).joinpath(path).is_dir()
            require(found, "weights", f"there is no folder {path!r} in the package {package!r}")
    _check_light(module)


def _registered(module: ModuleType) -> Registry:
    """Everything the module's hook registers, as at run time."""
    registry = Registry()
    try:
        with registry.registering(module.__name__, module.__name__, module.__package__ or ""):
            call_hook(module, module.__name__, registry)
    except (PluginError, pluggy.PluginValidationError) as error:
        raise AssertionError(f"hook: registering fails: {error}") from error
    return registry


def _loaded(entry: Entry) -> Any:
    """The target of an entry, which has a summary."""
    summary = entry.summary.strip()
    what = f"{entry.kind} {entry.name!r} needs one line, has {entry.summary!r}"
    require(bool(summary) and "\n" not in summary, "summary", what)
    try:
        return entry.load()
    except PluginError as error:
        raise AssertionError(f"target: {error}") from error


def _check_method(entry: Entry, own: Registry) -> None:
    """A method's file parses and composes, of what is installed and what its plugin registers."""
    text, installed = _loaded(entry), default_manager().registry
    kept = installed._entries
    installed._entries = {**own._entries, **kept}
    try:
        load_config(parse_config(entry.target, text))
    except InvkitError as error:
        raise AssertionError(f"method: {entry.name!r} does not compose: {error}") from error
    finally:
        installed._entries = kept


def _check_experiment(entry: Entry) -> None:
    """An experiment says which methods it measures."""
    methods = getattr(_loaded(entry), "methods", None)
    named = isinstance(methods, Mapping) and bool(methods)
    require(named, "contract", f"experiment {entry.name!r}: {entry.target} has no mapping `methods`")


def _check_class(entry: Entry) -> None:
    what, target = f"{entry.kind} {entry.name!r}", _loaded(entry)
    contract = pkgutil.resolve_name(CONTRACTS[entry.kind])
    if entry.kind == "command":
        require(isinstance(target, contract), "contract", f"{what}: {entry.target} is no click.Command")
        require(bool(target.help), "docstring", f"{what} has no help text")
        return
    follows = isinstance(target, type) and issubclass(target, contract)
    require(follows, "contract", f"{what}: {entry.target} is no subclass of {contract.__name__}")
    documented = bool((target.__dict__.get("__doc__") or "").strip())
    require(documented, "docstring", f"{what}: {entry.target} has none")
    abstract = ", ".join(sorted(getattr(target, "__abstractmethods__", ())))
    require(not inspect.isabstract(target), "contract", f"{what}: {entry.target} does not define {abstract}")
    try:
        options = signature_of(entry).options
    except PluginError as error:
        raise AssertionError(f"options: {what}: {error}") from error
    for option in options:
        _check_default(what, option)


def _check_default(what: str, option: OptionField) -> None:
    """A default survives being written as text and read again."""
    if option.default is REQUIRED:
        return
    where = f"{what}: the default {option.default!r} of {option.key!r}"
    try:
        text = option_text(option.default)
        found = [convert(text, option.type)]
    except Exception as error:  # a class raises what it likes
        raise AssertionError(f"options: {where} cannot be written and read again: {error}") from error
    require(bool(found == [option.default]), "options", f"{where} does not come back from {text!r}")


def _check_light(module: ModuleType) -> None:
    """Importing the hook module in a fresh interpreter imports neither torch nor numpy."""
    if module.__spec__ is None:  # made on the spot, in a test: there is nothing to import
        return
    code = f"import sys, {module.__name__}; print(*({{'torch', 'numpy'}} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    prop, heavy, said = "light import", run.stdout.strip(), run.stderr.strip()[-500:]
    require(run.returncode == 0, prop, f"{module.__name__} does not import alone: {said}")
    require(not heavy, prop, f"{module.__name__} imports {heavy} at its top; register targets as strings")
