"""Declared costs of `replicated` against what the channel counted, for every number of bits and long vectors.

Every primitive once, of every protocol, is in `tests.mpc.protocol_contract`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mpc.protocols.base import Cost
from mpc.protocols.replicated.protocol import COSTS
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties
from tests.mpc.protocol_contract import WAVES

Run = Callable[[Any, Any], object]
WIDTHS = {"a2b": range(1, 65), "sign": range(1, 64), "sign_bits": range(1, 64), "is_zero": range(1, 64)}


def measured(elements: int, run: Run) -> Cost:
    """What one primitive takes on so many elements."""

    def program(session: Session) -> None:
        run(session.protocol, session.protocol.public(torch.arange(elements)))

    parties = run_parties(program, ledgers=OnceLedger)
    return Cost(max(p.traffic.rounds for p in parties), tuple(p.traffic.bytes_sent for p in parties))


@pytest.mark.parametrize("name", WIDTHS)
def test_costs_of_every_number_of_bits(name: str) -> None:
    for bits in WIDTHS[name]:
        made = measured(130, lambda p, x, bits=bits: getattr(p, name)(x, bits))
        assert made == COSTS[name](130, bits), bits


def test_words_that_are_dealt_take_turns() -> None:
    assert measured(9000, lambda p, x: p.separable(x, WAVES, 30)) == COSTS["separable"](9000, WAVES.rows)


def test_costs_of_other_owners_and_recipients() -> None:
    words = torch.zeros(7, dtype=torch.int64)
    assert measured(7, lambda p, x: p.input(words, (7,), 1)) == COSTS["input"](7, 1)
    assert measured(7, lambda p, x: p.reveal_to(x, 2)) == COSTS["reveal_to"](7, 2)
    assert measured(1, lambda p, x: p.announce_bound(9 if p.runtime.party == 2 else None, 2)) == COSTS[
        "announce_bound"
    ](2)


def test_a_sign_of_a_whole_word_takes_eight_rounds() -> None:
    assert COSTS["sign"](1, 62).rounds == 8
