"""What the site changes in pages and docstrings before it shows them.

Fences marked ``no-run``, a word for the tests, lose it. In docstrings, a reference like ``:class:`Solution```
becomes plain code, and what stands above an attribute behind ``#:`` is its docstring.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

import griffe

_MARKED = re.compile(r"^(```\w+) no-run$", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|meth|attr|mod|data|exc):`~?([^`]+)`")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page as Markdown, called by mkdocs."""
    return _MARKED.sub(r"\1", markdown)


class OurDocstrings(griffe.Extension):
    """Docstrings as invkit writes them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it has read."""
        if obj.is_attribute and not obj.docstring and (said := _above(obj)):
            obj.docstring = griffe.Docstring(said, parent=obj)
        if obj.docstring:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)


def _above(obj: griffe.Object) -> str:
    """The comment of an attribute, in the lines above it."""
    lines = [line.strip() for line in obj.lines_collection[obj.filepath][: (obj.lineno or 1) - 1]]
    comment = takewhile(lambda line: line.startswith("#:"), reversed(lines))
    return " ".join(line.removeprefix("#:").strip() for line in reversed(list(comment)))
