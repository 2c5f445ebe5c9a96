"""Runs a joint query as three parties of one process, strictly and with the mask ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from mpc.privacy.terms import Terms
from mpc.randomness import OnceLedger
from mpc.simulation import PartyRun
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked, simulate


@dataclass(frozen=True)
class Answer:
    """What the recipient gets, the vector it opened, and each party's run."""

    outcomes: tuple[Outcome, ...]
    opened: np.ndarray
    runs: list[PartyRun]
    query: JointQuery


def _ask(
    columns: Mapping[str, ColumnSpec],
    parts: Sequence[Rows],
    requests: Sequence[Asked],
    *,
    by: Sequence[str] = (),
    k: int = 1,
    extremes: bool = False,
    rows_at_most: Sequence[int] = (),
) -> Answer:
    query = JointQuery(columns, requests, by, rows_at_most or [max(1, part.count) for part in parts])
    for holder, part in enumerate(parts):
        words = query.at_holder(part, holder)
        assert {b.name: b.elements for b in query.blocks_for(holder)} == {n: w.size for n, w in words.items()}
    made = simulate(query, parts, Terms(k, extremes), ledgers=OnceLedger)
    return Answer(tuple(one for part in made.outcomes for one in part), made.opened, made.runs, query)


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
