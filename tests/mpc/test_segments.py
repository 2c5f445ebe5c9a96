"""Scans, segments, ranks, distinct values and places over every protocol, against scipy and numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mpc
from mpc.errors import NotSupported, ProtocolAbort, RangeError
from mpc.functions import segments
from mpc.functions.segments import TIES
from mpc.functions.sort import Order, order_of_bit
from mpc.protocols.table import PROTOCOLS
from mpc.session import Session
from tests.mpc.programs import everywhere, runs, same

few = settings(max_examples=max(4, settings.default.max_examples // 16))
sizes = st.integers(1, 50)
seeds = st.integers(0, 2**32)


@everywhere
@few
@given(seed=seeds, size=sizes, top=st.integers(1, 2**50))
def test_scans(protocol: str, seed: int, size: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    x, starts = rng.integers(-top, top + 1, size), rng.integers(0, 2, size)
    table, flags = rng.integers(-top, top + 1, (size, 2)), rng.integers(0, 2, size)

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(starts, owner=1, bound=1)
        c, d = session.input(table, owner=0, bound=top), session.input(flags, owner=1, bound=1)
        return (
            mpc.cumulative_max(a), mpc.cumulative_min(a), np.maximum.accumulate(c), np.add.accumulate(a),
            np.cumprod(d), mpc.segmented_scan(a, b, mpc.maximum), mpc.segmented_scan(c, b, mpc.minimum),
        )  # fmt: skip

    groups = np.cumsum(starts)
    want = (
        np.maximum.accumulate(x), np.minimum.accumulate(x), np.maximum.accumulate(table), np.cumsum(x),
        np.cumprod(flags), pd.Series(x).groupby(groups).cummax(),
        pd.DataFrame(table).groupby(groups).cummin(),
    )  # fmt: skip
    same(runs(program, protocol)[0].result, want)


@everywhere
@few
@given(seed=seeds, size=sizes, top=st.integers(1, 2**40))
def test_segments(protocol: str, seed: int, size: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    x, starts = rng.integers(-top, top + 1, size), rng.integers(0, 2, size)
    starts[0] = 1

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(starts, owner=1, bound=1)
        made = mpc.Segments(b)
        return made.hold(a), made.running_sum(a), made.total(a), *made.totals(a), *made.front(a)

    grouped = pd.Series(x).groupby(np.cumsum(starts))
    number = int(starts.sum())
    rest, valid = np.zeros(size - number, dtype=np.int64), np.arange(size) < number
    want = (
        grouped.transform("first"), grouped.cumsum(), grouped.transform("sum"),
        np.r_[grouped.sum(), rest], valid, np.r_[grouped.first(), rest], valid,
    )  # fmt: skip
    same(runs(program, protocol)[0].result, want)


@everywhere
def test_rows_before_the_first_start_belong_to_none(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([5, 6, 7, 8]), owner=0, bound=8)
        made = mpc.Segments(session.input(np.array([0, 0, 1, 0]), owner=1, bound=1))
        none = mpc.Segments(session.input(np.zeros(4, dtype=np.int64), owner=1, bound=1))
        return made.hold(a), made.total(a), *none.totals(a), none.hold(a)

    zeros = [0, 0, 0, 0]
    same(runs(program, protocol)[0].result, ([0, 0, 7, 7], [0, 0, 15, 15], zeros, zeros, zeros))


@everywhere
@few
@given(seed=seeds, size=sizes, distinct=st.integers(1, 20))
def test_ranks_with_ties_and_distinct_values(protocol: str, seed: int, size: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-distinct, distinct, size) / 4
    y = rng.integers(0, 2, size)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=8 << 16)
        b = session.input(y, owner=1, bound=1)
        found = mpc.unique(a)
        return (
            *(mpc.rank(a, ties) for ties in TIES), mpc.rank([b, a], "min"),
            found.values, found.counts, found.number,
        )  # fmt: skip

    got = runs(program, protocol)[0].result
    for ties, ranks in zip(TIES, got, strict=False):
        assert np.array_equal(ranks, stats.rankdata(x, ties))
    assert np.array_equal(got[len(TIES)], stats.rankdata(y * 1000 + x, "min"))
    values, counts = np.unique(x, return_counts=True)
    rest = np.zeros(size - values.size)
    same(got[-3:], (np.r_[values, rest], np.r_[counts, rest], values.size))


@everywhere
@pytest.mark.parametrize("pairs", [0, 10**6])
@pytest.mark.parametrize("side", ["left", "right"])
def test_places_in_sorted_rows(protocol: str, monkeypatch: pytest.MonkeyPatch, pairs: int, side: Any) -> None:
    monkeypatch.setattr(segments, "PAIRS_AN_ELEMENT", pairs)
    rng = np.random.default_rng(7)
    rows, values = np.sort(rng.integers(-9, 9, 40)), rng.integers(-11, 11, 25)

    def program(session: Session) -> Any:
        a, b = session.input(rows, owner=0, bound=9), session.input(values, owner=1, bound=11)
        return mpc.searchsorted(a, b, side), np.searchsorted(a, b, side)

    same(runs(program, protocol)[0].result, [np.searchsorted(rows, values, side)] * 2)


@everywhere
def test_tables_move_as_rows_and_a_shuffle_keeps_them(protocol: str) -> None:
    table, key = np.arange(60).reshape(10, 2, 3), np.random.default_rng(1).permutation(10)

    def program(session: Session) -> Any:
        a, b = session.input(table, owner=0, bound=60), session.input(key, owner=1, bound=10)
        return *mpc.sort_by(b, a, b), *mpc.shuffle(a, b)

    got = runs(program, protocol)[0].result
    order = np.argsort(key)
    same(got[:2], (table[order], key[order]))
    places = got[2][:, 0, 0] // 6
    assert sorted(places) == list(range(10))
    same(got[2:], (table[places], key[places]))


def test_operations_take_the_same_rounds_for_any_number_of_rows() -> None:
    def program(session: Session, size: int) -> Any:
        a = session.input(np.ones(size, dtype=np.int64), owner=0, bound=1)
        return mpc.Segments(a).total(a)

    def rounds(size: int) -> int:
        return max(run.traffic.rounds for run in runs(lambda session: program(session, size)))

    assert rounds(2) == rounds(300) <= 1 + 7 + 6


def test_what_segments_cost_when_they_are_made() -> None:
    def cost(make: Any) -> Any:
        def program(session: Session) -> None:
            make(session.input(np.ones(640, dtype=np.int64), owner=0, bound=1))

        made = mpc.rehearse(program)
        return made.rounds - 1, made.sent[1] // 640  # party 0 sends the input

    assert cost(mpc.Segments) == (7, 40)
    assert cost(lambda a: mpc.Segments(mpc.SecretBits(a.protocol, a.share[:10], 640))) == (6, 40)


#: Words that say that they are 0 or 1, and what is left of them.
WORDS, BITS = np.array([1, 777, 13, 0, 5, -4]), np.array([1, 1, 1, 0, 1, 0])


@everywhere
def test_what_opens_is_a_permutation_whatever_the_words_are(protocol: str) -> None:
    """A bound is only said of an input: words beyond it must not open in a permutation's place."""
    opened: list[Any] = []

    def program(session: Session) -> Any:
        reveal = session.protocol.reveal

        def watched(share: Any) -> Any:
            opened.append(reveal(share))
            return opened[-1]

        session.protocol.reveal = watched  # type: ignore[method-assign]
        said = session.input(WORDS, owner=0, bound=1 << 20).view(bound=1)
        stated = mpc.assume_bound(said, 1, least=0, source="holder", what="starts")
        made = mpc.Segments(said).starts, order_of_bit(said).inverse().places, mpc.Segments(stated).starts
        mpc.unique(said), mpc.rank(said, "min"), mpc.sort(said)
        session.protocol.reveal = reveal  # type: ignore[method-assign]
        session.settle()
        return made

    starts, inverse, again = runs(program, protocol)[0].result
    assert opened
    assert all(sorted(words.reshape(-1).tolist()) == list(range(len(WORDS))) for words in opened)
    same((starts, inverse, again), (BITS, np.argsort(BITS, kind="stable"), BITS))


