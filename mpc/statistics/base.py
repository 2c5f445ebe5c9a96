"""What a statistic declares: the quantities that open, the counts that govern them, its percentiles.

A statistic never sees a share. It says what a holder sums over its own rows (`Quantity`), which
percentiles run on shared rows (`Target`), and what the recipient makes of the opened integers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from mpc.statistics.rows import ColumnSpec, Mask, Rows

#: An opened quantity, or None where it was suppressed.
Opened = Mapping[str, int | None]
Value = float | int | None


@dataclass(frozen=True)
class Quantity:
    """An integer that holders sum: its public bound for one row, and the count that governs it.

    A quantity without a governor is a count and governs itself. `structural_zero`: it counts a whole cell,
    so a 0 may open where every grouping column declares its zeros structural.
    """

    name: str
    per_row: int = 1
    governor: str = ""
    structural_zero: bool = False

    @property
    def is_count(self) -> bool:
        return not self.governor


@dataclass(frozen=True)
class Target:
    """A percentile of a column, governed by a count. `extreme`: only if every holder allows extremes."""

    name: str
    column: ColumnSpec
    fraction: Fraction
    governor: str
    extreme: bool = False


@dataclass(frozen=True)
class StatisticRequest:
    """One statistic as a plan asks for it."""

    kind: str
    columns: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StatisticOutcome:
    """One statistic of one group. A value that did not open is None and named in `suppressed`."""

    kind: str
    columns: tuple[str, ...]
    group: tuple[tuple[str, str], ...]
    values: Mapping[str, Value]
    suppressed: tuple[str, ...]


class Statistic(ABC):
    """One statistic of one query."""

    kind: str
    columns: tuple[str, ...]

    @abstractmethod
    def quantities(self) -> tuple[Quantity, ...]:
        """What opens, in the order of `summarise`."""

    @abstractmethod
    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        """A holder's integers over its rows in `mask`, exact."""

    def targets(self) -> tuple[Target, ...]:
        """Percentiles that run on shared rows."""
        return ()

    @abstractmethod
    def finish(self, opened: Opened) -> dict[str, Value]:
        """What the recipient reports; None for what depends on a suppressed quantity."""
