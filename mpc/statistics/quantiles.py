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
from typing import Any

import numpy as np

from mpc.bits import SecretBits
from mpc.encoding import MAX_MAGNITUDE
from mpc.errors import PlanInvalid, RangeError
from mpc.session import Session
from mpc.statistics.base import Opened, Quantity, Statistic, StatisticRequest, Target, Value
from mpc.statistics.moments import MISSING, N
from mpc.statistics.parameters import exact_number
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.tensor import SecretTensor, concat, stack

MAX_DENOMINATOR = 100
#: Rows times order statistics of one batch, in bits: packed candidates of 512 MiB a party.
MAX_BATCH_BITS = 1 << 32
#: Bits counted at once: a bit takes about 100 bytes a party while it becomes a word.
COUNT_BITS = 1 << 22


def fraction_of(percent: object) -> Fraction:
    """A percentile 0..100 as a fraction of 1; its denominator stays small enough for the ring."""
    fraction = exact_number(percent, "A percentile") / 100
    if not 0 <= fraction <= 1 or fraction.denominator > MAX_DENOMINATOR:
        raise PlanInvalid(
            f"{percent} is not a percentile that can be computed exactly.",
            remedy="Use whole percents from 0 to 100.",
        )
    return fraction


def target(name: str, column: ColumnSpec, percent: object) -> Target:
    fraction = fraction_of(percent)
    return Target(name, column, fraction, N, extreme=fraction in (0, 1))


def checked_percents(percents: Sequence[object]) -> tuple[object, ...]:
    """The percentiles as a plan writes them; `PlanInvalid` for one that `fraction_of` refuses."""
    for percent in percents:
        fraction_of(percent)
    return tuple(percents)


class Quantiles(Statistic):
    """n, missing and percentiles of one column."""

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        self.kind = request.kind
        self.columns = request.columns
        self.column = columns[request.columns[0]]
        fixed: dict[str, tuple[object, ...]] = {"median": (50,), "minimum": (0,), "maximum": (100,)}
        self.percents = fixed.get(request.kind) or checked_percents(
            request.parameters.get("probabilities", ())
        )
        if not self.percents:
            raise PlanInvalid("quantiles names no percentile.", remedy="Name some, such as 25, 50 and 75.")

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(N), Quantity(MISSING))

    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        present = mask & rows.present[self.column.name]
        return [int(present.sum()), int((mask & ~present).sum())]

    def name_of(self, percent: object) -> str:
        return f"{percent}%" if self.kind == "quantiles" else self.kind

    def targets(self) -> tuple[Target, ...]:
        return tuple(target(self.name_of(percent), self.column, percent) for percent in self.percents)

    def finish(self, opened: Opened) -> dict[str, Value]:
        values: dict[str, Value] = {N: opened[N], MISSING: opened[MISSING]}
        return values | {goal.name: value_of(goal, opened[goal.name]) for goal in self.targets()}


def value_of(goal: Target, word: int | None) -> Value:
    """The percentile from its opened integer D * (word - lo)."""
    if word is None:
        return None
    total = word + goal.fraction.denominator * goal.column.lo
    return float(Fraction(total, goal.fraction.denominator * goal.column.scale.factor))


