"""Nothing leaves but through the gate: one place makes what may be sealed, and what it makes is checked."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mpc
import parties
from mpc.privacy.gate import Gate, Released, Ruled
from mpc.randomness import OnceLedger
from mpc.simulation import run_parties

ROOMS = [Path(room.__file__).parent for room in (mpc, parties)]


def makers(source: str) -> int:
    """How often a module makes a `Released`."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return sum(getattr(call, "id", getattr(call, "attr", "")) == "Released" for call in calls)


def test_the_gate_alone_makes_what_may_be_sealed() -> None:
    found = {
        path.name: makers(path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in room.rglob("*.py")
        if "Released" in path.read_text(encoding="utf-8")
    }
    assert {name for name, count in found.items() if count} == {"gate.py"}
    assert makers("gate.Released(1); Released(2)") == 2


@pytest.mark.parametrize("broken", [0, 1])
def test_what_does_not_pass_is_zero(broken: int) -> None:
    passed, counts, sums = np.array([1, 0, 1]), np.array([7, 8, 9]), np.array([7, 8, 9, -5])

    def program(session: Any) -> Any:
        gate = Gate(session.input(passed, 0, bound=1), session.input(np.array(broken), 1, bound=1))
        shown, secret = session.input(counts, 2, bound=10), session.input(sums, 2, bound=10)
        one_flag_each = Ruled(session.input(np.array([1, 1, 0]), 0, bound=1), shown, [0, 1, 2])
        flags = session.input(np.array([1, 0, 1]), 0, bound=1)
        shared_flags = Ruled(flags, secret, [0, 2, 1], of=[0, 0, 1, 2])
        return gate.release(shown, [one_flag_each, shared_flags]).words

    opened = run_parties(program, ledgers=OnceLedger)[0].result.tolist()
    if broken:
        assert opened == [2, 0, 2] + [0] * 16
    else:
        assert opened == [1, 0, 1, 7, 0, 9, 1, 0, 0, 7, 0, 0, 1, 0, 0, 7, 8, 0, 0]


def test_it_does_not_show() -> None:
    assert repr(Released(object())) == "Released(redacted)"  # type: ignore[arg-type]
