"""A proposed schema from a file: types are seen, ranges only suggested.

The observed extremes of a column are somebody's values. A drafted range is rounded outward to a bound
of the form 1, 2, 5 times a power of ten, one step further where an extreme lies on such a bound, and
stays unconfirmed until the operator has put the data dictionary's range in its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import PurePath

from mpc.errors import CatalogueError
from parties.management.catalogue import MAX_DIGITS, Column, Kind, Schema
from parties.management.reading import MISSING
from parties.management.schema_file import dump_schema
from parties.management.sources.base import Source

MAX_DRAFT_LEVELS = 50
MIN_ROWS_TO_JUDGE = 20
_WORDS = {"true", "false", "yes", "no"}


@dataclass(frozen=True)
class DraftReport:
    """The schema file's text, and what the operator has to decide."""

    schema_toml: str
    notes: tuple[str, ...]


def draft_schema(source: Source, minimum_count: int = 5) -> DraftReport:
    """Propose a schema for a source's data. Notes name rare levels and columns left out.

    Raises `DataError` for data that are no table, and `CatalogueError` if no column can be drafted.
    """
    table, notes = source.read().table, list[str]()
    columns = []
    for name in table.column_names:
        cells = [cell.strip() for cell in table.column(name).to_pylist()]
        column = _propose(name, [cell for cell in cells if cell.lower() not in MISSING], minimum_count, notes)
        if column is not None:
            columns.append(column)
    if not columns:
        raise CatalogueError(
            f"No column of {source.name} can be drafted.", remedy="Write the schema by hand."
        )
    stem = PurePath(source.name).stem
    schema = Schema(name=_safe(stem), title=stem, columns=tuple(columns))
    ranged = frozenset(column.name for column in columns if not column.is_category)
    return DraftReport(dump_schema(schema, ranged), tuple(notes))


def _propose(name: str, cells: list[str], minimum_count: int, notes: list[str]) -> Column | None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name) or not cells:
        notes.append(f"{name or 'a column without a name'}: left out, it has no usable name or no value")
        return None
    kind = _kind(cells)
    if kind is Kind.CATEGORY:
        return _category(name, cells, minimum_count, notes)
    if kind is Kind.BOOLEAN:
        return Column(name=name, kind=kind)
    if kind is Kind.DATE:
        years = [date.fromisoformat(cell).year // 10 * 10 for cell in cells]
        return Column(
            name=name, kind=kind, min=date(max(1, min(years)), 1, 1), max=date(max(years) + 10, 1, 1)
        )
    if kind is Kind.INTEGER and len(set(cells)) == len(cells) >= MIN_ROWS_TO_JUDGE:
        notes.append(f"{name}: every row has another number (an identifier?); delete it if it is one")
    values = [Decimal(cell) for cell in cells]
    digits = max(max(0, -int(value.as_tuple().exponent)) for value in values)
    high = outward(max(values))
    low = -outward(-min(values)) if min(values) < 0 else Decimal(0)
    return Column(name=name, kind=kind, min=low, max=high, digits=digits if kind is Kind.DECIMAL else 0)


def _category(name: str, cells: list[str], minimum_count: int, notes: list[str]) -> Column | None:
    counts = Counter(cells)
    if len(counts) > MAX_DRAFT_LEVELS or len(counts) == len(cells):
        notes.append(f"{name}: left out, nearly every row has another text (an identifier?)")
        return None
    rare = sorted(level for level, count in counts.items() if count < minimum_count)
    if rare:
        notes.append(
            f"{name}: the levels {', '.join(rare)} have fewer than {minimum_count} rows and are left out; "
            "add, merge or recode them"
        )
    kept = tuple(sorted(level for level in counts if level not in rare))
    if not kept:
        return None
    return Column(name=name, kind=Kind.CATEGORY, levels=kept)


def _kind(cells: list[str]) -> Kind:
    if {cell.lower() for cell in cells} <= _WORDS:
        return Kind.BOOLEAN
    for kind, fits in _TESTS:
        if all(map(fits, cells)):
            return kind
    return Kind.CATEGORY


def _is_date(cell: str) -> bool:
    try:
        return len(cell) == 10 and bool(date.fromisoformat(cell))
    except ValueError:
        return False


_TESTS: tuple[tuple[Kind, Callable[[str], bool]], ...] = (
    (Kind.INTEGER, lambda cell: re.fullmatch(r"[+-]?\d{1,15}", cell) is not None),
    (Kind.DECIMAL, lambda cell: re.fullmatch(rf"[+-]?\d{{1,15}}(\.\d{{1,{MAX_DIGITS}}})?", cell) is not None),
    (Kind.REAL, lambda cell: re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", cell) is not None),
    (Kind.DATE, _is_date),
)


def outward(value: Decimal) -> Decimal:
    """The smallest 1, 2, 5 x 10^n strictly above `value`; at least 1."""
    power = Decimal(1)
    while True:
        for step in (1, 2, 5):
            if step * power > value:
                return step * power
        power *= 10


def _safe(stem: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    return name if name[:1].isalpha() else f"data_{name}"
