"""Percentiles on shared rows against pandas: ties, missing values, empty holders, groups, bounds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.simulation import run_parties
from mpc.statistics import selection
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked

PERCENTS = (5, 25, 50, 75, 95)
X = ColumnSpec("x", "number", lo=-8, hi=20)
G = ColumnSpec("g", "category", hi=1, levels=("a", "b"))
COHORT = {
    "age": ColumnSpec("age", "number", lo=0, hi=120),
    "tsize": ColumnSpec("tsize", "number", lo=0, hi=200),
    "pnodes": ColumnSpec("pnodes", "number", lo=0, hi=100),
    "progrec": ColumnSpec("progrec", "number", lo=0, hi=3000),
    "estrec": ColumnSpec("estrec", "number", lo=0, hi=2000),
}
#: One holder with three patients, and a large one.
SIZES = (300, 210, 123, 50, 3)


def test_describe_of_a_real_cohort_equals_pandas(
    ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    with (files("parties.demo") / "data" / "gbsg2.csv").open(encoding="utf-8") as source:
        cohort = pd.read_csv(source)
    cuts = np.cumsum((0, *SIZES))
    parts = [make_rows({name: cohort[name].iloc[a:b].tolist() for name in COHORT}) for a, b in pairwise(cuts)]
    assert cuts[-1] == len(cohort)
    answer = ask(COHORT, parts, [Asked("describe", tuple(COHORT))], k=5)
    for outcome, name in zip(answer.outcomes, COHORT, strict=True):
        column = cohort[name]
        want = column.quantile([p / 100 for p in PERCENTS]).tolist()
        assert [outcome.values[f"{p}%"] for p in PERCENTS] == pytest.approx(want, rel=1e-12, abs=1e-12)
        assert outcome.values["n"] == len(column)
        assert outcome.values["mean"] == pytest.approx(column.mean(), rel=1e-12)
        assert outcome.values["std"] == pytest.approx(column.std(), rel=1e-12)
        assert outcome.values["missing"] == 0


def gate(n: int, fraction: Fraction, k: int) -> bool:
    """The rule in plaintext: k records below the lower and above the upper order statistic."""
    floor = (n - 1) * fraction.numerator // fraction.denominator
    return floor >= k and n - 2 - floor >= k


@settings(max_examples=12)
@given(data=st.data())
def test_small_tables_equal_pandas_and_open_by_the_rule(
    ask: Callable[..., Any], make_rows: Callable[..., Rows], data: st.DataObject
) -> None:
    values = st.one_of(st.none(), st.integers(-8, 20), st.sampled_from([-8, 3, 20]))
    sizes = [data.draw(st.integers(0, top)) for top in (18, 9, 9)]
    k = data.draw(st.integers(1, 4))
    columns = [data.draw(st.lists(values, min_size=size, max_size=size)) for size in sizes]
    groups = [data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)) for size in sizes]
    parts = [make_rows({"x": x, "g": g}) for x, g in zip(columns, groups, strict=True)]
    request = Asked("quantiles", ("x",), {"probabilities": (10, 50, "37.5", 80)})
    if data.draw(st.booleans()):
        request = Asked("describe", ("x",))
    percents = [Fraction(str(p)) for p in request.parameters.get("probabilities", PERCENTS)]
    answer = ask({"x": X, "g": G}, parts, [request], by=["g"], k=k, rows_at_most=(20, 20, 20))
    for level, outcome in enumerate(answer.outcomes):
        mine = [
            [v for v, g in zip(x, group, strict=True) if v is not None and g == level]
            for x, group in zip(columns, groups, strict=True)
        ]
        pooled = pd.Series([v for part in mine for v in part], dtype=float)
        enough = len(pooled) - max(map(len, mine)) >= k
        assert (outcome.values["n"] is not None) == enough
        for percent, name in zip(percents, list(outcome.values)[-len(percents) :], strict=True):
            opens = enough and gate(len(pooled), percent / 100, k)
            want = pytest.approx(pooled.quantile(float(percent) / 100), abs=1e-12) if opens else None
            assert outcome.values[name] == want


@pytest.mark.parametrize("k", [9, 10])
def test_exactly_k_records_on_each_side(
    k: int, ask: Callable[..., Any], make_rows: Callable[..., Rows]
) -> None:
    """20 records: the median lies between numbers 9 and 10 (from 0), with nine records on each side."""
    parts = [make_rows({"x": [*range(10)]}), make_rows({"x": [*range(10, 20)]})]
    (outcome,) = ask({"x": X}, parts, [Asked("median", ("x",))], k=k).outcomes
    assert outcome.values["n"] == 20
    assert outcome.values["median"] == (9.5 if k == 9 else None)


def test_counting_in_pieces_gives_the_same(
    ask: Callable[..., Any], make_rows: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [make_rows({"x": [v % 29 - 8 for v in range(first, first + 40)]}) for first in (0, 11, 17)]
    whole = ask({"x": X}, parts, [Asked("describe", ("x",))], k=5)
    monkeypatch.setattr(selection, "COUNT_BITS", 400)
    pieces = ask({"x": X}, parts, [Asked("describe", ("x",))], k=5)
    assert [one.values for one in pieces.outcomes] == [one.values for one in whole.outcomes]
    assert pieces.runs[0].traffic.rounds > whole.runs[0].traffic.rounds


@settings(max_examples=6)
@given(st.lists(st.integers(1, 2_000_000), min_size=4, max_size=4))
def test_the_rank_is_exact_up_to_millions_of_rows(counts: list[int]) -> None:
    percents = (0, 1, 50, 99, 100)
    query = JointQuery({"x": X}, [Asked("quantiles", ("x",), {"probabilities": percents})], (), [2_000_000])
    ((chosen, _),) = query.programs
    num = np.array([one.target.fraction.numerator for one in chosen.wanted])
    den = np.array([one.target.fraction.denominator for one in chosen.wanted])

    def program(session: Any) -> Any:
        shared = [session.input(np.repeat(count, len(percents)), 0, bound=2_000_000) for count in counts]
        return [part for n in shared for part in chosen._divide(n - 1)]

    made = run_parties(program, strict=True)[0].result
    for count, index, rest in zip(counts, made[::2], made[1::2], strict=True):
        want = np.divmod((count - 1) * num, den)
        assert index.tolist() == want[0].tolist()
        assert rest.tolist() == want[1].tolist()


def test_more_percentiles_than_a_party_can_hold_are_refused() -> None:
    request = Asked("quantiles", ("x",), {"probabilities": tuple(range(1, 100))})
    many = {"x": X, "g": ColumnSpec("g", "category", levels=tuple(map(str, range(100))))}
    with pytest.raises(RangeError, match="too many"):
        JointQuery(many, [request], ["g"], [4_000_000])
