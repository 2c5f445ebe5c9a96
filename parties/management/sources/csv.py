"""CSV files: a header, then one line a row; separated by commas, semicolons or tabs, in UTF-8."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv

from mpc.errors import DataError
from parties.management.sources.base import Snapshot, Source

SEPARATORS = (",", ";", "\t")
#: The header has to fit; the file is read in blocks of this size (bytes).
BLOCK_BYTES = 1 << 20
_FIRST_LINE = 2  # a file's first row stands below the header


class CsvSource(Source):
    """A file on this machine. The last of the table, for any path will do."""

    kind = "csv"

    def __init__(self, location: str) -> None:
        self._path = Path(location).resolve()
        self.location, self.name = str(self._path), self._path.name

    @classmethod
    def recognises(cls, location: str) -> bool:
        return "://" not in location

    def read(self, names: Collection[str] | None = None) -> Snapshot:
        try:
            if not self._path.is_file():
                raise FileNotFoundError(self._path)
            with self._path.open("rb", buffering=0) as file:
                hashed = _Hashed(file)
                table = self._parsed(io.BufferedReader(hashed, BLOCK_BYTES), names)
                wanted = [name for name in table.column_names if names is None or name in names]
                return Snapshot(table.num_rows, table.select(wanted), hashed.sha256.hexdigest())
        except OSError as error:
            raise DataError(
                f"The file {self._path} cannot be read.", remedy="Check path and rights."
            ) from error
        except pa.ArrowInvalid:
            raise DataError(
                f"{self.name} is no CSV file with a header.", remedy="Save it as CSV in UTF-8."
            ) from None

    def place(self, row: int) -> str:
        return f"line {row + _FIRST_LINE}"

    def _parsed(self, file: io.BufferedReader, names: Collection[str] | None) -> pa.Table:
        header = next((line for line in file.peek().splitlines() if line), b"")
        separator = max(SEPARATORS, key=lambda sign: header.count(sign.encode()))
        written = _table(io.BytesIO(header + b"\n"), csv.ParseOptions(delimiter=separator), []).column_names
        chosen = self._chosen(written, names)
        ragged: list[int] = []

        def refuse(row: csv.InvalidRow) -> str:
            ragged.append(row.number or 0)
            return "skip"

        options = csv.ParseOptions(delimiter=separator, invalid_row_handler=refuse)
        # Without a column pyarrow would read all of them; one is enough to count the rows.
        table = _table(file, options, [written[place] for place in chosen] or written[:1])
        if ragged:
            raise DataError(
                f"Line {ragged[0]} of {self.name} has more or fewer cells than the header.",
                remedy="Check quotes and separators on that line.",
            )
        return table.rename_columns([_clean(name) for name in table.column_names])

    def _chosen(self, written: list[str], names: Collection[str] | None) -> list[int]:
        """The places of the columns asked for. A name that the header has twice could mean either."""
        found = [_clean(name) for name in written]
        chosen = [place for place, name in enumerate(found) if names is None or name in names]
        twice = [found[place] for place in chosen if found.count(found[place]) > 1]
        if twice:
            raise DataError(
                f"{self.name} has two columns called {twice[0]}.",
                remedy="Give each column a name of its own.",
            )
        return chosen


class _Hashed(io.RawIOBase):
    """A file, and the hash of all that was read of it: what is parsed is what is hashed."""

    def __init__(self, file: BinaryIO | io.RawIOBase) -> None:
        super().__init__()
        self._file, self.sha256 = file, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = int(self._file.readinto(buffer) or 0)  # type: ignore[union-attr]
        self.sha256.update(buffer[:size])
        return size


def _table(file: io.BufferedReader | io.BytesIO, options: csv.ParseOptions, columns: list[str]) -> pa.Table:
    """These columns as text; an empty list: all."""
    return csv.read_csv(
        file,
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=options,
        convert_options=csv.ConvertOptions(
            include_columns=columns,
            default_column_type=pa.string(),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )


def _clean(name: str) -> str:
    return name.lstrip("\ufeff").strip()