@everywhere
def test_packed_bits_begin_segments_and_a_wider_bound_does_not(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(WORDS, owner=0, bound=1 << 10)
        for ask in (mpc.Segments, order_of_bit):
            with pytest.raises(RangeError, match="no mask"):
                ask(a)
            with pytest.raises(RangeError, match="Flags of"):
                ask(a.reshape(2, 3))
        equal = mpc.Segments.of_equal(mpc.sort(a < 0))
        return mpc.Segments(mpc.bit_planes(a, 1)[0]).running_sum(a), equal.total(mpc.sort(a < 0) * 0 + 1)

    same(runs(program, protocol)[0].result, ([1, 777, 13, 13, 5, 1], [5, 5, 5, 5, 5, 1]))


def test_nobody_makes_an_order_of_places() -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([0, 0, 1]), owner=0, bound=3)
        with pytest.raises(NotSupported, match="might be no permutation"):
            Order(a)
        made = mpc.order_by(a)
        with pytest.raises(AttributeError):
            made.places = a  # type: ignore[misc]
        assert repr(made) == "Order(rows=3)"
        with pytest.raises(ProtocolAbort, match="no permutation"):
            Order._of(a).apply(a)  # as a party that computes something else
        return a

    runs(program)


@everywhere
def test_what_has_no_order_is_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.array([2, 3]), owner=0, bound=3)
        for ask in (
            lambda: mpc.rank(a, "odd"),
            lambda: mpc.searchsorted(a, a, "middle"),
            lambda: mpc.Segments(a.reshape(1, 2)),
            lambda: mpc.prefix_scan([], lambda x, y: x),
            lambda: mpc.prefix_scan([a], lambda x, y: [x[0] + y[0]]),
            lambda: mpc.cumulative_prod(a / 2),
            lambda: mpc.cumulative_prod(a.view(bound=2**40)),
        ):
            with pytest.raises(RangeError):
                ask()
        return a

    runs(program, protocol)


