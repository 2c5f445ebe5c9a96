"""Candidates cover what an attacker can derive: attacks by name, and all vectors of small systems."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.privacy import elimination
from mpc.privacy.combinations import Combinations, Limits, combinations

Row = list[Fraction]
#: No complete list: what a large system gets.
SEARCHED = Limits(minors=0)


# ---------------------------------------------------------------------------------------------- an oracle


def echelon(rows: list[Row]) -> list[Row]:
    """Independent rows of the reduced row echelon form."""
    rows, done = [list(row) for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(done, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        rows[done] = [value / rows[done][column] for value in rows[done]]
        for i in range(len(rows)):
            if i != done and rows[i][column]:
                factor = rows[i][column]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[done], strict=True)]
        done += 1
    return rows[:done]


def rational(sets: NDArray[np.bool_]) -> list[Row]:
    return [[Fraction(int(value)) for value in row] for row in sets]


def elementary_vectors(sets: NDArray[np.bool_]) -> set[tuple[Fraction, ...]]:
    """Vectors of minimal support in the span of the rows: what is left by zeros of one rank less."""
    basis = echelon(rational(sets))
    rank, atoms = len(basis), sets.shape[1]
    found = set()
    for zeros in itertools.combinations(range(atoms), rank - 1) if rank else ():
        others = [column for column in range(atoms) if column not in zeros]
        order = [*zeros, *others]
        reduced = echelon([[row[column] for column in order] for row in basis])
        left = [row for row in reduced if not any(row[: rank - 1])]
        if len(left) == 1:
            found.add(tuple(dict(zip(order, left[0], strict=True))[column] for column in range(atoms)))
    return found


def small(support: NDArray[np.bool_], records: NDArray[np.int64], k: int) -> bool:
    return 1 <= int(records[np.asarray(support, dtype=bool)].sum()) < k


def dangers(
    sets: NDArray[np.bool_], records: NDArray[np.int64], k: int, known: NDArray[np.bool_] | None = None
) -> bool:
    """Whether the span of `sets` has a small vector; with `known`, one outside the span of these."""
    base = [] if known is None else echelon(rational(known))
    for vector in elementary_vectors(sets):
        inside = known is not None and len(echelon([*base, list(vector)])) == len(base)
        if not inside and small(np.array([value != 0 for value in vector]), records, k):
            return True
    return False


def caught(found: Combinations, opened: NDArray[np.bool_], records: NDArray[np.int64], k: int) -> bool:
    """What the check on shares would say."""
    pairs = found.pairs
    for first, second, support in zip(pairs.first, pairs.second, pairs.support, strict=True):
        if opened[first] and opened[second] and small(support, records, k):
            return True
    functions = (found.coefficients * opened) @ found.distinct + found.constant[:, None]
    return any(small(function != 0, records, k) for function in functions)


def passes(told: NDArray[np.bool_], records: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Which cohorts may open: those of k records, and those that are empty by nature."""
    counts = told @ records
    return np.asarray((counts >= k) | (counts == 0))


