"""Secret permutations and sorting over every protocol, against numpy; and that what opens is uniform."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpc
from mpc.errors import RangeError
from mpc.functions import sort
from mpc.functions.segments import firsts
from mpc.session import Session
from tests.mpc.programs import everywhere, runs

few = settings(max_examples=max(4, settings.default.max_examples // 16))


@everywhere
@few
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), bits=st.integers(1, 40))
def test_sorting_is_numpys(protocol: str, seed: int, size: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    top = 2**bits - 1
    x = rng.choice(rng.integers(-top, top + 1, max(1, size // 2)), size)  # with ties
    y = rng.integers(-9, 10, size)

    def program(session: Session) -> Any:
        a, b = session.input(x, owner=0, bound=top), session.input(y, owner=1, bound=9)
        ordered = sort.order_by(a)
        return (
            mpc.sort(a), mpc.argsort(a), mpc.sort(a, descending=True), mpc.argsort(a, descending=True),
            sort.sort_by(a, b)[0], sort.order_by([b, a]).apply(a)[0], ordered.places,
            ordered.undo(*ordered.apply(b))[0], np.sort(a), np.argsort(a), ordered.inverse().places,
        )  # fmt: skip

    order = np.argsort(x, kind="stable")
    down = np.argsort(-x, kind="stable")
    both = np.lexsort((x, y))
    want = (
        np.sort(x),
        order,
        x[down],
        down,
        y[order],
        x[both],
        np.argsort(order),
        y,
        np.sort(x),
        order,
        order,
    )
    for got, wanted in zip(runs(program, protocol)[0].result, want, strict=True):
        assert np.array_equal(got, wanted)


@everywhere
def test_real_numbers_and_the_greatest(protocol: str) -> None:
    x = np.random.default_rng(1).normal(size=200)

    def program(session: Session) -> Any:
        a = session.input(x, owner=2, bound=8 << 16)
        ordered = mpc.sort(a)
        return ordered, mpc.top_k(a, 5), firsts(ordered), mpc.rank(a, "ordinal")

    got = runs(program, protocol)[0].result
    fixed = np.rint(x * 2**16) / 2**16
    assert np.array_equal(got[0], np.sort(fixed))
    assert np.array_equal(got[1], np.sort(fixed)[::-1][:5])
    assert np.array_equal(got[2], np.r_[1, np.diff(np.sort(fixed)) != 0])
    assert np.array_equal(got[3], 1 + np.argsort(np.argsort(fixed, kind="stable")))


@everywhere
def test_what_cannot_be_sorted_is_refused(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.arange(6), owner=0, bound=6)
        for ask in (
            lambda: sort.order_by(a.reshape(2, 3)), lambda: mpc.top_k(a, 7), lambda: sort.order_by([]),
            lambda: mpc.top_k(a.reshape(2, 3), 1), lambda: mpc.shuffle(), lambda: mpc.shuffle(a, a[:3]),
            lambda: sort.order_by(a).apply(a[:3]), lambda: sort.order_by(a).undo(a[0]),
            lambda: mpc.rank(a[0]),
        ):  # fmt: skip
            with pytest.raises(RangeError):
                ask()
        return a

    runs(program, protocol)


@everywhere
@few
@given(seed=st.integers(0, 2**32), shape=st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_axes_are_sorted_as_numpys(protocol: str, seed: int, shape: list[int]) -> None:
    x = np.random.default_rng(seed).integers(-3, 4, shape)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=3)
        return [
            (mpc.sort(a, axis=axis), mpc.argsort(a, axis=axis), mpc.sort(a, axis=axis, descending=True),
             mpc.argsort(a, axis=axis, descending=True))
            for axis in (None, *range(-x.ndim, x.ndim))
        ]  # fmt: skip

    got = runs(program, protocol)[0].result
    for axis, made in zip((None, *range(-x.ndim, x.ndim)), got, strict=True):
        want = (
            np.sort(x, axis), np.argsort(x, axis, kind="stable"), -np.sort(-x, axis),
            np.argsort(-x, axis, kind="stable"),
        )  # fmt: skip
        for one, other in zip(made, want, strict=True):
            assert np.shape(one) == other.shape
            assert np.array_equal(one, other)


@everywhere
def test_no_rows_are_in_order(protocol: str) -> None:
    def program(session: Session) -> Any:
        a = session.input(np.zeros((0, 2), dtype=np.int64), owner=0, bound=3)
        column = a[:, 0]
        ordered = sort.order_by(column)
        return (
            mpc.sort(column), mpc.argsort(column), mpc.top_k(column, 0), *mpc.shuffle(column, a),
            ordered.places, *ordered.apply(column, a), *ordered.undo(a), ordered.inverse().places,
        )  # fmt: skip

    shapes = [np.shape(made) for made in runs(program, protocol)[0].result]
    assert shapes == [(0,), (0,), (0,), (0,), (0, 2), (0,), (0,), (0, 2), (0, 2), (0,)]


@pytest.mark.parametrize("again", ["shuffle", "unshuffle"])
def test_a_shuffle_keeps_the_rows_and_can_be_undone(again: str) -> None:
    x = np.arange(300).reshape(100, 3)

    def program(session: Session) -> Any:
        a = session.input(x, owner=0, bound=300)
        drawn = session.protocol.draw_shuffle(100)
        mixed = session.protocol.shuffle(a.share, drawn)
        if again == "unshuffle":
            mixed = session.protocol.unshuffle(mixed, drawn)
        return session.secret(mixed, a.scale, a.bound)

    got = runs(program)[0].result
    assert np.array_equal(got, x) == (again == "unshuffle")
    assert np.array_equal(got[np.argsort(got[:, 0])], x)


def test_what_opens_is_uniform_whatever_is_sorted() -> None:
    """All 24 orders of four rows are opened equally often, also for rows that are in order already."""
    seen: Counter[tuple[int, ...]] = Counter()
    rounds = 60

    def program(session: Session) -> Any:
        a = session.input(np.arange(4), owner=0, bound=4)
        protocol, opened = session.protocol, []
        reveal = protocol.reveal
        protocol.reveal = lambda share: opened.append(reveal(share)) or opened[-1]  # type: ignore[method-assign]
        for _ in range(rounds):
            mpc.sort(a)
        protocol.reveal = reveal  # type: ignore[method-assign]
        if session.party == 0:
            seen.update(tuple(words.tolist()) for words in opened)
        return a

    made = runs(program)
    opened = sum(seen.values())
    assert opened == 2 * rounds  # four key bits: one refinement, one application
    assert [opening.why for opening in made[1].openings] == [sort.WHY] * opened
    expected = opened / 24
    chi2 = sum((seen[order] - expected) ** 2 / expected for order in seen) + (24 - len(seen)) * expected
    assert chi2 < 70  # 23 degrees of freedom: exceeded once in 10^6 runs
    assert all(sorted(order) == [0, 1, 2, 3] for order in seen)


def test_traffic_tells_nothing_of_the_keys() -> None:
    def cost(keys: np.ndarray) -> list[tuple[int, int]]:
        def program(session: Session) -> Any:
            return mpc.sort(session.input(keys, owner=0, bound=1 << 20))

        return [(run.traffic.rounds, run.traffic.bytes_sent) for run in runs(program)]

    rng = np.random.default_rng(3)
    assert cost(np.zeros(50, dtype=np.int64)) == cost(rng.integers(0, 1 << 20, 50)) == cost(np.arange(50))
