"""What a holder sums and what the recipient makes of it, against rational arithmetic and pandas."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mpc.encoding import Scale
from mpc.errors import ProtocolAbort, RangeError
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import MAX_WORD_BITS, ColumnSpec, Rows
from mpc.statistics.simulation import Asked
from mpc.sums import exact_dot, exact_sum

PRICE = ColumnSpec("x", "number", Scale(digits=2), lo=-2 * 10**9, hi=2 * 10**9)
OTHER = ColumnSpec("y", "number", Scale(digits=2), lo=-4 * 10**9, hi=4 * 10**9)
PAIR = {"x": PRICE, "y": OTHER}
TOP = (1 << MAX_WORD_BITS) - 1
words = st.lists(st.integers(-TOP, TOP), max_size=50)


@given(words, words)
def test_sums_and_products_of_the_widest_words_are_exact(x: list[int], y: list[int]) -> None:
    size = min(len(x), len(y))
    a, b = np.array(x[:size], dtype=np.int64), np.array(y[:size], dtype=np.int64)
    assert exact_sum(a) == sum(x[:size])
    assert exact_dot(a, b) == sum(p * q for p, q in zip(x, y, strict=False))


@pytest.mark.parametrize("sign", [1, -1])
def test_many_of_the_widest_words_do_not_wrap(sign: int) -> None:
    a = np.full(5000, sign * TOP, dtype=np.int64)
    assert exact_sum(a) == 5000 * sign * TOP
    assert exact_dot(a, a) == 5000 * TOP * TOP


def near_ten_million(seed: int, size: int, spread: int) -> list[int]:
    """Cents near 10^7 units with little variance: what a float sum of squares would lose."""
    drawn = np.random.default_rng(seed).integers(-spread, spread, size)
    return [10**9 + int(step) for step in drawn]


@pytest.mark.parametrize("spread", [3, 40, 10**6])
def test_decimals_near_ten_million_keep_nine_digits(
    spread: int, ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    x, y = near_ten_million(1, 90, spread), near_ten_million(2, 90, spread)
    y = [a + b for a, b in zip(x, y, strict=True)]
    parts = [make_rows({"x": x[a:b], "y": y[a:b]}) for a, b in ((0, 50), (50, 87), (87, 90))]
    requests = [Asked(kind, ("x",)) for kind in ("sum", "mean", "variance", "std")]
    answer = ask(PAIR, parts, [*requests, Asked("correlation", ("x", "y"))], k=5)
    total, mean, variance, std, r = (list(outcome.values.values())[-1] for outcome in answer.outcomes)
    exact = [Fraction(v, 100) for v in x]
    want = statistics.variance(exact)
    assert total == float(sum(exact))
    assert mean == float(sum(exact) / 90)
    assert variance == float(want)
    assert std == pytest.approx(math.sqrt(want), rel=1e-15)
    assert r == pytest.approx(stats.pearsonr(np.array(x) - 10**9, np.array(y) - 2 * 10**9)[0], abs=1e-9)


def test_correlations_are_pairwise_complete_and_nan_without_variance(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    columns = {**PAIR, "c": ColumnSpec("c", "number", lo=0, hi=9)}
    x = [100 * (v * v % 17) if v % 5 else None for v in range(30)]
    y = [100 * (v * 7 % 13) if v % 7 else None for v in range(30)]
    parts = [make_rows({"x": x[a:b], "y": y[a:b], "c": [4] * (b - a)}) for a, b in ((0, 15), (15, 30))]
    (outcome,) = ask(columns, parts, [Asked("correlation", ("x", "y", "c"))], k=5).outcomes
    want = pd.DataFrame({"x": x, "y": y, "c": [4] * 30}).astype(float).corr()
    assert outcome.values["x~y"] == pytest.approx(want.loc["x", "y"], abs=1e-9)
    assert math.isnan(outcome.values["x~c"])
    assert math.isnan(want.loc["x", "c"])


def test_missing_values_open_with_the_others_unless_the_schema_protects_them(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    protected = {"x": replace(PAIR["x"], missing_protected=True)}
    for gaps in (5, 4):
        column = [None] * gaps + [100] * 20
        parts = [make_rows({"x": column}), make_rows({"x": [None] * 5 + [300] * 20})]
        (outcome,) = ask(PAIR, parts, [Asked("mean", ("x",))], k=5).outcomes
        assert outcome.values == {"n": 40, "missing": gaps + 5, "mean": 2.0}
        (outcome,) = ask(protected, parts, [Asked("mean", ("x",))], k=5).outcomes
        assert outcome.values == {"n": 40, "missing": 10 if gaps == 5 else None, "mean": 2.0}


def test_a_filter_that_selects_nobody_is_answered_like_a_small_cell(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    parts = [make_rows({"x": [100] * 20}), make_rows({"x": [100] * 20})]
    nobody = [part.select(np.zeros(part.count, bool)) for part in parts]
    few = [part.select(np.arange(part.count) < 2) for part in parts]
    requests = [Asked("count"), Asked("describe", ("x",))]
    answers = [ask(PAIR, chosen, requests, k=5) for chosen in (nobody, few)]
    assert not answers[0].opened.any()
    assert [one.values for one in answers[0].outcomes] == [one.values for one in answers[1].outcomes]


def test_edges_beyond_the_columns_range_count_as_numpy_does(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    cents = [v * 37 - 900 for v in range(60)]
    parts = [make_rows({"x": cents[::2]}), make_rows({"x": cents[1::2]})]
    edges = ("-1e30", "-2.5", "0.005", "3", "1e30")
    (outcome,) = ask(PAIR, parts, [Asked("histogram", ("x",), {"edges": edges})]).outcomes
    want = np.histogram(np.array(cents) / 100, bins=[float(edge) for edge in edges])[0]
    assert [value or 0 for value in outcome.values.values()] == want.tolist()


def test_rows_that_do_not_fit_the_plan_are_refused_without_a_value(make_rows: Callable[..., Rows]) -> None:
    query = JointQuery(PAIR, [Asked("median", ("x",))], (), [3])
    with pytest.raises(RangeError, match="more rows") as many:
        query.at_holder(make_rows({"x": [1] * 77}), 0)
    with pytest.raises(RangeError, match="public range") as wide:
        query.at_holder(make_rows({"x": [4_242_424_242]}), 0)
    assert "77" not in str(many.value)
    assert "4242" not in str(wide.value)


def test_an_opened_vector_of_another_length_is_refused() -> None:
    query = JointQuery(PAIR, [Asked("count")], (), [3])
    with pytest.raises(ProtocolAbort):
        query.at_recipient(np.zeros(query.output_elements + 1, dtype=np.int64))


@pytest.mark.parametrize("holders", [2, 7, 33])
def test_what_planning_accepts_fits_the_ring_for_any_number_of_holders(
    ask: Callable[..., Any], make_rows: Callable[..., Rows], holders: int
) -> None:
    widest = ColumnSpec("x", "number", lo=0, hi=2**52 - 1)
    half = 2**51
    parts = [make_rows({"x": [holder, half - holder, half + holder]}) for holder in range(holders)]
    requests = [Asked("describe", ("x",)), Asked("histogram", ("x",), {"bins": 2})]
    answer = ask({"x": widest}, parts, requests, k=1, rows_at_most=[10] * holders)
    pooled = [float(value) for holder in range(holders) for value in (holder, half - holder, half + holder)]
    described = answer.outcomes[0].values
    assert described["n"] == 3 * holders
    assert described["mean"] == pytest.approx(np.mean(pooled), rel=1e-15)
    assert described["std"] == pytest.approx(np.std(pooled, ddof=1), rel=1e-12)
    assert described["50%"] == (np.percentile(pooled, 50) if holders > 1 else None)
