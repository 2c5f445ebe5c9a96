"""The steps of a curve on shares, against the tree in plain Python, and what any two of them hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.privacy.steps import passes
from mpc.privacy.terms import Terms
from mpc.simulation import PartyRun, rehearse, run_parties

Counts = npt.NDArray[np.int64]
MOST = 50


def run(events: Counts, k: int, at_risk: Counts | None = None) -> list[PartyRun]:
    def program(session: Any) -> Any:
        shared = session.input(events, 0, bound=MOST)
        risk = None if at_risk is None else session.input(at_risk, 1, bound=MOST * events.shape[-1])
        return passes(shared, Terms(k), risk)

    return run_parties(program, strict=True)


def ends(events: Counts, k: int, at_risk: Counts | None = None) -> list[int]:
    """The points that open."""
    return np.flatnonzero(run(events, k, at_risk)[0].result).tolist()  # type: ignore[no-any-return]


def enough(counts: Counts, k: int) -> bool:
    """Of `[holders]` counts: k beside any single holder's."""
    return bool(counts.sum() - counts.max() >= k)


def tree(events: Counts, k: int, at_risk: Counts, start: int, size: int, strict: bool) -> set[int]:
    """Inner ends that open in a block; `strict`: only where all blocks around it are split, too."""
    if size == 1:
        return set()
    half = size // 2
    middle = start + half
    split = middle < events.shape[1] and enough(at_risk[:, middle], k)
    split &= all(enough(events[:, first : first + half].sum(1), k) for first in (start, middle))
    if strict and not split:
        return set()
    parts = [tree(events, k, at_risk, first, half, strict) for first in (start, middle)]
    return parts[0] | parts[1] | ({middle - 1} if split else set())


def opened(events: Counts, k: int, at_risk: Counts | None = None, strict: bool = False) -> list[int]:
    """In plain Python."""
    risk = np.full_like(events, k) if at_risk is None else at_risk
    points = events.shape[1]
    if not enough(events.sum(1), k) or (at_risk is not None and not enough(risk[:, 0], k)):
        return []
    size = 1 << (points - 1).bit_length()
    return sorted(tree(events, k, risk, 0, size, strict) | {points - 1})


@st.composite
def curves(draw: st.DrawFn) -> tuple[Counts, int]:
    """Events and k; often with long stretches without any."""
    holders, points = draw(st.integers(2, 4)), draw(st.integers(1, 21))
    count = st.one_of(st.just(0), st.integers(0, 3), st.sampled_from([0, 12]))
    rows = draw(
        st.lists(st.lists(count, min_size=points, max_size=points), min_size=holders, max_size=holders)
    )
    return np.array(rows), draw(st.integers(1, 9))


def at_risk_of(events: Counts, entering: Counts) -> Counts:
    """Those whose event, at this point or later, is to come, and who have entered."""
    left = np.cumsum(events[:, ::-1], axis=1)[:, ::-1]
    return np.maximum(0, left - entering)


@settings(max_examples=60)
@given(made=curves())
def test_points_open_as_the_tree_says(made: tuple[Counts, int]) -> None:
    events, k = made
    assert ends(events, k) == opened(events, k)


@settings(max_examples=40)
@given(made=curves(), data=st.data())
def test_points_open_as_the_tree_says_with_those_at_risk(
    made: tuple[Counts, int], data: st.DataObject
) -> None:
    events, k = made
    late = st.lists(st.integers(0, 20), min_size=events.shape[1], max_size=events.shape[1])
    at_risk = at_risk_of(events, np.array([data.draw(late) for _ in events]))
    found = ends(events, k, at_risk)
    assert found == opened(events, k, at_risk)
    for last, _ in pairwise([-1, *found]):
        assert enough(at_risk[:, last + 1], k)


@settings(max_examples=60)
@given(made=curves())
def test_between_any_two_points_that_open_lie_k_events_beside_any_holder(made: tuple[Counts, int]) -> None:
    events, k = made
    found = ends(events, k)
    assert bool(found) == enough(events.sum(1), k)
    assert not found or found[-1] == events.shape[1] - 1
    for last, end in pairwise([-1, *found]):
        assert enough(events[:, last + 1 : end + 1].sum(1), k)


@settings(max_examples=40)
@given(made=curves())
def test_events_that_are_at_risk_from_the_first_point_need_no_counts_of_those(
    made: tuple[Counts, int],
) -> None:
    events, k = made
    assert ends(events, k, at_risk_of(events, np.zeros_like(events))) == ends(events, k)


@given(made=curves())
def test_more_opens_than_where_every_block_around_must_be_split(made: tuple[Counts, int]) -> None:
    events, k = made
    assert set(opened(events, k, strict=True)) <= set(opened(events, k))


def test_a_curve_whose_events_are_early_opens_there() -> None:
    events = np.zeros((2, 64), dtype=np.int64)
    events[:, :8] = 5
    assert ends(events, 5) == [0, 1, 2, 3, 4, 5, 6, 63]
    assert opened(events, 5, strict=True) == [63]


def test_curves_side_by_side_open_as_each_alone() -> None:
    events = np.random.default_rng(5).integers(0, 4, (3, 2, 2, 13))
    made = run(events, 4)[0].result
    for group in np.ndindex(2, 2):
        assert np.flatnonzero(made[group]).tolist() == opened(events[(slice(None), *group)], 4)


def test_those_at_risk_begin_each_step() -> None:
    events = np.full((3, 4), 5)
    at_risk = np.array([[20, 15, 10, 5]] * 3)
    assert ends(events, 10, at_risk) == [0, 1, 2, 3]
    at_risk[:, 2] = 4
    assert ends(events, 10, at_risk) == [0, 2, 3]
    at_risk[:, 0] = 4
    assert ends(events, 10, at_risk) == []


def test_one_holder_alone_opens_nothing() -> None:
    assert ends(np.full((1, 8), 30), 1) == []


def test_traffic_and_openings_do_not_depend_on_the_events() -> None:
    full = np.full((3, 20), MOST)
    for risk in (None, full):
        seen = [run(events, 5, risk) for events in (np.zeros_like(full), full)]
        assert [vars(one.traffic) for one in seen[0]] == [vars(one.traffic) for one in seen[1]]
        assert [one.openings for runs in seen for one in runs] == [()] * 6


@pytest.mark.parametrize("with_risk", [False, True])
def test_rounds_are_those_of_the_minimum_count_and_one_or_two_more(with_risk: bool) -> None:
    def program(session: Any, points: int) -> Any:
        given = session.public(np.full((4, points), 3)).view(bound=3)
        return passes(given, Terms(5), given if with_risk else None)

    rounds = [
        rehearse(lambda session, points=points: program(session, points)).rounds for points in (2, 1000)
    ]
    assert rounds[1] <= 8 + 2 + 1 + with_risk
    assert rounds[0] <= rounds[1]


def test_counts_that_could_leave_the_ring_are_refused() -> None:
    with pytest.raises(RangeError):
        rehearse(lambda session: passes(session.input(np.zeros((2, 64)), 0, bound=2**58), Terms(5)))