def flags_of(found: Combinations, opened: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.array([any(opened[i] for i in group) for group in found.copies], dtype=bool)


# ---------------------------------------------------------------------------------------------- by name


def cohorts(atoms: int, *members: str) -> NDArray[np.bool_]:
    """Sets of atoms written as digits, one character each."""
    sets = np.zeros((len(members), atoms), dtype=bool)
    for row, member in zip(sets, members, strict=True):
        row[[int(digit, 36) for digit in member]] = True
    return sets


def refuses(
    told: NDArray[np.bool_],
    old: int,
    records: list[int],
    k: int = 5,
    *,
    limits: Limits | None = None,
    whole: bool = False,
) -> bool:
    """Whether a question is refused if cohorts below k records stay closed."""
    counts = np.array(records, dtype=np.int64)
    found = combinations(told, old, whole=whole, limits=limits)
    return caught(found, flags_of(found, told @ counts >= k), counts, k)


both_ways = pytest.mark.parametrize("limits", [Limits(), SEARCHED], ids=["complete", "searched"])


@both_ways
@pytest.mark.parametrize("whole", [False, True])
def test_a_tracker_is_refused_at_its_last_question(limits: Limits, whole: bool) -> None:
    # atoms: C and T, C without T, T alone, neither; (C or T) + (C or not T) - T - not T = C
    told = cohorts(4, "23", "13", "02", "012", "013")[1:]
    told = np.vstack([told[1:2], ~told[1:2], told[2:3], told[3:4]])
    for records in ([1, 2, 20, 20], [3, 0, 20, 20]):
        # two unions suffice where the number of all is known: C or T, and C or not T
        assert not refuses(told, 2, [20, 20, 20, 20], limits=limits, whole=whole)
        assert refuses(told, 2, records, limits=limits, whole=whole)


@both_ways
def test_a_closed_cell_is_not_told_by_the_total(limits: Limits) -> None:
    told = cohorts(3, "0", "1", "2", "012")
    assert refuses(told, 3, [2, 30, 30], limits=limits)
    assert refuses(told, 0, [2, 30, 30], limits=limits)
    assert refuses(told, 3, [2, 1, 30], limits=limits), "two closed cells of three records together"
    assert not refuses(told, 3, [2, 3, 30], limits=limits), "two closed cells of five records together"
    assert not refuses(told, 3, [30, 30, 30], limits=limits)


@both_ways
def test_parts_one_by_one_and_then_the_total_leave_the_rest(limits: Limits) -> None:
    told = cohorts(4, "0", "1", "2", "0123")
    assert refuses(told, 3, [30, 30, 30, 2], limits=limits)
    assert not refuses(told, 3, [30, 30, 30, 20], limits=limits)
    assert refuses(told, 3, [30, 30, 3, 1], limits=limits), "a closed part and the rest"


@both_ways
def test_margins_of_a_table_of_three(limits: Limits) -> None:
    # atoms abc; all two-way margins, then the cell 000, from which every cell follows
    cells = list(itertools.product((0, 1), repeat=3))
    margins = [
        [all(cell[axis] == value for axis, value in zip(axes, values, strict=True)) for cell in cells]
        for axes in itertools.combinations(range(3), 2)
        for values in itertools.product((0, 1), repeat=2)
    ]
    told = np.array([*margins, [cell == (0, 0, 0) for cell in cells]], dtype=bool)
    even = [40] * 8
    assert not refuses(told, 12, even, limits=limits)
    for place in range(1, 8):
        records = even.copy()
        records[place] = 2
        assert refuses(told, 12, records, limits=limits), cells[place]


@both_ways
def test_three_unions_of_two_tell_each_of_the_three(limits: Limits) -> None:
    told = cohorts(3, "01", "12", "02")
    assert refuses(told, 2, [2, 30, 30], limits=limits)
    assert not refuses(told, 2, [20, 30, 30], limits=limits)


@both_ways
def test_cycles_of_odd_length_need_halves(limits: Limits) -> None:
    told = cohorts(5, "01", "12", "23", "34", "04")
    for place in range(5):
        records = [30] * 5
        records[place] = 3
        assert refuses(told, 4, records, limits=limits)
    assert not refuses(told[:4], 3, [3, 30, 30, 30, 30], limits=limits)


def test_a_copy_of_a_closed_cohort_is_new() -> None:
    told = cohorts(3, "0", "012", "0")
    found = combinations(told, 2, whole=False)
    assert found.copies == ((0, 2), (1,))
    assert [(int(a), int(b)) for a, b in zip(found.pairs.first, found.pairs.second, strict=True)] == [(0, 1)]


def test_what_the_number_of_all_records_tells() -> None:
    told = cohorts(4, "012")
    assert refuses(told, 0, [10, 10, 10, 1], whole=True)
    assert not refuses(told, 0, [10, 10, 10, 1], whole=False)


def test_pairs_without_use_are_left_out() -> None:
    told = cohorts(4, "01", "23", "01", "0123", "")
    found = combinations(told, 0, whole=True)
    assert found.pairs.first.size == 0, "disjoint, complements, equal, all or nothing"
    assert not combinations(told[:0], 0).coefficients.size
    with pytest.raises(RangeError):
        combinations(told, 6)


# ---------------------------------------------------------------------------------------------- any system


@st.composite
def systems(draw: st.DrawFn) -> tuple[NDArray[np.bool_], int, NDArray[np.int64], NDArray[np.bool_], bool]:
    atoms = draw(st.integers(1, 8))
    number = draw(st.integers(1, 8))
    rows = draw(st.lists(st.integers(0, 2**atoms - 1), min_size=number, max_size=number))
    told = np.array([[row >> atom & 1 for atom in range(atoms)] for row in rows], dtype=bool)
    records = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 7]), min_size=atoms, max_size=atoms))
    opened = draw(st.lists(st.booleans(), min_size=number, max_size=number))
    old = draw(st.integers(0, number - 1))
    return told, old, np.array(records, dtype=np.int64), np.array(opened, dtype=bool), False


@settings(max_examples=150, deadline=None)
@given(systems(), st.integers(2, 6))
def test_what_an_attacker_can_derive_is_caught(system, k) -> None:
    told, old, records, wanted, whole = system
    found = combinations(told, old, whole=whole)
    flags = flags_of(found, wanted & passes(told, records, k))
    everything = np.ones((int(whole), told.shape[1]), dtype=bool)
    earlier = np.array([group[-1] < old for group in found.copies], dtype=bool)
    span = np.vstack([found.distinct[flags], everything])
    known = np.vstack([found.distinct[flags & earlier], everything])
    said = caught(found, flags, records, k)
    # what earlier questions told is refused then: without it, dangers are outside of their span
    if found.complete and not dangers(known, records, k) and dangers(span, records, k, known):
        assert said
    if not dangers(span, records, k):
        assert not said


