"""Every primitive's declared cost against what the channel counted: no exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mpc.protocols.base import Cost
from mpc.protocols.replicated.protocol import COSTS
from mpc.protocols.separable import Octaves, Waves
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import run_parties

Run = Callable[[Any, Any], object]
WAVES = Waves((1e9, 1e8), (0.0, 1e7), 1 << 60, 1, 30)
SHIFTS = torch.tensor([[20], [34], [48]])

CASES: dict[str, Callable[[], list[tuple[Cost, int, Run]]]] = {
    "input": lambda: [
        (COSTS["input"](7, 1), 7, lambda p, x: p.input(torch.zeros(7, dtype=torch.int64), (7,), 1))
    ],
    "reveal": lambda: [(COSTS["reveal"](130), 130, lambda p, x: p.reveal(x))],
    "reveal_to": lambda: [(COSTS["reveal_to"](130, 2), 130, lambda p, x: p.reveal_to(x, 2))],
    "agree": lambda: [(COSTS["agree"](), 1, lambda p, x: p.agree(bytes(32), "a test"))],
    "compare_copies": lambda: [
        (COSTS["compare_copies"](3), 5, lambda p, x: p.compare_copies({"a": [x], "b": [x, x], "c": [x]}))
    ],
    "mul": lambda: [(COSTS["mul"](130), 130, lambda p, x: p.mul(x, x))],
    "dot": lambda: [(COSTS["dot"](1), 130, lambda p, x: p.dot(x, x))],
    "matmul": lambda: [(COSTS["matmul"](36), 36, lambda p, x: p.matmul(*[p.linear(_square, x)] * 2))],
    "truncate": lambda: [
        (COSTS["truncate"](130), 130, lambda p, x: p.truncate(x, 16)),
        (COSTS["truncate"](130), 130, lambda p, x: p.truncate(x, torch.full((130,), 16))),
    ],
    "mul_truncate": lambda: [(COSTS["mul_truncate"](130), 130, lambda p, x: p.mul(x, x, 16))],
    "matmul_truncate": lambda: [
        (COSTS["matmul_truncate"](1), 130, lambda p, x: p.dot(x, x, 16)),
        (COSTS["matmul_truncate"](36), 36, lambda p, x: p.matmul(*[p.linear(_square, x)] * 2, 16)),
    ],
    "separable": lambda: [
        (COSTS["separable"](130, WAVES.rows), 130, lambda p, x: p.separable(x, WAVES, 30)),
        (COSTS["separable"](9000, WAVES.rows), 9000, lambda p, x: p.separable(x, WAVES, 30)),
        (COSTS["separable"](130, 16, 3), 130, lambda p, x: p.separable(x, Octaves(22, 27), SHIFTS)),
    ],
    "and": lambda: [(COSTS["and"](130), 130, lambda p, x: p.and_(x, x))],
    "b2a": lambda: [
        (COSTS["b2a"](64 * 5), 5, lambda p, x: p.b2a(p.linear(lambda w: w.reshape(1, -1), x), 320))
    ],
    "a2b": lambda: [_bits("a2b", bits) for bits in range(1, 65)],
    "sign": lambda: [_bits("sign", bits) for bits in range(1, 64)],
    "sign_bits": lambda: [_bits("sign_bits", bits) for bits in range(1, 64)],
    "shuffle": lambda: [(COSTS["shuffle"](130), 130, lambda p, x: p.shuffle(x, p.draw_shuffle(130)))],
    "unshuffle": lambda: [(COSTS["unshuffle"](130), 130, lambda p, x: p.unshuffle(x, p.draw_shuffle(130)))],
    "is_zero": lambda: [_bits("is_zero", bits) for bits in range(1, 64)],
}


def _square(words: torch.Tensor) -> torch.Tensor:
    return words.reshape(6, 6)


def _bits(name: str, bits: int) -> tuple[Cost, int, Run]:
    return COSTS[name](130, bits), 130, lambda p, x: getattr(p, name)(x, bits)


def test_every_declared_primitive_is_measured() -> None:
    assert set(CASES) == set(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_declared_cost_is_the_measured_cost(name: str) -> None:
    for declared, elements, run in CASES[name]():

        def program(session: Session, run: Run = run, elements: int = elements) -> None:
            run(session.protocol, session.protocol.public(torch.arange(elements)))

        parties = run_parties(program, ledgers=OnceLedger)
        measured = Cost(max(p.traffic.rounds for p in parties), tuple(p.traffic.bytes_sent for p in parties))
        assert measured == declared


def test_a_sign_of_a_whole_word_takes_eight_rounds() -> None:
    assert COSTS["sign"](1, 62).rounds == 8
