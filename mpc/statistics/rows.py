"""The encoded rows of one holder, and the public facts of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from mpc.encoding import INTEGER, Scale, Words

Mask = npt.NDArray[np.bool_]
#: A group: each grouping column with its level, empty for all rows.
Group = tuple[tuple[str, str], ...]

#: Words stay below 2**52 in magnitude, so that a holder's sums and products are exact in int64 halves.
MAX_WORD_BITS: Final = 52


@dataclass(frozen=True)
class ColumnSpec:
    """Public facts of a column. `lo` and `hi` bound the encoded words, both inclusive.

    A category's word is the index of its level; a boolean is a category with levels false and true; a
    date is days since 1970-01-01. `structural_zero`: a count of 0 in a cell of this column may open.
    `complete`: no holder has a row without a value. `missing_protected`: how many have none is as much of a
    secret as any other count; else it opens with the number of values.
    """

    name: str
    kind: Literal["number", "date", "category"]
    scale: Scale = INTEGER
    lo: int = 0
    hi: int = 0
    levels: tuple[str, ...] = ()
    structural_zero: bool = False
    complete: bool = False
    missing_protected: bool = False

    @property
    def magnitude(self) -> int:
        """The largest word there may be, whatever its sign."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def bits(self) -> int:
        """Bits of `word - lo`."""
        return max(1, (self.hi - self.lo).bit_length())


Columns = Mapping[str, ColumnSpec]


@dataclass(frozen=True, repr=False)
class Rows:
    """One holder's rows: words and a presence mask a column, and which rows the query selects.

    Words where `present` is false mean nothing. The repr shows no value.
    """

    count: int
    words: Mapping[str, Words]
    present: Mapping[str, Mask]
    selected: Mask

    def __repr__(self) -> str:
        return f"Rows(count=redacted, columns={sorted(self.words)})"

    def select(self, mask: Mask) -> Rows:
        """The same rows with another selection."""
        return Rows(self.count, self.words, self.present, mask)

    def take(self, places: npt.NDArray[np.intp], names: Sequence[str]) -> Rows:
        """Only the rows at these places, all of them selected, and only these columns."""
        return Rows(
            len(places),
            {name: self.words[name][places] for name in names},
            {name: self.present[name][places] for name in names},
            np.ones(len(places), dtype=np.bool_),
        )


def groups_of(columns: Columns, group_by: Sequence[str]) -> list[Group]:
    """All combinations of the public levels, the last column's fastest."""
    return list(product(*([(name, level) for level in columns[name].levels] for name in group_by)))


def group_places(rows: Rows, columns: Columns, group_by: Sequence[str]) -> npt.NDArray[np.int64]:
    """`[rows]` the place of each selected row's group in `groups_of`, -1 for rows in none."""
    if not group_by:
        return rows.selected.astype(np.int64) - 1
    place = np.zeros(rows.count, dtype=np.int64)
    inside = rows.selected.copy()
    for name in group_by:
        inside &= rows.present[name]
        place = place * len(columns[name].levels) + rows.words[name]
    return np.where(inside, place, -1)
