from __future__ import annotations

import json
import math

import matplotlib
import pandas as pd
import pytest

from mpc.statistics import table as kinds
from mpc.statistics.correlation import CorrelationResult
from mpc.statistics.histogram import HistogramResult
from mpc.statistics.outcome import Outcome
from mpc.statistics.results import BoxResult, Facts, Spent, TableResult
from mpc.statistics.rows import ColumnSpec

matplotlib.use("Agg")

FACTS = Facts(Spent(1.5, 20, {"a": 1000, "b": 2500, "c": 900}), ("a", "b", "c", "d"))


def outcome(kind, values, columns=("tsize",), group=(), **parameters):
    specs = [ColumnSpec(name, "number", lo=0, hi=20) for name in columns]
    return Outcome(kinds.find(kind)(specs, parameters), group, values)


def table(*outcomes, group_by=(), names=()):
    return TableResult("a title", outcomes, group_by, FACTS, names)


def test_a_count_is_a_number():
    result = table(outcome("count", {"count": 686}, columns=()))
    assert result.value == 686
    assert result.missing is None
    assert result.suppressed == ()
    frame = result.to_pandas()
    assert frame.shape == (1, 1)
    assert frame["count"].iloc[0] == 686
    assert "686" in repr(result)
    assert "a, b, c, d" in repr(result)


def test_a_suppressed_count_is_none_and_says_so():
    result = table(outcome("count", {"count": None}, columns=()))
    assert result.value is None
    assert result.suppressed == ("a title: count",)
    assert result.to_pandas()["count"].isna().all()
    assert result.to_pandas().attrs["suppressed"] == [("", "count")]
    assert "suppressed" in repr(result)


def test_a_mean_knows_its_missing():
    result = table(outcome("mean", {"n": 600, "missing": 86, "mean": 29.5}))
    assert result.value == 29.5
    assert result.missing == 86


def test_a_mean_by_group_is_a_mapping():
    result = table(
        outcome("mean", {"n": 100, "missing": None, "mean": 29.5}, group=(("horTh", "no"),)),
        outcome("mean", {"n": None, "missing": None, "mean": None}, group=(("horTh", "yes"),)),
        group_by=("horTh",),
    )
    assert result.value == {"no": 29.5, "yes": None}
    assert result.missing == {"no": None, "yes": None}
    frame = result.to_pandas()
    assert frame.index.name == "horTh"
    assert frame.loc["no", "mean"] == 29.5
    assert math.isnan(frame.loc["yes", "mean"])
    assert frame["n"].dtype == "Int64"
    assert ("yes", "mean") in frame.attrs["suppressed"]
    assert "horTh=yes, tsize: mean" in result.suppressed


def test_two_grouping_columns_make_a_multi_index():
    groups = [(a, b) for a in ("no", "yes") for b in ("Pre", "Post")]
    result = table(
        *(outcome("count", {"count": 7}, (), (("horTh", a), ("menostat", b))) for a, b in groups),
        group_by=("horTh", "menostat"),
    )
    assert list(result.to_pandas().index.names) == ["horTh", "menostat"]
    assert result.value["no", "Post"] == 7
    assert "7" in repr(result)


def describe_of(column, median=30.0):
    values = {"n": 686, "missing": None, "mean": 29.3, "std": 14.3}
    values |= {"5%": 10.0, "25%": 20.0, "50%": median, "75%": 35.0, "95%": 60.0}
    return outcome("describe", values, columns=(column,))


def test_describe_has_a_row_a_column():
    result = table(describe_of("tsize"), describe_of("age", median=None))
    assert result.value["tsize"]["50%"] == 30.0
    assert result.missing == {"tsize": None, "age": None}
    frame = result.to_pandas()
    assert list(frame.index) == ["tsize", "age"]
    assert ("age", "50%") in frame.attrs["suppressed"]


def test_agg_uses_the_names_given():
    result = table(
        outcome("count", {"count": 100}, (), (("horTh", "no"),)),
        outcome("mean", {"n": 100, "missing": None, "mean": 29.5}, group=(("horTh", "no"),)),
        outcome("count", {"count": 80}, (), (("horTh", "yes"),)),
        outcome("mean", {"n": 80, "missing": None, "mean": 28.0}, group=(("horTh", "yes"),)),
        group_by=("horTh",),
        names=("n", "size"),
    )
    assert result.value == {"no": {"n": 100, "size": 29.5}, "yes": {"n": 80, "size": 28.0}}
    frame = result.to_pandas()
    assert list(frame.columns) == ["n", "size"]


