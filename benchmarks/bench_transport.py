"""What does a round take between three parties, and how fast do long messages travel?

Every party sends to the next and waits for the one before, as in a reshare: no arithmetic at all. The limit
is the same on bare sockets with TLS.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from benchmarks import limits
from benchmarks.conftest import REPETITIONS, Setting
from benchmarks.links import Parties
from benchmarks.local import LocalParties
from mpc.session import Session

SIZES = {"8B": (1, 200), "1MiB": (1 << 17, 20), "8MiB": (1 << 20, 4)}


def _prepare(words: int, session: Session) -> tuple[Any, ...]:
    return session, torch.zeros(words, dtype=torch.int64)


def _round(session: Session, words: Any) -> None:
    step = session.runtime.step("ring")
    step.send((session.party + 1) % session.parties, words)
    step.recv((session.party - 1) % session.parties, words.shape)


@pytest.mark.parametrize("size", SIZES)
def test_transport(benchmark: Any, parties: Parties | LocalParties, setting: Setting, size: str) -> None:
    words, repeat = SIZES[size]
    prepare = partial(_prepare, words)
    benchmark.extra_info.update(
        setting.facts, row=f"message of {size}", rounds=1, bytes_sent_per_party=[8 * words] * 3, repeat=repeat
    )
    benchmark.pedantic(parties.go, setup=lambda: parties.ready(prepare, _round, repeat), rounds=REPETITIONS)
    if benchmark.stats is not None and setting.transport != "local":
        needs = limits.measured().seconds(1, 8 * words)
        median, limit = benchmark.stats.stats.median / repeat, sum(needs.values())
        benchmark.extra_info.update(
            median_s=median, limit_s=limit, limit_of=needs, times_the_limit=median / limit
        )
