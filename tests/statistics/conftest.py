"""Runs a joint query as three parties of one process, strictly and with the mask ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import share_input
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.randomness import OnceLedger
from mpc.session import Session
from mpc.simulation import PartyRun, run_parties
from mpc.statistics.base import StatisticOutcome, StatisticRequest
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec, Rows


@dataclass(frozen=True)
class Answer:
    """What the recipient gets, the vector it opened, and each party's run."""

    outcomes: tuple[StatisticOutcome, ...]
    opened: np.ndarray
    runs: list[PartyRun]
    query: JointQuery


def _ask(
    columns: Mapping[str, ColumnSpec],
    parts: Sequence[Rows],
    requests: Sequence[StatisticRequest],
    *,
    by: Sequence[str] = (),
    k: int = 1,
    extremes: bool = False,
    rows_at_most: Sequence[int] = (),
) -> Answer:
    query = JointQuery(columns, requests, by, rows_at_most or [max(1, part.count) for part in parts])
    packages = []
    for holder, part in enumerate(parts):
        words = query.at_holder(part, holder)
        blocks = query.blocks_for(holder)
        assert {block.name: block.elements for block in blocks} == {n: w.size for n, w in words.items()}
        packages.append({block.name: share_input(words[block.name], block.domain) for block in blocks})

    def program(session: Session) -> Any:
        inputs = [
            {name: ReplicatedShare.of(pack[session.party]) for name, pack in given.items()}
            for given in packages
        ]
        return query.on_shares(session, inputs, Terms(k, extremes))

    runs = run_parties(program, strict=True, ledgers=OnceLedger)
    return Answer(query.at_recipient(runs[0].result), runs[0].result, runs, query)


@pytest.fixture(scope="session")
def ask() -> Callable[..., Answer]:
    return _ask


def _rows(columns: Mapping[str, Sequence[int | None]]) -> Rows:
    words = {name: np.array([v or 0 for v in values], dtype=np.int64) for name, values in columns.items()}
    present = {name: np.array([v is not None for v in values], bool) for name, values in columns.items()}
    count = len(next(iter(words.values())))
    return Rows(count, words, present, np.ones(count, bool))


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., Rows]:
    """Rows from columns of words, None where missing; all selected."""
    return _rows
