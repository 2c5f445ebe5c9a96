"""Queries that make no sense, or that are made to exhaust a party, end in one clear sentence."""

from __future__ import annotations

from typing import Any

import pytest

from mpc.errors import PlanInvalid, RangeError
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec
from mpc.statistics.simulation import Asked

COLUMNS = {
    "x": ColumnSpec("x", "number", lo=0, hi=100),
    "y": ColumnSpec("y", "number", lo=0, hi=100),
    "g": ColumnSpec("g", "category", hi=1, levels=("a", "b")),
    "many": ColumnSpec("many", "category", hi=999, levels=tuple(map(str, range(1000)))),
    "more": ColumnSpec("more", "category", hi=999, levels=tuple(map(str, range(1000)))),
}


def query(kind: str, *columns: str, by: tuple[str, ...] = (), **parameters: Any) -> JointQuery:
    return JointQuery(COLUMNS, [Asked(kind, columns, parameters)], by, [10, 10])


@pytest.mark.parametrize("bins", [0, -1, 10**12, "7", 2.5])
def test_bins(bins: Any) -> None:
    with pytest.raises(PlanInvalid):
        query("histogram", "x", bins=bins)


BAD_NUMBERS = ["1e99999999", "nan", "inf", "9" * 50, "abc", "", "1/0", None, True]


@pytest.mark.parametrize("text", [*BAD_NUMBERS, pytest.param(10**5000, id="huge")])
def test_numbers(text: Any) -> None:
    with pytest.raises(PlanInvalid):
        query("histogram", "x", edges=(0, text))
    with pytest.raises(PlanInvalid):
        query("quantiles", "x", probabilities=(text,))


@pytest.mark.parametrize("parameters", [{}, {"probabilities": ()}])
def test_percentiles_must_be_named(parameters: dict[str, Any]) -> None:
    with pytest.raises(PlanInvalid):
        query("quantiles", "x", **parameters)


@pytest.mark.parametrize(
    ("kind", "columns", "by"),
    [
        ("mean", ("unknown",), ()),
        ("mean", ("g",), ()),
        ("median", ("g",), ()),
        ("correlation", ("x",), ()),
        ("correlation", ("x", "x"), ()),
        ("count", ("x",), ()),
        ("count", (), ("unknown",)),
        ("count", (), ("x",)),
        ("count", (), ("g", "g")),
        ("count", (), ("many", "more")),
    ],
)
def test_columns_and_groups(kind: str, columns: tuple[str, ...], by: tuple[str, ...]) -> None:
    with pytest.raises(PlanInvalid):
        query(kind, *columns, by=by)


def test_quantities_are_limited_before_they_are_laid_out() -> None:
    with pytest.raises(PlanInvalid, match="words"):
        query("histogram", "x", bins=1000, by=("many",))


def test_a_query_needs_statistics_and_holders() -> None:
    with pytest.raises(PlanInvalid):
        JointQuery(COLUMNS, [], (), [10])
    with pytest.raises(PlanInvalid):
        JointQuery(COLUMNS, [Asked("count")], (), [])


def test_a_column_too_wide_to_sum_exactly_is_refused() -> None:
    wide = {"x": ColumnSpec("x", "number", lo=0, hi=1 << 52)}
    with pytest.raises(RangeError):
        JointQuery(wide, [Asked("mean", ("x",))], (), [10])
