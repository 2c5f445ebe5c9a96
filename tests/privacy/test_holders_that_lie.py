"""A holder that adds or hides rows of its own, or shares other numbers, does not open cells over few others'.

What holds, for each holder h and whatever it shares within its registered bounds: a cell opens only if k
records of the *others* stand in it. So h, who can subtract its own, is never left with fewer. What does not
hold: that cells stay closed that would have without the lie; that two holders who collude, and subtract both
their records, are left with k; that a result is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, TooClose
from mpc.privacy import dominance, minimum_count
from mpc.privacy.terms import Differencing, Terms
from mpc.session import Session
from mpc.simulation import run_parties
from mpc.statistics.joint import JointQuery
from tests.privacy.study import Study, category, number, schema_of

COUNTS = st.lists(st.integers(0, 12), min_size=2, max_size=5)


def flag_of(rule: Callable[[Any], Any]) -> bool:
    """What a rule of one cell says on plain words."""

    def program(session: Session) -> Any:
        return rule(lambda words, bound: session.input(np.array(words, dtype=np.int64), 0, bound=bound))

    (run,) = run_parties(program, protocol="cleartext")
    return bool(run.result[0])


def opens(counts: list[int], k: int) -> bool:
    return flag_of(lambda given: minimum_count.passes(given([[n] for n in counts], 10**6), k))


@settings(max_examples=60)
@given(true=COUNTS, lie=st.integers(0, 10**6), k=st.integers(1, 9), liar=st.integers(0, 4))
def test_a_liar_opens_no_cell_over_fewer_than_k_records_of_the_others(
    true: list[int], lie: int, k: int, liar: int
) -> None:
    shared = list(true)
    shared[liar % len(true)] = lie
    others = sum(true) - true[liar % len(true)]
    assert not opens(shared, k) or others >= k


def test_a_liar_may_open_a_cell_that_would_stay_closed() -> None:
    """A limit: h1 pads by 5. Who sees 17 and is h0 has 7 of others, 2 true ones; it cannot tell which."""
    assert not opens([10, 0, 2], 5)
    assert opens([10, 5, 2], 5)


def test_two_colluding_holders_are_left_with_fewer_than_k() -> None:
    """A limit, without any lie: h0 and h1 subtract both their records and know that h2 has two."""
    assert opens([10, 5, 2], 5)


@settings(max_examples=40)
@given(
    values=st.lists(st.lists(st.integers(0, 50), max_size=6), min_size=2, max_size=4),
    lie=st.tuples(st.integers(0, 10**4), st.lists(st.integers(0, 10**4), min_size=3, max_size=3)),
)
def test_a_liar_opens_no_sum_from_which_it_could_estimate_the_others(
    values: list[list[int]], lie: tuple[int, list[int]]
) -> None:
    """Whatever the first holder says of its own, p % holds for what it takes off."""
    parts = [dominance.contributions([np.array(own, dtype=np.int64)], 0) for own in values]
    parts[0] = (lie[0], np.array(sorted(lie[1], reverse=True), dtype=np.int64))
    terms = Terms(p_percent=10)
    passed = flag_of(
        lambda given: dominance.passes(
            given([[total] for total, _ in parts], 10**6), given([[top.tolist()] for _, top in parts], 10**6),
            terms,
        )
    )  # fmt: skip
    others = [value for own in values[1:] for value in own]
    largest = max(others, default=0)
    assert not passed or 100 * (sum(others) - largest) >= 10 * largest


# --- on shares ------------------------------------------------------------------------------------

SCHEMA = schema_of(number("x", 0, 100), category("ward", "a", "b"))


def hospitals(own: list[int]) -> dict[str, pd.DataFrame]:
    """The first hospital has what it likes on ward a; the others have three patients there, and more."""
    parts = {"h0": pd.DataFrame({"x": own, "ward": "a"})}
    for name, count in (("h1", 2), ("h2", 1)):
        parts[name] = pd.DataFrame({"x": [7] * count + [9] * 30, "ward": ["a"] * count + ["b"] * 30})
    return parts


@pytest.mark.parametrize("padding", [0, 5, 200])
def test_padding_opens_nothing_on_shares(padding: int) -> None:
    (values,) = Study(SCHEMA, hospitals([7] * padding)).values("sum:x", where="ward == 'a'")
    assert set(values.values()) == {None}


def test_padding_does_not_let_a_difference_through() -> None:
    """Learns, from its own padding taken off a difference of 53, nothing of the three others: refused."""
    asked = Study(SCHEMA, hospitals([7] * 50))
    assert not asked.refuses("count")
    assert asked.refuses("count", where="ward == 'b'")


def test_hiding_all_its_rows_closes_no_more_than_the_others_allow() -> None:
    """Who shares nothing learns what it would have: the sum of the others, if k of them have two holders."""
    parts = {name: pd.DataFrame({"x": [7] * 6, "ward": "a"}) for name in ("h1", "h2")}
    nothing = {"h0": pd.DataFrame({"x": [], "ward": []})}
    assert Study(SCHEMA, nothing | parts).values("count")[0]["count"] == 12


def test_counts_beyond_what_is_registered_suppress_the_result() -> None:
    asked = Study(SCHEMA, hospitals([7] * 50))
    question = asked.question("count")
    words = question.query.at_holder(question.select(asked.rows("h0")), 0)
    assert words["counts"].tolist() == [50]
    with pytest.raises(RangeError, match="checked-bounds"):
        shared_instead(asked, 51)


def shared_instead(asked: Study, count: int) -> None:
    """The question, with another count of the first hospital's."""
    honest = JointQuery.at_holder

    def lying(query: Any, rows: Any, holder: int, memory: Any = None) -> Any:
        words = honest(query, rows, holder, memory)
        return words | ({"counts": np.array([count])} if holder == 0 else {})

    with patch.object(JointQuery, "at_holder", lying):
        asked.values("count")


@pytest.mark.parametrize("differencing", [Differencing.PAIRS, Differencing.COMBINATIONS])
@pytest.mark.parametrize("by", [-1000, 10**12])
def test_a_liar_does_not_talk_the_guard_out_of_a_difference(differencing: Differencing, by: int) -> None:
    """Two records of the others are `a`: counts below 0 could make that look like nobody, large ones like
    many."""
    people = {name: ["a"] * few + ["b"] * 20 for name, few in (("h0", 1), ("h1", 1), ("h2", 0))}
    parts = {name: pd.DataFrame({"p": levels}) for name, levels in people.items()}
    schema = schema_of(category("p", "a", "b"))
    terms = Terms(minimum_count=5, differencing=differencing)
    honest = Study(schema, parts, terms)
    honest.ask("count")
    assert honest.refuses("count", where="p != 'a'")
    study = Study(schema, parts, terms)
    study.ask("count")
    at_holder = JointQuery.at_holder

    def lying(query: JointQuery, rows: Any, holder: int, memory: Any = None) -> dict[str, Any]:
        blocks = at_holder(query, rows, holder, memory)
        if holder == 2 and "atoms" in blocks:
            blocks["atoms"] = blocks["atoms"] + by
        return blocks

    with patch.object(JointQuery, "at_holder", lying), pytest.raises((RangeError, TooClose)):
        study.ask("count", where="p != 'a'")
