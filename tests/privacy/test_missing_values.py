"""Columns with missing values beside each other: what is answered, and what their gaps tell."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.privacy.study import Study, category, dealt, number, schema_of


def study(*, protected: bool = False) -> Study:
    """36 records; two lack y, one of them of ward b, and another one lacks z."""
    rows = pd.DataFrame(
        {
            "x": [10 + place % 7 for place in range(36)],
            "y": [None, None, *(place % 5 for place in range(34))],
            "z": [place % 3 for place in range(35)] + [None],
            "ward": ["a", "b"] * 18,
        },
        dtype=object,
    )
    schema = schema_of(
        number("x", 0, 99), number("y", 0, 9, complete=False, missing_protected=protected),
        number("z", 0, 9, complete=False), category("ward", "a", "b"),
    )  # fmt: skip
    return Study(schema, dealt(rows))


@pytest.mark.parametrize(
    "questions",
    [
        ["mean:y", "count", "mean:x"],
        ["count", "mean:y", "histogram:y:2", "distribution:y:2"],
        ["correlation:x,y", "count", "mean:y"],
        ["mean:y", "mean:z", "count"],
        ["describe:y", "describe:y"],
    ],
)
def test_columns_with_gaps_are_answered_beside_each_other(questions: list[str]) -> None:
    asked = study()
    assert [question for question in questions if asked.refuses(question)] == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("correlation:x,y", {"statistic": "mean:x"}),
        ("mean:x", {"statistic": "correlation:x,y"}),
        ("mean:x", {"statistic": "mean:x", "where": "not missing(y)"}),
        ("mean:z", {"statistic": "correlation:y,z"}),
    ],
)
def test_a_sum_beside_the_sum_over_those_with_another_value_is_refused(
    first: str, second: dict[str, Any]
) -> None:
    """Their difference is what two records have."""
    asked = study()
    assert not asked.refuses(first)
    statistic = second.pop("statistic")
    assert asked.refuses(statistic, **second)


def test_how_many_lack_a_value_opens_with_how_many_have_one() -> None:
    (values,) = study().values("mean:y", where="ward == 'b'")
    assert (values["n"], values["missing"]) == (17, 1)


def test_a_protected_gap_is_a_count_like_any_other() -> None:
    (values,) = study(protected=True).values("mean:y", where="ward == 'b'")
    assert (values["n"], values["missing"]) == (17, None)
    asked = study(protected=True)
    assert asked.refuses("mean:y"), "n and the known number of all records would tell it"
    assert not asked.refuses("mean:y", where="ward == 'b'")
    assert asked.refuses("count", where="ward == 'b'")


@pytest.mark.parametrize(
    "filters",
    [
        ["missing(y) and x < 40", "missing(y) and x < 41"],
        ["y >= 0 or x < 40", "y >= 0 or x < 41"],
        ["x < 40", "x < 40 and y >= 0", "missing(y) and x < 41"],
    ],
)
def test_who_picks_among_gaps_is_compared_like_anybody(filters: list[str]) -> None:
    """Exactly one record without a y has an x of 40: a difference in gaps is one of records."""
    rows = pd.DataFrame({"x": range(99), "y": [None, 1, 2] * 33}, dtype=object)
    rows.loc[rows.x == 40, "y"] = None
    schema = schema_of(number("x", 0, 98), number("y", 0, 9, complete=False))
    asked = Study(schema, dealt(rows.sample(frac=1, random_state=1)))
    *before, last = filters
    assert not any(asked.refuses("count", where=where) for where in before)
    assert asked.refuses("count", where=last)
