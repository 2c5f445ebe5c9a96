"""What each party receives in each primitive, recorded at its channel: the view table of docs/tables.md.

Sizes only. That the words are uniform, alone and together with what the party knows, is what
tests/security/test_views.py measures; what they are made of stands in docs/protocols.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from mpc.protocols.replicated.protocol import COSTS
from mpc.protocols.separable import Octaves
from mpc.session import Session
from mpc.simulation import run_parties

ELEMENTS = 6400
PARTIES = 3
Run = Callable[[Any, Any], object]


def _square(words: torch.Tensor) -> torch.Tensor:
    return words.reshape(80, 80)


def _rows(words: torch.Tensor) -> torch.Tensor:
    return words.reshape(-1, 1)


#: How each primitive is run on `ELEMENTS` words, and how many elements it then has.
RUNS: dict[str, tuple[int, Run]] = {
    "input": (ELEMENTS, lambda p, _: p.input(torch.zeros(ELEMENTS, dtype=torch.int64), (ELEMENTS,), 0)),
    "reveal": (ELEMENTS, lambda p, x: p.reveal(x)),
    "reveal_to": (ELEMENTS, lambda p, x: p.reveal_to(x, 0)),
    "mul": (ELEMENTS, lambda p, x: p.mul(x, x)),
    "dot": (ELEMENTS, lambda p, x: p.dot(*[p.linear(_rows, x)] * 2)),
    "matmul": (ELEMENTS, lambda p, x: p.matmul(*[p.linear(_square, x)] * 2)),
    "mul_truncate": (ELEMENTS, lambda p, x: p.mul(x, x, 16)),
    "matmul_truncate": (ELEMENTS, lambda p, x: p.matmul(*[p.linear(_square, x)] * 2, 16)),
    "truncate": (ELEMENTS, lambda p, x: p.truncate(x, 16)),
    "separable": (ELEMENTS, lambda p, x: p.separable(x, Octaves(22, 27), 30)),
    "and": (64 * ELEMENTS, lambda p, x: p.and_(x, x)),
    "a2b": (ELEMENTS, lambda p, x: p.a2b(x, 62)),
    "b2a": (64 * ELEMENTS, lambda p, x: p.b2a(p.linear(lambda w: w.reshape(1, -1), x), 64 * ELEMENTS)),
    "sign": (ELEMENTS, lambda p, x: p.sign(x, 62)),
    "sign_bits": (ELEMENTS, lambda p, x: p.sign_bits(x, 62)),
    "is_zero": (ELEMENTS, lambda p, x: p.is_zero(x, 62)),
    "shuffle": (ELEMENTS, lambda p, x: p.shuffle(x, p.draw_shuffle(ELEMENTS))),
    "unshuffle": (ELEMENTS, lambda p, x: p.unshuffle(x, p.draw_shuffle(ELEMENTS))),
}
#: These exchange public facts, or digests of them, whatever the elements.
FACTS = {"agree", "announce_bound", "compare_copies"}


def received(run: Run) -> list[Counter[int]]:
    """For each party, the bytes that it takes from each other in one run."""
    taken: list[Counter[int]] = [Counter() for _ in range(PARTIES)]

    def program(session: Session) -> None:
        channel, mine = session.runtime.channel, taken[session.party]
        take = channel.recv

        def recv(frm: int, tag: Any) -> Any:
            full, payload = take(frm, tag)
            mine[frm] += len(payload)
            return full, payload

        channel.recv = recv  # type: ignore[method-assign]
        run(session.protocol, session.protocol.public(torch.arange(ELEMENTS)))

    run_parties(program)
    return taken


def lines() -> list[str]:
    """One row a primitive: bytes an element that a party takes, and from whom."""
    assert set(RUNS) | FACTS == set(COSTS)
    made = []
    for name, (elements, run) in RUNS.items():
        cells = [
            ", ".join(f"{size / elements:.3g} from P{frm}" for frm, size in sorted(taken.items())) or "-"
            for taken in received(run)
        ]
        made.append(f"| {name} | {' | '.join(cells)} |")
    return made
