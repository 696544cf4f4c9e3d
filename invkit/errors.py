"""Errors that say what was given, what was expected and what to type instead.

Every misuse of invkit raises a subclass of `InvkitError`. Its message says what was given and what was
expected; its hint says what to type next; its ``exit_code`` is what the command line returns.

    >>> raise InputError("image.png has 3 channels, the prior 'vae:mnist' has 1", hint="convert it to grey")
    Traceback (most recent call last):
    invkit.errors.InputError: image.png has 3 channels, the prior 'vae:mnist' has 1; convert it to grey

Each class also derives from the built-in a Python programmer would catch (``ValueError``, ``OSError`` …).
A solver that does not converge is no error: that is `invkit.Solution.status`.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ConfigError",
    "InputError",
    "InvkitError",
    "InvkitWarning",
    "MissingExtra",
    "OutputError",
    "PluginError",
    "ShapeError",
    "SpecError",
    "UsageError",
    "WeightsError",
    "counted",
]


def counted(number: int, noun: str) -> str:
    """A number of things in a message.

    Args:
        number: how many.
        noun: the thing, in the singular; its plural has an s.

    >>> counted(1, "image"), counted(2000, "image")
    ('1 image', '2,000 images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class InvkitError(Exception):
    """Any misuse that invkit foresaw.

    Args:
        message: what was given and what was expected, in one line.
        hint: what to type next; ``None`` where nothing useful can be said.
    """

    exit_code: ClassVar[int] = 3
    """What the command line returns: 2 for usage, 3 for a bad spec, configuration or input."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return ``message; hint``."""
        return self.message if self.hint is None else f"{self.message}; {self.hint}"


class SpecError(InvkitError, ValueError):
    """A spec string is malformed, or names an unknown kind, name or option."""


class ConfigError(InvkitError, ValueError):
    """A configuration file cannot be read, is incomplete, or comes from a newer version."""


class InputError(InvkitError, ValueError):
    """An image, file or array that cannot be used: missing, unreadable, not finite."""


class ShapeError(InvkitError, ValueError):
    """Sizes that do not fit together."""


class WeightsError(InvkitError, ValueError):
    """A file of trained weights is missing, truncated, altered or not finite."""


class PluginError(InvkitError, RuntimeError):
    """A plugin that cannot be used; the message names it and its distribution."""


class OutputError(InvkitError, OSError):
    """Results that cannot be written."""


class MissingExtra(InvkitError, ImportError):
    """A package that only some of invkit's features need, and that is not installed.

    Args:
        what: what needs it, e.g. ``"figures"``.
        package: as the index calls it.
        extra: the extra of invkit that brings it.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} need {package}, which is not installed", hint=f'type: pip install "invkit[{extra}]"'
        )
        self._arguments = what, package, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        return MissingExtra, self._arguments


class InvkitWarning(UserWarning):
    """Something that runs but is likely not what was meant."""


class UsageError(InvkitError, ValueError):
    """A command line that cannot be understood."""

    exit_code: ClassVar[int] = 2