@dataclass(frozen=True)
class Selection:
    """One batch of targets: which column's planes, which candidates, which count each one uses."""

    targets: tuple[Target, ...]
    column_of: np.ndarray  # [targets] index of the column's planes
    active_of: np.ndarray  # [targets] index of the candidate plane
    count_of: np.ndarray  # [targets] index of the governing count
    bits: int
    rows: int  # public upper bound on rows

    def check(self) -> None:
        """`RangeError` if the batch is too large, or its exact arithmetic would not fit the ring."""
        if 2 * len(self.targets) * self.rows > MAX_BATCH_BITS:
            raise RangeError(
                f"{len(self.targets)} percentiles of {self.rows} rows are too many at once.",
                remedy="Ask for fewer percentiles, columns or groups.",
            )
        top = max(goal.fraction.denominator for goal in self.targets)
        if self._shift(top) + self.rows.bit_length() >= 61 or 3 * top << self.bits >= MAX_MAGNITUDE:
            raise RangeError(
                f"Percentiles with denominator {top} over {self.rows} rows of {self.bits} bits wrap.",
                remedy="Use a coarser column, fewer rows, or percentiles such as 25, 50 and 75.",
            )

    def _shift(self, top: int) -> int:
        return (top * self.rows).bit_length() + top.bit_length() + 1

    def run(
        self,
        session: Session,
        planes: SecretBits,
        active: SecretBits,
        counts: SecretTensor,
        minimum: int,
        extremes: bool,
    ) -> tuple[SecretTensor, SecretTensor]:
        """Gate flags `[targets]` (without the minimum count's) and values D * (percentile - lo).

        `planes` is `[columns, bits, rows]`, highest bit first; `active` `[candidates, rows]`; `counts` the
        pooled governing counts. Nothing opens. Rounds: about 12 a bit.
        """
        n = counts[self.count_of].view(bound=self.rows)
        num = np.array([goal.fraction.numerator for goal in self.targets], dtype=np.int64)
        den = np.array([goal.fraction.denominator for goal in self.targets], dtype=np.int64)
        rank = (n - 1) * num
        both = self._select(session, planes, active, concat([rank, rank + den]), np.concatenate([den, den]))
        size = len(self.targets)
        low, high = both[:size], both[size:]
        index, rest = self._divide(n - 1, num, den)
        value = low * den + (high - low) * rest
        return self._records_on_each_side(index, n, minimum, extremes), value

    def _select(
        self, session: Session, planes: SecretBits, active: SecretBits, rank: SecretTensor, den: np.ndarray
    ) -> SecretTensor:
        """The smallest word v with den * #{x <= v} > rank, for each of two targets a percentile."""
        columns, live = np.tile(self.column_of, 2), active[np.tile(self.active_of, 2)]
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

    def _divide(
        self, last: SecretTensor, num: np.ndarray, den: np.ndarray
    ) -> tuple[SecretTensor, SecretTensor]:
        """floor(last * num / den) and the rest, exactly: a public reciprocal, one truncation, one correction.

        The reciprocal is above 2^shift / den by less than 1 and last * num * den below 2^shift, so the
        product's floor is the quotient; truncation may give the ceiling, which the sign of the rest tells.
        """
        shift = self._shift(int(den.max()))
        reciprocal = (1 << shift) // den.astype(object) + 1
        # num <= den: one factor num * reciprocal keeps the bound at rows * 2^shift whatever den
        wide = last * (num * reciprocal).astype(np.int64)
        guess = wide.shifted_down(shift).view(bound=self.rows + 2)
        rest = (last * num - guess * den).view(bound=2 * int(den.max()))
        over = rest < 0
        return guess - over, (rest + over * den).view(bound=int(den.max()))

    def _records_on_each_side(
        self, index: SecretTensor, n: SecretTensor, minimum: int, extremes: bool
    ) -> SecretTensor:
        """At least `minimum` records below the lower and above the upper order statistic."""
        sides = stack([index, n - 2 - index]) >= minimum
        inner = sides[0] * sides[1]
        extreme = np.array([int(goal.extreme) for goal in self.targets])
        allowed = extreme * int(extremes)
        return (inner * (1 - extreme) + allowed).view(bound=1)


def _count(bits: SecretBits) -> SecretTensor:
    """Ones along the last axis of `[m, rows]`, `COUNT_BITS` at a time to bound the memory."""
    step = max(1, COUNT_BITS // bits.length)
    return concat(
        [SecretTensor.of_bits(bits[start : start + step]).sum(-1) for start in range(0, bits.shape[0], step)]
    )


def _narrow(live: SecretBits, zeros: SecretBits, keep: SecretBits) -> SecretBits:
    """`zeros` where the lower half is kept, else the candidates that are not in it."""
    return live ^ zeros ^ (keep.expand(live.length) & live)


def _weighted(keep: SecretBits, count: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
    """The decision as a word, and the count that is skipped when the upper half is kept."""
    kept = SecretTensor.of_bits(keep).reshape(-1)
    return kept, count - kept * count


def bit_planes(column: ColumnSpec, rows: Rows, bits: int, length: int) -> np.ndarray:
    """A holder's `[bits, length/64]` packed planes of word - lo, highest bit first, padded with zeros."""
    words = np.zeros(length, dtype=np.int64)
    words[: rows.count] = np.where(rows.present[column.name], rows.words[column.name] - column.lo, 0)
    # plane by plane: all planes unpacked would take 8 bytes a bit
    return np.stack([pack((words >> place) & 1) for place in range(bits - 1, -1, -1)])


def pack(bits: np.ndarray) -> np.ndarray:
    """`[..., 64 m]` zeros and ones -> `[..., m]` int64 words, bit r of a word is row 64 w + r."""
    packed = np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<i8").astype(np.int64)


def columns_of(goals: Sequence[Target]) -> tuple[ColumnSpec, ...]:
    """The distinct columns, in order of first use."""
    return tuple({goal.column.name: goal.column for goal in goals}.values())
