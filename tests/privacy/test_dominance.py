"""The dominance rules on shares, against their definitions over plain records."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.privacy.dominance import contributions, passes, pooled_largest, scaling
from mpc.privacy.terms import MAX_DOMINANT, Terms
from mpc.simulation import PartyRun, rehearse, run_parties
from tests.privacy.study import Study, dealt, number, schema_of

#: A table: the records of each holder in each cell.
Table = list[list[list[int]]]
MAGNITUDE, ROWS = 40, 40
RULES = st.builds(
    Terms,
    dominance_records=st.integers(0, MAX_DOMINANT),
    dominance_percent=st.sampled_from([1, 50, 70, 85, 99, 100]),
    p_percent=st.sampled_from([0, 1, 10, 50, 100]),
    allow_single_holder=st.booleans(),
)


def shared(table: Table, magnitude: int = MAGNITUDE, rows: int = ROWS, shift: int = 0) -> tuple[Any, Any]:
    made = [[contributions([np.array(cell, dtype=np.int64)], shift) for cell in holder] for holder in table]
    totals = np.array([[total for total, _ in holder] for holder in made])
    return totals, np.array([[largest for _, largest in holder] for holder in made])


def run(table: Table, terms: Terms) -> list[PartyRun]:
    scaled = scaling(MAGNITUDE, ROWS)
    totals, largest = shared(table)

    def program(session: Any) -> Any:
        own = session.input(totals, 0, bound=scaled.total), session.input(largest, 1, bound=scaled.value)
        return passes(*own, terms)

    return run_parties(program, strict=True)


def flags(table: Table, terms: Terms) -> list[int]:
    return run(table, terms)[0].result.tolist()  # type: ignore[no-any-return]


def rule(cell: list[list[int]], terms: Terms) -> bool:
    """Over the records of each holder in one cell."""
    own = [[abs(value) for value in records] for records in cell]
    pooled = [*sorted(chain(*own), reverse=True), 0, 0]
    total, share = sum(pooled), Fraction(terms.dominance_percent, 100)
    dominated = terms.dominance_records and sum(pooled[: terms.dominance_records]) > share * total
    intruders = [([pooled[1]], pooled[0])]
    if not terms.allow_single_holder:
        for place, mine in enumerate(own):
            others = [*chain(*own[:place], *own[place + 1 :]), 0]
            intruders.append((mine, max(others)))
    exposed = terms.p_percent and any(
        100 * (total - sum(known) - target) < terms.p_percent * target for known, target in intruders
    )
    return not dominated and not exposed


def tables(cells: int = 4) -> st.SearchStrategy[Table]:
    value = st.one_of(st.integers(-MAGNITUDE, MAGNITUDE), st.sampled_from([0, 1, MAGNITUDE]))
    records = st.lists(value, max_size=6)
    holder = st.lists(records, min_size=cells, max_size=cells)
    return st.lists(holder, min_size=1, max_size=6)


@settings(max_examples=40)
@given(table=tables(), terms=RULES)
def test_flags_equal_the_rules_over_plain_records(table: Table, terms: Terms) -> None:
    cells = list(zip(*table, strict=True))
    assert flags(table, terms) == [int(rule(list(cell), terms)) for cell in cells]


@settings(max_examples=15)
@given(table=tables(3), terms=RULES, data=st.data())
def test_a_record_no_larger_than_the_dominant_ones_never_closes_a_cell(
    table: Table, terms: Terms, data: st.DataObject
) -> None:
    terms = replace(terms, allow_single_holder=True)  # a holder may have nothing to learn before
    before = flags(table, terms)
    for cell in range(3):
        top = sorted((abs(value) for holder in table for value in holder[cell]), reverse=True)
        least = top[MAX_DOMINANT - 1] if len(top) >= MAX_DOMINANT else 0
        holder = data.draw(st.integers(0, len(table) - 1))
        table[holder][cell].append(data.draw(st.integers(-least, least)))
    assert all(after >= flag for after, flag in zip(flags(table, terms), before, strict=True))


@settings(max_examples=10)
@given(table=tables(), terms=RULES, other=RULES)
def test_both_parties_terms_open_no_more_than_either(table: Table, terms: Terms, other: Terms) -> None:
    both = flags(table, terms & other)
    either = zip(flags(table, terms), flags(table, other), strict=True)
    assert all(flag <= min(pair) for flag, pair in zip(both, either, strict=True))


@pytest.mark.parametrize(
    ("cell", "terms", "opens"),
    [
        ([[70], [20, 10]], Terms(dominance_records=1, dominance_percent=70), 1),
        ([[71], [20, 9]], Terms(dominance_records=1, dominance_percent=70), 0),
        ([[40, 30], [20, 10]], Terms(dominance_records=2, dominance_percent=70), 1),
        ([[40, 31], [20, 9]], Terms(dominance_records=2, dominance_percent=70), 0),
        ([[-40, 20], [-10]], Terms(dominance_records=3, dominance_percent=99), 0),
        # the second largest contributor knows 50 of 160 and is left with 100 and 10
        ([[100], [50], [10]], Terms(p_percent=10, allow_single_holder=True), 1),
        ([[100], [50], [9]], Terms(p_percent=10, allow_single_holder=True), 0),
        # a holder knows all of its own
        ([[100], [50, 9], [10]], Terms(p_percent=10), 1),
        ([[100], [50, 10], [9]], Terms(p_percent=10), 0),
        ([[100], [50, 10], [9]], Terms(p_percent=10, allow_single_holder=True), 1),
        # the holder of the largest is left with 11 and 10
        ([[100], [10, 1]], Terms(p_percent=10, allow_single_holder=True), 0),
        ([[100], [10], [1]], Terms(p_percent=10), 0),
        ([[100, 50], [10], [1]], Terms(p_percent=10), 1),
        ([[100, 50], [11], [1]], Terms(p_percent=10), 0),
        ([[100, 50, 20], [], []], Terms(p_percent=10), 1),
        ([[0], [0, 0], []], Terms(dominance_records=1, dominance_percent=1, p_percent=100), 1),
        ([[7], [], []], Terms(p_percent=1), 0),
    ],
)
def test_the_boundaries(cell: list[list[int]], terms: Terms, opens: int) -> None:
    totals, largest = shared([[records] for records in cell])

    def program(session: Any) -> Any:
        return passes(session.input(totals, 0, bound=1000), session.input(largest, 0, bound=100), terms)

    assert run_parties(program, strict=True)[0].result.tolist() == [opens]
    assert int(rule(cell, terms)) == opens


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("holders", [1, 2, 3, 7])
def test_the_largest_are_those_of_a_sort(count: int, holders: int) -> None:
    drawn = np.random.default_rng(holders).integers(0, 5, (holders, 200, count))
    lists = -np.sort(-drawn, axis=-1)
    want = -np.sort(-np.moveaxis(lists, 0, 1).reshape(200, -1), axis=-1)[:, :count]
    runs = run_parties(lambda session: pooled_largest(session.input(lists, 0, bound=5)), strict=True)
    assert runs[0].result.tolist() == want.tolist()


# --- at the holder --------------------------------------------------------------------------------


@given(words=st.lists(st.integers(-(2**52) + 1, 2**52 - 1), max_size=30), shift=st.integers(0, 60))
def test_totals_are_rounded_down_and_the_largest_up(words: list[int], shift: int) -> None:
    total, largest = contributions([np.array(words, dtype=np.int64)], shift)
    sizes = sorted(map(abs, words), reverse=True)
    assert total == sum(sizes) // 2**shift
    want = [-(-size // 2**shift) for size in sizes[:MAX_DOMINANT]]
    assert largest.tolist() == want + [0] * (MAX_DOMINANT - len(want))


@given(magnitude=st.integers(0, 2**52), rows=st.integers(1, 10**9), data=st.data())
def test_what_holders_scale_stays_within_the_public_bounds(
    magnitude: int, rows: int, data: st.DataObject
) -> None:
    made = scaling(magnitude, rows)
    cut = data.draw(st.integers(0, rows))
    assert sum(magnitude * part >> made.shift for part in (cut, rows - cut)) <= made.total
    assert contributions([np.array([-magnitude])], made.shift)[1][0] <= made.value
    assert made.shift == 0 or magnitude * rows >= 2**53
    strictest = Terms(dominance_records=3, dominance_percent=1, p_percent=100)

    def program(session: Any) -> Any:
        totals = session.input(np.zeros((3, 1), dtype=np.int64), 0, bound=made.total)
        return passes(
            totals, session.input(np.zeros((3, 1, 3), dtype=np.int64), 0, bound=made.value), strictest
        )

    rehearse(program)  # refuses what could leave the ring


@settings(max_examples=15)
@given(table=tables(), terms=RULES, shift=st.integers(1, 4))
def test_scaled_contributions_err_on_the_closed_side(table: Table, terms: Terms, shift: int) -> None:
    totals, largest = shared(table, shift=shift)

    def program(session: Any) -> Any:
        own = session.input(totals, 0, bound=MAGNITUDE * ROWS), session.input(largest, 1, bound=MAGNITUDE)
        return passes(*own, terms)

    coarse = run_parties(program, strict=True)[0].result.tolist()
    assert all(flag <= exact for flag, exact in zip(coarse, flags(table, terms), strict=True))


def test_bounds_that_could_leave_the_ring_are_refused() -> None:
    def program(session: Any) -> Any:
        totals = session.input(np.zeros((2, 1), dtype=np.int64), 0, bound=2**57)
        return passes(
            totals, session.input(np.zeros((2, 1, 3), dtype=np.int64), 0, bound=9), Terms(p_percent=1)
        )

    with pytest.raises(RangeError):
        rehearse(program)


# --- what it sends --------------------------------------------------------------------------------

STRICT = Terms(dominance_records=3, dominance_percent=80, p_percent=10)


def test_traffic_and_openings_do_not_depend_on_the_records() -> None:
    seen = [
        run([[[], [7]], [[0], []], [[1], []]], STRICT),
        run([[[40, 3], [2]], [[9] * 6, [-1]], [[4], [2]]], STRICT),
    ]
    assert [vars(one.traffic) for one in seen[0]] == [vars(one.traffic) for one in seen[1]]
    assert [one.openings for runs in seen for one in runs] == [()] * 6


@pytest.mark.parametrize("terms", [Terms(), Terms(dominance_records=3, dominance_percent=100)])
def test_rules_that_are_off_send_nothing(terms: Terms) -> None:
    def program(session: Any) -> Any:
        zeros = np.zeros((4, 5, MAX_DOMINANT), dtype=np.int64)
        return passes(session.public(zeros[:, :, 0]), session.public(zeros), terms)

    assert rehearse(program).rounds == 0
    assert run_parties(program)[0].result.tolist() == [1] * 5


@pytest.mark.parametrize("holders", [1, 2, 5, 16])
def test_rounds_grow_with_the_logarithm_of_the_holders(holders: int) -> None:
    def program(session: Any) -> Any:
        zeros = np.zeros((holders, 3, MAX_DOMINANT), dtype=np.int64)
        totals, largest = session.input(zeros[:, :, 0], 0, bound=10**9), session.input(zeros, 0, bound=10**4)
        return passes(totals, largest, STRICT)

    levels, comparison = (holders - 1).bit_length(), 8
    most = 2 + levels * (comparison + 1) + comparison + 1 + (holders + 1).bit_length()
    assert max(one.traffic.rounds for one in run_parties(program, strict=True)) <= most


# --- products -------------------------------------------------------------------------------------


@given(
    pairs=st.lists(st.tuples(*[st.integers(-(2**52) + 1, 2**52 - 1)] * 2), max_size=30),
    shift=st.integers(0, 99),
)
def test_contributions_of_products_are_exact(pairs: list[tuple[int, int]], shift: int) -> None:
    shift = max(shift, 60)  # so that they are words
    factors = [np.array([pair[place] for pair in pairs], dtype=np.int64) for place in (0, 1)]
    total, largest = contributions(factors, shift)
    sizes = sorted((abs(x * y) for x, y in pairs), reverse=True)
    assert total == sum(sizes) >> shift
    want = [-(-size >> shift) for size in sizes[:MAX_DOMINANT]]
    assert largest.tolist() == want + [0] * (MAX_DOMINANT - len(want))


@settings(max_examples=60)
@given(values=st.lists(st.integers(1, 40), min_size=3, max_size=12), p=st.sampled_from([1, 10, 50, 100]))
@example(values=[3, 3, 18], p=1)
def test_a_sum_of_squares_leaves_the_largest_value_p_percent_away(values: list[int], p: int) -> None:
    """The second largest contributor knows its own; what is left is an upper bound on the largest square."""
    squares = np.array([value**2 for value in values], dtype=np.int64)
    total, largest = contributions([squares], 0)

    def program(session: Any) -> Any:
        own = session.input([[total]], 0, bound=2**20), session.input([[largest.tolist()]], 1, bound=1600)
        return passes(*own, Terms(p_percent=p, allow_single_holder=True), np.array([True]))

    (flag,) = run_parties(program, strict=True)[0].result.tolist()
    square_percent = {1: 3, 10: 21, 50: 125, 100: 300}[p]  # (1 + p %)^2 - 1, rounded up
    first, second, *_ = sorted(values, reverse=True)
    estimate = total - second**2  # of the largest square
    assert flag == (100 * estimate >= (100 + square_percent) * first**2)
    assert not flag or 100**2 * estimate >= (100 + p) ** 2 * first**2


def test_a_variance_is_closed_where_one_value_makes_it_up() -> None:
    """100 among eleven tens: of the sum 110 are left, of the squares a tenth of its square."""
    rows = pd.DataFrame({"x": [100, *[10] * 11]})
    (values,) = Study(schema_of(number("x", 0, 1000)), dealt(rows)).values("describe:x")
    assert (values["n"], values["mean"]) == (12, pytest.approx(17.5))
    assert values["std"] is None
