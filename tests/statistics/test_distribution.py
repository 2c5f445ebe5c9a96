"""The distribution function against numpy on the pooled rows, and the steps that it opens in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.encoding import Scale
from mpc.errors import PlanInvalid
from mpc.privacy.terms import Terms
from mpc.statistics.distribution import MAX_STEPS, Distribution, DistributionResult
from mpc.statistics.joint import JointQuery
from mpc.statistics.results import Facts, Spent
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked, simulate
from parties.client import connect
from parties.query.text import parse_statistic

mpl.use("agg")
X = ColumnSpec("x", "number", lo=-10, hi=90)
DAY = ColumnSpec("seen", "date", lo=0, hi=3)
COST = ColumnSpec("cost", "number", scale=Scale(digits=2), lo=0, hi=100_000)
G = ColumnSpec("g", "category", hi=1, levels=("a", "b"))
FACTS = Facts(Spent(0.1, 9, {"a": 10}), ("a", "b", "c"))


def shown(outcomes: Any, by: tuple[str, ...] = ()) -> DistributionResult:
    return DistributionResult("a title", outcomes, by, FACTS)


def enough(parts: list[np.ndarray], low: float, high: float, k: int) -> bool:
    """k beside any single holder's in (low, high]."""
    inside = [int(((part > low) & (part <= high)).sum()) for part in parts]
    return sum(inside) - max(inside) >= k


@settings(max_examples=12)
@given(data=st.data())
def test_shares_are_numpy_s_and_steps_hold_k_records(
    ask: Callable[..., Any], make_rows: Callable[..., Rows], data: st.DataObject
) -> None:
    value = st.one_of(st.none(), st.integers(-10, 90), st.integers(0, 12))
    columns = [data.draw(st.lists(value, max_size=40)) for _ in range(3)]
    steps, k = data.draw(st.integers(1, MAX_STEPS)), data.draw(st.integers(1, 6))
    request = Asked("distribution", ("x",), {"steps": steps})
    parts = [make_rows({"x": column}) for column in columns]
    (outcome,) = ask({"x": X}, parts, [request], k=k, rows_at_most=(40, 40, 40)).outcomes
    own = [np.array([one for one in column if one is not None]) for column in columns]
    pooled = np.concatenate(own)
    found = shown([outcome]).value
    assert bool(found) == enough(own, -np.inf, np.inf, k) == (outcome.values["n"] is not None)
    assert set(found) <= set(np.floor(np.linspace(-10, 90, steps + 1)))
    for edge, share in found.items():
        assert share == (pooled <= edge).mean()
    for low, high in pairwise([-np.inf, *found]):
        assert enough(own, low, high, k)


