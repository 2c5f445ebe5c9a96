"""Dates go in as dates and come out as dates."""

from __future__ import annotations

import datetime as dt
import math

import matplotlib as mpl
import pytest

from mpc.errors import PlanInvalid
from mpc.statistics import table
from mpc.statistics.histogram import HistogramResult
from mpc.statistics.outcome import Outcome
from mpc.statistics.results import Facts, Spent, TableResult
from mpc.statistics.rows import ColumnSpec
from parties.query.text import parse_statistic, statistic

mpl.use("agg")
FACTS = Facts(Spent(0.1, 12, {"a": 1}), ("a", "b"))
DAY = dt.date(2020, 1, 14)
NUMBER = (DAY - dt.date(1970, 1, 1)).days


def outcome(kind, values, group=(), **parameters):
    return Outcome(table.find(kind)([ColumnSpec("seen", "date", hi=30_000)], parameters), group, values)


@pytest.mark.parametrize(
    ("kind", "name", "value", "want"),
    [
        ("median", "median", float(NUMBER), DAY),
        ("describe", "95%", NUMBER + 0.5, dt.datetime(2020, 1, 14, 12)),  # noqa: DTZ001 - a date has no zone
        ("mean", "mean", -0.25, dt.datetime(1969, 12, 31, 18)),  # noqa: DTZ001
        ("describe", "std", 10.5, 10.5),
        ("median", "n", 686, 686),
        ("mean", "mean", None, None),
    ],
)
def test_points_in_time_are_dates(kind, name, value, want):
    got = outcome(kind, {name: value}).shown[name]
    assert (got, type(got)) == (want, type(want))


def test_a_mean_without_records_is_no_date():
    assert math.isnan(outcome("mean", {"mean": math.nan}).shown["mean"])


def test_a_median_is_a_date_in_every_form():
    rows = [
        outcome("median", {"n": 90, "missing": None, "median": float(NUMBER)}, (("side", "left"),)),
        outcome("median", {"n": None, "missing": None, "median": None}, (("side", "right"),)),
    ]
    result = TableResult("median of seen", rows, ["side"], FACTS)
    assert result.value == {"left": DAY, "right": None}
    assert result.to_pandas().loc["left", "median"] == DAY
    assert "2020-01-14" in repr(result)
    assert "suppressed" in repr(result)
    result.plot().figure.canvas.draw()


def test_bins_are_days():
    edges = [NUMBER, f"{NUMBER + 1.5}", NUMBER + 3]
    result = HistogramResult("h", [outcome("histogram", {"a": 7, "b": None}, edges=edges)], [], FACTS)
    assert result.value == {"[2020-01-14, 2020-01-16)": 7, "[2020-01-16, 2020-01-17]": None}
    assert list(result.to_pandas().index) == list(result.value)
    result.plot().figure.canvas.draw()


def test_edges_may_be_dates():
    spec = parse_statistic("histogram:seen:1970-01-02,2020-01-14")
    assert spec.parameters == {"edges": (1, NUMBER)}
    assert statistic("histogram", ["seen"], {"edges": [dt.date(1970, 1, 2), DAY]}) == spec
    with pytest.raises(PlanInvalid, match="2020-02-31 is no day"):
        parse_statistic("histogram:seen:2020-01-01,2020-02-31")
