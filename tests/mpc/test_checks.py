"""Checks on secrets: what holds changes nothing, what does not suppresses the result and tells no place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc import checks
from mpc.encoding import INTEGER
from mpc.errors import ProtocolAbort, RangeError
from mpc.session import Session
from tests.mpc.programs import everywhere, runs


def assumed(
    session: Session, x: np.ndarray, bound: int, least: int | None = None, wide: int = 1 << 60
) -> Any:
    a = session.input(x, owner=0, bound=wide)
    return checks.assume_bound(a, bound, source="catalogue", what="age", least=least)


@everywhere
@settings(max_examples=max(8, settings.default.max_examples // 8))
@given(
    values=st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=6),
    bound=st.integers(0, 2**60),
    least=st.one_of(st.none(), st.integers(-(2**60), 2**60)),
)
def test_a_stated_bound_holds_or_the_result_is_suppressed(
    protocol: str, values: list[int], bound: int, least: int | None
) -> None:
    x, low = np.array(values), -bound if least is None else least
    if low > bound:
        with pytest.raises(RangeError, match="empty"):
            runs(lambda s: assumed(s, x, bound, least), protocol)
    elif np.all((low <= x) & (x <= bound)):
        assert np.array_equal(runs(lambda s: assumed(s, x, bound, least), protocol)[0].result, x)
    else:
        with pytest.raises(RangeError, match="age"):
            runs(lambda s: assumed(s, x, bound, least), protocol)


@everywhere
def test_a_stated_bound_makes_room(protocol: str) -> None:
    """A product of two inputs of 60 bits is refused; of two that are stated to have 8 it is not."""
    x = np.array([-200, 3])

    def program(session: Session) -> Any:
        return assumed(session, x, 255) * assumed(session, x, 255)

    done = runs(program, protocol)
    assert np.array_equal(done[0].result, x * x)
    assert done[0].checks == ("age (stated by the catalogue)",)
    with pytest.raises(RangeError, match="A product could reach"):
        runs(lambda s: s.input(x, owner=0, bound=1 << 60) * s.input(x, owner=0, bound=1 << 60), protocol)


@everywhere
def test_one_flag_opens_for_all_checks_of_all_branches(protocol: str) -> None:
    def program(session: Session) -> Any:
        x = np.arange(1, 5)
        branches = [lambda k=k: assumed(session, x * k, 100).sum() for k in range(1, 4)]
        root = mpc.sqrt(session.input(x, owner=1 % session.parties, bound=4))
        return {"sums": session.gather(*branches), "roots": (root,), "bits": root.less_bits(1.5)}

    done = runs(program, protocol)
    for run in done:
        assert run.result["sums"] == [10, 20, 30]
        assert np.array_equal(run.result["bits"], [1, 1, 0, 0])
        assert [opening.elements for opening in run.openings] == [1]
        assert run.checks == done[0].checks
    assert len(done[0].checks) == 2


@pytest.mark.parametrize("branches", [False, True])
def test_nothing_opens_before_the_demands_it_depends_on_are_settled(branches: bool) -> None:
    """A program's own opening, too: of the root of a negative number nothing shows but the flag."""
    openings: list[Any] = []

    def root(session: Session, x: list[int]) -> Any:
        return mpc.sqrt(session.input(np.array(x), owner=0, bound=1 << 30))

    def program(session: Session, x: list[int]) -> Any:
        openings.append(session.openings)
        demanded = root(session, x)
        if not branches:
            return session.open(demanded, why="a test")
        return session.gather(
            lambda: session.open(root(session, [4]), why="a test"),
            lambda: session.open(demanded, why="a test"),
        )[1]

    with pytest.raises(RangeError, match="a square root: no number is below 0"):
        runs(lambda session: program(session, [-9, 4]))
    assert {opening.why for made in openings for opening in made} == {checks.FLAG}
    assert np.array_equal(runs(lambda session: program(session, [9, 4]))[0].result, [3, 2])


