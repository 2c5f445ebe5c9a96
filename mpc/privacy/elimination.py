"""Exact linear algebra over the rationals, for the public part of `combinations`.

Matrices are reduced modulo a prime of 21 bits and only what lifts to small integers is used, so everything
fits a float64: residues are centred, |r| <= p / 2 < 2^20, and a product of two matrices is exact as long as
it adds up at most 2^11 terms. Whoever lifts a residue checks it in int64 (`spanning` does): a prime that
divides a minor may lose a vector, and never makes a false one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

#: The largest prime below 2^21.
PRIME: Final = 2097143
#: Terms that a float64 adds up exactly, and one residue more: 2^11 * 2^40 + 2^20 < 2^53.
_EXACT_TERMS: Final = 1 << 11
#: Rows that are eliminated among themselves before one matrix product applies them to all others.
_BLOCK: Final = 32

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.int64]


def residues(values: Floats) -> Floats:
    """Centred residues modulo `PRIME` of integers `[...]` below 2^53 in magnitude; zero is always 0.0."""
    quotient = values * (1.0 / PRIME)
    np.rint(quotient, out=quotient)
    quotient *= PRIME
    return np.subtract(values, quotient, out=quotient)


def multiply(left: Floats, right: Floats) -> Floats:
    """`[a, b]` times `[b, c]` modulo `PRIME`; both centred."""
    return subtract_product(np.zeros((left.shape[0], right.shape[1])), -left, right)


def subtract_product(values: Floats, left: Floats, right: Floats) -> Floats:
    """`values` `[a, c]` - `left` `[a, b]` @ `right` `[b, c]` modulo `PRIME`; all centred."""
    for start in range(0, left.shape[1], _EXACT_TERMS):
        part = slice(start, start + _EXACT_TERMS)
        product = left[:, part] @ right[part]
        values = residues(np.subtract(values, product, out=product))
    return values


@dataclass(frozen=True)
class Reduced:
    """The reduced row echelon form of `[d, n]` of rank r, and how it is made of the given rows.

    `basis` `[r]` and `rest` `[d - r]` are rows of the matrix; `pivots` `[r]` its columns. Modulo `PRIME`,
    `rows` `[r, n]` = `made_of` `[r, r]` @ matrix[basis], and matrix[rest] = `relations` `[d - r, r]` @
    matrix[basis]. Row i of `rows` has 1 at `pivots[i]` and 0 at the other pivots.
    """

    basis: Words
    rest: Words
    pivots: Words
    rows: Floats
    made_of: Floats
    relations: Floats


def reduce(matrix: npt.NDArray[np.bool_], rows: Words, columns: Words) -> Reduced:
    """Reduce `[d, n]`: the basis takes the first independent `rows`; pivots come first in `columns`.

    `rows` `[d]` and `columns` `[n]` are orders of preference. d * n * rank multiplications, in blocks.
    """
    state = _Echelon.empty(len(rows), len(columns))
    ordered = matrix[rows][:, columns].astype(np.float64)
    for start in range(0, len(rows), _BLOCK):
        state.take(ordered[start : start + _BLOCK], start)
    rank = len(state.basis)
    back = np.empty((rank, len(columns)))
    back[:, columns] = state.rows[:rank]
    relations = np.zeros((len(state.rest), rank))
    for i, relation in enumerate(state.relations):
        relations[i, : len(relation)] = relation
    return Reduced(
        rows[np.array(state.basis, dtype=np.int64)],
        rows[np.array(state.rest, dtype=np.int64)],
        columns[np.array(state.pivots, dtype=np.int64)],
        back,
        state.made_of[:rank, :rank],
        relations,
    )


@dataclass
class _Echelon:
    """Rows reduced so far; places are those in the ordered matrix."""

    rows: Floats
    made_of: Floats
    basis: list[int]
    rest: list[int]
    pivots: list[int]
    relations: list[Floats]

    @classmethod
    def empty(cls, rows: int, columns: int) -> _Echelon:
        most = min(rows, columns)
        return cls(np.zeros((most, columns)), np.zeros((most, most)), [], [], [], [])

    def take(self, block: Floats, start: int) -> None:
        """Reduce `block` `[b, n]`, whose first row is row `start`, and add what is new of it."""
        rank = len(self.basis)
        known = block[:, self.pivots]
        made = np.hstack([-multiply(known, self.made_of[:rank, :rank]), np.eye(len(block))])
        both = np.hstack([subtract_product(block, known, self.rows[:rank]), made])
        width = block.shape[1]
        independent, pivots = _eliminate(both, width)
        # columns of `made`: the basis so far, then the block's rows, of which only the independent ones stay
        kept = np.concatenate([np.arange(rank), rank + np.array(independent, dtype=np.int64)])
        for i in sorted(set(range(len(block))) - set(independent)):
            self.rest.append(start + i)
            self.relations.append(-both[i, width:][kept])
        if independent:
            self._add(both[independent, :width], both[independent, width:][:, kept], pivots)
            self.basis += [start + i for i in independent]

    def _add(self, rows: Floats, made: Floats, pivots: list[int]) -> None:
        rank, more = len(self.basis), len(pivots)
        factors = self.rows[:rank, pivots]
        wide = rank + more
        touched = np.flatnonzero(factors.any(axis=1))
        for part in np.array_split(touched, len(touched) // _BLOCK + 1):  # pieces that stay in the cache
            self.rows[part] = subtract_product(self.rows[part], factors[part], rows)
            self.made_of[part, :wide] = subtract_product(self.made_of[part, :wide], factors[part], made)
        self.rows[rank:wide] = rows
        self.made_of[rank:wide, :wide] = made
        self.pivots += pivots


def _eliminate(block: Floats, width: int) -> tuple[list[int], list[int]]:
    """Gauss and Jordan in place on the first `width` columns: independent rows, and their pivots."""
    independent: list[int] = []
    pivots: list[int] = []
    for i in range(len(block)):
        nonzero = block[i, :width] != 0
        pivot = int(nonzero.argmax())
        if not nonzero[pivot]:
            continue
        inverse = float(pow(int(block[i, pivot]) % PRIME, -1, PRIME))
        block[i] = residues(block[i] * inverse)
        factors = block[:, pivot].copy()
        factors[i] = 0.0
        touched = np.flatnonzero(factors)
        block[touched] = residues(block[touched] - factors[touched, None] * block[i])
        independent.append(i)
        pivots.append(pivot)
    return independent, pivots


def lift(values: Floats, largest: int) -> tuple[Words, npt.NDArray[np.bool_]]:
    """Rows `[c, m]` of residues as multiples of them that are integers up to `largest`; and which have one.

    A row with a 1 somewhere, of which q times is the wanted integer vector, is found if q <= `largest` too.
    The integers have no common divisor: the smallest q is taken.
    """
    lifted = np.zeros(values.shape, dtype=np.int64)
    found = np.zeros(len(values), dtype=bool)
    open_rows = np.arange(len(values))
    for factor in range(1, largest + 1):
        # most rows that will not lift fail within their first columns, so these are looked at first
        alive = open_rows
        for part in _widening(values.shape[1]):
            alive = alive[(np.abs(residues(values[alive, part] * factor)) <= largest).all(axis=1)]
        lifted[alive] = residues(values[alive] * factor).astype(np.int64)
        found[alive] = True
        open_rows = open_rows[~found[open_rows]]
        if not open_rows.size:
            break
    return lifted, found


def _widening(width: int) -> list[slice]:
    return [slice(0, min(width, 32)), slice(32, min(width, 256)), slice(256, width)]
