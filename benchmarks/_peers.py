"""The peer libraries. deepinv asks for packages that no benchmark needs: those become stubs, and only for it.

    deepinv = deepinv_or_none()          # None, and a line that says what to install, where it is missing
    sigpy, skimage = sigpy_or_none(), skimage_or_none()
    version(deepinv)                     # "deepinv 0.5.0", or None

A stub answers every attribute with an empty class, which is enough for what is imported and at most made,
such as a progress bar that is not shown.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import click

UNUSED = ("torchvision", "natsort", "h5py", "requests", "einops", "tqdm", "PIL", "matplotlib")
"""What the peer imports at its top and these measurements never reach."""


def deepinv_or_none() -> ModuleType | None:
    """deepinv, or None where it is not installed."""
    try:
        with warnings.catch_warnings(), stubs(*UNUSED):
            warnings.simplefilter("ignore")
            import deepinv
    except ImportError as error:
        if error.name != "deepinv":
            raise
        click.echo('deepinv is not installed: pip install --no-deps "deepinv==0.5.*"', err=True)
        return None
    module: ModuleType = deepinv
    return module


def sigpy_or_none() -> ModuleType | None:
    """sigpy, or None where it is not installed."""
    return _or_none("sigpy", "pip install sigpy")


def skimage_or_none() -> ModuleType | None:
    """scikit-image, or None where it is not installed."""
    return _or_none("skimage", "pip install scikit-image")


def _or_none(name: str, remedy: str) -> ModuleType | None:
    """A package, or None and a line that says what to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        click.echo(f"{name} is not installed: {remedy}", err=True)
        return None


def version(peer: ModuleType | None) -> str | None:
    """The peer and its version."""
    return None if peer is None else f"{peer.__name__} {peer.__version__}"


def _nothing(*arguments: object, **options: object) -> None: ...


def _inside(_: object, name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything(name, (), {"__init__": _nothing, "__getattr__": lambda self, name: _nothing})


class _Anything(type):
    """Empty classes, with an empty class under every attribute. Their objects' methods do nothing."""

    __getattr__ = _inside


class _Stub(ModuleType):
    __path__ = ()
    __getattr__ = _inside


class _Finder:
    """Finds the named packages and anything inside them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name.partition(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Stub(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stub has nothing to run."""


@contextmanager
def stubs(*names: str) -> Iterator[None]:
    """Let imports inside the block find an empty package under each of these names that is not installed."""
    missing = tuple(
        name for name in names if name not in sys.modules and importlib.util.find_spec(name) is None
    )
    finder = _Finder(missing)
    sys.meta_path.append(finder)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)  # type: ignore[arg-type]
