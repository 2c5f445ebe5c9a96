"""Everything that is public in the engine says what it does, or inherits that."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpc

ROOT = Path(mpc.__file__).parents[1]
#: Triton's functions are compiled from their source, and each is that of the same name in `mpc.kernels`.
#: Statistics say in their tables what they are, and each implements its base.
EXEMPT = ("mpc/kernels/fused.py", "mpc/statistics/", "mpc/privacy/")


def silent(name: str, source: str) -> Iterator[str]:
    """Public functions, classes and methods of a module that have no docstring, and inherit none."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.name
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            public = isinstance(member, ast.FunctionDef) and not member.name.startswith("_")
            if public and not ast.get_docstring(member) and not _inherits(name, node.name, member.name):
                yield f"{node.name}.{member.name}"


def _inherits(module: str, of: str, member: str) -> bool:
    found: Any = getattr(importlib.import_module(module), of, None)
    above = found.__mro__[1:] if found else ()
    return any(inspect.getdoc(vars(base)[member]) for base in above if member in vars(base))


def test_everything_public_says_what_it_does() -> None:
    missing = {}
    for path in sorted((ROOT / "mpc").rglob("*.py")):
        place = path.relative_to(ROOT)
        found = list(silent(".".join(place.with_suffix("").parts), path.read_text(encoding="utf-8")))
        if found and not place.as_posix().startswith(EXEMPT):
            missing[place.as_posix()] = found
    assert missing == {}


def test_what_says_nothing_would_be_found() -> None:
    source = "def f(): pass\nclass C:\n  '''Says it.'''\n  def g(self): pass\n  def _h(self): pass\n"
    assert list(silent("mpc.errors", source)) == ["f", "C.g"]
