"""What does an analyst wait for? Real nodes of five hospitals, from the question to the opened result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from parties.client import connect
from parties.client.dataset import Dataset
from parties.demo.cohort import COMPUTE, SHARES_PERCENT
from parties.demo.processes import House

REPETITIONS = 3
QUESTIONS = {
    "count": (["count"], []),
    "mean-by-group": (["mean:tsize"], ["horTh", "menostat"]),
    "correlation": (["correlation:age,tsize,pnodes"], []),
    "describe": (["describe:age,tsize,pnodes,progrec,estrec"], []),
}


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
        security="3 parties, semi-honest, honest majority",
        transport="gRPC, TLS 1.3, loopback, a process a party",
        holders=len(SHARES_PERCENT),
        rounds=cost.rounds,
        bytes_sent_per_party=[cost.bytes_sent_per_party[party] for party in COMPUTE],
    )
    benchmark.pedantic(lambda: asked.submit(*statistics).result(), rounds=REPETITIONS)
