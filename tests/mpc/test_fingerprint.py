"""Public numbers have the same bits on every machine, and parties can tell whether their engines do."""

from __future__ import annotations

import ast
import math
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpc
from mpc import fingerprint
from mpc.errors import ProtocolAbort
from mpc.fingerprint import engine_fingerprint
from mpc.functions import coefficients, exact
from mpc.session import Session
from mpc.simulation import run_parties

#: What a machine's mathematics library computes, whose last bit is its own.
LIBRARY = {
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "tanh",
    "erf",
    "pow",
    "cbrt",
}


def test_constants_are_the_nearest_doubles() -> None:
    with localcontext() as context:
        context.prec = 60
        two = Decimal(2).ln()
        assert float(two) == exact.LN2
        assert float(1 / two) == exact.LOG2_E


@given(st.floats(1e-18, 1e18))
def test_logarithms_are_as_near_as_a_double(value: float) -> None:
    with localcontext() as context:
        context.prec = 60
        want = Decimal(value).ln() / Decimal(2).ln()
        got = exact.log2(value)
        assert abs(Decimal(got) - want) <= Decimal(math.ulp(got)) + Decimal(2) ** -62


@given(st.floats(-64, 64))
def test_powers_are_as_near_as_a_double(value: float) -> None:
    with localcontext() as context:
        context.prec = 60
        want = (Decimal(value) * Decimal(2).ln()).exp()
        got = exact.exp2(value)
        assert abs(Decimal(got) - want) <= Decimal(math.ulp(got))


def test_whole_powers_are_exact() -> None:
    for power in range(-62, 63):
        assert exact.exp2(float(power)) == 2.0**power
        assert exact.log2(2.0**power) == power


def test_no_function_of_the_machines_library_makes_a_public_number() -> None:
    """Of `mpc.functions`; names of numpy's that stand in tables are called on secrets."""
    used = []
    for path in (Path(mpc.__file__).parent / "functions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of, name = node.func.value, node.func.attr
                if isinstance(of, ast.Name) and of.id in ("math", "np") and name in LIBRARY:
                    used.append(f"{path.name}: {of.id}.{name}")
    assert used == []


def fresh() -> bytes:
    engine_fingerprint.cache_clear()
    return engine_fingerprint()


def test_a_fingerprint_is_the_same_each_time_and_for_agreement() -> None:
    first = fresh()
    assert len(first) == 32
    assert fresh() == first
    run_parties(lambda s: s.agree(engine_fingerprint(), "the engine"))
    with pytest.raises(ProtocolAbort, match="disagree on the engine"):
        run_parties(lambda s: s.agree(engine_fingerprint()[:-1] + bytes([s.party]), "the engine"))


def _changed_curve(patch: pytest.MonkeyPatch) -> None:
    name, made = next(iter(coefficients.CURVES.items()))
    patch.setitem(coefficients.CURVES, name, made._replace(sines=("0x1.0p-9", *made.sines[1:])))


def _changed_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fingerprint, "version", lambda name: "99.0")


def _changed_machine(patch: pytest.MonkeyPatch) -> None:
    kernels = fingerprint.choose()

    class Off(type(kernels)):  # type: ignore[misc]
        def octave_words(self, r: Any, bits: int) -> Any:
            return super().octave_words(r, bits) + 1

    patch.setattr(fingerprint, "choose", Off)


@pytest.mark.parametrize("change", [_changed_curve, _changed_version, _changed_machine])
def test_what_differs_shows(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    before = fresh()
    change(monkeypatch)
    changed = fresh()
    monkeypatch.undo()
    assert changed != before
    assert fresh() == before


def test_a_program_of_powers_runs_with_the_literals() -> None:
    def program(session: Session) -> Any:
        x = session.input([2.0, 0.5], owner=0, bound=1 << 18)
        return mpc.power(x, 1.5), mpc.exp(x), mpc.log(x)

    power, exp, log = run_parties(program, protocol="cleartext")[0].result
    assert abs(power[0] - 2**1.5) < 2**-14
    assert abs(exp[1] - math.exp(0.5)) < 2**-14
    assert abs(log[0] - math.log(2)) < 2**-14
