"""Dates go in as dates and come out as dates."""

from __future__ import annotations

import datetime as dt

import matplotlib as mpl
import pytest

from mpc.errors import PlanInvalid
from mpc.statistics.base import StatisticOutcome
from parties.client import dates
from parties.client.results import Cost, Facts, HistogramResult, TableResult
from parties.query.builder import parse_statistic

mpl.use("agg")
FACTS = Facts(Cost(0.1, 12, {"a": 1}), ("a", "b"), dates=frozenset({"seen"}))
DAY = dt.date(2020, 1, 14)
NUMBER = (DAY - dt.date(1970, 1, 1)).days


def outcome(kind, values, group=()):
    return StatisticOutcome(kind, ("seen",), group, values, tuple(k for k, v in values.items() if v is None))


@pytest.mark.parametrize(
    ("name", "value", "want"),
    [
        ("median", float(NUMBER), DAY),
        ("95%", NUMBER + 0.5, dt.datetime(2020, 1, 14, 12)),  # noqa: DTZ001 - a date column has no zone
        ("mean", -0.25, dt.datetime(1969, 12, 31, 18)),  # noqa: DTZ001
        ("std", 10.5, 10.5),
        ("n", 686, 686),
        ("mean", None, None),
    ],
)
def test_points_in_time_are_dates(name, value, want):
    got = dates.shown(name, value)
    assert (got, type(got)) == (want, type(want))


def test_a_mean_without_records_is_no_date():
    assert dates.shown("mean", float("nan")) != dates.shown("mean", float("nan"))


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
    edges = [float(NUMBER), NUMBER + 1.5, NUMBER + 3.0]
    result = HistogramResult("h", [outcome("histogram", {"a": 7, "b": None})], [], FACTS, {"seen": edges})
    assert result.value == {"[2020-01-14, 2020-01-16)": 7, "[2020-01-16, 2020-01-17]": None}
    assert list(result.to_pandas().index) == list(result.value)
    result.plot().figure.canvas.draw()


def test_edges_may_be_dates():
    spec = parse_statistic("histogram:seen:1970-01-02,2020-01-14")
    assert spec.edges == (1, NUMBER)
    with pytest.raises(PlanInvalid, match="2020-02-31 is no day"):
        parse_statistic("histogram:seen:2020-01-01,2020-02-31")
