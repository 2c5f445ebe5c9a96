"""What is sent depends on plan and schema only, and an analyst cannot widen what opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpc.errors import PlanInvalid
from mpc.privacy.minimum_count import RULE
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked

COLUMNS = {
    "x": ColumnSpec("x", "number", lo=-50, hi=500),
    "y": ColumnSpec("y", "number", lo=0, hi=7),
    "g": ColumnSpec("g", "category", hi=1, levels=("a", "b"), structural_zero=True),
    "e": ColumnSpec("e", "category", hi=1, levels=("a", "b")),
}
REQUESTS = [
    Asked("count"),
    Asked("describe", ("x", "y")),
    Asked("histogram", ("y",)),
    Asked("correlation", ("x", "y")),
    Asked("minimum", ("x",)),
]
AT_MOST = (40, 30, 5)


def test_rounds_and_bytes_are_those_of_any_other_rows(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rng = np.random.default_rng(3)
    full = [
        make_rows(
            {
                "x": rng.integers(-50, 500, size).tolist(),
                "y": rng.integers(0, 7, size).tolist(),
                "g": rng.integers(0, 2, size).tolist(),
                "e": [0] * size,
            }
        )
        for size in AT_MOST
    ]
    bare = [make_rows({"x": [None] * 2, "y": [7] * 2, "g": [None] * 2, "e": [0] * 2}) for _ in AT_MOST]
    seen = [
        [vars(run.traffic) for run in ask(COLUMNS, rows, REQUESTS, by=["g"], k=5, rows_at_most=AT_MOST).runs]
        for rows in (full, bare)
    ]
    assert seen[0] == seen[1]
    assert all(traffic["bytes_sent"] > 0 and traffic["rounds"] > 0 for traffic in seen[0])


def test_nothing_opens_while_it_runs(ask: Callable[..., Any], make_rows: Callable[..., Rows]) -> None:
    rows = [make_rows({"x": [*range(20)], "y": [1] * 20}) for _ in range(3)]
    answer = ask(COLUMNS, rows, REQUESTS, k=5)
    assert [run.openings for run in answer.runs] == [()] * 3


@pytest.mark.parametrize(("by", "empty"), [("g", 0), ("e", None)])
def test_a_plan_cannot_declare_a_zero_structural(
    by: str, empty: int | None, ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    """Only the schema says so, whatever parameters a request carries."""
    rows = [make_rows({by: [0] * 10}) for _ in range(3)]
    with pytest.raises(PlanInvalid, match="structural_zero"):
        JointQuery(COLUMNS, [Asked("count", (), {"structural_zero": True})], [by], AT_MOST)
    outcomes = ask(COLUMNS, rows, [Asked("count")], by=[by], k=5).outcomes
    assert [outcome.values["count"] for outcome in outcomes] == [30, empty]


def test_the_zeros_of_a_cell_are_structural_only_if_every_grouping_column_says_so(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rows = [make_rows({"g": [0] * 10, "e": [0] * 10}) for _ in range(3)]
    outcomes = ask(COLUMNS, rows, [Asked("count")], by=["g", "e"], k=5).outcomes
    assert [outcome.values["count"] for outcome in outcomes] == [30, None, None, None]


def test_openings_name_every_quantity_and_the_rule(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rows = [make_rows({"x": [*range(20)], "y": [1] * 20, "g": [0] * 20}) for _ in range(3)]
    query = ask(COLUMNS, rows, REQUESTS, by=["g"], k=5).query
    text = "\n".join(query.openings)
    assert len(query.openings) == len(query.checks) + len(query.cells)
    assert all(check in text for check in query.checks)
    assert all(RULE in sentence for sentence in query.openings[len(query.checks) :])
    assert all(part in text for part in ("sum of squares", "xy x~y", "[6.3, 7]", "95%", "g = b", "minimum x"))
