"""Filters: text, JSON and evaluation against pandas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mpc.encoding import Scale
from mpc.errors import PlanInvalid
from mpc.statistics.rows import ColumnSpec, Rows
from parties.query.filters import (
    And,
    ColumnProxy,
    Comparison,
    Expression,
    Membership,
    Not,
    Or,
    parse,
)

AGE = ColumnSpec("age", "number", lo=0, hi=120)
PRICE = ColumnSpec("price", "number", Scale(digits=1), lo=-100, hi=100)
GRADE = ColumnSpec("grade", "category", hi=2, levels=("I", "II", "III"))
SPECS = {spec.name: spec for spec in (AGE, PRICE, GRADE)}
ADAPTER: TypeAdapter[Expression] = TypeAdapter(Expression)

comparisons = st.one_of(
    st.builds(
        lambda c, o, v: Comparison(column=c, op=o, literal=str(v)),
        st.sampled_from(["age", "price"]), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.decimals(-20, 130, places=2),
    ),
    st.builds(lambda o, v: Comparison(column="grade", op=o, literal=v, quoted=True),
              st.sampled_from(["==", "!="]), st.sampled_from(GRADE.levels)),
    st.builds(lambda v: Membership(column="grade", literals=tuple(v), quoted=True),
              st.lists(st.sampled_from(GRADE.levels), min_size=1, max_size=3)),
)  # fmt: skip
expressions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(lambda t: And(terms=tuple(t)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda t: Or(terms=tuple(t)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda t: Not(term=t), inner),
    ),
    max_leaves=8,
)


def table(seed: int) -> tuple[pd.DataFrame, Rows]:
    rng = np.random.default_rng(seed)
    words = {
        "age": rng.integers(0, 120, 50),
        "price": rng.integers(-100, 100, 50),
        "grade": rng.integers(0, 3, 50),
    }
    present = {name: rng.random(50) < 0.8 for name in words}
    frame = pd.DataFrame(
        {
            "age": words["age"].astype(float),
            "price": words["price"] / 10,
            "grade": np.array(GRADE.levels, dtype=object)[words["grade"]],
        }
    )
    return frame.where(pd.DataFrame(present)), Rows(50, words, present, np.ones(50, bool))


@given(expressions)
def test_text_and_json_come_back(expression: Expression) -> None:
    assert str(parse(str(expression))) == str(expression)
    assert ADAPTER.validate_json(expression.model_dump_json()) == expression


@given(comparisons, st.integers(0, 100))
def test_a_comparison_selects_what_pandas_selects(expression: Expression, seed: int) -> None:
    frame, rows = table(seed)
    complete = frame.dropna()
    got = expression.truth(rows, SPECS)[0]
    wanted = complete.query(str(expression)).index
    assert set(np.flatnonzero(got)) & set(complete.index) == set(wanted)
    column = expression.column  # type: ignore[union-attr]
    assert not np.any(got & ~rows.present[column])


@given(expressions, st.integers(0, 100))
def test_not_never_selects_a_row_that_is_unknown(expression: Expression, seed: int) -> None:
    _, rows = table(seed)
    true, false = expression.truth(rows, SPECS)[0], Not(term=expression).truth(rows, SPECS)[0]
    assert not np.any(true & false)
    everything = rows.present["age"] & rows.present["price"] & rows.present["grade"]
    assert np.all((true | false)[everything])


def test_proxies_build_the_same_filters_as_text() -> None:
    age, grade = ColumnProxy("age"), ColumnProxy("grade")
    built = (age >= 50) & ~(grade == "III") | grade.isin(["I", "II"]) | age.is_missing()
    assert str(parse(str(built))) == str(built)
    assert str(parse("50 <= age < 60.5")) == "(age >= 50) and (age < 60.5)"
    with pytest.raises(PlanInvalid, match="Combine filters"):
        bool(age > 3)


@pytest.mark.parametrize(
    "text",
    ["age", "age + 1 > 3", "f(age) > 3", "age > x", "age > ", "age in []", "lambda: 1", "age.x > 1",
     "(" * 200,
     "age is 3",      "missing(age, price)", "1 < 2", "not " * 40 + "age > 1", "a" * 5000],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(PlanInvalid):
        parse(text)


@pytest.mark.parametrize(
    "text", ['grade == "IV"', 'age > "old"', "price > 1e999999999", "price > 1e-999999999"]
)
def test_literals_without_a_word_are_refused(text: str) -> None:
    _, rows = table(0)
    with pytest.raises(PlanInvalid):
        parse(text).truth(rows, SPECS)[0]


AGES = ColumnProxy("age")


@pytest.mark.parametrize(
    "write",
    [
        lambda: ColumnProxy("grade").isin("III"),
        lambda: AGES.isin([]),
        lambda: AGES.isin(3),
        lambda: AGES.isin(range(2000)),
        lambda: AGES == "x" * 300,
        lambda: object() < AGES,
        lambda: AGES > 3 & AGES,
        lambda: (AGES > 3) and (AGES < 9),
        lambda: bool(AGES),
        lambda: parse("age in [" + ", ".join(map(str, range(2000))) + "]"),
        lambda: parse(" or ".join(["age > 3"] * 150)),
        lambda: parse("a" * 70 + " > 3"),
    ],
)
def test_what_cannot_be_a_filter_is_refused_in_a_sentence(write: Callable[[], object]) -> None:
    with pytest.raises(PlanInvalid) as refusal:
        write()
    assert refusal.value.remedy


def test_numbers_of_numpy_are_numbers() -> None:
    assert (np.int64(3) < AGES) == (AGES > 3)
    assert (np.float64(2.5) < AGES) == (AGES > 2.5)