@everywhere
def test_no_rows_have_no_segments(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.zeros(0, dtype=np.int64), owner=0, bound=3)
        some = session.input(np.array([1, 2]), owner=0, bound=3)
        made, found = mpc.Segments(a.view(bound=1)), mpc.unique(a)
        empty = (
            *(mpc.rank(a, ties) for ties in TIES), made.hold(a), made.running_sum(a), made.total(a),
            *made.totals(a), *made.places(), *made.front(a), found.values, found.counts,
            mpc.cumulative_max(a), mpc.cumulative_prod(a), mpc.searchsorted(some, a),
            mpc.prefix_scan([a], lambda x, y: x)[0],
        )  # fmt: skip
        assert {one.shape for one in empty} == {(0,)}
        return found.number, mpc.searchsorted(a, some)

    same_shapes = runs(program, protocol)[0].result
    assert same_shapes[0] == 0
    assert np.array_equal(same_shapes[1], [0, 0])


@everywhere
def test_distinct_values_of_a_table_and_products_of_integers(protocol: str) -> None:
    x = np.array([[2, 1, 2], [3, 3, 3]])

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=3)
        found = mpc.unique(a)
        return found.values, found.counts, mpc.cumulative_prod(a, 1), mpc.cumulative_max(a, axis=None)

    want = ([1, 2, 3, 0, 0, 0], [1, 2, 3, 0, 0, 0], np.cumprod(x, 1), np.maximum.accumulate(x.ravel()))
    same(runs(program, protocol)[0].result, want)


@pytest.mark.parametrize(
    "protocol", [name for name, known in PROTOCOLS.items() if not known.guarantees.permutations]
)
def test_a_protocol_without_permutations_says_so_before_it_works(protocol: str) -> None:
    x = np.arange(4)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=4)
        for ask in (mpc.sort, mpc.argsort, mpc.rank, mpc.unique, mpc.Segments, mpc.shuffle):
            with pytest.raises(NotSupported, match=protocol):
                ask(a)
        assert session.traffic.rounds == 0
        return mpc.searchsorted(a, a), mpc.cumulative_max(a)

    same(runs(program, protocol)[0].result, (x, x))


@everywhere
def test_tables_have_segments_too(protocol: str) -> None:
    """Every operation of a table is that of its columns, in the rounds of one."""
    x, starts = np.random.default_rng(5).integers(-99, 99, (40, 2, 3)), np.zeros(40, dtype=np.int64)
    starts[[2, 3, 11, 30]] = 1

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=99)
        made = mpc.Segments(session.input(starts, owner=1, bound=1))
        wide = [made.hold(a), made.running_sum(a), made.total(a), made.totals(a)[0], made.front(a)[0]]
        columns = [a[:, i, j] for i in range(2) for j in range(3)]
        single = [
            [ask(column) for column in columns]
            for ask in (
                made.hold, made.running_sum, made.total,
                lambda c: made.totals(c)[0], lambda c: made.front(c)[0],
            )
        ]  # fmt: skip
        return wide, single

    wide, single = runs(program, protocol)[0].result
    for table, columns in zip(wide, single, strict=True):
        assert table.shape == x.shape
        assert np.array_equal(table.reshape(40, 6), np.stack(columns, 1))

    def rounds(shape: tuple[int, ...]) -> int:
        def program(session: Session) -> Any:
            a = session.input(np.ones(shape, dtype=np.int64), owner=0, bound=1)
            return mpc.Segments(a.reshape(shape[0], -1)[:, 0]).total(a)

        return mpc.rehearse(program).rounds

    assert rounds((30,)) == rounds((30, 5))
