"""The gate on shares, against the rule in plaintext."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.privacy.minimum_count import all_of, passes
from mpc.session import Session
from mpc.simulation import PartyRun, run_parties

ROWS = 1000


def flags(counts: list[list[int]], k: int, structural: list[bool]) -> list[PartyRun]:
    def program(session: Session) -> Any:
        return passes(session.input(np.array(counts), 0, bound=ROWS), k, structural)

    return run_parties(program, strict=True)


@settings(max_examples=25)
@given(data=st.data())
def test_flags_equal_the_rule_in_plaintext(data: st.DataObject) -> None:
    holders, cells = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    row = st.lists(st.integers(0, 8), min_size=cells, max_size=cells)
    counts = np.array(data.draw(st.lists(row, min_size=holders, max_size=holders)))
    k = data.draw(st.integers(1, 12))
    structural = data.draw(st.lists(st.booleans(), min_size=cells, max_size=cells))
    pooled = counts.sum(0)
    want = (pooled - counts.max(0) >= k) | (np.array(structural) & (pooled == 0))
    assert flags(counts.tolist(), k, structural)[0].result.tolist() == want.astype(int).tolist()


@pytest.mark.parametrize(("others", "opens"), [(4, 0), (5, 1), (6, 1)])
def test_the_boundary_is_k_without_the_largest_holder(others: int, opens: int) -> None:
    counts = [[900], [others - 3], [3]]
    assert flags(counts, 5, [False])[0].result.tolist() == [opens]


def test_one_holder_alone_never_opens() -> None:
    assert flags([[ROWS]], 1, [False])[0].result.tolist() == [0]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_structural_zero_is_zero_and_not_merely_small(count: int) -> None:
    assert flags([[0, count], [0, 0]], 5, [True, True])[0].result.tolist() == [1, 0]


@pytest.mark.parametrize("minimum", [0, -1])
def test_a_minimum_below_one_is_refused(minimum: int) -> None:
    with pytest.raises(RangeError):
        flags([[1], [2]], minimum, [False])


@pytest.mark.parametrize("holders", [1, 2, 3, 5, 8])
def test_the_holders_are_joined_in_a_tree(holders: int) -> None:
    def program(session: Session) -> Any:
        given = np.ones((holders, 2), dtype=np.int64)
        given[-1, 1] = 0
        return all_of(session.input(given, 0, bound=1))

    runs = run_parties(program, strict=True)
    assert runs[0].result.tolist() == [1, 0]
    # one round for the input
    assert max(run.traffic.rounds for run in runs) == 1 + math.ceil(math.log2(holders))


def test_traffic_and_openings_do_not_depend_on_the_counts() -> None:
    seen = [flags(counts, 5, [True, False]) for counts in ([[0, 0], [0, 0]], [[400, 7], [300, 9]])]
    assert [vars(run.traffic) for run in seen[0]] == [vars(run.traffic) for run in seen[1]]
    assert [run.openings for runs in seen for run in runs] == [()] * 6
