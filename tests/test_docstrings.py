"""Docstrings: what is public has one and is listed, and each can stand alone in an index."""

import ast
import re
from pathlib import Path

import pytest

import moetheory

PACKAGE = Path(moetheory.__file__).parent


def test_everything_public_is_there_documented_and_listed():
    listed = (PACKAGE.parent / "docs" / "api.md").read_text(encoding="utf-8")
    for name in moetheory.__all__:
        assert getattr(moetheory, name).__doc__, name
        assert re.search(rf"\b{name}\b", listed), name


UNSAID = ("Of ", "Those ", "The same", "That ")  # a first sentence that begins so has no subject


def unsaid(source: str) -> list[str]:
    """First lines of docstrings that cannot stand alone in an index."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    first = [(ast.get_docstring(node) or "").partition("\n")[0] for node in nodes]
    return [line for line in first if line.startswith(UNSAID)]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_docstrings_begin_with_a_subject(path):
    assert unsaid(path.read_text(encoding="utf-8")) == []


def test_a_docstring_without_a_subject_is_found():
    assert unsaid('def f():\n    """Of each model."""') == ["Of each model."]
