"""A holder whose words are not such as the catalogue allows: one flag opens, and nothing beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.encoding import LIMB_BITS, to_limbs
from mpc.errors import RangeError
from mpc.statistics import ranges
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import ColumnSpec, Rows
from mpc.statistics.simulation import Asked

COLUMNS = {"x": ColumnSpec("x", "number", lo=-(2**40), hi=2**40)}
REQUESTS = [Asked("describe", ("x",))]
AT_MOST = (30, 30, 30)


@pytest.fixture
def rows(make_rows: Callable[..., Rows]) -> list[Rows]:
    return [make_rows({"x": [2**40 - place for place in range(20)]}) for _ in AT_MOST]


def _lying(monkeypatch: pytest.MonkeyPatch, block: str, place: int, word: int) -> None:
    honest = JointQuery.at_holder

    def at_holder(self: JointQuery, given: Rows, holder: int, memory: Any = None) -> dict[str, Any]:
        words = honest(self, given, holder, memory)
        if holder == 1:
            words[block][place] = word
        return words

    monkeypatch.setattr(JointQuery, "at_holder", at_holder)


@pytest.mark.parametrize(
    ("block", "place", "word"),
    [
        ("counts", 0, 31), ("counts", 0, -1), ("counts", 0, 2**62), ("counts", 0, -(2**63)),
        ("sums", 0, 10**6), ("sums", 1, 2**47), ("sums", 2, 2**LIMB_BITS), ("sums", 2, -1),
        ("sums", 3, 2**62), ("sums", 3, 5 - 2**63),
    ],
)  # fmt: skip
def test_what_a_holder_cannot_have_suppresses_the_result(
    ask: Callable[..., Any],
    rows: list[Rows],
    monkeypatch: pytest.MonkeyPatch,
    block: str,
    place: int,
    word: int,
) -> None:
    _lying(monkeypatch, block, place, word)
    with pytest.raises(RangeError, match="checked-bounds"):
        ask(COLUMNS, rows, REQUESTS, k=5, rows_at_most=AT_MOST)


def test_only_the_flag_opens(
    ask: Callable[..., Any], rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 where a count passes, 0 in every other word, whichever way the holder lies."""
    seen = []
    monkeypatch.setattr(JointQuery, "at_recipient", lambda self, words: seen.append(words) or [])
    _lying(monkeypatch, "counts", 0, 2**61)
    ask(COLUMNS, rows, REQUESTS, k=5, rows_at_most=AT_MOST)
    assert set(seen[0].tolist()) == {0, 2}


def test_under_the_minimum_count_the_flag_stays_closed(
    ask: Callable[..., Any], make_rows: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [make_rows({"x": [1]}) for _ in AT_MOST]
    _lying(monkeypatch, "sums", 2, -1)
    answer = ask(COLUMNS, few, REQUESTS, k=5, rows_at_most=AT_MOST)
    assert set(answer.opened.tolist()) == {0}
    assert all(value is None for outcome in answer.outcomes for value in outcome.values.values())


def test_traffic_is_that_of_honest_words(
    ask: Callable[..., Any], rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    def traffic() -> list[dict[str, Any]]:
        return [vars(run.traffic) for run in ask(COLUMNS, rows, REQUESTS, k=5, rows_at_most=AT_MOST).runs]

    monkeypatch.setattr(JointQuery, "at_recipient", lambda self, words: ())
    honest = traffic()
    _lying(monkeypatch, "counts", 0, 2**61)
    assert traffic() == honest


@given(bound=st.integers(0, 2**200), data=st.data())
def test_every_sum_that_may_be_is_within_the_ends(bound: int, data: st.DataObject) -> None:
    for value in (data.draw(st.integers(-bound, bound)), bound, -bound):
        low, high = ranges.of_limbs([bound])
        words = to_limbs([value], bound)[:, 0]
        assert np.all((low <= words) & (words <= high))
