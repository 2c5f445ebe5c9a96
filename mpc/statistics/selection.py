"""Percentiles on shared rows: radix selection with secret thresholds and secret counts at every step.

A holder that counted its own rows below a public threshold would learn a stranger's value from the
thresholds that follow; so rows, thresholds, counts and decisions stay shared. The order statistics
come bit by bit from the top of `word - lo`: among the candidate rows, count those with a 0 at this
bit, compare with the wanted rank, keep that half. All percentiles of all columns and groups, each with
its lower and upper order statistic, run as one batch.

Interpolation is pandas' "linear": with h = (n-1)p = q + r, the value is x_q + (x_{q+1} - x_q) r, here
computed on shares as the exact integer D x_q + (x_{q+1} - x_q) (D r) with p = num / D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

import mpc
from mpc.encoding import MAX_MAGNITUDE, Words
from mpc.errors import RangeError
from mpc.packing import WORD_BITS, packed, words_for
from mpc.privacy import each_side
from mpc.privacy.terms import Terms
from mpc.statistics.program import Block, Given, RowFacts, RowProgram, Target, Wanted
from mpc.statistics.rows import ColumnSpec, Rows

if TYPE_CHECKING:
    from mpc.bits import SecretBits
    from mpc.session import Session
    from mpc.tensor import SecretTensor

#: Rows times order statistics of one batch, in bits: packed candidates of 512 MiB a party.
MAX_BATCH_BITS: Final = 1 << 32
#: Bits counted at once: a bit takes about 100 bytes a party while it becomes a word.
COUNT_BITS: Final = 1 << 22
Integers = npt.NDArray[np.int64]


class Selection(RowProgram):
    """All percentiles of a query."""

    name = "selection"

    def __init__(self, wanted: Sequence[Wanted], facts: RowFacts) -> None:
        super().__init__(wanted, facts)
        goals: list[Percentile] = [one.target for one in wanted]
        self.columns = tuple({goal.column.name: goal.column for goal in goals}.values())
        pairs = [(one.group, one.target.column.name) for one in wanted]
        #: the distinct (group, column) pairs: each has a plane of candidate rows
        self.candidates = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        places = {column.name: place for place, column in enumerate(self.columns)}
        self._column_of = np.array([places[goal.column.name] for goal in goals])
        self._active_of = np.array([self.candidates[pair] for pair in pairs])
        self._count_of = np.array([one.count for one in wanted])
        self._num: Integers = np.array([goal.fraction.numerator for goal in goals], dtype=np.int64)
        self._den: Integers = np.array([goal.fraction.denominator for goal in goals], dtype=np.int64)
        self._extreme = np.array([int(goal.extreme) for goal in goals])
        self.bits = max(column.bits for column in self.columns)
        self.rows = facts.total_rows
        self._check()

    def _check(self) -> None:
        if 2 * len(self.wanted) * self.rows > MAX_BATCH_BITS:
            raise RangeError(
                f"{len(self.wanted)} percentiles of {self.rows} rows are too many at once.",
                remedy="Ask for fewer percentiles, columns or groups.",
            )
        top = int(self._den.max())
        if self._shift(top) + self.rows.bit_length() >= 61 or 3 * top << self.bits >= MAX_MAGNITUDE:
            raise RangeError(
                f"Percentiles with denominator {top} over {self.rows} rows of {self.bits} bits wrap.",
                remedy="Use a coarser column, fewer rows, or percentiles such as 25, 50 and 75.",
            )

    def _shift(self, top: int) -> int:
        return (top * self.rows).bit_length() + top.bit_length() + 1

    @property
    def sentence(self) -> str:
        """What runs, for `explain`."""
        return (
            f"Percentiles run on shared rows: {len(self.wanted)} searches over at most {self.rows} "
            f"rows, {self.bits} bits each; nobody sees a threshold or a count on the way."
        )

    # --- at the holder --------------------------------------------------------------------------

    def blocks_for(self, holder: int) -> tuple[Block, ...]:
        """Bit planes of its rows, and which rows are candidates for what."""
        words = words_for(self.facts.rows_at_most[holder])
        planes = len(self.columns) * self.bits * words
        return Block("planes", planes, "boolean"), Block("active", len(self.candidates) * words, "boolean")

    def at_holder(self, rows: Rows, holder: int) -> dict[str, Words]:
        """The words of those blocks, padded to the public bound on its rows."""
        length = words_for(self.facts.rows_at_most[holder]) * WORD_BITS
        planes = [bit_planes(column, rows, self.bits, length) for column in self.columns]
        members = self.facts.members(rows)
        active = []
        for group, name in self.candidates:  # packed one by one: a byte a row and candidate would be too much
            row = np.zeros(length, dtype=np.uint8)
            row[: rows.count] = members(group) & rows.present[name]
            active.append(packed(row))
        return {"planes": np.concatenate(planes).reshape(-1), "active": np.concatenate(active)}

    # --- on shares ------------------------------------------------------------------------------

    def on_shares(
        self, session: Session, given: Sequence[Given], counts: SecretTensor, terms: Terms
    ) -> tuple[SecretTensor, SecretTensor]:
        """Flags (without the minimum count's) and values D * (percentile - lo). Rounds: about 12 a bit."""
        planes = session.bits([one["planes"] for one in given], (len(self.columns), self.bits))
        active = session.bits([one["active"] for one in given], (len(self.candidates),))
        n = counts[self._count_of].view(bound=self.rows)
        num, den, size = self._num, self._den, len(self.wanted)
        rank = (n - 1) * num
        both = self._select(session, planes, active, mpc.concat([rank, rank + den]), np.tile(den, 2))
        low, high = both[:size], both[size:]
        index, rest = self._divide(n - 1)
        value = low * den + (high - low) * rest
        return each_side.passes(index, n, self._extreme, terms), value

    def _select(
        self, session: Session, planes: SecretBits, active: SecretBits, rank: SecretTensor, den: Integers
    ) -> SecretTensor:
        """The smallest word v with den * #{x <= v} > rank, for each of two targets a percentile."""
        columns, live = np.tile(self._column_of, 2), active[np.tile(self._active_of, 2)]
        below = session.public(np.zeros(len(den), dtype=np.int64))
        value = below
        for bit in range(self.bits):
            ones = planes[columns, bit]
            zeros = live & ~ones
            count = _count(zeros).view(bound=self.rows)
            keep = rank.reshape(-1, 1).less_bits(((below + count) * den).reshape(-1, 1))
            branches: list[Any] = session.gather(
                partial(_narrow, live, zeros, keep), partial(_weighted, keep, count)
            )
            live, (kept, skipped) = branches
            below = (below + skipped).view(bound=self.rows)
            value = value * 2 + (1 - kept)
        return value.view(bound=1 << self.bits)

    def _divide(self, last: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
        """floor(last * num / den) and the rest, exactly: a public reciprocal, one truncation, one correction.

        The reciprocal is above 2^shift / den by less than 1 and last * num * den below 2^shift, so the
        product's floor is the quotient; truncation may give the ceiling, which the sign of the rest tells.
        """
        num, den, top = self._num, self._den, int(self._den.max())
        shift = self._shift(top)
        reciprocal = (1 << shift) // den.astype(object) + 1
        # num <= den: one factor num * reciprocal keeps the bound at rows * 2^shift whatever den
        wide = last * (num * reciprocal).astype(np.int64)
        guess = wide.shifted_down(shift).view(bound=self.rows + 2)
        rest = (last * num - guess * den).view(bound=2 * top)
        over = rest < 0
        return guess - over, (rest + over * den).view(bound=top)


@dataclass(frozen=True)
class Percentile(Target):
    """A percentile of a column; 0 and 1 are extremes."""

    column: ColumnSpec
    fraction: Fraction
    program = Selection
    rule = each_side.RULE
    learnable = "an interval between two neighbouring records in which its value lies"

    @property
    def condition(self) -> str:
        """Beside the minimum count."""
        if self.extreme:
            return "extremes only if every holder allows them"
        return f"percentiles only with as many records on each side (rule {each_side.RULE})"


def _count(bits: SecretBits) -> SecretTensor:
    """Ones along the last axis of `[m, rows]`, `COUNT_BITS` at a time to bound the memory."""
    step = max(1, COUNT_BITS // bits.length)
    return mpc.concat(
        [
            mpc.SecretTensor.of_bits(bits[start : start + step]).sum(-1)
            for start in range(0, bits.shape[0], step)
        ]
    )


def _narrow(live: SecretBits, zeros: SecretBits, keep: SecretBits) -> SecretBits:
    """`zeros` where the lower half is kept, else the candidates that are not in it."""
    return live ^ zeros ^ (keep.expand(live.length) & live)


def _weighted(keep: SecretBits, count: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
    """The decision as a word, and the count that is skipped when the upper half is kept."""
    kept = mpc.SecretTensor.of_bits(keep).reshape(-1)
    return kept, count - kept * count


def bit_planes(column: ColumnSpec, rows: Rows, bits: int, length: int) -> Words:
    """A holder's `[bits, length/64]` packed planes of word - lo, highest bit first, padded with zeros."""
    words = np.zeros(length, dtype=np.int64)
    words[: rows.count] = np.where(rows.present[column.name], rows.words[column.name] - column.lo, 0)
    # plane by plane: all planes unpacked would take 8 bytes a bit
    return np.stack([packed((words >> place) & 1) for place in range(bits - 1, -1, -1)])