def test_an_opening_settles_what_came_before_it_once() -> None:
    def program(session: Session) -> Any:
        x = assumed(session, np.arange(3), 5)
        first = session.open(x, why="a test")
        assert session.settle() is None
        session.require_settled()
        session.open(x, why="a test")
        assert [opening.why for opening in session.openings] == [checks.FLAG, "a test", "a test"]
        return first

    assert np.array_equal(runs(program)[0].result, np.arange(3))


@everywhere
def test_what_an_algorithm_keeps_can_be_demanded(protocol: str) -> None:
    x = np.array([-3, 0, 7])

    def program(session: Session, least: int | None) -> Any:
        a = session.input(x, owner=0, bound=1 << 60)
        made = checks.demand_within(a, 7, "an iteration stays within 7", least=least)
        assert made.bound == 7
        return made

    assert np.array_equal(runs(lambda s: program(s, None), protocol)[0].result, x)
    with pytest.raises(RangeError, match="an iteration stays within 7"):
        runs(lambda s: program(s, 0), protocol)


def test_an_analyst_states_nothing() -> None:
    with pytest.raises(RangeError, match="catalogue, holder"):
        runs(
            lambda s: checks.assume_bound(
                s.input(np.ones(1), owner=0, bound=1 << 20), 5, source="analyst", what="x"
            )
        )


def test_a_failed_check_shows_no_word_and_no_place() -> None:
    with pytest.raises(RangeError) as caught:
        runs(lambda s: assumed(s, np.array([1, 424242, 3]), 10))
    assert "424242" not in str(caught.value)
    assert "redacted" in repr(checks.Check("why", None))  # type: ignore[arg-type]


def test_what_is_suppressed_opens_as_zeros() -> None:
    """The words that the parties open are 0, not the result beside a flag that asks not to look."""
    opened: list[Any] = []

    def program(session: Session) -> Any:
        reveal = session.protocol.reveal

        def watched(share: Any) -> Any:
            words = reveal(share)
            opened.append(words.clone())
            return words

        session.protocol.reveal = watched  # type: ignore[method-assign]
        return assumed(session, np.array([7, 8, 9]), 8)

    with pytest.raises(RangeError):
        runs(program)
    assert sorted({int(word) for words in opened for word in words.reshape(-1)}) == [0, 1]


def test_traffic_does_not_depend_on_a_check() -> None:
    def counted(x: np.ndarray) -> list[Any]:
        def program(session: Session) -> None:
            assumed(session, x, 8)
            assert checks.settle(session.runtime) is not None

        return [run.traffic for run in runs(program)]

    assert counted(np.array([1, 2])) == counted(np.array([1, 2000]))


def test_a_result_does_not_leave_without_its_checks() -> None:
    def program(session: Session) -> None:
        assumed(session, np.ones(2), 1 << 20)
        with pytest.raises(ProtocolAbort, match="without its checks: age"):
            checks.require_settled(session.runtime)
        assert checks.settle(session.runtime) is not None
        checks.require_settled(session.runtime)

    runs(program)


@pytest.mark.parametrize("word", [2**63 - 1, -(2**63), 2**62, -(2**62), 2**63 - 5, 5 - 2**63, 2**32])
def test_no_word_of_the_ring_slips_through(word: int) -> None:
    """A sign of fewer planes would take 2^63 + 5 for 5."""

    def program(session: Session) -> Any:
        given = session.protocol.input(torch.tensor([word, 5]), (2,), 0)
        return checks.assume_bound(
            session.secret(given, INTEGER, 1), 9, source="holder", what="word", least=0
        )

    with pytest.raises(RangeError, match="word"):
        runs(program)


def test_a_branch_settles_its_own_checks_only() -> None:
    """Another branch's may exist already at one party and not yet at the next."""

    def settles(session: Session) -> Any:
        assumed(session, np.ones(2), 1 << 20)
        return checks.settle(session.runtime)

    def program(session: Session) -> Any:
        session.gather(lambda: settles(session), lambda: assumed(session, np.ones(3), 1 << 20))
        states = [check.settled for check in checks.made(session.runtime)]
        assert checks.settle(session.runtime) is not None
        return states

    assert runs(program)[0].result == [True, False]
