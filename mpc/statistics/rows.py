"""The encoded rows of one holder, and the public facts of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mpc.encoding import INTEGER, Scale, Words

Mask = npt.NDArray[np.bool_]

#: Words stay below 2**52 in magnitude, so that a holder's sums and products are exact in int64 halves.
MAX_WORD_BITS = 52


@dataclass(frozen=True)
class ColumnSpec:
    """Public facts of a column. `lo` and `hi` bound the encoded words, both inclusive.

    A category's word is the index of its level; a boolean is a category with levels false and true; a
    date is days since 1970-01-01. `structural_zero`: a count of 0 in a cell of this column may open.
    """

    name: str
    kind: Literal["number", "category"]
    scale: Scale = INTEGER
    lo: int = 0
    hi: int = 0
    levels: tuple[str, ...] = ()
    structural_zero: bool = False
    unit: str = ""

    @property
    def magnitude(self) -> int:
        return max(abs(self.lo), abs(self.hi))

    @property
    def bits(self) -> int:
        """Bits of `word - lo`."""
        return max(1, (self.hi - self.lo).bit_length())


@dataclass(frozen=True, repr=False)
class Rows:
    """One holder's rows: words and a presence mask a column, and which rows the query selects.

    Words where `present` is false mean nothing. The repr shows no value.
    """

    count: int
    words: Mapping[str, Words]
    present: Mapping[str, Mask]
    selected: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def __repr__(self) -> str:
        return f"Rows(count=redacted, columns={sorted(self.words)})"

    def select(self, mask: Mask) -> Rows:
        """The same rows with another selection."""
        return Rows(self.count, self.words, self.present, mask)
