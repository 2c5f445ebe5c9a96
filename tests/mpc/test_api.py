"""The names of `mpc`: one table, found at first use; and what provides the operators of a secret."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mpc
from mpc import operators
from mpc.functions.numpy_names import OPERATORS
from mpc.session import Session
from mpc.simulation import run_parties

ROOT = Path(mpc.__file__).parent


def alone(program: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh process."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT.parent)


def test_what_types_are_read_from_is_what_is_found() -> None:
    top = ast.parse((ROOT / "__init__.py").read_text()).body
    (block,) = [node for node in top if isinstance(node, ast.If)]
    read, imported = {}, {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                (read if alias.asname else imported)[alias.name] = (node.module, alias.name)
        if isinstance(node, ast.Assign):  # `all = every`: under another name
            (name,) = (target.id for target in node.targets if isinstance(target, ast.Name))
            assert isinstance(node.value, ast.Name)
            read[name] = (imported | read)[node.value.id]
    assert read == mpc._PLACES


def test_every_name_is_there_and_found_once() -> None:
    assert mpc.__all__ == sorted(mpc._PLACES)
    assert set(mpc.__all__) <= set(dir(mpc))
    for name, (home, real) in mpc._PLACES.items():
        assert getattr(mpc, name) is getattr(sys.modules[home], real)
        assert name in vars(mpc)
    with pytest.raises(AttributeError, match="no attribute 'sorted'"):
        _ = mpc.sorted  # type: ignore[attr-defined]


def test_the_engine_is_loaded_when_it_is_needed() -> None:
    loaded = (
        "import sys, mpc, mpc.errors; assert not {'torch', 'numpy'} & set(sys.modules), sys.modules.keys()"
    )
    assert alone(loaded).returncode == 0


def test_whoever_has_a_secret_has_its_operators() -> None:
    program = """
from mpc.tensor import SecretTensor
from mpc.session import Session
from mpc.channel import memory_network
from mpc.randomness import FreshKeys, PairKeys
session = Session(memory_network(1)[0], PairKeys(FreshKeys().keys(1)[0]), "cleartext", strict=False)
x = session.public([3, -4])
assert isinstance(x, SecretTensor)
assert abs(x).share.tolist() == [3, 4] and x.dot(x).share.item() == 25
"""
    assert alone(program).returncode == 0


def test_operators_are_provided_all_or_none() -> None:
    assert OPERATORS.keys() == operators.NAMES
    with pytest.raises(TypeError, match="Operators are"):
        operators.provide(absolute=abs)
    lone = "from mpc import operators; operators.provided('ufunc')"
    assert "import mpc.functions.numpy_names first" in alone(lone).stderr


def test_nothing_else_imports_what_stands_above_it() -> None:
    """import-linter sees what is written as an import; these two look for modules by name."""
    by_name = {
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if "import_module" in path.read_text()
    }
    assert by_name == {"__init__.py", "protocols/crypten/worker.py"}


def test_the_examples_of_a_method_and_its_operator_agree() -> None:
    x = np.array([[1, -2], [3, 4]])

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=4)
        return abs(a), a**2, a.dot(a), ~(a > 0), (a > 0) ^ (a > 2), np.abs(a)

    want = (np.abs(x), x**2, x.dot(x), ~(x > 0), (x > 0) ^ (x > 2), np.abs(x))
    for got, wanted in zip(run_parties(program, protocol="cleartext")[0].result, want, strict=True):
        assert np.array_equal(got, wanted)
