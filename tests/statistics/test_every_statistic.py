"""What holds for every statistic of the table: it is asked by its own example, gated, costed and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from mpc.privacy.minimum_count import RULE
from mpc.privacy.terms import Terms
from mpc.statistics.results import Facts, Spent
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.statistic import Statistic
from mpc.statistics.table import KINDS, STATISTICS
from parties.query.text import parse_statistic

mpl.use("agg")
COLUMNS = {name: ColumnSpec(name, "number", lo=0, hi=120) for name in ("age", "tsize", "pnodes")} | {
    "g": ColumnSpec("g", "category", hi=1, levels=("a", "b"))
}
FACTS = Facts(Spent(0.1, 9, {"a": 10}), ("a", "b", "c"))
#: No holder here allows them.
EXTREMES = {"minimum", "maximum"}

pytestmark = pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.kind)


def examples(statistic: type[Statistic]) -> list[Any]:
    return [parse_statistic(text) for text in statistic.example.split(" or ")]


def holders(make_rows: Callable[..., Rows], rows: int) -> list[Rows]:
    rng = np.random.default_rng(4)

    def drawn(column: ColumnSpec) -> list[int]:
        return rng.integers(0, column.hi, rows, endpoint=True).tolist()  # type: ignore[no-any-return]

    return [make_rows({name: drawn(column) for name, column in COLUMNS.items()}) for _ in range(3)]


def test_it_is_found_by_its_name_and_says_what_it_is(statistic: type[Statistic]) -> None:
    assert KINDS[statistic.kind] is statistic
    first = (statistic.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert all(spec.kind == statistic.kind for spec in examples(statistic))


def test_it_opens_what_it_declares_at_the_cost_it_predicts(
    statistic: type[Statistic], ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    answer = ask(COLUMNS, holders(make_rows, 60), examples(statistic), by=["g"], k=5)
    counted = tuple(run.traffic.bytes_sent for run in answer.runs)
    predicted = answer.query.cost(Terms(5))
    assert predicted.sent == counted
    assert predicted.rounds >= max(run.traffic.rounds for run in answer.runs)
    declared = [line for line in answer.query.openings if RULE in line and statistic.kind in line]
    assert len(declared) == len(answer.outcomes)
    assert all(set(one.values.values()) - {None} for one in answer.outcomes)
    if statistic.kind in EXTREMES:
        assert {one.values[statistic.kind] for one in answer.outcomes} == {None}


def test_under_the_minimum_nothing_of_it_opens(
    statistic: type[Statistic], ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    answer = ask(COLUMNS, holders(make_rows, 2), examples(statistic), k=5)
    assert not answer.opened.any()
    assert all(value is None for one in answer.outcomes for value in one.values.values())


@pytest.mark.parametrize("rows", [2, 60])
def test_its_result_shows_itself(
    statistic: type[Statistic], rows: int, ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    outcomes = ask(COLUMNS, holders(make_rows, rows), examples(statistic)[:1], by=["g"], k=5).outcomes
    result = statistic.result("a title", outcomes, ["g"], FACTS)
    assert json.loads(json.dumps(result.to_json()))["rows"]
    assert "a title" in repr(result)
    assert ("suppressed" in repr(result)) == bool(result.suppressed)
    assert result.to_pandas().attrs["suppressed"] or rows == 60
    result.plot().figure.canvas.draw()
    mpl.pyplot.close("all")
