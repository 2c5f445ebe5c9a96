"""Elementary combinations of a small system, all of them.

A combination is a vector of coefficients a, one for each cohort and one for the constant 1, and the function
w = a @ cohorts on atoms. Seen as one vector (w, a) it is elementary if no other one has a smaller support;
every elementary w over every choice of open cohorts belongs to one of these. With m coefficients that are not
zero, it is what m - 1 atoms of independent columns, where w = 0, leave: the minors of a matrix [m, m - 1].
The columns have two cohorts or more, or they would make a coefficient zero.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.int64]

#: Sets of cohorts that are looked at, at most: all of twelve.
_MOST_SETS: Final = 1 << 12
#: Cohorts of a combination here, the constant with them: minors of more would outgrow the rounding.
_MOST_ROWS: Final = 12
#: Combinations of a small system among which those that others imply are looked for.
_MOST_COMPARED: Final = 4096


@dataclass(frozen=True)
class System:
    """Cohorts as rows `columns` `[d + 1, n]`; the last is the constant, which is always open.

    Atoms in the same cohorts are one column that stands for `weight` `[n]` of them. `rows`: which rows may
    take part. `new` `[d + 1]`: cohorts of the new question.
    """

    columns: Bools
    weight: Words
    rows: Words
    new: Bools

    @classmethod
    def of(cls, distinct: Bools, new: Bools, useful: Bools, whole: bool) -> System:
        """Of `distinct` `[d, atoms]`; the constant is 1 if `whole`, else it takes no part."""
        one = np.full((1, distinct.shape[1]), whole)
        columns, weight = np.unique(np.vstack([distinct, one]), axis=1, return_counts=True)
        rows = np.flatnonzero(np.append(useful, whole))
        return cls(columns, weight.astype(np.int64), rows, np.append(new & useful, False))

    def values(self, coefficients: Words) -> Words:
        """The functions `[c, n]` of `coefficients` `[c, d + 1]`; exact below 2^53."""
        return np.asarray((coefficients.astype(np.float64) @ self.columns).astype(np.int64))


def normal(coefficients: Words) -> Words:
    """Rows of `[c, d + 1]` without their common divisors, the first that is not zero positive, each once."""
    coefficients = coefficients[coefficients.any(axis=1)]
    coefficients = coefficients // np.gcd.reduce(coefficients, axis=1, keepdims=True)
    first = (coefficients != 0).argmax(axis=1)
    coefficients *= np.sign(coefficients[np.arange(len(first)), first])[:, None]
    _, places = np.unique([row.tobytes() for row in coefficients], return_index=True)
    return np.asarray(coefficients[np.sort(places)])


def every(system: System, minors: int) -> tuple[Words, bool]:
    """Combinations of three cohorts and more `[c, d + 1]` that are worth a check; and whether these are all.

    All up to a number of cohorts, such that at most `minors` choices of cohorts and atoms are tried.
    """
    parts, complete = _parts_within(system, minors)
    found = [np.zeros((0, len(system.new)), dtype=np.int64)]
    for chosen, kinds in parts:
        known: dict[bytes, Words] = {}
        for rows, there in zip(chosen, kinds, strict=True):
            key = there.tobytes()
            if key not in known:
                known[key] = _normals(_columns_of(there, chosen.shape[1]))
            normals = known[key]
            spread = np.zeros((len(normals), len(system.new)), dtype=np.int64)
            spread[:, rows] = normals
            found.append(spread)
    return _needed(normal(np.vstack(found)), system), complete


def _parts_within(system: System, minors: int) -> tuple[list[tuple[Words, Bools]], bool]:
    """Sets of three rows with their kinds of columns, of four, and so on as far as it may; whether that is
    all."""
    parts: list[tuple[Words, Bools]] = []
    number, earlier, sets = len(system.rows), int((~system.new[system.rows]).sum()), 0
    for size in range(3, number + 1):
        sets += math.comb(number, size) - math.comb(earlier, size)
        if sets > _MOST_SETS or size > _MOST_ROWS:
            return parts, False
        chosen = _sets(system, size)
        kinds = _kinds(system.columns, chosen)
        choices = np.array([math.comb(count, size - 1) for count in range(1 << size)], dtype=np.float64)
        minors -= int(choices[kinds.sum(1)].sum())
        if minors < 0:
            return parts, False
        enough = kinds.sum(1) >= size - 1
        parts.append((chosen[enough], kinds[enough]))
    return parts, True


def _sets(system: System, size: int) -> Words:
    """`[c, size]` sets of rows in their order, each with a new cohort and two others."""
    constant = len(system.new) - 1
    new = [row for row in system.rows.tolist() if system.new[row]]
    old = [row for row in system.rows.tolist() if not system.new[row]]
    found = [
        sorted((*first, *rest))
        for of_new in range(1, size + 1)
        for first in itertools.combinations(new, of_new)
        for rest in itertools.combinations(old, size - of_new)
    ]
    made = np.array(found, dtype=np.int64).reshape(len(found), size)
    return np.asarray(made[size - (made[:, -1] == constant) >= 3])


def _kinds(columns: Bools, chosen: Words) -> Bools:
    """`[c, 2^size]` which columns of two ones and more the rows of each set have, as binary numbers."""
    size = chosen.shape[1]
    codes = np.zeros((len(chosen), columns.shape[1]), dtype=np.int64)
    for place in range(size):
        codes = codes * 2 + columns[chosen[:, place]]
    there = np.zeros((len(chosen), 1 << size), dtype=np.bool_)
    there[np.arange(len(chosen))[:, None], codes] = True
    return there & (np.bitwise_count(np.arange(1 << size)) > 1)


def _columns_of(there: Bools, size: int) -> Words:
    """`[size, n]` the columns that such numbers stand for."""
    return (np.flatnonzero(there)[None, :] >> np.arange(size - 1, -1, -1)[:, None]) & 1


def _normals(matrix: Words) -> Words:
    """Vectors `[c, m]` without zeros that are orthogonal to m - 1 independent columns of `[m, n]` alone.

    Minors of 0/1 matrices of order 11 are at most 1458 (Hadamard): rounding is exact, and checked.
    """
    size = len(matrix)
    chosen = np.array(list(itertools.combinations(range(matrix.shape[1]), size - 1)), dtype=np.int64)
    if not chosen.size:
        return np.zeros((0, size), dtype=np.int64)
    squares = matrix.T[chosen]  # [c, m - 1, m]
    minors = [np.linalg.det(np.delete(squares, i, axis=2)) * (-1) ** i for i in range(size)]
    normals = np.rint(np.stack(minors, axis=1)).astype(np.int64)
    exact = ((squares @ normals[:, :, None]) == 0).all(axis=(1, 2))
    return normal(normals[exact & (normals != 0).all(axis=1)])


def _needed(listed: Words, system: System) -> Words:
    """Of all elementary combinations `[c, d + 1]` those that no open cohort and no other one implies.

    If all cohorts of one are open and its support contains one of them, it holds k records. One that is left
    when some cohorts T of a longer one drop out is found with the longer one if these are closed; if one of T
    is open and in the support, that holds k records.
    """
    supports = system.values(listed) != 0
    inside = ~(system.columns[None, :-1] & ~supports[:, None]).any(axis=2)  # [c, d]: cohort within support
    taking = listed[:, :-1] != 0
    targets = supports.any(axis=1) & ~(inside & taking).any(axis=1)
    order = np.argsort(-taking.sum(axis=1), kind="stable")
    order = order[(targets | ~supports.any(axis=1))[order]]
    if len(order) > _MOST_COMPARED:
        return np.asarray(listed[targets])
    kept: list[int] = []
    needed: set[int] = set()
    for i in order.tolist():
        implying = _implying(listed, taking, inside, i, np.array(kept, dtype=np.int64))
        if targets[i] and implying.size:
            needed.add(int(implying[0]))
            continue
        kept.append(i)
        if targets[i]:
            needed.add(i)
    return np.asarray(listed[sorted(needed)])


def _implying(listed: Words, taking: Bools, inside: Bools, place: int, kept: Words) -> Words:
    """Which of `kept` are `place` and cohorts within its support."""
    more = taking[kept]
    own = taking[place]
    candidates = kept[(more[:, own].all(axis=1)) & ~(more & ~own & ~inside[place]).any(axis=1)]
    shared = np.append(own, True)
    first = int(own.argmax())
    same = listed[candidates] * listed[place, first] == listed[place] * listed[candidates, first][:, None]
    return np.asarray(candidates[same[:, shared].all(axis=1)])