def test_a_histogram_marks_closed_bins():
    values = {"[0, 10)": 12, "[10, 20]": None}
    result = HistogramResult("h", [outcome("histogram", values, edges=(0, 10, 20))], (), FACTS)
    assert result.edges == {"tsize": (0.0, 10.0, 20.0)}
    assert result.value == values
    frame = result.to_pandas()
    assert frame["count"].isna().tolist() == [False, True]
    assert frame.attrs["suppressed"] == [("[10, 20]", "count")]
    assert "suppressed" in repr(result)
    assert result.plot().get_ylabel() == "count (hatched: suppressed)"


def test_a_correlation_is_a_symmetric_matrix():
    one = outcome("correlation", {"a~b": 0.5, "a~c": None, "b~c": -0.25}, columns=("a", "b", "c"))
    result = CorrelationResult("r", [one], (), FACTS)
    frame = result.to_pandas()
    assert frame.loc["b", "a"] == frame.loc["a", "b"] == 0.5
    assert pd.isna(frame.loc["c", "a"])
    assert frame.loc["c", "c"] == 1.0
    assert set(frame.attrs["suppressed"]) == {("a", "c"), ("c", "a")}
    assert result.value["b", "c"] == -0.25
    assert "suppressed" in repr(result)


def test_a_group_of_one_level_is_named_all_the_same():
    group = (("horTh", "no"),)
    counted = outcome("histogram", {"[0, 10)": 12, "[10, 20]": None}, group=group, bins=2)
    result = HistogramResult("h", [counted], ("horTh",), FACTS)
    assert result.value == {"no": {"[0, 10)": 12, "[10, 20]": None}}
    related = outcome("correlation", {"a~b": 0.5}, ("a", "b"), group)
    assert CorrelationResult("r", [related], ("horTh",), FACTS).value == {"no": {("a", "b"): 0.5}}


def test_json_is_plain():
    made = table(
        outcome("mean", {"n": 9, "missing": None, "mean": 1.5}, group=(("horTh", "no"),)), group_by=("horTh",)
    ).to_json()
    assert json.loads(json.dumps(made)) == made
    assert made["rows"] == [{"horTh": "no", "n": 9, "missing": None, "mean": 1.5}]
    assert made["suppressed"] == ["horTh=no, tsize: missing"]
    related = outcome("correlation", {"a~b": 0.5}, ("a", "b"))
    rows = CorrelationResult("r", [related], (), FACTS).to_json()["rows"]
    assert rows == [{"column": "a", "a": 1.0, "b": 0.5}, {"column": "b", "a": 0.5, "b": 1.0}]


@pytest.mark.parametrize("percents", [(10, 90), (5, 25, 50, 75, 95), (40,)])
def test_boxes_show_what_percentiles_there_are(percents):
    values = {"n": 686, "missing": None, "mean": 29.3, "std": 14.3} | {f"{p}%": float(p) for p in percents}
    result = BoxResult("b", [outcome("describe", values, probabilities=percents)], (), FACTS)
    axes = result.plot()
    assert len(axes.patches) == 1
    assert axes.get_ylabel().startswith(", ".join(map(str, percents)))
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    "result",
    [
        table(outcome("count", {"count": None}, columns=())),
        table(outcome("mean", {"n": 9, "missing": 5, "mean": 1.5})),
        table(describe_of("tsize"), describe_of("age", median=None)),
        CorrelationResult("r", [outcome("correlation", {"a~b": None}, columns=("a", "b"))], (), FACTS),
    ],
)
def test_every_result_draws_itself(result):
    axes = result.plot()
    assert axes.get_title() == result.title
    axes.figure.canvas.draw()
    matplotlib.pyplot.close("all")


def test_an_undefined_value_is_not_a_suppressed_one():
    result = table(outcome("std", {"n": 7, "missing": None, "std": math.nan}))
    assert math.isnan(result.value)
    assert result.to_pandas().attrs["suppressed"] == [("", "missing")]
    assert "NaN" in repr(result)
