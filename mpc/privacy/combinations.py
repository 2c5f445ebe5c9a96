"""Which combinations of counts are worth a check: the public part of differencing by several questions.

Who knows the counts of cohorts knows every rational combination of them. A combination sum_j a_j * cohort_j
is a function on the atoms, the classes of points that no predicate tells apart; it is dangerous if the atoms
on which it is not zero, its support, hold fewer than k records and at least one. How many records an atom
holds is secret, and so is which cohorts opened. So what is listed here is checked on shares, where a cohort
that stayed closed drops out of its combination; what remains is a combination too. total - A - B - C = 0 with
A closed is A.

Every vector of a space is a sum of its elementary ones, those of minimal support, and the support is the
union of theirs (Rockafellar, The elementary vectors of a subspace of R^N, 1969). So it is enough to check
those, and of these, those whose support contains no cohort that is open: that one has k records already. In a
small system all are listed, each over all choices of cohorts (`Combinations.complete`). In a large one these
are: dependencies of cohorts and rows of the reduced echelon form for several bases, and the sums and
differences of two of them. The tracker of Denning, Denning and Schwartz (The tracker, 1979) is such a sum.

An open cohort may also have no records at all, empty by nature: it adds none to a support, and the
combination without it is listed. Instead of k records anything may be demanded that a larger set fulfils too,
such as k records beside the largest holder's.

Nothing here is secret: all of it follows from the predicates asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpc.errors import RangeError
from mpc.privacy import elementary, spanning
from mpc.privacy.cohort_pairs import Pairs, pairs
from mpc.privacy.elementary import System

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """How much is listed; the shortest comes first and what is over is left out.

    `pairs`, `pair_entries`: pairs, and pairs times atoms. `candidates`: combinations of three cohorts and
    more, and complements of one. `entries`: atoms in the union of a combination's cohorts, over all
    combinations. `minors`: places that a complete list tries. `pool`: vectors of a large system that are
    added to each other. `triples`: combinations of three cohorts that are listed for no other reason.
    """

    pairs: int = 1 << 16
    pair_entries: int = 1 << 26
    candidates: int = 1 << 10
    entries: int = 1 << 15
    minors: int = 6_000
    pool: int = 64
    triples: int = 64


@dataclass(frozen=True)
class Combinations:
    """What to check before a question is answered.

    `copies`: rows of `told` that are one cohort, open if one of them is. `distinct` `[d, atoms]`: these
    cohorts. `coefficients` `[c, d]` and `constant` `[c]`: with flags f, the function constant + sum_j f_j *
    coefficient_j * distinct_j must not have a support of 1 to k - 1 records. `complete`: no other combination
    can have one, if these and the pairs have none and the earlier questions had none. The shortest comes
    first.
    """

    copies: tuple[tuple[int, ...], ...]
    distinct: Bools
    pairs: Pairs
    coefficients: Words
    constant: Words
    complete: bool


def combinations(told: Bools, old: int, *, whole: bool = True, limits: Limits | None = None) -> Combinations:
    """Pairs and combinations in which a cohort of the new question takes part.

    `told` `[cohorts, atoms]`: which atoms a cohort contains; rows from `old` on are the new question's.
    `whole`: the number of all records may be known, though no question opened it; then the complement of a
    cohort, and of the sum of two, has to have k records or none too. All parties get the same list: only
    exact numbers decide, and ties go by place. Raises `RangeError` if `old` is not a number of rows.
    """
    if told.ndim != 2 or not 0 <= old <= len(told):
        raise RangeError("The earlier cohorts are not among the cohorts.", remedy="Correct `old`.")
    limits = limits or Limits()
    copies = copies_of(told)
    distinct = told[[group[0] for group in copies]]
    new = np.array([group[-1] >= old for group in copies], dtype=bool)
    # nobody learns from a cohort of no atoms, nor from one of all if the number of all records is known
    some = np.asarray(distinct.any(axis=1))
    useful = np.asarray(some & ~(distinct.all(axis=1) & whole))
    differences = pairs(distinct, new & useful, useful, whole, limits.pairs, limits.pair_entries)
    complements = _complements(new & useful) if whole else np.zeros((0, len(new) + 1), dtype=np.int64)
    if distinct.sum(axis=0).max(initial=0) <= 1:  # nothing cancels
        return Combinations(
            copies, distinct, differences, complements[:, :-1], complements[:, -1], differences.complete
        )
    system = System.of(distinct, new, some, False)
    listed, complete = elementary.every(system, limits.minors)
    if not complete:
        listed = spanning.search(system, listed, limits.pool, limits.triples)
    listed = np.vstack([complements, listed])
    kept = _shortest(listed, distinct, limits)
    complete = complete and differences.complete and len(kept) == len(listed)
    return Combinations(copies, distinct, differences, kept[:, :-1], kept[:, -1], complete)


def near(told: Bools, old: int, most: int) -> Words:
    """The cohorts of a large study among which combinations are looked for.

    Beside the new ones: those that differ least from one of them, those that have most in common
    with one, and the largest of those that no new one meets, which a total may leave out with it. `most` of
    each kind.
    """
    new = np.arange(len(told)) >= old
    sets = told.astype(np.float32)
    sizes, common = sets.sum(axis=1), sets[new] @ sets.T
    apart = (sets[new].sum(axis=1)[:, None] + sizes - 2 * common).min(axis=0, initial=np.inf)
    met = common.max(axis=0, initial=0)
    orders = (np.lexsort((apart, new)), np.lexsort((-sizes, -met, new)), np.lexsort((-sizes, met > 0, new)))
    return np.unique(np.concatenate([np.flatnonzero(new), *(order[:most] for order in orders)]))


def copies_of(told: Bools) -> tuple[tuple[int, ...], ...]:
    """The places of rows that are equal, in the order of their first."""
    copies: dict[bytes, list[int]] = {}
    for place, row in enumerate(np.packbits(told, axis=1)):
        copies.setdefault(row.tobytes(), []).append(place)
    return tuple(tuple(group) for group in copies.values())


def _complements(new: Bools) -> Words:
    """All records less each new cohort."""
    places = np.flatnonzero(new)
    made = np.zeros((len(places), len(new) + 1), dtype=np.int64)
    made[np.arange(len(places)), places] = -1
    made[:, -1] = 1
    return made


def _shortest(listed: Words, distinct: Bools, limits: Limits) -> Words:
    """Of `listed` `[c, d + 1]` those within the limits.

    First those that are not zero on the fewest atoms while all cohorts are open: those that are zero
    everywhere are what a single closed cohort follows from. Of as many, those of the fewest cohorts, then of
    the fewest atoms.
    """
    taking = listed[:, :-1] != 0
    union = (taking.astype(np.float32) @ distinct.astype(np.float32) > 0) | (listed[:, -1:] != 0)
    atoms = union.sum(axis=1)
    support = ((listed[:, :-1].astype(float) @ distinct.astype(float) + listed[:, -1:]) != 0).sum(axis=1)
    order = np.lexsort((atoms, taking.sum(axis=1), support))
    fits = np.cumsum(atoms[order]) <= limits.entries
    return listed[order[fits][: limits.candidates]]
