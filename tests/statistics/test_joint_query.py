"""Joint statistics on shares against pandas on the pooled rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.encoding import Scale
from mpc.errors import PlanInvalid, RangeError
from mpc.privacy.terms import Terms
from mpc.randomness import OnceLedger
from mpc.simulation import PartyRun
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked, simulate

GROUP = ColumnSpec("g", "category", hi=1, levels=("a", "b"))
EMPTY = ColumnSpec("e", "category", hi=1, levels=("some", "none"), structural_zero=True)
PRICE = ColumnSpec("x", "number", Scale(digits=2), lo=-2 * 10**9, hi=2 * 10**9)
SMALL = ColumnSpec("y", "number", lo=-8, hi=20)
SPECS = {column.name: column for column in (GROUP, EMPTY, PRICE, SMALL)}


def frame(
    x: Sequence[float | None], y: Sequence[int | None], g: Sequence[str], holder: Sequence[int]
) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.array(x, "Float64"), "y": pd.array(y, "Float64"), "g": g, "holder": holder})


def rows_of(part: pd.DataFrame) -> Rows:
    x = np.rint(part["x"].to_numpy(float, na_value=0) * 100).astype(np.int64)
    y = part["y"].to_numpy(float, na_value=0).astype(np.int64)
    group = np.array([GROUP.levels.index(level) for level in part["g"]], dtype=np.int64)
    size = len(part)
    present = {"x": part["x"].notna().to_numpy(bool), "y": part["y"].notna().to_numpy(bool)}
    present |= {"g": np.ones(size, bool), "e": np.ones(size, bool)}
    words = {"x": x, "y": y, "g": group, "e": np.zeros(size, np.int64)}
    return Rows(size, words, present, np.ones(size, bool))


def joint(
    data: pd.DataFrame,
    requests: Sequence[Asked],
    *,
    by: Sequence[str] = (),
    k: int = 1,
    extremes: bool = False,
) -> tuple[tuple[Outcome, ...], list[PartyRun]]:
    parts = [rows_of(data[data.holder == holder]) for holder in range(3)]
    query = JointQuery(SPECS, requests, by, [max(10, part.count) for part in parts])
    made = simulate(query, parts, Terms(k, extremes), ledgers=OnceLedger)
    return tuple(one for part in made.outcomes for one in part), made.runs


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(6, 40))
    prices = st.one_of(st.none(), st.integers(-(10**9), 10**9).map(lambda cents: cents / 100))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=size, max_size=size))

    return frame(
        column(prices), column(st.one_of(st.none(), st.integers(-8, 20))), column(st.sampled_from("ab")),
        column(st.integers(0, 2)),
    )  # fmt: skip


def close(got: Any, want: Any, spread: float) -> bool:
    if want is None or got is None:
        return got is want
    if want is pd.NA or math.isnan(want):
        return math.isnan(got)
    return bool(abs(got - want) <= 1e-9 * max(abs(want), spread))


def opens(part: pd.DataFrame, *columns: str) -> bool:
    """The rule, k = 1: a record with these columns beside those of the holder that has most of them."""
    sizes = part.dropna(subset=list(columns)).groupby("holder").size()
    return bool(len(sizes) and sizes.sum() - sizes.max() >= 1)


@settings(max_examples=4)
@given(tables())
def test_moments_and_percentiles_equal_pandas(data: pd.DataFrame) -> None:
    outcomes, _ = joint(data, [Asked("describe", ("x", "y")), Asked("median", ("y",))], k=1)
    for outcome, name in zip(outcomes, ("x", "y", "y"), strict=True):
        column = data[name].dropna().astype(float)
        spread = float(column.std()) if len(column) > 1 else 0.0
        assert outcome.values["n"] == (len(column) if opens(data, name) else None)
        for moment in set(outcome.values) & {"mean", "std"}:
            assert close(outcome.values[moment], column.agg(moment) if opens(data, name) else None, spread)
        for value, percent in {**{f"{p}%": p for p in (5, 25, 50, 75, 95)}, "median": 50}.items():
            below = (len(column) - 1) * percent // 100
            if value in outcome.values:
                shown = opens(data, name) and below >= 1 and len(column) - 2 - below >= 1
                want = np.percentile(column, percent) if shown else None
                assert close(outcome.values[value], want, spread)


@settings(max_examples=4)
@given(tables())
def test_grouped_means_and_correlations_equal_pandas(data: pd.DataFrame) -> None:
    outcomes, _ = joint(data, [Asked("mean", ("x",)), Asked("correlation", ("x", "y"))], by=["g"])
    assert [one.statistic.kind for one in outcomes] == ["mean"] * 2 + ["correlation"] * 2
    for outcome in outcomes:
        part = data[data.g == outcome.group[0][1]]
        if outcome.statistic.kind == "mean":
            assert close(outcome.values["mean"], part.x.mean() if opens(part, "x") else None, 1.0)
        elif opens(part, "x", "y"):
            want = part[["x", "y"]].astype(float).corr().iloc[0, 1]
            got = outcome.values["x~y"]
            assert (math.isnan(got) and math.isnan(want)) or abs(got - want) < 1e-9
        else:
            assert outcome.values["x~y"] is None


def holders(*sizes: int) -> pd.DataFrame:
    holder = [place for place, size in enumerate(sizes) for _ in range(size)]
    size = len(holder)
    return frame([float(v) for v in range(size)], [v % 20 for v in range(size)], ["a"] * size, holder)


@pytest.mark.parametrize(
    ("sizes", "opens"), [((50, 3, 2), True), ((50, 3, 1), False), ((5, 5, 0), True), ((9, 0, 0), False)]
)
def test_the_pooled_count_minus_the_largest_holder_decides(sizes: tuple[int, ...], opens: bool) -> None:
    (outcome,), _ = joint(holders(*sizes), [Asked("count")], k=5)
    assert outcome.values["count"] == (sum(sizes) if opens else None)


def test_a_suppressed_value_is_zero_in_the_opened_vector() -> None:
    _, runs = joint(holders(9, 1, 1), [Asked("describe", ("x",))], k=5)
    assert not np.any(runs[0].result)


def test_a_percentile_needs_k_records_on_each_side() -> None:
    request = Asked("quantiles", ("x",), {"probabilities": (5, 50, 95)})
    (outcome,), _ = joint(holders(10, 10, 10), [request], k=5)
    assert outcome.suppressed == ("5%", "95%")
    assert outcome.values["missing"] == 0
    assert outcome.values["50%"] == 14.5


@pytest.mark.parametrize("allowed", [False, True])
def test_extremes_open_only_if_every_holder_allows(allowed: bool) -> None:
    requests = [Asked("minimum", ("x",)), Asked("maximum", ("x",))]
    (low, high), _ = joint(holders(10, 10, 10), requests, k=5, extremes=allowed)
    assert (low.values["minimum"], high.values["maximum"]) == ((0.0, 29.0) if allowed else (None, None))


def test_a_structural_zero_may_open_and_another_may_not() -> None:
    outcomes, _ = joint(holders(10, 10, 10), [Asked("count")], by=["e"], k=5)
    assert [outcome.values["count"] for outcome in outcomes] == [30, 0]
    outcomes, _ = joint(holders(10, 10, 10), [Asked("count")], by=["g"], k=5)
    assert [outcome.values["count"] for outcome in outcomes] == [30, None]


def test_histograms_count_as_numpy_does() -> None:
    data = holders(40, 40, 40)
    (outcome,), _ = joint(data, [Asked("histogram", ("y",), {"edges": (-8, 0, 5, 12, 19)})], k=1)
    want = np.histogram(data.y.astype(float), bins=[-8, 0, 5, 12, 19])[0]
    assert [value or 0 for value in outcome.values.values()] == want.tolist()


@pytest.mark.parametrize(
    "bad",
    [
        Asked("mode", ("x",)),
        Asked("mean", ()),
        Asked("quantiles", ("x",), {"probabilities": (101,)}),
        Asked("quantiles", ("x",), {"probabilities": ("33.333",)}),
        Asked("histogram", ("y",), {"edges": (3, 3)}),
    ],
)
def test_requests_that_make_no_sense_are_refused(bad: Asked) -> None:
    with pytest.raises(PlanInvalid):
        JointQuery(SPECS, [bad], (), [10, 10, 10])


def test_percentiles_that_would_leave_the_ring_are_refused() -> None:
    wide = {"x": ColumnSpec("x", "number", lo=0, hi=2**58)}
    with pytest.raises(RangeError):
        JointQuery(wide, [Asked("median", ("x",))], (), [2**40])


def test_rows_do_not_show() -> None:
    assert "77" not in repr(Rows(77, {"x": np.array([777])}, {"x": np.array([True])}, np.array([True])))
