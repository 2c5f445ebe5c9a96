"""What a source of rows is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa


@dataclass(frozen=True, repr=False)
class Snapshot:
    """What one pass over a source found. The fingerprint is of all its data, whatever columns were asked for.

    `table` has the columns as text; a cell without a value is the empty text.
    """

    count: int
    table: pa.Table
    fingerprint: str

    def __repr__(self) -> str:
        return f"Snapshot(columns={self.table.column_names})"


class Source(ABC):
    """One place that a holder's rows are read from. Making one opens nothing yet.

    `kind` is how a registration calls the class; `location` finds the data again after a restart, from
    any folder; `name` is what messages and drafts call them, without a path.
    """

    kind: ClassVar[str]
    location: str
    name: str

    @classmethod
    @abstractmethod
    def recognises(cls, location: str) -> bool:
        """Whether data at this location are of this kind."""

    @abstractmethod
    def __init__(self, location: str) -> None: ...

    @abstractmethod
    def read(self, names: Collection[str] | None = None) -> Snapshot:
        """One pass over the data: these columns (None: all), without those that the source does not have.

        Raises `DataError` for data that are gone or are no table. Its message may name places, never a
        value, and is for the holder's operator alone.
        """

    @abstractmethod
    def place(self, row: int) -> str:
        """How an operator finds a row (0, 1, ...), as in "line 7"."""
