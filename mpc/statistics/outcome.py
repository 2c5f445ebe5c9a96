"""What a statistic ended with in one group: plain numbers, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mpc.statistics.dates import moment
from mpc.statistics.rows import ColumnSpec, Group

Value = float | int | None
#: A value as it is shown: one of a column of dates is a date.
Shown = Value | date


class Described(Protocol):
    """What an outcome knows of its statistic."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def specs(self) -> tuple[ColumnSpec, ...]:
        """Its columns."""

    def is_point(self, name: str) -> bool:
        """Whether a value is one of the column's own."""


@dataclass(frozen=True)
class Outcome:
    """A statistic of one group; a value that did not open is None."""

    statistic: Described
    group: Group
    values: Mapping[str, Value]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the statistic's columns."""
        return tuple(column.name for column in self.statistic.specs)

    @property
    def suppressed(self) -> tuple[str, ...]:
        """The names of what did not open."""
        return tuple(name for name, value in self.values.items() if value is None)

    @property
    def of_dates(self) -> bool:
        """Whether it is of a column of dates."""
        return [column.kind for column in self.statistic.specs] == ["date"]

    @property
    def shown(self) -> dict[str, Shown]:
        """The values; points of a column of dates as dates, spreads stay days."""
        if not self.of_dates:
            return dict(self.values)
        return {
            name: moment(value) if value is not None and self.statistic.is_point(name) else value
            for name, value in self.values.items()
        }
