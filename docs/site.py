"""What the site changes in pages and docstrings before it shows them.

Fences marked ``no-run``, a word for the tests, lose it. References of docstrings, ``:class:`Solution``` and
the like, become plain code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_MARKED = re.compile(r"^(```\w+) no-run$", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|meth|attr|mod|data|exc):`~?([^`]+)`")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page as Markdown, called by mkdocs."""
    return _MARKED.sub(r"\1", markdown)


class PlainRoles(griffe.Extension):
    """Docstrings without roles of another markup."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it has read."""
        if obj.docstring:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)
