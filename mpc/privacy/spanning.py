"""Combinations of a large system: not all of them, but those that follow from a few bases.

Each basis gives the dependencies of cohorts (a cohort as a combination of basis cohorts) and the rows of the
reduced echelon form. Both are elementary, and an atom that the cohorts determine alone is a row of every
echelon form. Sums and differences of two where something cancels are those of neighbouring bases, the more so
as what cancels may be the one cohort that stayed closed. Three cohorts, one of them split by the two others,
are found without a basis.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.privacy.elementary import System, normal
from mpc.privacy.elimination import Reduced, lift, reduce

Words = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Coefficients of a combination, at most; those of tables and trackers are 1, 2 or 3.
LARGEST: Final = 64
#: Combinations of so many cohorts are looked at for every choice of those that opened.
_MOST_OPENED: Final = 5
#: Multiplications of the reductions beside the two that are always made; and how many there are at most.
_MOST_REDUCING: Final = 1 << 29
_MOST_BASES: Final = 24
#: A prime beyond the number of cohorts and of atoms, and a factor that spreads small numbers over it.
_SHUFFLE: Final = 1_000_003
_SPREAD: Final = 48_271
#: Multiplications that the list of three cohorts may take; beyond, the smallest new cohorts alone take part.
_MOST_SPLITTING: Final = 1 << 34
#: Entries of an intermediate array.
_CHUNK: Final = 1 << 23


def search(system: System, known: Words, pool: int, triples: int) -> Words:
    """Combinations `[c, d + 1]` of three cohorts and more with a new one, those without use left out.

    `known` `[n, d + 1]`: combinations that are found already, and are among these. `pool`: how many vectors
    of each kind are added to each other; `triples`: how many of three cohorts are listed for themselves,
    those of the smallest support.
    """
    vectors = [_vectors(system, reduce(system.columns, *order)) for order in _orders(system)]
    found = normal(np.vstack([known, *vectors]))
    found = np.vstack([found, _sums(system, found, pool), _triples(system, triples)])
    found = found[(found[:, system.new] != 0).any(axis=1) & (np.abs(found).max(axis=1, initial=0) <= LARGEST)]
    return _useful(normal(found), system)


def _orders(system: System) -> list[tuple[Words, Words]]:
    """Rows and columns by preference: coarse cohorts first, new ones first, fine ones first, and shuffled.

    All parties shuffle alike: by products modulo a prime, not by a generator that numpy may change.
    """
    rows, constant = system.rows, len(system.new) - 1
    atoms = system.columns[rows] @ system.weight
    late = system.new[rows]
    common = np.argsort(-system.columns[rows].sum(axis=0), kind="stable")
    rare = common[::-1].copy()
    free = rows != constant  # the constant is always open: in a basis it is never missing
    orders = [
        (rows[np.lexsort((-atoms, late, free))], common),
        (rows[np.lexsort((atoms, ~late, free))], rare),
        (rows[np.lexsort((atoms, late, free))], rare),
    ]
    places = np.arange(1, max(len(rows), len(common)) + 1)
    for step in range(3, _MOST_BASES):
        shuffled = _SPREAD * places * (places + step) % _SHUFFLE
        by_row = rows[np.lexsort((shuffled[: len(rows)], free))]
        orders.append((by_row, np.argsort(shuffled[: len(common)], kind="stable")))
    work = len(rows) * len(common) * min(len(rows), len(common))
    return orders[: 2 + _MOST_REDUCING // max(work, 1)]


def _vectors(system: System, reduced: Reduced) -> Words:
    """What of a reduced system lifts to small integers, checked exactly, as coefficients `[c, d + 1]`."""
    lifted, found = lift(reduced.made_of, LARGEST)
    rows = np.zeros((int(found.sum()), len(system.new)), dtype=np.int64)
    rows[:, reduced.basis] = lifted[found]
    pivots = system.values(rows)[:, reduced.pivots] != 0
    rows = rows[(pivots == np.eye(len(reduced.pivots), dtype=bool)[found]).all(axis=1)]
    ones = np.ones((len(reduced.rest), 1))
    lifted, found = lift(np.hstack([ones, -reduced.relations]), LARGEST)
    zeros = np.zeros((int(found.sum()), len(system.new)), dtype=np.int64)
    zeros[np.arange(len(zeros)), reduced.rest[found]] = lifted[found, 0]
    zeros[:, reduced.basis] = lifted[found, 1:]
    return np.vstack([rows, zeros[~system.values(zeros).any(axis=1)]])


def _sums(system: System, found: Words, pool: int) -> Words:
    """Sums and differences of two of `found` `[c, d + 1]`, one with a new cohort, in which something cancels.

    Of the shortest `pool` with a new cohort, and of the others; the shortest `pool` ** 2 / 16 are returned.
    """
    order = np.argsort((found != 0).sum(axis=1), kind="stable")
    late = (found[order][:, system.new] != 0).any(axis=1)
    left = found[order[late][:pool]]
    right = np.vstack([left, found[order[~late][:pool]]])
    parts = np.hstack([left, system.values(left)]), np.hstack([right, system.values(right)])
    made = [np.zeros((0, found.shape[1]), dtype=np.int64)]
    for sign in (1, -1):
        cancel = _cancelling(*parts, sign)
        cancel &= np.arange(len(right))[None, :] > np.arange(len(left))[:, None]
        length = (left != 0).sum(axis=1)[:, None] + (right != 0).sum(axis=1)[None, :]
        places = np.flatnonzero(cancel)
        places = places[np.argsort(length.ravel()[places], kind="stable")][: pool * pool // 16]
        first, second = np.unravel_index(places, cancel.shape)
        made.append(left[first] + sign * right[second])
    return np.vstack(made)


def _cancelling(left: Words, right: Words, sign: int) -> Bools:
    """Whether a coordinate of `left` `[a, m]` + sign * `right` `[b, m]` cancels, `[a, b]`; units alone."""
    plus, minus = (left == 1).astype(np.float32), (left == -1).astype(np.float32)
    against = (right == -sign).astype(np.float32), (right == sign).astype(np.float32)
    return np.asarray(plus @ against[0].T + minus @ against[1].T > 0)


def _triples(system: System, most: int) -> Words:
    """Combinations p - q - r of three cohorts whose support contains none, one of them new, `[c, d + 1]`.

    There have to be atoms of p and q but not r, and of p and r but not q. d * d * n multiplications for each
    new cohort.
    """
    rows = system.rows[system.rows != len(system.new) - 1]
    sets = system.columns[rows].astype(np.float32)
    weighted = sets * system.weight.astype(np.float32)
    common = weighted @ sets.T
    best = np.zeros((0, 4), dtype=np.int64)
    news = np.flatnonzero(system.new[rows])
    news = news[np.argsort(common.diagonal()[news], kind="stable")][
        : _MOST_SPLITTING // max(1, sets.size * len(sets))
    ]
    for place in news.tolist():
        three = (weighted * sets[place]) @ sets.T
        best = np.vstack([best, _splits(common, three, place, most)])
        best = best[np.argsort(best[:, 0], kind="stable")][:most]
    made = np.zeros((len(best), len(system.new)), dtype=np.int64)
    for column, sign in ((1, 1), (2, -1), (3, -1)):
        made[np.arange(len(best)), rows[best[:, column]]] = sign
    return made


def _splits(common: npt.NDArray[np.float32], three: npt.NDArray[np.float32], place: int, most: int) -> Words:
    """Rows (atoms of the support, p, q, r) of the smallest supports among triples with the cohort `place`.

    `common` `[d, d]`: atoms in two cohorts; `three`: in two and in `place`.
    """
    with_place = common[place]
    only_first = with_place[:, None] - three  # place and u, not w
    beside = common - three  # u and w, not place
    sizes = common.diagonal()
    union = sizes[:, None] + sizes + sizes[place] - with_place[:, None] - with_place - common + three
    whole = np.triu((only_first > 0) & (only_first.T > 0), 1)  # place - u - w
    part = (only_first > 0) & (beside > 0)  # u - place - w
    found = [np.zeros((0, 4), dtype=np.int64)]
    for useful, supports in (
        (whole, union - only_first - only_first.T),
        (part, union - only_first - beside),
    ):
        places = np.flatnonzero(useful)
        places = places[_smallest(supports.ravel()[places], most)]
        first, second = np.unravel_index(places, useful.shape)
        here = np.full_like(first, place)
        order = (here, first, second) if useful is whole else (first, here, second)
        found.append(np.stack([supports.ravel()[places].astype(np.int64), *order], axis=1))
    return np.vstack(found)


def _smallest(values: npt.NDArray[np.float32], most: int) -> Words:
    """Places of the `most` smallest `values` `[c]`; of equal ones the first, so that all parties agree."""
    places = np.arange(len(values))
    if 0 < most < len(values):
        places = np.flatnonzero(values <= np.partition(values, most - 1)[most - 1])
    return places[np.argsort(values[places], kind="stable")][:most]


def _useful(found: Words, system: System) -> Words:
    """Of `found` `[c, d + 1]` those that may have a small support for some choice of cohorts that opened.

    Two cohorts are pairs. Cohorts of one sign never cancel. Of up to `_MOST_OPENED`, each choice is tried:
    its support must not be empty nor contain a cohort of the choice, which has k records.
    """
    taking = found[:, :-1] != 0
    opposed = (found > 0).any(axis=1) & (found < 0).any(axis=1)
    keep = opposed & (taking.sum(axis=1) > 2)
    for size in range(3, _MOST_OPENED + 1):
        places = np.flatnonzero(keep & (taking.sum(axis=1) == size))
        step = max(1, _CHUNK // (size * system.columns.shape[1]))
        for start in range(0, len(places), step):
            part = places[start : start + step]
            keep[part] = _any_choice(found[part], system, size)
    return np.asarray(found[keep])


def _any_choice(found: Words, system: System, size: int) -> Bools:
    """Whether some choice of three cohorts and more of the `size` of each, one of them new, may be small."""
    members = np.nonzero(found[:, :-1])[1].reshape(-1, size)
    sets = system.columns[members]  # [c, size, n]
    parts = sets * np.take_along_axis(found, members, axis=1)[:, :, None]
    constant = found[:, -1:] * system.columns[-1]
    possible = np.zeros(len(found), dtype=bool)
    for count in range(3, size + 1):
        for choice in itertools.combinations(range(size), count):
            chosen = list(choice)
            zero = constant + parts[:, chosen].sum(axis=1) == 0
            within = (sets[:, chosen] & zero[:, None]).any(axis=2).all(axis=1)
            possible |= within & ~zero.all(axis=1) & system.new[members[:, chosen]].any(axis=1)
    return possible