@settings(max_examples=80, deadline=None)
@given(systems(), st.integers(2, 6))
def test_a_search_never_refuses_without_a_danger(system, k) -> None:
    told, old, records, wanted, whole = system
    found = combinations(told, old, whole=whole, limits=SEARCHED)
    flags = flags_of(found, wanted & passes(told, records, k))
    span = np.vstack([found.distinct[flags], np.ones((int(whole), told.shape[1]), dtype=bool)])
    if caught(found, flags, records, k):
        assert dangers(span, records, k)


@settings(max_examples=80, deadline=None)
@given(systems(), st.sampled_from([Limits(), SEARCHED]))
@example((cohorts(3, "01", "12", "02", "012"), 3, np.ones(3, np.int64), np.ones(4, bool), False), SEARCHED)
def test_candidates_are_what_they_claim(system, limits) -> None:
    told, old, _, _, whole = system
    found = combinations(told, old, whole=whole, limits=limits)
    taking = found.coefficients != 0
    new = np.array([group[-1] >= old for group in found.copies], dtype=bool)
    assert taking[:, new].any(axis=1).all()
    assert ((taking.sum(axis=1) > 2) | ((taking.sum(axis=1) == 1) & (found.constant != 0))).all()
    assert len(np.unique(np.hstack([found.coefficients, found.constant[:, None]]), axis=0)) == len(taking)
    assert whole or not found.constant.any()
    assert new[found.pairs.first].all()
    one, two = found.distinct[found.pairs.first], found.distinct[found.pairs.second]
    sums = one.astype(int) + two - 1
    assert np.array_equal(
        found.pairs.support, np.where(found.pairs.complement[:, None], sums != 0, one != two)
    )


# ---------------------------------------------------------------------------------------------- exactness


@pytest.mark.parametrize(("rows", "columns"), [(3, 9), (40, 30), (70, 150)])
def test_a_reduced_system_is_what_it_says(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    matrix = rng.random((rows, columns)) < 0.3
    matrix[-1] = matrix[0]
    reduced = elimination.reduce(matrix, rng.permutation(rows), rng.permutation(columns))
    basis = matrix[reduced.basis].astype(np.float64)
    rest = matrix[reduced.rest].astype(np.float64)
    assert len(basis) == np.linalg.matrix_rank(matrix)
    assert not elimination.residues(elimination.multiply(reduced.made_of, basis) - reduced.rows).any()
    assert not elimination.residues(elimination.multiply(reduced.relations, basis) - rest).any()
    assert np.array_equal(reduced.rows[:, reduced.pivots], np.eye(len(basis)))


def test_residues_lift_to_their_integers() -> None:
    wanted = np.array([[2, -3, 1, 0], [64, 1, -64, 5], [7, 7, 0, 2]], dtype=np.int64)
    halves = [pow(int(row[2] or row[3]), -1, elimination.PRIME) for row in wanted]
    values = elimination.residues(elimination.residues(wanted * np.array(halves)[:, None]) * 1.0)
    lifted, found = elimination.lift(values, 64)
    assert found.all()
    assert (np.abs(lifted) == np.abs(wanted)).all()
    assert not elimination.lift(elimination.residues(values * 12345.0), 64)[1].any()


def test_products_of_many_terms_are_exact() -> None:
    rng = np.random.default_rng(1)
    half = elimination.PRIME // 2
    left, right = rng.integers(-half, half, (2, 5000)), rng.integers(-half, half, (5000, 2))
    exact = (left.astype(object) @ right.astype(object)) % elimination.PRIME
    product = elimination.multiply(left.astype(np.float64), right.astype(np.float64))
    assert np.array_equal(product.astype(np.int64) % elimination.PRIME, exact.astype(np.int64))


def test_dependencies_of_a_large_table_vanish() -> None:
    told = np.vstack([np.eye(60, dtype=bool), np.kron(np.eye(6, dtype=bool), np.ones(10, dtype=bool))])
    found = combinations(told, 60, whole=False)
    assert not found.complete
    margins = found.coefficients[(found.coefficients @ found.distinct == 0).all(axis=1)]
    assert len(margins) >= 6


# ---------------------------------------------------------------------------------------------- limits


def test_large_systems_stay_within_their_limits() -> None:
    told = np.random.default_rng(2).random((300, 500)) < 0.2
    limits = Limits(candidates=100, pairs=1000, entries=1 << 14)
    found = combinations(told, 290, limits=limits)
    assert len(found.coefficients) <= 100
    assert len(found.pairs.first) <= 1000
    assert not found.complete
    assert not found.pairs.complete
    union = ((found.coefficients != 0) @ found.distinct) | (found.constant != 0)[:, None]
    assert union.sum() <= 1 << 14