def test_several_columns_lengths_and_groups_run_as_one_program(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rng = np.random.default_rng(8)
    data = [{"x": rng.integers(-10, 90, 80), "cost": rng.integers(0, 9000, 80), "g": rng.integers(0, 2, 80)}
            for _ in range(3)]  # fmt: skip
    rows = [make_rows({name: words.tolist() for name, words in one.items()}) for one in data]
    requests = [
        Asked("distribution", ("x", "cost")),
        Asked("distribution", ("x",), {"steps": 7}),
        Asked("distribution", ("x",)),
    ]
    answer = ask({"x": X, "cost": COST, "g": G}, rows, requests, by=["g"], k=5)
    assert len(answer.query.programs) == 1
    assert "curves: 6" in answer.query.programs[0][0].sentence  # the same curve twice is one
    pooled = {name: np.concatenate([one[name] for one in data]) for name in ("x", "cost", "g")}
    for outcome in answer.outcomes:
        ((_, level),) = outcome.group
        words = pooled[outcome.columns[0]][pooled["g"] == "ab".index(level)]
        factor = outcome.statistic.column.scale.factor
        found = shown([outcome]).value
        assert len(found) > 2
        assert found == {edge: (words / factor <= edge).mean() for edge in found}


def test_a_skewed_column_opens_where_its_records_are(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rows = [make_rows({"cost": [*range(0, 6000, 20), 99_000]}) for _ in range(3)]
    (outcome,) = ask({"cost": COST}, rows, [Asked("distribution", ("cost",), {"steps": 64})], k=5).outcomes
    found = shown([outcome]).value
    assert list(found) == [15.62, 31.25, 46.87, 1000.0]
    assert found[1000.0] == 1


def test_counts_are_rounded_where_the_terms_say_so(make_rows: Callable[..., Rows]) -> None:
    rows = [make_rows({"x": [0, 30, 30, 60, 61, 62, 63]}) for _ in range(3)]
    query = JointQuery({"x": X}, [Asked("distribution", ("x",), {"steps": 2})], (), [7, 7, 7])
    made = simulate(query, rows, Terms(3, round_to=5))
    assert made.opened[-4:].tolist() == [1, 1, 10, 20]  # of 9 and 21


def test_a_holder_with_counts_that_its_rows_do_not_allow_closes_it(make_rows: Callable[..., Rows]) -> None:
    rows = [make_rows({"x": [*range(0, 80, 2)]}) for _ in range(3)]

    class Lying(JointQuery):
        def at_holder(self, rows: Rows, holder: int, memory: Any = None) -> Any:
            blocks = dict(super().at_holder(rows, holder, memory))
            if holder == 1:
                blocks["distribution/counts"] = (
                    blocks["distribution/counts"] + np.eye(4, dtype=np.int64)[1] * 41
                )
            return blocks

    for kind, closed in ((JointQuery, False), (Lying, True)):
        query = kind({"x": X}, [Asked("distribution", ("x",), {"steps": 4})], (), [40] * 3)
        ((outcome,),) = simulate(query, rows, Terms(5)).outcomes
        assert (shown([outcome]).value == {}) == closed


def test_traffic_is_that_of_any_other_rows(ask: Callable[..., Any], make_rows: Callable[..., Rows]) -> None:
    seen = [
        [vars(run.traffic) for run in ask({"x": X}, parts, [Asked("distribution", ("x",))], k=5,
                                          rows_at_most=(90, 90, 90)).runs]
        for parts in ([make_rows({"x": [*range(90)]})] * 3, [make_rows({"x": [None]})] * 3)
    ]  # fmt: skip
    assert seen[0] == seen[1]


def test_points_of_dates_are_dates_and_no_finer_than_a_day(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rows = [make_rows({"seen": [0, 1, 1, 2, 2, 2, 3]}) for _ in range(3)]
    (outcome,) = ask({"seen": DAY}, rows, [Asked("distribution", ("seen",))], k=2).outcomes
    result = shown([outcome])
    assert result.value == {date(1970, 1, day): pytest.approx(n / 7) for day, n in ((2, 3), (3, 6), (4, 7))}
    result.plot().figure.canvas.draw()
    mpl.pyplot.close("all")


def test_the_table_has_a_row_a_point_and_marks_those_that_stayed_closed(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    rows = [make_rows({"x": [0, 0, 40, 40], "g": [0] * 4}) for _ in range(3)]
    request = Asked("distribution", ("x",), {"steps": 4})
    result = shown(ask({"x": X, "g": G}, rows, [request], by=["g"], k=4).outcomes, ("g",))
    assert result.value == {"a": {15: 0.5, 90: 1.0}, "b": {}}
    frame = result.to_pandas()
    assert frame.loc["a", "share"].dropna().to_dict() == {"15": 0.5, "90": 1.0}
    assert (("a", "40"), "share") in frame.attrs["suppressed"]
    assert frame.loc["b"].isna().all().all()
    assert "g=a, x: <= 40" in result.suppressed


def test_nodes_answer_it_as_the_pooled_cohort_does(hospitals: Any) -> None:
    with connect(hospitals.config) as space:
        found = space.dataset("gbsg2").distribution("age", 16)
        assert "curves: 1, points: 16" in space.dataset("gbsg2").explain("distribution:age:16")
    assert len(found.value) > 3
    assert found.value == {edge: (hospitals.pooled.age <= edge).mean() for edge in found.value}


def test_openings_name_the_rule_and_the_points() -> None:
    query = JointQuery({"x": X}, [parse_statistic("distribution:x:4")], (), [9] * 3)
    assert any("<= 15, <= 40" in line and "rule steps" in line for line in query.openings)


@pytest.mark.parametrize("steps", [0, MAX_STEPS + 1, "7", True])
def test_other_numbers_of_steps_are_refused(steps: Any) -> None:
    with pytest.raises(PlanInvalid, match="steps of distribution"):
        Distribution([X], {"steps": steps})


def test_a_column_of_one_value_has_one_point() -> None:
    assert Distribution([ColumnSpec("x", "number", lo=4, hi=4)], {}).edges == (4,)
