"""A simulation may be given its keys; a node may not: nothing outside of its own handshake reaches them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import mpc
import parties
from mpc.session import Session
from mpc.simulation import run_parties, simulate
from parties.node import handshake

PARTIES = Path(parties.__file__).parent
MPC = Path(mpc.__file__).parent
PROTOS = PARTIES.parent / "protos"
#: What a test gives a simulation to fix its masks, and what makes a simulation.
SIMULATED = {"KeySource", "FreshKeys", "run_parties", "simulate", "rehearse"}


def trees(folder: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(folder.rglob("*.py")):
        if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")


def calls(tree: ast.AST, called: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) == called or getattr(node.func, "attr", None) == called)
    ]


def reaches_a_key_source(tree: ast.AST) -> set[str]:
    return SIMULATED & set(names(tree))


def test_nothing_of_a_node_or_client_knows_a_key_source() -> None:
    found = {str(path): reaches_a_key_source(tree) for path, tree in trees(PARTIES)}
    assert len(found) > 50
    assert {path: reached for path, reached in found.items() if reached} == {}


@pytest.mark.parametrize(
    "line", ["from mpc.randomness import FreshKeys", "mpc.simulate(program)", "x: KeySource"]
)
def test_a_planted_one_would_be_found(line: str) -> None:
    assert reaches_a_key_source(ast.parse(line))


def test_a_nodes_keys_come_from_its_handshake_alone() -> None:
    """One place makes `PairKeys`, from X25519 secrets; one place makes a `Session`, with those keys."""
    made = [path.name for path, tree in trees(PARTIES) for _ in calls(tree, "PairKeys")]
    assert made == ["handshake.py"]
    sessions = [(path.name, call) for path, tree in trees(PARTIES) for call in calls(tree, "Session")]
    assert [name for name, _ in sessions] == ["engine.py"]
    assert ast.unparse(sessions[0][1]) == "Session(channel, keys, kernels=self._kernels)"
    assert "X25519" in inspect.getsource(handshake)


def test_the_engine_reads_no_environment_and_no_file() -> None:
    found = {
        str(path): {"environ", "getenv", "open_file", "read_text", "read_bytes"} & set(names(tree))
        for path, tree in trees(MPC)
    }
    assert {path: reads for path, reads in found.items() if reads} == {}


def test_the_wire_has_no_field_for_a_seed_or_a_pair_key() -> None:
    text = "\n".join(path.read_text(encoding="utf-8").lower() for path in PROTOS.rglob("*.proto"))
    fields = [line.split("=")[0].split()[-1] for line in text.splitlines() if "=" in line and ";" in line]
    assert len(fields) > 30
    assert [
        field for field in fields if "seed" in field or "pair_key" in field or "key_source" in field
    ] == []


def test_only_a_simulation_takes_one() -> None:
    assert "keys" in inspect.signature(run_parties).parameters
    assert inspect.signature(simulate).parameters["keys"].default is None
    taken = inspect.signature(Session).parameters["keys"].annotation
    assert taken == "PairKeys"
