"""What does a whole joint query take?

`test_question`: real nodes of five hospitals, from the analyst's question to the opened result.
`test_joint_query`: the same path in memory, from the rows to the numbers; rounds and bytes say what a network
would add.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from mpc.encoding import Scale
from mpc.privacy.terms import Terms
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked, simulate
from parties.client import connect
from parties.client.dataset import Dataset
from parties.demo.cohort import COMPUTE, SHARES_PERCENT
from parties.demo.processes import House

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
QUERIES: dict[str, tuple[list[Asked], list[str]]] = {
    "mean-by-group": ([Asked("mean", ("size",))], ["therapy"]),
    "correlation": ([Asked("correlation", ("age", "size", "nodes"))], []),
    "describe": ([Asked("describe", ("age", "size", "nodes"))], []),
}
QUESTIONS = {
    "count": (["count"], []),
    "mean-by-group": (["mean:tsize"], ["horTh", "menostat"]),
    "correlation": (["correlation:age,tsize,pnodes"], []),
    "describe": (["describe:age,tsize,pnodes,progrec,estrec"], []),
}
SECURITY = "3 parties, semi-honest, honest majority"


@pytest.fixture(scope="module")
def patients() -> Iterator[Dataset]:
    with House() as house, connect(house.analyst_config) as space:
        yield space.dataset("gbsg2", holders=tuple(SHARES_PERCENT))


@pytest.mark.parametrize("name", QUESTIONS)
def test_question(benchmark: Any, patients: Dataset, name: str) -> None:
    statistics, groups = QUESTIONS[name]
    asked = patients.group_by(*groups) if groups else patients
    cost = asked.submit(*statistics).result().cost
    benchmark.extra_info.update(
        security=SECURITY,
        transport="mutual TLS 1.3 on loopback, a process a node",
        holders=len(SHARES_PERCENT),
        rounds=cost.rounds,
        bytes_sent_per_party=[cost.bytes_sent_per_party[party] for party in COMPUTE],
    )
    benchmark.pedantic(lambda: asked.submit(*statistics).result(), rounds=REPETITIONS)


def _rows(count: int, rng: np.random.Generator) -> Rows:
    words = {
        name: rng.integers(column.lo, column.hi, count, endpoint=True) for name, column in COLUMNS.items()
    }
    everywhere = np.ones(count, dtype=np.bool_)
    return Rows(count, words, dict.fromkeys(words, everywhere), everywhere)


def _answer(query: JointQuery, holders: Sequence[Rows], costs: dict[str, Any]) -> list[list[Outcome]]:
    made = simulate(query, holders, Terms(MINIMUM_COUNT))
    costs["rounds"] = max(run.traffic.rounds for run in made.runs)
    costs["bytes_sent_per_party"] = [run.traffic.bytes_sent for run in made.runs]
    return made.outcomes


@pytest.mark.parametrize("patients", [686, 20_000])
@pytest.mark.parametrize("name", QUERIES)
def test_joint_query(benchmark: Any, name: str, patients: int) -> None:
    requests, by = QUERIES[name]
    rng = np.random.default_rng(1)
    holders = [_rows(round(patients * share), rng) for share in SHARES]
    query = JointQuery(COLUMNS, requests, by, [rows.count for rows in holders])
    benchmark.extra_info.update(security=SECURITY, transport="memory", holders=len(holders))
    outcomes = benchmark.pedantic(_answer, (query, holders, benchmark.extra_info), rounds=REPETITIONS)
    # nothing is missing here, and a count of 0 stays closed like every small count
    assert all(set(one.suppressed) <= {"missing"} for part in outcomes for one in part)
