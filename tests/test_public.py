"""The public list: complete, lazy, and typed the same as it behaves."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import invkit


@pytest.mark.parametrize("name", invkit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(invkit, name) is not None
    assert name in dir(invkit)


def test_the_typed_list_is_the_list() -> None:
    tree = ast.parse(Path(invkit.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(invkit.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        invkit.no_such_name  # noqa: B018


@pytest.mark.parametrize("first", ["invkit.operator", "invkit.compose", "__import__('invkit.compose')"])
def test_compose_stays_the_function(first: str) -> None:
    code = f"import invkit; {first}; assert callable(invkit.compose), invkit.compose"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light() -> None:
    code = (
        "import sys, invkit, invkit.plugin.loading, invkit.plugin.building, invkit.plugin.converting;"
        "bad = {'torch', 'numpy', 'cattrs', 'rich', 'click'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
