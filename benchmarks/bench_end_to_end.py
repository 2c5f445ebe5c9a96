"""What does a whole joint query take, from five holders' rows to the recipient's numbers?

Holders share, three parties compute in memory, the recipient opens. The network is left out:
rounds and bytes in `extra_info` say what it would add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mpc.encoding import Scale
from mpc.protocols.replicated.shares import InputPackage, share_input
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.statistics.base import StatisticOutcome, StatisticRequest
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec, Rows

Packages = Sequence[Mapping[str, Sequence[InputPackage]]]

#: Uneven, as hospitals are; 686 rows are those of the GBSG2 cohort.
SHARES = (0.41, 0.27, 0.17, 0.11, 0.04)
MINIMUM_COUNT = 5
REPETITIONS = 3
COLUMNS = {
    "age": ColumnSpec("age", "number", lo=18, hi=110),
    "size": ColumnSpec("size", "number", Scale(digits=1), lo=0, hi=2000),
    "nodes": ColumnSpec("nodes", "number", lo=0, hi=100),
    "therapy": ColumnSpec("therapy", "category", lo=0, hi=1, levels=("no", "yes")),
}
QUERIES: dict[str, tuple[list[StatisticRequest], list[str]]] = {
    "mean-by-group": ([StatisticRequest("mean", ("size",))], ["therapy"]),
    "correlation": ([StatisticRequest("correlation", ("age", "size", "nodes"))], []),
    "describe": ([StatisticRequest("describe", ("age", "size", "nodes"))], []),
}


def _rows(count: int, rng: np.random.Generator) -> Rows:
    words = {
        name: rng.integers(column.lo, column.hi, count, endpoint=True) for name, column in COLUMNS.items()
    }
    everywhere = np.ones(count, dtype=np.bool_)
    return Rows(count, words, dict.fromkeys(words, everywhere), everywhere)


def _packages(query: JointQuery, rows: Rows, holder: int) -> Mapping[str, Sequence[InputPackage]]:
    words = query.at_holder(rows, holder)
    return {block.name: share_input(words[block.name], block.domain) for block in query.blocks_for(holder)}


def _answer(
    query: JointQuery, holders: Sequence[Rows], costs: dict[str, Any]
) -> tuple[StatisticOutcome, ...]:
    packages: Packages = [_packages(query, rows, place) for place, rows in enumerate(holders)]

    def program(session: Session) -> Any:
        inputs = [{name: pack[session.party].share() for name, pack in given.items()} for given in packages]
        return query.on_shares(session, inputs, MINIMUM_COUNT, allow_extremes=False)

    runs = run_parties(program, strict=True)
    costs["rounds"] = max(run.traffic.rounds for run in runs)
    costs["bytes_sent_per_party"] = [run.traffic.bytes_sent for run in runs]
    return query.at_recipient(runs[0].result)


@pytest.mark.parametrize("patients", [686, 20_000])
@pytest.mark.parametrize("name", QUERIES)
def test_joint_query(benchmark: Any, name: str, patients: int) -> None:
    requests, by = QUERIES[name]
    rng = np.random.default_rng(1)
    holders = [_rows(round(patients * share), rng) for share in SHARES]
    query = JointQuery(COLUMNS, requests, by, [rows.count for rows in holders])
    benchmark.extra_info.update(
        security="3 parties, semi-honest, honest majority", transport="memory", holders=len(holders)
    )
    outcomes = benchmark.pedantic(_answer, (query, holders, benchmark.extra_info), rounds=REPETITIONS)
    # nothing is missing here, and a count of 0 stays closed like every small count
    assert all(set(outcome.suppressed) <= {"missing"} for outcome in outcomes)
