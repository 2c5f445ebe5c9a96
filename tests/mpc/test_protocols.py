"""The contract of every protocol, over all of the table and over one that a test adds."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

import mpc
from mpc.protocols import table
from mpc.protocols.base import Protocol
from mpc.protocols.cleartext import CleartextProtocol
from mpc.protocols.replicated.protocol import COSTS
from tests.mpc.protocol_contract import CASES, ProtocolContract

HAS_CRYPTEN = importlib.util.find_spec("crypten") is not None
needs_crypten = pytest.mark.skipif(not HAS_CRYPTEN, reason="the extra triune[crypten] is not installed")
EVERY = [
    *(pytest.param(name, marks=needs_crypten if name == "crypten" else ()) for name in table.PROTOCOLS),
    "plain",
]
#: Primitives that send nothing.
LOCAL = {"public", "linear", "add_public", "shape", "xor_public", "draw_shuffle"}
#: What is no abstract primitive, and has a cost: the same for all protocols, or a product and a truncation.
COMPOSED = {"agree", "announce_bound", "mul_truncate", "matmul_truncate"}


class Plain(CleartextProtocol):
    """A protocol that stands in no file of the engine."""

    guarantees = replace(CleartextProtocol.guarantees, name="plain")


class TestProtocols(ProtocolContract):
    """All of the table, and one more member."""

    @pytest.fixture(params=EVERY)
    def protocol(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(table, "PROTOCOLS", {**table.PROTOCOLS, "plain": Plain})
        return str(request.param)


@needs_crypten
@pytest.mark.parametrize("parties", [2, 5])
def test_costs_of_any_number_of_parties(parties: int) -> None:
    suite = ProtocolContract()
    suite.at = parties
    suite.test_costs_are_exact_where_they_are_declared("crypten")


def test_a_protocol_is_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(mpc.errors.ConfigError, match="no protocol 'plain'"):
        mpc.simulate(lambda s: s.public([1]), protocol="plain")
    monkeypatch.setattr(table, "PROTOCOLS", {"plain": Plain})
    assert mpc.simulate(lambda s: mpc.sort(s.input([3, 1, 2], owner=0)).sum(), protocol="plain") == 6


def test_every_primitive_that_sends_has_a_cost_and_a_case() -> None:
    primitives = {name.rstrip("_") for name in Protocol.__abstractmethods__ - LOCAL}
    assert Protocol.__abstractmethods__ >= LOCAL
    assert primitives | COMPOSED == COSTS.keys() == CASES.keys()


def test_a_forgotten_primitive_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten = frozenset({*Protocol.__abstractmethods__, "mul_by_moonlight"})
    monkeypatch.setattr(Protocol, "__abstractmethods__", forgotten)
    with pytest.raises(AssertionError):
        test_every_primitive_that_sends_has_a_cost_and_a_case()
