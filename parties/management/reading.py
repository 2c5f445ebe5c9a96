"""A holder's rows, encoded and checked against the schema.

Sources give cells as text; they are typed column by column, decimals without a detour through floats.
A fault names place and column, never the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mpc.encoding import Words
from mpc.errors import DataError
from mpc.statistics.dates import EPOCH
from mpc.statistics.rows import Mask, Rows
from parties.management.catalogue import Column, Kind, Schema
from parties.management.sources.base import Source

#: Empty cells and these texts are missing in every column.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MAX_FAULTS = 20
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL = r"^[+-]?\d+(\.\d*)?$|^[+-]?\.\d+$"


class _Faults:
    """Collects up to `MAX_FAULTS` violations, then raises one error."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lines: list[str] = []
        self._more = 0

    def add(self, column: str, bad: Mask, rule: str) -> None:
        """The marked rows break a rule of this column."""
        for row in np.flatnonzero(bad):
            if len(self._lines) < MAX_FAULTS:
                self._lines.append(f"{self._source.place(int(row))}, column {column}: {rule}")
            else:
                self._more += 1

    def raise_any(self) -> None:
        """`DataError` with all that was added, if anything was."""
        if self._lines:
            more = f"; and {self._more} more" if self._more else ""
            raise DataError(
                f"{self._source.name} does not fit its schema: {'; '.join(self._lines)}{more}.",
                remedy="Correct these cells, or declare missing codes (na) or out_of_range in the schema.",
            )


def read_rows(source: Source, schema: Schema, columns: Iterable[str] | None = None) -> tuple[Rows, str]:
    """The source's rows, every row selected, and the fingerprint of the very data that they were read from.

    Only `columns` are read and checked; None: all of the schema. Raises `CatalogueError` for a column that
    the schema lacks, and `DataError` that names place and column, for the holder's operator alone.
    """
    chosen = schema.columns if columns is None else [schema.column(name) for name in dict.fromkeys(columns)]
    snapshot = source.read([column.name for column in chosen])
    absent = [column.name for column in chosen if column.name not in snapshot.table.column_names]
    if absent:
        raise DataError(
            f"{source.name} lacks the column {absent[0]}.", remedy=f"Its header needs {', '.join(absent)}."
        )
    faults = _Faults(source)
    words: dict[str, Words] = {}
    present: dict[str, Mask] = {}
    for column in chosen:
        cells = pc.utf8_trim_whitespace(snapshot.table.column(column.name).combine_chunks())
        words[column.name], present[column.name] = _encode(column, cells, faults)
    faults.raise_any()
    rows = Rows(snapshot.count, words, present, np.ones(snapshot.count, dtype=np.bool_))
    return rows, snapshot.fingerprint


def _encode(column: Column, cells: pa.Array, faults: _Faults) -> tuple[Words, Mask]:
    missing = _missing(column, cells)
    encoded, wrong, rule = _ENCODERS[column.kind](column, pc.if_else(pa.array(missing), "", cells))
    wrong &= ~missing
    faults.add(column.name, wrong, rule)
    if column.complete:
        faults.add(column.name, missing, "no value, though the column is complete")
    present = ~missing & ~wrong
    if not column.is_category:
        spec = column.spec()
        outside = present & ((encoded < spec.lo) | (encoded > spec.hi))
        if column.out_of_range == "refuse":
            faults.add(column.name, outside, "outside of the public range")
        if column.out_of_range == "clip":
            encoded = np.where(outside, np.clip(encoded, spec.lo, spec.hi), encoded)
        else:
            present &= ~outside
    return np.where(present, encoded, 0), present


