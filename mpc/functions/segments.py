"""Rows in segments, and what all rows of one have in common: sums by group, ranks with ties, distinct values.

Segments are runs of neighbouring rows; where each begins is secret, and so is how many there are. Their
first rows are brought to the front by a secret permutation; there the segments are neighbours, and what
concerns a whole segment is a difference of neighbours. Taken back, a running sum of differences spreads it
over the rows. So each operation takes a fixed number of rounds, whatever the number of rows. Nothing is
revealed but permutations that are uniform whatever the rows are.
(Permutations: Asharov et al., CCS 2022, eprint 2022/1595.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from mpc.bits import SecretBits
from mpc.encoding import INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.shape import cumulative_sum, secrets
from mpc.functions.sort import Keys, Order, certain_bit, indices, order_by
from mpc.tensor import Public, SecretTensor, concat, stack

Ties = Literal["average", "min", "max", "dense", "ordinal"]
TIES: Final = ("average", "min", "max", "dense", "ordinal")
#: Below so many comparisons an element, `searchsorted` compares every pair: fewer bytes than a sort.
PAIRS_AN_ELEMENT: Final = 64


def firsts(*keys: SecretTensor) -> SecretTensor:
    """Of sorted columns `[n]`: 1 where a row differs from the one before it in any of them, else 0.

    One equality a column, in the rounds of one, and ceil(log2 columns) products.
    """
    count = keys[0].shape[0]
    first = keys[0].lift(np.ones(min(1, count), dtype=np.int64))
    if count <= 1:
        return first.view(bound=1)
    same = stack([key.view(scale=INTEGER) for key in keys])
    equal = same[:, 1:] == same[:, :-1]
    while equal.shape[0] > 1:
        half = equal.shape[0] // 2
        equal = concat([equal[:half] * equal[half : 2 * half], equal[2 * half :]])
    return concat([first, 1 - equal[0]]).view(bound=1)


class Segments:
    """Segments of n rows, which begin where the `[n]` bits `starts` are 1; rows before are in none.

    What opens depends on the starts being 0 or 1. So words of 0 and 1 are made bits first, of their lowest
    bit: 7 rounds and 40 B a row when they are made, of packed bits 6. `Segments.of_equal` of sorted columns
    has flags that are bits. `RangeError` for starts, or columns, of other shapes, and for words that are no
    mask. Columns are `[n]`, or tables of them `[n, ...]`, whose columns are taken together.
    """

    def __init__(self, starts: SecretBits | SecretTensor) -> None:
        self._begin(certain_bit(starts))

    @classmethod
    def of_equal(cls, *keys: SecretTensor) -> Segments:
        """Of sorted columns `[n]`: runs of rows that are equal in all of them. `firsts`, and 4 rounds."""
        return cls._of_certain(firsts(*keys))

    @classmethod
    def _of_certain(cls, starts: SecretTensor) -> Segments:
        """Of starts that are 0 or 1 by construction, whatever their bound or a demand says."""
        made = cls.__new__(cls)
        made._begin(starts)
        return made

    def _begin(self, starts: SecretTensor) -> None:
        self.starts = starts
        self._order = Order._of_bits((1 - starts).view(bound=1)).fixed()  # first rows to the front

    def hold(self, x: SecretTensor) -> SecretTensor:
        """`[n, ...]`: for every row x at its segment's first row; 0 before the first. 5 rounds."""
        front, valid = self._order.apply(x, self.starts)
        return self._spread(front, valid)

    def running_sum(self, x: SecretTensor) -> SecretTensor:
        """`[n, ...]`: the sum of x from its segment's first row to the row itself. 5 rounds."""
        sums = cumulative_sum(x, 0)
        return (sums - self.hold(sums - x)).view(bound=sums.bound)

    def total(self, x: SecretTensor) -> SecretTensor:
        """`[n, ...]`: for every row the sum of x over its whole segment. 6 rounds."""
        totals, valid = self.totals(x)
        return self._spread(totals, valid)

    def totals(self, x: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
        """`[n, ...]` sums over each segment, the segments in front and then 0; `[n]`: 1 where one is."""
        sums = cumulative_sum(x, 0)
        begins, ends, valid = self._borders((sums - x).view(bound=sums.bound), sums[-1:])
        return (ends - begins).view(bound=sums.bound), valid

    def places(self) -> tuple[SecretTensor, SecretTensor]:
        """Two `[n]`: for every row the first and the last place of its segment. 6 rounds for both."""
        count = self.starts.shape[0]
        end = self.starts.lift(np.array([count], dtype=np.int64))
        begins, ends, valid = self._borders(indices(self.starts), end)
        both = self._spread(stack([begins, ends], axis=1), valid).view(bound=count)
        return both[:, 0], both[:, 1] - 1

    def front(self, x: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
        """`[n, ...]` x of each segment's first row, these in front and then 0; `[n]`: 1 where one is."""
        front, valid = self._order.apply(x, self.starts)
        return (front * _beside(valid, x)).view(bound=x.bound), valid

    def _borders(self, x: SecretTensor, end: SecretTensor) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
        """x at each segment's first row, and at the next one's, the segments in front; 1 where there is one.

        `end` `[1, ...]` stands for the row after the last: beyond the last segment both are `end`. 3 rounds.
        """
        front, valid = self._order.apply(x, self.starts)
        if not len(front):
            return front, front, valid
        begins = end + _beside(valid, x) * (front - end.broadcast_to(front.shape))
        return begins, concat([begins[1:], end]), valid

    def _spread(self, front: SecretTensor, valid: SecretTensor) -> SecretTensor:
        """What stands at the segments in front, to all their rows: differences go back, sums spread them."""
        before = concat([front[:1] * 0, front[:-1]])
        steps = self._order.undo((front - before) * _beside(valid, front))[0]
        return steps.linear(lambda words: words.cumsum(0), bound=front.bound)


def _beside(flags: SecretTensor, x: SecretTensor) -> SecretTensor:
    """`[n]` flags, as they broadcast to x `[n, ...]`."""
    return flags.reshape(len(flags), *[1] * (x.ndim - 1))


def rank(x: Keys, ties: Ties = "average") -> SecretTensor:
    """The place of each row in the order of the key or keys, from 1; equal rows share theirs, as `ties` says.

    average: the mean of their places (one fraction bit); min, max: the first, the last; dense: distinct
    values are counted; ordinal: in the rows' own order. As `scipy.stats.rankdata`. A sort, an equality, and
    about 25 rounds. `RangeError` for other ties and for keys that are not `[n]`.
    """
    if ties not in TIES:
        raise RangeError(f"There are no ranks {ties!r}.", remedy=f"Choose one of {', '.join(TIES)}.")
    keys, order = [x] if isinstance(x, SecretTensor) else list(x), order_by(x)
    if ties == "ordinal":
        return (order.places + 1).view(bound=order.places.shape[0])
    starts = firsts(*order.apply(*keys))
    return order.undo(_tied(starts, ties))[0]


def _tied(starts: SecretTensor, ties: Ties) -> SecretTensor:
    """Ranks of sorted rows, whose equal runs begin at `starts`."""
    count = starts.shape[0]
    if ties == "dense":
        return cumulative_sum(starts)
    if ties == "min":
        return (Segments._of_certain(starts).hold(indices(starts)) + 1).view(bound=count)
    first, last = Segments._of_certain(starts).places()
    if ties == "max":
        return (last + 1).view(bound=count)
    return (first + last + 2).view(scale=Scale(bits=1), bound=2 * count)


def _ones(x: SecretTensor) -> SecretTensor:
    return x.lift(np.ones(x.shape, dtype=np.int64))


@dataclass(frozen=True)
class Unique:
    """Distinct values in order; all columns have the length of the input, and 0 beyond the last value."""

    values: SecretTensor
    counts: SecretTensor
    valid: SecretTensor

    @property
    def number(self) -> SecretTensor:
        """How many there are."""
        return self.valid.sum()


def unique(x: SecretTensor) -> Unique:
    """The distinct values of n elements, how often each occurs, and flags of where there is one; all `[n]`.

    How many there are stays secret. A sort, an equality, and 10 rounds. `NotSupported` where the protocol has
    no shuffle.
    """
    x = x.reshape(-1)
    ordered = order_by(x).apply(x)[0]
    segments = Segments.of_equal(ordered)
    values, valid = segments.front(ordered)
    counts, _ = segments.totals(_ones(ordered))
    return Unique(values, counts.view(bound=x.shape[0]), valid)


def searchsorted(
    rows: SecretTensor | Public, values: SecretTensor | Public, side: Literal["left", "right"] = "left"
) -> SecretTensor:
    """How many of `[n]` rows are below each value (side left), or not above it (right), in the values' shape.

    One of both may be public. The rows need not be in order. Every pair is compared if that takes fewer bytes
    else one sort of both. `RangeError` for another side, and other rows.
    """
    if side not in ("left", "right"):
        raise RangeError(f"There is no side {side!r}.", remedy="Choose left or right.")
    rows, values = secrets(rows, values)
    if rows.ndim != 1:
        raise RangeError(f"Rows of {rows.shape} to search.", remedy="Give a [n] tensor.")
    return _placed(rows, values.reshape(-1), side).reshape(*values.shape)


def _placed(rows: SecretTensor, values: SecretTensor, side: str) -> SecretTensor:
    """`searchsorted` of `[n]` and `[m]`."""
    n, m = rows.shape[0], values.shape[0]
    if n * m <= PAIRS_AN_ELEMENT * (n + m):
        row, wanted = rows.reshape(1, n), values.reshape(m, 1)
        below = row < wanted if side == "left" else row <= wanted
        return below.sum(1)
    # stable: at equal keys the values come first (left), or last
    parts = [values, rows] if side == "left" else [rows, values]
    joined = concat(parts)
    tags = np.repeat([0, 1] if side == "left" else [1, 0], [part.shape[0] for part in parts])
    order = order_by(joined)
    below = order.undo(cumulative_sum(order.apply(joined.lift(tags))[0]))[0].view(bound=n)
    return below[:m] if side == "left" else below[n:]