def _missing(column: Column, cells: pa.Array) -> Mask:
    lowered = pc.utf8_lower(cells)
    missing = _mask(pc.is_in(lowered, value_set=pa.array(sorted(MISSING))))
    if column.na:
        missing |= _mask(pc.is_in(cells, value_set=pa.array(list(column.na))))
        numeric = _mask(pc.match_substring_regex(cells, _NUMBER))
        codes = [float(code) for code in column.na if _is_number(code)]
        if codes and numeric.any() and not column.is_category:
            values = np.full(len(cells), np.nan)
            values[numeric] = pc.cast(cells.filter(pa.array(numeric)), pa.float64()).to_numpy()
            missing |= np.isin(values, codes)
    return missing


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _mask(array: pa.Array) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _integers(column: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    return (*_decimals(column, cells)[:2], "not a whole number")


def _decimals(column: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    """value * 10^digits from the text: whole part and fraction are cut apart, never through a float."""
    trimmed = pc.replace_substring_regex(cells, r"(\.\d*?)0+$", r"\1")
    shape = _mask(pc.match_substring_regex(trimmed, _DECIMAL))
    fitting = shape & _mask(pc.match_substring_regex(trimmed, rf"^[^.]{{0,18}}(\.\d{{0,{column.digits}}})?$"))
    plain = pc.if_else(pa.array(fitting), trimmed, "0")
    sign = np.where(_mask(pc.starts_with(plain, "-")), -1, 1)
    digits = pc.replace_substring_regex(plain, r"^[+-]", "")
    whole = pc.replace_substring_regex(pc.replace_substring_regex(digits, r"\..*$", ""), r"^$", "0")
    fraction = pc.replace_substring_regex(digits, r"^\d*\.?", "")
    padded = pc.utf8_slice_codeunits(
        pc.binary_join_element_wise(fraction, "0" * (column.digits + 1), ""), 0, column.digits
    )
    units = pc.cast(whole, pa.int64()).to_numpy(zero_copy_only=False)
    parts = pc.cast(padded, pa.int64()).to_numpy(zero_copy_only=False) if column.digits else 0
    factor = 10**column.digits
    huge = units > (2**62) // factor
    return (
        np.where(huge, 0, sign * (units * factor + parts)),
        ~fitting | huge,
        f"not a number with at most {column.digits} decimals",
    )


def _reals(column: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    fitting = _mask(pc.match_substring_regex(cells, _NUMBER))
    values = pc.cast(pc.if_else(pa.array(fitting), cells, "0"), pa.float64()).to_numpy(zero_copy_only=False)
    scaled = np.ldexp(values, column.scale.bits)
    # far outside of any range: clipped here, refused as out of range by the caller
    return np.rint(np.clip(scaled, -(2.0**61), 2.0**61)).astype(np.int64), ~fitting, "not a number"


def _dates(_: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    shape = _mask(pc.match_substring_regex(cells, r"^\d{4}-\d{2}-\d{2}$"))
    parsed = pc.strptime(
        pc.if_else(pa.array(shape), cells, EPOCH.isoformat()), "%Y-%m-%d", "s", error_is_null=True
    )
    # strptime takes 31 February for 2 March: what does not read back the same is no date
    valid = _mask(pc.fill_null(pc.equal(pc.strftime(parsed, "%Y-%m-%d"), cells), fill_value=False))
    days = pc.cast(pc.fill_null(parsed, 0), pa.int64()).to_numpy(zero_copy_only=False) // 86_400
    return days, ~(shape & valid), "not a date such as 2026-01-31"


def _levels(column: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    found = pc.index_in(cells, value_set=pa.array(list(column.levels)))
    return _indices(found), ~_mask(pc.is_valid(found)), "not one of the levels"


def _booleans(_: Column, cells: pa.Array) -> tuple[Words, Mask, str]:
    found = pc.index_in(pc.utf8_lower(cells), value_set=pa.array([*FALSE, *TRUE]))
    return _indices(found) // len(FALSE), ~_mask(pc.is_valid(found)), "neither true nor false"


def _indices(found: pa.Array) -> Words:
    indices: npt.NDArray[np.int64] = pc.fill_null(found, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return indices


_ENCODERS: dict[Kind, Callable[[Column, pa.Array], tuple[Words, Mask, str]]] = {
    Kind.INTEGER: _integers,
    Kind.DECIMAL: _decimals,
    Kind.REAL: _reals,
    Kind.DATE: _dates,
    Kind.CATEGORY: _levels,
    Kind.BOOLEAN: _booleans,
}
